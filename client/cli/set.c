/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* set create|add|del|show|import|replace NAME ... */
#include <errno.h>
#include <stdio.h>

#include "client/cli/lease.h"
#include "client/members.h"
#include "common/text.h"

/* --- words into a change; refused before anything is sent */

static int read_name(struct words *words, struct change *ret)
{
	const char *name = words_next(words);

	if (!name)
		return usage_error("the set's name is missing");
	if (!policy_name_valid(name))
		return usage_error(
			"\"%s\" is no name: 1 to %u of [A-Za-z0-9._-]", name, POLICY_NAME_MAX);
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	return EXIT_DONE;
}

static int read_members(struct words *words, struct change *ret)
{
	char message[160];
	const char *word;
	int status = EXIT_DONE;

	while ((word = words_next(words)))
		if (member_list_add_text(&ret->members, word, strlen(word), message) < 0)
			status = usage_error("%s", message);
	return status;
}

static int read_options(struct words *words, struct change *ret)
{
	char message[160];
	const char *time;

	for (;;) {
		if (words_take(words, "bannable")) {
			ret->bannable = true;
			continue;
		}
		if (!words_take(words, "max-ttl"))
			return EXIT_DONE;
		time = words_next(words);
		if (!time)
			return usage_error("the longest time is missing behind max-ttl");
		if (text_parse_duration(time, &ret->max_ttl, message) < 0)
			return usage_error("%s", message);
	}
}

/* Sends what was read, large or not. */
static int apply(struct cli *cli, struct change *change, const char *done)
{
	_cleanup_changes_ struct change_list changes = {0};

	if (change_list_push(&changes, change) < 0 || members_split(&changes) < 0)
		return usage_error("out of memory");
	return cli_apply_all(cli, &changes, done);
}

static int set_create(struct cli *cli, struct words *words)
{
	struct change change;
	char done[100];
	int status;

	change_init(&change, CHANGE_CREATE_SET);
	status = read_name(words, &change);
	if (!status)
		status = read_options(words, &change);
	if (!status)
		status = read_members(words, &change);
	snprintf(done, sizeof(done), "set %s created", change.name);
	if (!status)
		status = apply(cli, &change, done);
	change_deinit(&change);
	return status;
}

static int set_add(struct cli *cli, struct words *words)
{
	struct change change;
	char done[100];
	int status;

	change_init(&change, CHANGE_ADD_MEMBERS);
	status = read_name(words, &change);
	if (!status && words->at == words->count)
		status = usage_error("an address, a prefix or a range is missing");
	if (!status)
		status = read_members(words, &change);
	snprintf(done, sizeof(done), "added to set %s", change.name);
	if (!status)
		status = apply(cli, &change, done);
	change_deinit(&change);
	return status;
}

/* The set itself, or some of its members. */
static int set_del(struct cli *cli, struct words *words)
{
	struct change change;
	char done[100];
	int status;

	change_init(&change, CHANGE_DELETE_SET);
	status = read_name(words, &change);
	if (!status && words->at < words->count) {
		change.kind = CHANGE_REMOVE_MEMBERS;
		status = read_members(words, &change);
	}
	snprintf(done, sizeof(done), "%s %s%s",
		change.kind == CHANGE_DELETE_SET ? "set" : "deleted from set", change.name,
		change.kind == CHANGE_DELETE_SET ? " deleted" : "");
	if (!status)
		status = apply(cli, &change, done);
	change_deinit(&change);
	return status;
}

/* --- block-list files */

int set_read_file(const char *path, struct member_list *ret)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct text_problems problems = {0};
	int r = members_read_file(path, ret, &problems, &err);

	for (size_t i = 0; i < problems.count; i++)
		text_problem_print(
			&problems.items[i], streq(path, "-") ? "standard input" : path, stderr);
	if (r && !problems.count)
		usage_error("%s", error_is_set(&err) ? error_message(&err) : "out of memory");
	else if (r)
		usage_error("%zu line%s of %s cannot be read; nothing was changed", problems.count,
			problems.count == 1 ? "" : "s", path);
	text_problems_deinit(&problems);
	return r ? EXIT_USAGE : EXIT_DONE;
}

static int read_name_and_file(struct words *words, struct change *ret)
{
	int status = read_name(words, ret);
	const char *path = words_next(words);

	if (status)
		return status;
	if (!path)
		return usage_error("the file is missing; - is standard input");
	status = words_end(words);
	return status ? status : set_read_file(path, &ret->members);
}

static int from_file(struct cli *cli, struct words *words, enum change_kind kind)
{
	struct change change;
	char done[160];
	int status;

	change_init(&change, kind);
	change.allow_missing = true; /* the first time creates the set */
	status = read_name_and_file(words, &change);
	snprintf(done, sizeof(done), "%zu members %s set %s", member_list_count(&change.members),
		kind == CHANGE_ADD_MEMBERS ? "imported into" : "are now", change.name);
	if (!status)
		status = apply(cli, &change, done);
	change_deinit(&change);
	return status;
}

