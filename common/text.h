/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The policy grammar: words ↔ model. The same functions read a shell's
 * arguments, a policy file and the daemon's state file; the same formatter
 * writes `policy show`, `export` and the state file, so that what is printed
 * can always be read back into the identical model.
 */
#ifndef PEP_COMMON_TEXT_H
#define PEP_COMMON_TEXT_H

#include <stdio.h>

#include "common/change.h"

/* One problem of the input, all of them are reported. */
struct text_problem {
	unsigned int line;   /* from 1; 0 = the words did not come from a file */
	unsigned int column; /* from 1, of the word; with line 0: index of the word */
	char *word;          /* the offending word, "" = something is missing at the end; owned */
	char *message;       /* quotes the word and says what is allowed; owned */
	char *source;        /* the line as written, for the caret; NULL without file; owned */
};
struct text_problems {
	struct text_problem *items;
	size_t count;
	size_t room;
};
void text_problems_deinit(struct text_problems *problems);

/* `FILE:LINE:COLUMN: MESSAGE`, the line, and a caret under the word. */
void text_problem_print(const struct text_problem *problem, const char *file, FILE *out);

/*
 * NAME ACTION [KEY VALUE]... as the words after `policy`. Keys may come in any
 * order and at most once each. Returns 0, or -EINVAL with one problem or more.
 */
int text_parse_policy(const char *const words[], size_t count, struct policy *ret,
		      struct text_problems *problems);

/*
 * NAME [KEY VALUE]...: fields to change of a policy that exists. Whether they go
 * together is not looked at, that depends on the others.
 */
int text_parse_fields(const char *const words[], size_t count, struct policy *ret,
		      struct text_problems *problems);

/*
 * A whole file: comments, blank lines, trailing backslashes, quotes. Statements
 * become CHANGE_PUT_POLICY, DEFAULT, SETTING, ATTACH, PUT_SET in the file's order;
 * the files that sets name are not read.
 * `size` bytes at `data`, which need not end with a NUL. A policy or set that
 * comes twice is a problem. Returns 0, -EINVAL with problems, or -ENOMEM. In any case
 * *ret, which was empty, has the statements that could be read.
 */
int text_parse_file(const char *data, size_t size, struct change_list *ret,
		    struct text_problems *problems);

/* The line after `policy `, canonical: fields at their defaults are left out. malloc'ed or NULL. */
char *text_format_policy(const struct policy *policy);
/* A whole statement: "policy ...", "default block iface eth1", ... malloc'ed or NULL. */
char *text_format_change(const struct change *change);
/* The statement as lines of a file, each with its newline: members stand a few on a line. */
void text_write_change(const struct change *change, FILE *out);

/*
 * The field of the model that a keyword sets ("dport": "match.dport"), NULL = it is none;
 * whether a value must follow.
 */
const char *text_key_field(const char *word, bool *ret_value);
const char *text_key(size_t index); /* all keywords, NULL behind the last */

/*
 * Adds a problem of a statement that was read from the file at `data` before: `field` of its
 * change ("put_policy.match.dport", "attach.mode") is wrong. 0 or -ENOMEM; nothing is added when
 * the change comes from no file.
 */
int text_locate(const char *data, size_t size, const struct change_origin *origin,
	const char *field, const char *message, struct text_problems *problems);

/* Pieces that the CLI and services print or read by themselves. Parsers return 0 or -EINVAL. */
int text_parse_address(const char *word, struct policy_address *ret, char message[static 160]);
int text_parse_prefix(const char *word, struct policy_address *ret, char message[static 160]); /* no @set */
void text_format_address(const struct policy_address *address, char ret[static 72]); /* "any" */
int text_parse_ports(const char *word, struct policy_ports *ret, char message[static 160]);
int text_parse_proto(const char *word, uint8_t *ret, char message[static 160]);
void text_format_proto(uint8_t proto, char ret[static 16]); /* "tcp", or the number */
int text_parse_duration(const char *word, uint64_t *ret_ns, char message[static 160]); /* 500ms 10m 1h30m 2d */
void text_format_duration(uint64_t ns, char ret[static 32]);
int text_parse_bytes(const char *word, uint64_t *ret); /* 65536 1.5M 256Mi 1GiB */
int text_parse_action_kind(const char *word, enum policy_action_kind *ret);
const char *text_action_kind(enum policy_action_kind kind);
const char *text_reason(unsigned int reason); /* of pepctl.v1.Reason: "policy", "default", ... */

#endif
