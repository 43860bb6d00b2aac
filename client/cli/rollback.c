/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* rollback [to] REVISION: a transaction that gives the ruleset the content that it had then. */
#include <stdio.h>

#include "client/cli/changes.h"

static int refuse_word(const char *word)
{
	return usage_error("\"%s\" is no word of rollback: [to] REVISION, comment TEXT, --dry-run, "
			   "--expect REVISION, --request-id ID, --confirm TIME, --force",
		word);
}

static int read_words(struct words *words, struct apply_options *options, uint64_t *ret)
{
	bool has_revision = false;
	const char *word;
	int status = EXIT_DONE;

	words_take(words, "to");
	while (!status && (word = words_next(words))) {
		bool is_option = words->at - 1 < words->options_end && *word == '-';

		if (is_option)
			status = changes_option(words, word, options);
		else if (has_revision && streq(word, "comment"))
			status = changes_comment(word, words_next(words), options);
		else if (has_revision)
			status = NO_OPTION;
		else
			status = words_revision("rollback", word, ret);
		has_revision |= !is_option;
		if (status == NO_OPTION)
			status = refuse_word(word);
	}
	if (!status && !has_revision)
		return usage_error("rollback: the revision is missing; see pepctl history");
	return status;
}

static void fill(const struct apply_options *options, Pepctl__V1__RollbackRevisionRequest *ret)
{
	if (options->has_expected)
		ret->expected_present_case =
			PEPCTL__V1__ROLLBACK_REVISION_REQUEST__EXPECTED_PRESENT_EXPECTED_REVISION;
	ret->expected_revision = options->expected;
	ret->validate_only = options->dry_run;
	ret->force = options->force;
	ret->confirm_timeout_nano = options->confirm;
	if (options->comment)
		ret->comment = (char *)(uintptr_t)options->comment;
	if (options->request_id)
		ret->request_id = (char *)(uintptr_t)options->request_id;
}

int rollback_main(struct cli *cli, struct words *words)
{
	Pepctl__V1__RollbackRevisionRequest request;
	Pepctl__V1__ApplyChangesResponse *answer;
	struct apply_options options = {0};
	int status;

	if (words_take(words, "help")) {
		printf("Usage: pepctl rollback [to] REVISION [comment TEXT] [--dry-run] "
		       "[--expect REVISION]\n"
		       "                       [--request-id ID] [--confirm TIME] [--force]\n"
		       "  make the ruleset what it was at a revision of pepctl history, as a "
		       "change of "
		       "its own\n"
		       "  while a change waits to be confirmed, the revision before it undoes it "
		       "now\n");
		return EXIT_DONE;
	}
	pepctl__v1__rollback_revision_request__init(&request);
	status = read_words(words, &options, &request.revision);
	if (!status)
		status = changes_confirm(cli, &options);
	fill(&options, &request);
	if (!status)
		status = cli_call(cli, METHOD_ROLLBACK_REVISION, &request.base, &answer);
	if (status)
		return status;
	cli_warn(answer->warnings, answer->n_warnings);
	confirm_refresh(cli, answer);
	changes_print(cli, answer, options.dry_run, NULL);
	return confirm_wait(cli, answer);
}