static int set_import(struct cli *cli, struct words *words)
{
	return from_file(cli, words, CHANGE_ADD_MEMBERS);
}

static int set_replace(struct cli *cli, struct words *words)
{
	return from_file(cli, words, CHANGE_REPLACE_MEMBERS);
}

/* --- showing */

static json_t *set_json(const Pepctl__V1__SetStatus *m)
{
	json_int_t ipv4 = (json_int_t)m->ipv4_members, ipv6 = (json_int_t)m->ipv6_members;
	json_t *object = json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "name", m->name,
		"bannable", m->bannable, "members", ipv4 + ipv6, "ipv4_members", ipv4,
		"ipv6_members", ipv6, "leases", (json_int_t)m->leases, "created_revision",
		(json_int_t)m->created_revision, "changed_revision",
		(json_int_t)m->changed_revision);
	char ttl[32];

	text_format_duration((uint64_t)m->max_ttl_nano, ttl);
	if (m->max_ttl_nano)
		json_object_set_new(object, "max_ttl", json_string(ttl));
	return object;
}

static void print_set(const Pepctl__V1__SetStatus *m)
{
	char ttl[32], leases[40] = "";

	text_format_duration((uint64_t)m->max_ttl_nano, ttl);
	if (m->leases)
		snprintf(leases, sizeof(leases), ", %llu lease%s", (unsigned long long)m->leases,
			m->leases == 1 ? "" : "s");
	printf("set %-24s %8llu IPv4 %8llu IPv6 members%s, changed in revision %llu%s%s%s\n",
		m->name, (unsigned long long)m->ipv4_members, (unsigned long long)m->ipv6_members,
		leases, (unsigned long long)m->changed_revision, m->bannable ? ", bannable" : "",
		m->max_ttl_nano ? ", max-ttl " : "", m->max_ttl_nano ? ttl : "");
}

static int show_all(struct cli *cli)
{
	Pepctl__V1__ListSetsRequest request;
	Pepctl__V1__ListSetsResponse *answer;
	json_t *sets;
	int status;

	pepctl__v1__list_sets_request__init(&request);
	status = cli_call(cli, METHOD_LIST_SETS, &request.base, &answer);
	if (status)
		return status;
	sets = cli->json ? json_array() : NULL;
	for (size_t i = 0; i < answer->n_sets; i++)
		if (cli->json)
			json_array_append_new(sets, set_json(answer->sets[i]));
		else
			print_set(answer->sets[i]);
	if (cli->json)
		output_json(json_pack(
			"{s:I, s:o}", "revision", (json_int_t)answer->revision, "sets", sets));
	return EXIT_DONE;
}

/* The set's own, then what is held. */
static int print_members(struct cli *cli, const char *name, const struct member_list *list)
{
	json_t *members = cli->json ? json_array() : NULL, *object = NULL;
	char text[MEMBER_TEXT_SIZE];
	int status;

	for (size_t i = 0; i < member_list_count(list); i++) {
		struct member m = member_list_at(list, i);

		member_format(&m, text);
		if (cli->json)
			json_array_append_new(members, json_string(text));
		else
			puts(text);
	}
	if (cli->json)
		object = json_pack("{s:s, s:o}", "name", name, "members", members);
	status = lease_show(cli, name, object);
	if (status)
		json_decref(object);
	else if (object)
		output_json(object);
	return status;
}

static int set_show(struct cli *cli, struct words *words)
{
	_cleanup_members_ struct member_list list = {0};
	struct error err = ERROR_INIT;
	const char *name = words_next(words);
	int status = words_end(words);

	if (status || !name)
		return status ? status : show_all(cli);
	status = cli_client(cli);
	if (status)
		return status;
	if (members_list(cli->client, name, &cli->arena, &list, &err))
		return cli_fail(&err);
	member_list_sort(&list);
	return print_members(cli, name, &list);
}

int set_main(struct cli *cli, struct words *words)
{
	static const struct verb verbs[] = {
		{"create", set_create, "NAME [bannable] [max-ttl TIME] [MEMBER]...", "a new set"},
		{"add", set_add, "NAME MEMBER...", "add addresses, prefixes, ranges a-b"},
		{"del", set_del, "NAME [MEMBER]...", "delete members, or the whole set"},
		{"show", set_show, "[NAME]", "all sets, or what one has, and who holds it"},
		{"import", set_import, "NAME FILE|-", "add the members of a block-list file"},
		{"replace", set_replace, "NAME FILE|-", "make it exactly those of the file"},
		{"lease", set_lease, "NAME ADDR... [ttl TIME] [owner NAME]",
			"hold members for a time, or until released"},
		{"release", set_release, "NAME ADDR...|all [owner NAME]", "let go of them"},
		{"reconcile", set_reconcile, "NAME FILE|- [ttl TIME] [owner NAME]",
			"hold exactly those of the file"},
		{NULL, NULL, NULL, NULL},
	};

	return words_run(cli, words, "set", verbs);
}
