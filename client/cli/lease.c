/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* ban, unban, and set lease|release|reconcile. */
#include "client/cli/lease.h"

#include <stdio.h>

#include "client/cli/confirm_state.h"

#define BANNED      "banned" /* as in the daemon, which makes that set */
#define BAN_TTL     3600000000000ull
#define NOTES_SHOWN 10u /* of each sort, for people */

/* What became of single members. */
struct notes {
	const struct cli *cli;
	json_t *rejected, *kept; /* NULL = for people */
	size_t rejected_shown, kept_shown;
};

static void note_json(struct notes *notes, const char *member, const char *reason)
{
	if (reason)
		json_array_append_new(notes->rejected,
			json_pack("{s:s, s:s}", "member", member, "reason", reason));
	else
		json_array_append_new(notes->kept, json_string(member));
}

static void on_note(void *data, const struct member *member, const char *reason)
{
	struct notes *notes = data;
	char text[MEMBER_TEXT_SIZE];

	member_format(member, text);
	if (notes->rejected)
		note_json(notes, text, reason);
	else if (reason && (notes->rejected_shown++ < NOTES_SHOWN || notes->cli->verbose))
		fprintf(stderr, "pepctl: %s is not held: it %s\n", text, reason);
	else if (!reason && (notes->kept_shown++ < NOTES_SHOWN || notes->cli->verbose))
		fprintf(stderr,
			"pepctl: %s is held for longer already, which stays; shorten makes it "
			"less\n",
			text);
}

static void on_warning(void *data, const char *text)
{
	(void)data;
	fprintf(stderr, "pepctl: warning: %s\n", text);
}

/* Those that have not been told. */
static void say_rest(const struct notes *notes, const struct lease_answer *answer)
{
	size_t most = notes->cli->verbose ? SIZE_MAX : NOTES_SHOWN;
	uint64_t rejected = MIN(notes->rejected_shown, most), kept = MIN(notes->kept_shown, most);

	if (answer->rejected > rejected)
		fprintf(stderr, "pepctl: %llu more are not held\n",
			(unsigned long long)(answer->rejected - rejected));
	if (answer->kept > kept)
		fprintf(stderr, "pepctl: %llu more are held for longer already\n",
			(unsigned long long)(answer->kept - kept));
}

/* --- holding */

static const char *separator(bool *some)
{
	const char *text = *some ? ", " : " (";

	*some = true;
	return text;
}

static void say_count(bool *some, uint64_t count, const char *what)
{
	if (count)
		printf("%s%llu %s", separator(some), (unsigned long long)count, what);
}

static void say_held(
	const struct lease_request *request, const struct lease_answer *answer, const char *done)
{
	uint64_t count = answer->added + answer->refreshed + answer->unchanged;
	char ttl[32];
	bool some = false;

	text_format_duration((uint64_t)request->ttl, ttl);
	printf("set %s: %llu %s", request->set, (unsigned long long)count, done);
	if (count)
		printf("%s%s", request->ttl ? " for " : " until released", request->ttl ? ttl : "");
	say_count(&some, answer->added, "new");
	say_count(&some, answer->refreshed, "renewed");
	say_count(&some, answer->unchanged, "as before");
	say_count(&some, answer->released, "released");
	puts(some ? ")" : "");
}

static json_t *held_json(const struct lease_request *request, const struct lease_answer *answer,
	const struct notes *notes)
{
	char ttl[32];

	text_format_duration((uint64_t)request->ttl, ttl);
	return json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:O, s:I, s:O, s:I}", "set",
		request->set, "ttl", request->ttl ? json_string(ttl) : json_null(), "added",
		(json_int_t)answer->added, "refreshed", (json_int_t)answer->refreshed, "unchanged",
		(json_int_t)answer->unchanged, "released", (json_int_t)answer->released,
		"rejected_total", (json_int_t)answer->rejected, "rejected", notes->rejected,
		"kept_total", (json_int_t)answer->kept, "kept", notes->kept, "revision",
		(json_int_t)answer->revision);
}

