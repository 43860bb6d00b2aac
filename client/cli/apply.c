/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* apply FILE: makes the running ruleset equal to a policy file, in one transaction. */
#include "client/apply.h"

#include <stdio.h>

#include "client/cli/cli.h"
#include "client/cli/rules.h"
#include "client/members.h"

#define WARNINGS_SHOWN 10u
#define PROGRESS_AFTER 500000000 /* ns */

/* --- words */

static int read_revision(const char *word, struct apply_options *ret)
{
	char *end;

	if (!word || !*word || word[strspn(word, "0123456789")] || strlen(word) > 19)
		return usage_error("--expect: \"%s\" is no revision", word ? word : "");
	ret->expected = strtoull(word, &end, 10);
	ret->has_expected = true;
	return EXIT_DONE;
}

static int read_comment(const char *word, struct apply_options *ret)
{
	if (!word || strlen(word) > POLICY_COMMENT_MAX)
		return usage_error(
			"--comment wants a text of at most %u bytes", POLICY_COMMENT_MAX);
	ret->comment = word;
	return EXIT_DONE;
}

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

	if (!is_option || *word != '-' || !word[1])
		return read_path(word, path);
	if (streq(word, "--dry-run"))
		options->dry_run = true;
	else if (streq(word, "--merge"))
		options->replace = false;
	else if (streq(word, "--expect"))
		return read_revision(words_next(words), options);
	else if (streq(word, "--comment"))
		return read_comment(words_next(words), options);
	else if (streq(word, "--confirm"))
		return usage_error("%s is not in this version", word);
	else
		return usage_error(
			"\"%s\" is no option of apply: --dry-run, --merge, --expect REVISION, "
			"--comment TEXT, --force",
			word);
	return EXIT_DONE;
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

/* --- what changed */

/* What a line is about: two lines about the same are a change of it. */
static void subject_of(const char *line, char ret[static 128])
{
	const char *iface = strstr(line, " iface ");
	size_t first = strcspn(line, " ");

	if (strncmp(line, "default", first) == 0)
		snprintf(ret, 128, "default%s", iface ? iface : "");
	else
		snprintf(ret, 128, "%.*s",
			(int)(first + (line[first] ? 1 + strcspn(line + first + 1, " ") : 0)),
			line);
}

/* The other of `- X` and `+ X`. NULL = it came, or it went. */
static const char *counterpart(const Pepctl__V1__ApplyChangesResponse *answer, size_t index)
{
	const char *line = answer->changes[index];
	char subject[128], other[128];

	if (strstr(line, " of set ")) /* members: those that come are not those that go */
		return NULL;
	subject_of(line + 2, subject);
	for (size_t i = 0; i < answer->n_changes; i++) {
		if (answer->changes[i][0] == line[0] || strlen(answer->changes[i]) < 2)
			continue;
		subject_of(answer->changes[i] + 2, other);
		if (streq(subject, other))
			return answer->changes[i];
	}
	return NULL;
}

/* "+ ...", "- ...", "~ ..." into `ret`; false = the line is told by its counterpart. */
static bool merged_line(const Pepctl__V1__ApplyChangesResponse *answer, size_t index, char **ret)
{
	const char *line = answer->changes[index], *other;

	if (strlen(line) < 2)
		return false;
	other = counterpart(answer, index);
	if (other && line[0] == '-')
		return false;
	if (asprintf(ret, "%c %s%s", other ? '~' : line[0], line + 2,
		    other && streq(other + 2, line + 2) ? "  # another place" : "") < 0)
		*ret = NULL;
	return *ret;
}

static uint64_t other_lines(const Pepctl__V1__ApplyChangesResponse *a)
{
	uint64_t policies = a->policies_created + 2 * a->policies_changed + a->policies_deleted;

	return a->changes_total > policies ? a->changes_total - policies : 0;
}

static void print_sum(const Pepctl__V1__ApplyChangesResponse *a, bool dry_run)
{
	if (!a->changes_total) {
		printf("nothing %s (revision %llu)\n", dry_run ? "would change" : "changed",
			(unsigned long long)a->revision);
		return;
	}
	printf("policies: %llu created, %llu changed, %llu deleted%s (%s %llu)\n",
		(unsigned long long)a->policies_created, (unsigned long long)a->policies_changed,
		(unsigned long long)a->policies_deleted,
		other_lines(a) ? "; other statements changed" : "",
		dry_run ? "not done: a dry run at revision" : "revision",
		(unsigned long long)a->revision);
}

static void print_changes(const Pepctl__V1__ApplyChangesResponse *answer, bool dry_run)
{
	for (size_t i = 0; i < answer->n_changes; i++) {
		_cleanup_free_ char *line = NULL;

		if (merged_line(answer, i, &line))
			puts(line);
	}
	if (answer->changes_total > answer->n_changes)
		printf("… and more: %llu lines were too many to tell\n",
			(unsigned long long)(answer->changes_total - answer->n_changes));
	print_sum(answer, dry_run);
}

static void print_json(
	const Pepctl__V1__ApplyChangesResponse *answer, const struct rules *rules, bool dry_run)
{
	json_t *lines = json_array();

	for (size_t i = 0; i < answer->n_changes; i++) {
		_cleanup_free_ char *line = NULL;

		if (merged_line(answer, i, &line))
			json_array_append_new(lines, json_string(line));
	}
	output_json(json_pack("{s:I, s:b, s:I, s:I, s:I, s:o, s:b, s:o}", "revision",
		(json_int_t)answer->revision, "dry_run", dry_run, "policies_created",
		(json_int_t)answer->policies_created, "policies_changed",
		(json_int_t)answer->policies_changed, "policies_deleted",
		(json_int_t)answer->policies_deleted, "changes", lines, "changes_cut",
		answer->changes_total > answer->n_changes, "warnings",
		rules_json(&rules->warnings)));
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
	options->force = cli->force;
	r = apply_changes(cli->client, &rules->changes, options, &cli->arena, &answer, &err);
	if (progress.shown)
		fprintf(stderr, "\r\033[K");
	if (r)
		return refused(rules, &err);
	cli_warn(answer->warnings, answer->n_warnings);
	if (cli->json)
		print_json(answer, rules, options->dry_run);
	else if (!cli->quiet)
		print_changes(answer, options->dry_run);
	return EXIT_DONE;
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
		       "[--comment TEXT] [--force]\n"
		       "  make the running ruleset equal to the file, in one transaction\n"
		       "  --dry-run          only say what would change\n"
		       "  --merge            add to the ruleset; what the file does not name "
		       "stays\n"
		       "  --expect REVISION  only when that is still the ruleset's\n"
		       "  --comment TEXT     goes with the change into events and the log\n"
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
	return apply_path(cli, path, &options);
}
