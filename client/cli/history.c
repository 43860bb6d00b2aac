/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* history [REVISION]: who changed what, the newest first. */
#include <ctype.h>
#include <pwd.h>
#include <stdio.h>

#include "client/cli/cli.h"
#include "client/cli/confirm_state.h"

typedef int (*revision_cb)(void *data, const Pepctl__V1__Revision *revision,
	const Pepctl__V1__ListRevisionsResponse *answer);

int history_each(struct cli *cli, revision_cb cb, void *data)
{
	Pepctl__V1__ListRevisionsRequest request;
	Pepctl__V1__ListRevisionsResponse *answer;
	int status, stop = 0;

	pepctl__v1__list_revisions_request__init(&request);
	do {
		status = cli_call(cli, METHOD_LIST_REVISIONS, &request.base, &answer);
		if (status)
			return status;
		for (size_t i = 0; i < answer->n_revisions && !stop; i++)
			stop = cb(data, answer->revisions[i], answer);
		request.page_token = answer->next_page_token;
	} while (*request.page_token && !stop);
	return EXIT_DONE;
}

/* NULL = the uid has none here. */
static const char *user_name(uint32_t uid)
{
	const struct passwd *user = getpwuid(uid);

	return user ? user->pw_name : NULL;
}

static json_t *revision_json(const Pepctl__V1__Revision *m)
{
	const char *user = user_name(m->uid);
	json_t *changes = json_array(), *object;

	for (size_t i = 0; i < m->n_changes; i++)
		json_array_append_new(changes, json_string(m->changes[i]));
	object = json_pack("{s:I, s:o, s:I, s:o, s:I, s:s, s:s, s:o, s:I}", "revision",
		(json_int_t)m->revision, "time", output_time(m->time), "uid", (json_int_t)m->uid,
		"user", user ? json_string(user) : json_null(), "pid", (json_int_t)m->pid,
		"command", m->command, "comment", m->comment, "changes", changes, "changes_total",
		(json_int_t)m->changes_total);
	confirm_json(object, m->confirm_left_nano);
	return object;
}

/* A process may call itself what it likes: nothing that moves a terminal's cursor comes through. */
static void print_plain(const char *text)
{
	for (; *text; text++)
		putchar(iscntrl((unsigned char)*text) ? '?' : *text);
}

static void print_who(const Pepctl__V1__Revision *m)
{
	const char *user = user_name(m->uid);

	if (user)
		printf("  %s (uid %u)  ", user, m->uid);
	else
		printf("  uid %u  ", m->uid);
	print_plain(m->command);
	printf("[%u]", m->pid);
}

static void print_revision(const Pepctl__V1__Revision *m)
{
	char time[40], left[32];

	output_local_time(m->time, time);
	printf("revision %llu  %s", (unsigned long long)m->revision, time);
	print_who(m);
	printf("  %llu change%s", (unsigned long long)m->changes_total,
		m->changes_total == 1 ? "" : "s");
	if (*m->comment) {
		printf("  # ");
		print_plain(m->comment);
	}
	confirm_format_left(m->confirm_left_nano, left);
	if (m->confirm_left_nano > 0)
		printf("\n  waits to be confirmed: undone in %s", left);
	putchar('\n');
}

static void print_lines(const Pepctl__V1__Revision *m)
{
	for (size_t i = 0; i < m->n_changes; i++)
		printf("  %s\n", m->changes[i]);
	if (m->changes_total > m->n_changes)
		printf("  … and more: %llu lines were too many to tell\n",
			(unsigned long long)(m->changes_total - m->n_changes));
}

/* --- all */

struct listing {
	const struct cli *cli;
	json_t *all;
	uint64_t in_force, oldest;
};

static int add_revision(void *data, const Pepctl__V1__Revision *revision,
	const Pepctl__V1__ListRevisionsResponse *answer)
{
	struct listing *l = data;

	l->in_force = answer->revision;
	l->oldest = answer->oldest;
	if (l->all)
		return json_array_append_new(l->all, revision_json(revision));
	print_revision(revision);
	if (l->cli->verbose)
		print_lines(revision);
	return 0;
}

static int show_all(struct cli *cli)
{
	struct listing l = {.cli = cli, .all = cli->json ? json_array() : NULL};
	int status = history_each(cli, add_revision, &l);

	if (status)
		json_decref(l.all);
	else if (cli->json)
		output_json(json_pack("{s:I, s:I, s:o}", "revision", (json_int_t)l.in_force,
			"oldest", (json_int_t)l.oldest, "revisions", l.all));
	else if (!l.in_force)
		fprintf(stderr, "pepctl: there is no revision yet\n");
	else
		printf("rollback goes back to revision %llu at most\n",
			(unsigned long long)l.oldest);
	return status;
}

/* --- one */

struct search {
	const struct cli *cli;
	uint64_t wanted;
	bool found;
};

static int show_if_wanted(void *data, const Pepctl__V1__Revision *revision,
	const Pepctl__V1__ListRevisionsResponse *answer)
{
	struct search *s = data;

	(void)answer;
	s->found = revision->revision == s->wanted;
	if (!s->found)
		return revision->revision < s->wanted;
	if (s->cli->json) {
		output_json(revision_json(revision));
	} else {
		print_revision(revision);
		print_lines(revision);
	}
	return 1;
}

static int show_one(struct cli *cli, uint64_t revision)
{
	struct search s = {.cli = cli, .wanted = revision};
	int status = history_each(cli, show_if_wanted, &s);

	if (status || s.found)
		return status;
	fprintf(stderr, "pepctl: history has no revision %llu; see pepctl history\n",
		(unsigned long long)revision);
	return EXIT_REFUSED;
}

int history_main(struct cli *cli, struct words *words)
{
	uint64_t revision;
	const char *word;
	int status;

	if (words_take(words, "help")) {
		printf("Usage: pepctl history [REVISION]\n"
		       "  who changed what, the newest first; of one revision, and with -v of all, "
		       "the "
		       "changes too\n");
		return EXIT_DONE;
	}
	word = words_next(words);
	status = words_end(words);
	if (status || !word)
		return status ? status : show_all(cli);
	status = words_revision("history", word, &revision);
	return status ? status : show_one(cli, revision);
}