typedef int (*sender)(struct client *client, const struct lease_request *request,
	const struct member_list *members, const struct lease_told *told, struct arena *arena,
	struct lease_answer *ret, struct error *err);

/* Some that were refused make it a failure, of which the rest has been done. */
static int hold(struct cli *cli, sender send, const struct lease_request *request,
	const struct member_list *members, const char *done)
{
	struct notes notes = {.cli = cli,
		.rejected = cli->json ? json_array() : NULL,
		.kept = cli->json ? json_array() : NULL};
	const struct lease_told told = {on_note, on_warning, &notes};
	struct lease_answer answer = {0};
	struct error err = ERROR_INIT;
	int status = cli_client(cli);

	if (!status && send(cli->client, request, members, &told, &cli->arena, &answer, &err))
		status = cli_fail(&err);
	else if (!status && cli->json)
		output_json(held_json(request, &answer, &notes));
	else if (!status)
		say_rest(&notes, &answer);
	if (!status && !cli->json && !cli->quiet)
		say_held(request, &answer, done);
	json_decref(notes.rejected);
	json_decref(notes.kept);
	return status ? status : answer.rejected ? EXIT_REFUSED : EXIT_DONE;
}

static struct lease_request request_of(const struct cli *cli, const struct lease_words *w)
{
	return (struct lease_request){
		.set = w->set,
		.owner = w->owner,
		.ttl = (int64_t)w->ttl,
		.shorten = w->given & LEASE_SHORTEN,
		.any_owner = w->given & LEASE_ANY_OWNER,
		.force = cli->force,
	};
}

static int read_file(struct lease_words *w)
{
	return w->file ? set_read_file(w->file, &w->members) : EXIT_DONE;
}

static int missing_members(const struct lease_words *w, const char *what)
{
	if (member_list_count(&w->members) || w->given & LEASE_ALL)
		return EXIT_DONE;
	if (w->file)
		return usage_error("%s has no address", w->file);
	return usage_error("%s: an address, a prefix or a range is missing", what);
}

static int ban(struct cli *cli, struct lease_words *w)
{
	struct lease_request request;
	int status = read_file(w);

	if (!status)
		status = missing_members(w, "ban");
	if (status)
		return status;
	request = request_of(cli, w);
	request.ban = true;
	return hold(cli, lease_hold, &request, &w->members, "banned");
}

int ban_main(struct cli *cli, struct words *words)
{
	struct lease_words w = {.set = BANNED, .owner = "", .ttl = BAN_TTL};
	int status;

	if (words_take(words, "help")) {
		printf("Usage: pepctl ban ADDR... [file FILE|-] [in SET] [ttl "
		       "TIME|until-released]\n"
		       "                  [owner NAME] [shorten]\n"
		       "  keep out addresses, prefixes, ranges a-b: for 1h, in the set banned\n"
		       "  the first ban makes that set, and a policy that blocks it\n"
		       "  a ban never becomes shorter than it is, unless shorten is said\n");
		return EXIT_DONE;
	}
	status = lease_read_words(words, LEASE_BAN, &w);
	if (w.given & LEASE_UNTIL_RELEASED)
		w.ttl = 0;
	if (!status)
		status = ban(cli, &w);
	member_list_deinit(&w.members);
	return status;
}

/* --- releasing */

static void say_released(const struct cli *cli, const struct lease_request *request,
	const struct lease_answer *answer)
{
	if (cli->json) {
		output_json(json_pack("{s:s, s:I, s:I}", "set", request->set, "released",
			(json_int_t)answer->released, "missing", (json_int_t)answer->missing));
		return;
	}
	if (cli->quiet)
		return;
	printf("set %s: %llu released", request->set, (unsigned long long)answer->released);
	if (answer->missing)
		printf(", %llu not held%s", (unsigned long long)answer->missing,
			request->any_owner ? "" : " by this owner");
	putchar('\n');
}

