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
#include "engine.h"

#define MATRIX_RULESETS     7
#define MATRIX_POLICIES_MAX 8

struct matrix_ruleset {
	const char *name;
	const char *meaning;
	int default_block;
	int strict; /* malformed and fragments dropped */
	size_t policy_count;
	const char *policies[MATRIX_POLICIES_MAX]; /* lines, "NAME ACTION ..." */
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

/* Makes it the ruleset of the engine, which has room for MATRIX_POLICIES_MAX. */
void matrix_ruleset_apply(const struct matrix_ruleset *ruleset, struct engine *engine);

char matrix_letter(enum pep_tally tally);

/* Of the event that the answer makes; PEP_REASON_NONE when it makes none. */
enum pep_reason matrix_reason(char letter);

struct matrix_verdict {
	char letter;
	enum pep_parse_error error;
};

/* The source that the program is made of, run here over an engine of its own (matrix_user.c). */
struct matrix_verdict matrix_judge(
	const struct matrix_ruleset *ruleset, const void *data, size_t size);
void matrix_judge_end(void);

#endif
