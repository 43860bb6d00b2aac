/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What apply and rollback share: their options, and what they say was changed. */
#ifndef PEP_CLIENT_CLI_CHANGES_H
#define PEP_CLIENT_CLI_CHANGES_H

#include "client/apply.h"
#include "client/cli/cli.h"

#define REQUEST_ID_MAX 64u
#define NO_OPTION      (-1)

/* Takes --dry-run, --expect, --comment and --request-id with their words. NO_OPTION, or a status.
 */
int changes_option(struct words *words, const char *word, struct apply_options *options);
/* Moves --confirm and --force into the options; refuses what contradicts. */
int changes_confirm(struct cli *cli, struct apply_options *options);
/* `what` is the word that they stand behind. */
int changes_comment(const char *what, const char *word, struct apply_options *options);

/* Lines and their sum, or the JSON object; `warnings` of a policy file, NULL = there is none. */
void changes_print(const struct cli *cli, const Pepctl__V1__ApplyChangesResponse *answer,
	bool dry_run, const struct text_problems *warnings);

#endif