/* Who may not end the holds of others ends its own, and is told. */
static int release(struct cli *cli, struct lease_request *request,
	const struct member_list *members, bool or_own)
{
	struct lease_answer answer = {0};
	struct error err = ERROR_INIT;
	int status = cli_client(cli), r;

	if (status)
		return status;
	r = lease_release(cli->client, request, members, &cli->arena, &answer, &err);
	if (r && or_own && err.kind == ERROR_DENIED) {
		error_deinit(&err);
		request->any_owner = false;
		r = lease_release(cli->client, request, members, &cli->arena, &answer, &err);
		if (!r)
			on_warning(NULL, "only what you hold yourself was released; to end what "
					 "others hold is for root and the admin group");
	}
	if (r)
		return cli_fail(&err);
	say_released(cli, request, &answer);
	return EXIT_DONE;
}

int unban_main(struct cli *cli, struct words *words)
{
	struct lease_words w = {.set = BANNED, .owner = ""};
	struct lease_request request;
	int status;

	if (words_take(words, "help")) {
		printf("Usage: pepctl unban ADDR... [file FILE|-] [in SET] [owner NAME]\n"
		       "  let them through again: ends the holds of every owner, or of one, in the "
		       "set banned\n");
		return EXIT_DONE;
	}
	status = lease_read_words(words, LEASE_UNBAN, &w);
	if (!status)
		status = read_file(&w);
	if (!status)
		status = missing_members(&w, "unban");
	request = request_of(cli, &w);
	request.any_owner = !*w.owner;
	if (!status)
		status = release(cli, &request, &w.members, request.any_owner);
	member_list_deinit(&w.members);
	return status;
}

/* --- verbs of set, for owners */

static int read_set(struct words *words, struct lease_words *ret)
{
	ret->owner = "";
	ret->set = words_next(words);
	if (!ret->set)
		return usage_error("the set's name is missing");
	if (!policy_name_valid(ret->set))
		return usage_error(
			"\"%s\" is no name: 1 to %u of [A-Za-z0-9._-]", ret->set, POLICY_NAME_MAX);
	return EXIT_DONE;
}

static int hold_words(struct cli *cli, struct words *words, struct lease_words *w)
{
	struct lease_request request;
	int status = read_set(words, w);

	if (!status)
		status = lease_read_words(words, LEASE_HOLD, w);
	if (!status)
		status = read_file(w);
	if (!status)
		status = missing_members(w, "set lease");
	if (status)
		return status;
	request = request_of(cli, w);
	return hold(cli, lease_hold, &request, &w->members, "held");
}

int set_lease(struct cli *cli, struct words *words)
{
	struct lease_words w = {0};
	int status = hold_words(cli, words, &w);

	member_list_deinit(&w.members);
	return status;
}

static int release_words(struct cli *cli, struct words *words, struct lease_words *w)
{
	struct lease_request request;
	int status = read_set(words, w);

	if (!status)
		status = lease_read_words(words, LEASE_RELEASE, w);
	if (!status)
		status = read_file(w);
	if (!status)
		status = missing_members(w, "set release");
	if (status)
		return status;
	request = request_of(cli, w);
	return release(cli, &request, w->given & LEASE_ALL ? NULL : &w->members, false);
}

int set_release(struct cli *cli, struct words *words)
{
	struct lease_words w = {0};
	int status = release_words(cli, words, &w);

	member_list_deinit(&w.members);
	return status;
}

/* An empty file is an answer too: nothing is mine. */
static int reconcile_words(struct cli *cli, struct words *words, struct lease_words *w)
{
	struct lease_request request;
	int status = read_set(words, w);

	w->file = words_next(words);
	if (!status && !w->file)
		return usage_error("the file is missing; - is standard input");
	if (!status)
		status = lease_read_words(words, LEASE_RECONCILE, w);
	if (!status && member_list_count(&w->members))
		return usage_error("set reconcile: the members stand in the file");
	if (!status)
		status = read_file(w);
	if (status)
		return status;
	request = request_of(cli, w);
	return hold(cli, lease_reconcile, &request, &w->members, "held");
}

int set_reconcile(struct cli *cli, struct words *words)
{
	struct lease_words w = {0};
	int status = reconcile_words(cli, words, &w);

	member_list_deinit(&w.members);
	return status;
}
