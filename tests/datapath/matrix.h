/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The parse matrix: frames, rulesets, and what each ruleset makes of each
 * frame. One table, judged by the program in the kernel and by the same
 * source in user space; MATRIX.md shows it.
 *
 * An answer is one letter, lower case when the frame passes:
 *	-  no IP packet                 a  default action, allowed
 *	m  malformed, no address known  p  a policy allowed it
 *	D  default action, blocked      P  a policy blocked it
 *	M  setting malformed = drop     F  setting fragments = drop
 *	H  too many headers
 */
#ifndef PEP_TESTS_MATRIX_H
#define PEP_TESTS_MATRIX_H

#include <stddef.h>

#include "bpf/common.h"

#define MATRIX_RULESETS     7
#define MATRIX_POLICIES_MAX 8

struct matrix_policy {
	struct pep_policy_key key;
	enum pep_action action;
};

struct matrix_ruleset {
	const char *name;
	const char *meaning;
	int default_block;
	int strict; /* malformed and fragments dropped */
	size_t policy_count;
	struct matrix_policy policies[MATRIX_POLICIES_MAX];
};

struct matrix_row {
	const char *frame; /* see frame.h */
	enum pep_parse_error error;
	char answers[MATRIX_RULESETS + 1];
};

extern const struct matrix_row matrix_rows[];
extern const size_t matrix_row_count;
extern const char *const matrix_errors[PEP_PARSE_MAX];

/* ret_rulesets has room for MATRIX_RULESETS. */
void matrix_rulesets_init(struct matrix_ruleset *ret_rulesets);

/* The ABI's form of a ruleset, generation 1; ret_policies has MATRIX_POLICIES_MAX. */
void matrix_ruleset_pack(const struct matrix_ruleset *ruleset, struct pep_ruleset *ret_ruleset,
	struct pep_policy *ret_policies);

char matrix_letter(enum pep_tally tally);

/* Of the event that the answer makes; PEP_REASON_NONE when it makes none. */
enum pep_reason matrix_reason(char letter);

/* The source that the program is made of, run here (matrix_user.c). */
struct matrix_verdict {
	char letter;
	enum pep_parse_error error;
};
struct matrix_verdict matrix_judge(
	const struct matrix_ruleset *ruleset, const void *data, size_t size);

#endif
