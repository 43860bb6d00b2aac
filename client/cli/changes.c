/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "client/cli/changes.h"

#include <stdio.h>

#include "client/cli/rules.h"

/* --- words */

int changes_comment(const char *what, const char *word, struct apply_options *options)
{
	if (!word || strlen(word) > POLICY_COMMENT_MAX)
		return usage_error("%s wants a text of at most %u bytes", what, POLICY_COMMENT_MAX);
	options->comment = word;
	return EXIT_DONE;
}

static int read_request_id(const char *word, struct apply_options *options)
{
	if (!word || !*word || strlen(word) > REQUEST_ID_MAX)
		return usage_error("--request-id wants 1 to %u bytes", REQUEST_ID_MAX);
	options->request_id = word;
	return EXIT_DONE;
}

int changes_option(struct words *words, const char *word, struct apply_options *options)
{
	if (streq(word, "--expect")) {
		options->has_expected = true;
		return words_revision(word, words_next(words), &options->expected);
	}
	if (streq(word, "--comment"))
		return changes_comment(word, words_next(words), options);
	if (streq(word, "--request-id"))
		return read_request_id(words_next(words), options);
	if (!streq(word, "--dry-run"))
		return NO_OPTION;
	options->dry_run = true;
	return EXIT_DONE;
}

int changes_confirm(struct cli *cli, struct apply_options *options)
{
	options->force = cli->force;
	options->confirm = cli_take_confirm(cli);
	if (options->confirm && options->dry_run)
		return usage_error(
			"--confirm and --dry-run contradict each other: a dry run changes "
			"nothing that could be undone");
	return EXIT_DONE;
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
	if (a->repeated)
		printf("this is the answer to the same request before; it was not done again\n");
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

static void print_text(const Pepctl__V1__ApplyChangesResponse *answer, bool dry_run)
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

static json_t *lines_json(const Pepctl__V1__ApplyChangesResponse *answer)
{
	json_t *lines = json_array();

	for (size_t i = 0; i < answer->n_changes; i++) {
		_cleanup_free_ char *line = NULL;

		if (merged_line(answer, i, &line))
			json_array_append_new(lines, json_string(line));
	}
	return lines;
}

static void print_json(const Pepctl__V1__ApplyChangesResponse *answer, bool dry_run,
	const struct text_problems *warnings)
{
	json_t *object = json_pack("{s:I, s:b, s:I, s:I, s:I, s:o, s:b}", "revision",
		(json_int_t)answer->revision, "dry_run", dry_run, "policies_created",
		(json_int_t)answer->policies_created, "policies_changed",
		(json_int_t)answer->policies_changed, "policies_deleted",
		(json_int_t)answer->policies_deleted, "changes", lines_json(answer), "changes_cut",
		answer->changes_total > answer->n_changes);

	if (warnings)
		json_object_set_new(object, "warnings", rules_json(warnings));
	if (answer->repeated)
		json_object_set_new(object, "repeated", json_true());
	confirm_json(object, answer->confirm_left_nano);
	output_json(object);
}

void changes_print(const struct cli *cli, const Pepctl__V1__ApplyChangesResponse *answer,
	bool dry_run, const struct text_problems *warnings)
{
	if (cli->json)
		print_json(answer, dry_run, warnings);
	else if (!cli->quiet)
		print_text(answer, dry_run);
}
