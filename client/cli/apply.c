/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* apply FILE: makes the running ruleset equal to a policy file, in one transaction. */
#include "client/apply.h"

#include <stdio.h>

#include "client/cli/changes.h"
#include "client/cli/cli.h"
#include "client/cli/rules.h"
#include "client/members.h"

#define WARNINGS_SHOWN 10u
#define PROGRESS_AFTER 500000000 /* ns */

/* --- words */

static int read_path(const char *word, const char **ret)
{
	if (*ret)
		return usage_error("\"%s\" is one word too many", word);
	*ret = word;
	return EXIT_DONE;
}

static int read_word(
	struct words *words, const char *word, struct apply_options *options, const char **path)
{
	bool is_option = words->at - 1 < words->options_end;
	int status;

	if (!is_option || *word != '-' || !word[1])
		return read_path(word, path);
	if (streq(word, "--merge")) {
		options->replace = false;
		return EXIT_DONE;
	}
	status = changes_option(words, word, options);
	if (status != NO_OPTION)
		return status;
	return usage_error("\"%s\" is no option of apply: --dry-run, --merge, --expect REVISION, "
			   "--comment TEXT, --request-id ID, --confirm TIME, --force",
		word);
}

/* --- progress: one line on a terminal, rewritten */

struct progress {
	int64_t started;
	bool shown;
};

static void on_progress(void *data, size_t sent, size_t total)
{
	struct progress *p = data;

	if (!isatty(STDERR_FILENO) || client_now() - p->started < PROGRESS_AFTER)
		return;
	p->shown = true;
	if (sent < total)
		fprintf(stderr, "\r\033[K%zu of %zu statements sent", sent, total);
	else
		fprintf(stderr, "\r\033[K%zu statements sent; waiting until they are in force",
			total);
	fflush(stderr);
}

/* --- the whole */

static int refused(const struct rules *rules, struct error *err)
{
	int status = cli_status(err);

	if (!rules_print_refusal(rules, err))
		return cli_fail(err);
	fprintf(stderr, "pepctl: pepctld refused %s; nothing was changed%s\n", rules->name,
		streq(error_reason(err), "LOCKOUT") ? "; --force applies it all the same" : "");
	error_deinit(err);
	return status;
}

static int send_rules(struct cli *cli, const struct rules *rules, struct apply_options *options)
{
	Pepctl__V1__ApplyChangesResponse *answer;
	struct progress progress = {.started = client_now()};
	struct error err = ERROR_INIT;
	int r = cli_client(cli);

	if (r)
		return r;
	options->progress = on_progress;
	options->data = &progress;
	r = apply_changes(cli->client, &rules->changes, options, &cli->arena, &answer, &err);
	if (progress.shown)
		fprintf(stderr, "\r\033[K");
	if (r)
		return refused(rules, &err);
	cli_warn(answer->warnings, answer->n_warnings);
	confirm_refresh(cli, answer);
	changes_print(cli, answer, options->dry_run, &rules->warnings);
	return confirm_wait(cli, answer);
}

static int apply_path(struct cli *cli, const char *path, struct apply_options *options)
{
	_cleanup_rules_ struct rules rules = {0};
	int status = rules_read(path, &rules);

	if (status)
		return status;
	if (rules.errors.count) {
		rules_print_errors(&rules);
		return usage_error("%s has %zu error%s; nothing was changed", rules.name,
			rules.errors.count, rules.errors.count == 1 ? "" : "s");
	}
	rules_print_warnings(&rules, WARNINGS_SHOWN);
	if (members_split(&rules.changes) < 0)
		return usage_error("out of memory");
	return send_rules(cli, &rules, options);
}

int apply_main(struct cli *cli, struct words *words)
{
	struct apply_options options = {.replace = true};
	const char *path = NULL, *word;

	if (words_take(words, "help")) {
		printf("Usage: pepctl apply FILE|- [--dry-run] [--merge] [--expect REVISION] "
		       "[--comment TEXT]\n"
		       "                    [--request-id ID] [--confirm TIME] [--force]\n"
		       "  make the running ruleset equal to the file, in one transaction\n"
		       "  --dry-run          only say what would change\n"
		       "  --merge            add to the ruleset; what the file does not name "
		       "stays\n"
		       "  --expect REVISION  only when that is still the ruleset's\n"
		       "  --comment TEXT     goes with the change into events, history and the "
		       "log\n"
		       "  --request-id ID    the same again gets the first answer and changes "
		       "nothing\n"
		       "  --confirm TIME     it is undone after it, as 60s, unless it is "
		       "confirmed: by "
		       "Enter on\n"
		       "                     a terminal (Ctrl-C undoes it at once), or by pepctl "
		       "confirm\n"
		       "  --force            even where that cuts off connections to "
		       "protect-ports\n");
		return EXIT_DONE;
	}
	while ((word = words_next(words))) {
		int status = read_word(words, word, &options, &path);

		if (status)
			return status;
	}
	if (!path)
		return usage_error("apply: the policy file is missing; - is standard input");
	if (changes_confirm(cli, &options))
		return EXIT_USAGE;
	return apply_path(cli, path, &options);
}
