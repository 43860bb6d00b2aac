/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A policy file as the command sees it: its statements, and all that is wrong or odd about them. */
#ifndef PEP_CLIENT_CLI_RULES_H
#define PEP_CLIENT_CLI_RULES_H

#include <jansson.h>

#include "common/text.h"

struct rules {
	const char *name; /* for messages: the path, or "<stdin>" */
	char *text;
	size_t size;
	struct change_list changes;
	struct text_problems errors;
	struct text_problems warnings; /* only without errors */
};
#define _cleanup_rules_ _cleanup_(rules_deinit)
void rules_deinit(struct rules *rules);

/*
 * `path` "-" is standard input. EXIT_DONE, also with errors in it or in a file that a set names; else
 * why it cannot be read was said.
 */
int rules_read(const char *path, struct rules *ret);

/* On stderr, with the lines and carets; at most `most` of them, then how many more there are. */
void rules_print_errors(const struct rules *rules);
void rules_print_warnings(const struct rules *rules, size_t most);
/* [{"line", "column", "word", "message"}, ...] */
json_t *rules_json(const struct text_problems *problems);

/*
 * What the daemon refused, told at the statements that `err` blames (operations[i].FIELD).
 * False: it blames none, and nothing was printed.
 */
bool rules_print_refusal(const struct rules *rules, const struct error *err);

#endif
