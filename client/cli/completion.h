/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the files of completion share: the line that is being typed, and what may stand at its end.
 */
#ifndef PEP_CLIENT_CLI_COMPLETION_H
#define PEP_CLIENT_CLI_COMPLETION_H

#include "client/cli/cli.h"

/* The words from the object on; the last one is being typed. */
struct typed {
	struct cli *cli;
	char **list;
	int last;
	const char *word, *before;
};

/* Prints the word when it begins as the one that is being typed. */
void typed_offer(const struct typed *t, const char *word);
void typed_offer_words(const struct typed *t, const char *words); /* with spaces between */
/* Files and folders that begin as the word does. */
void typed_offer_files(const struct typed *t);
/* Whether the word stands before the last. */
bool typed_has(const struct typed *t, const char *word);

/* completion_sets.c: from the second word behind the object on. */
void completion_set(struct typed *t);
void completion_ban(struct typed *t);

#endif
