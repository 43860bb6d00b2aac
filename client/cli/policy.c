/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdio.h>

#include "client/cli/cli.h"
#include "common/text.h"

/* --- words into a policy; refused before anything is sent */

typedef int (*parser)(const char *const words[], size_t count, struct policy *ret,
	struct text_problems *problems);

static int parse(struct words *words, parser read, struct policy *ret)
{
	struct text_problems problems = {0};
	int status = EXIT_DONE;

	if (read((const char *const *)&words->list[words->at], (size_t)(words->count - words->at),
		    ret, &problems) < 0) {
		for (size_t i = 0; i < problems.count; i++)
			usage_error("%s", problems.items[i].message);
		status = EXIT_USAGE;
	}
	text_problems_deinit(&problems);
	return status;
}

static int say(struct cli *cli, const char *name, const char *what,
	const Pepctl__V1__PolicyResponse *answer)
{
	for (size_t i = 0; i < answer->n_warnings; i++)
		fprintf(stderr, "pepctl: warning: %s\n", answer->warnings[i]);
	if (cli->json)
		output_json(json_pack("{s:I, s:o}", "revision", (json_int_t)answer->revision, "policy",
			answer->policy ? output_policy(answer->policy) : json_null()));
	else if (!cli->quiet)
		printf("policy %s %s (revision %llu)\n", name, what,
			(unsigned long long)answer->revision);
	return EXIT_DONE;
}

static int policy_add(struct cli *cli, struct words *words)
{
	Pepctl__V1__CreatePolicyRequest request;
	Pepctl__V1__PolicyResponse *answer;
	_cleanup_policy_ struct policy p;
	int status;

	policy_init(&p);
	status = parse(words, text_parse_policy, &p);
	if (status)
		return status;
	pepctl__v1__create_policy_request__init(&request);
	request.policy = policy_to_proto(&p, &cli->arena);
	status = cli_call(cli, METHOD_CREATE_POLICY, &request.base, &answer);
	return status ? status : say(cli, p.name, "added", answer);
}

/* --- set: a whole definition, or only the given fields */

/* Keywords of the grammar and the fields that they are. */
static const struct {
	const char *key, *field;
	bool has_value;
} fields[] = {
	{"src", "match.src", true}, {"dst", "match.dst", true}, {"sport", "match.sport", true},
	{"dport", "match.dport", true}, {"proto", "match.proto", true}, {"iface", "match.iface", true},
	{"vlan", "match.vlan", true}, {"icmp-type", "match.icmp_type", true},
	{"tcp-flags", "match.tcp_flags", true}, {"percent", "match.percent", true},
	{"priority", "priority", true}, {"ttl", "ttl_nano", true}, {"comment", "comment", true},
	{"log", "log", false}, {"nolog", "nolog", false}, {"shadow", "shadow", false},
};

static const char *field_of(const char *word, bool *ret_value)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (streq(fields[i].key, word)) {
			*ret_value = fields[i].has_value;
			return fields[i].field;
		}
	return NULL;
}

static size_t read_mask(struct words *words, char *ret[static ARRAY_SIZE(fields)])
{
	size_t count = 0;

	for (int at = words->at + 1; at < words->count && count < ARRAY_SIZE(fields); at++) {
		bool value = false;
		const char *field = field_of(words->list[at], &value);

		if (!field)
			continue; /* 1/N behind log */
		ret[count++] = (char *)(uintptr_t)field;
		at += value;
	}
	return count;
}

static bool is_definition(const struct words *words)
{
	enum policy_action_kind kind;

	return words->at + 1 < words->count &&
	       text_parse_action_kind(words->list[words->at + 1], &kind) == 0;
}

static int policy_set(struct cli *cli, struct words *words)
{
	char *mask[ARRAY_SIZE(fields)];
	Pepctl__V1__UpdatePolicyRequest request;
	Pepctl__V1__PolicyResponse *answer;
	_cleanup_policy_ struct policy p;
	bool whole = is_definition(words);
	int status;

	policy_init(&p);
	if (!whole && words->at + 1 >= words->count)
		return usage_error("policy set NAME wants an ACTION, or KEY VALUE to change");
	status = parse(words, whole ? text_parse_policy : text_parse_fields, &p);
	if (status)
		return status;
	pepctl__v1__update_policy_request__init(&request);
	request.policy = policy_to_proto(&p, &cli->arena);
	request.allow_missing = whole;
	if (!whole) {
		request.n_update_mask = read_mask(words, mask);
		request.update_mask = mask;
	}
	status = cli_call(cli, METHOD_UPDATE_POLICY, &request.base, &answer);
	return status ? status : say(cli, p.name, "set", answer);
}

/* --- deleting */

static int policy_del(struct cli *cli, struct words *words)
{
	const char *name = words_next(words);

	if (!name)
		return usage_error("policy del: the policy's name is missing");
	for (int i = words->at - 1; i < words->count; i++)
		if (!policy_name_valid(words->list[i]))
			return usage_error("\"%s\" is no name: 1 to %u of [A-Za-z0-9._-]", words->list[i],
				POLICY_NAME_MAX);
	for (; name; name = words_next(words)) {
		struct change change;
		char done[100];
		int status;

		change_init(&change, CHANGE_DELETE_POLICY);
		snprintf(change.name, sizeof(change.name), "%s", name);
		snprintf(done, sizeof(done), "policy %s deleted", name);
		status = cli_apply(cli, &change, done);
		if (status)
			return status;
	}
	return EXIT_DONE;
}

static int policy_flush(struct cli *cli, struct words *words)
{
	bool yes = words_take(words, "--yes") || words_take(words, "-y");
	struct change change;
	int status = words_end(words);
	char answer[8];

	if (status)
		return status;
	if (!yes && isatty(STDIN_FILENO)) {
		fprintf(stderr, "Delete every policy? [y/N] ");
		if (!fgets(answer, sizeof(answer), stdin) || (*answer != 'y' && *answer != 'Y'))
			return EXIT_REFUSED;
	}
	change_init(&change, CHANGE_FLUSH_POLICIES);
	return cli_apply(cli, &change, "every policy deleted");
}

/* --- showing */

int policy_each(struct cli *cli, const char *prefix,
	int (*cb)(void *data, const Pepctl__V1__PolicyStatus *status), void *data,
	Pepctl__V1__ListPoliciesResponse **ret_heading)
{
	Pepctl__V1__ListPoliciesRequest request;
	Pepctl__V1__ListPoliciesResponse *answer = NULL;
	int status;

	pepctl__v1__list_policies_request__init(&request);
	request.name_prefix = (char *)(uintptr_t)prefix;
	do {
		status = cli_call(cli, METHOD_LIST_POLICIES, &request.base, &answer);
		if (status)
			return status;
		if (ret_heading && !*request.page_token)
			*ret_heading = answer;
		for (size_t i = 0; i < answer->n_policies; i++)
			cb(data, answer->policies[i]);
		request.page_token = answer->next_page_token;
	} while (*request.page_token);
	return EXIT_DONE;
}

static int add_json(void *data, const Pepctl__V1__PolicyStatus *status)
{
	return json_array_append_new(data, output_policy(status));
}

static int print_policy(void *data, const Pepctl__V1__PolicyStatus *status)
{
	_cleanup_policy_ struct policy p;
	_cleanup_free_ char *line = NULL;
	char packets[24], bytes[24];

	(void)data;
	policy_init(&p);
	if (policy_from_proto(status->policy, "", &p, NULL) < 0 || !(line = text_format_policy(&p)))
		return -1;
	output_amount((double)status->packets, packets);
	output_amount((double)status->bytes, bytes);
	printf("policy %-60s  %s packets  %sB", line, packets, bytes);
	if (p.action.kind == POLICY_RATE_LIMIT) {
		output_amount((double)status->exceeded_packets, packets);
		printf("  %s exceeded", packets);
	}
	putchar('\n');
	return 0;
}

static int show_all(struct cli *cli)
{
	Pepctl__V1__ListPoliciesResponse *heading = NULL;
	json_t *policies = cli->json ? json_array() : NULL;
	const char *action;
	int status = policy_each(cli, "", cli->json ? add_json : print_policy, policies, &heading);

	if (status || !heading) {
		json_decref(policies);
		return status;
	}
	action = text_action_kind((enum policy_action_kind)heading->default_action);
	if (cli->json) {
		output_json(json_pack("{s:I, s:s, s:o}", "revision", (json_int_t)heading->revision,
			"default", action, "policies", policies));
		return EXIT_DONE;
	}
	for (size_t i = 0; i < heading->n_interface_defaults; i++)
		printf("default %s iface %s\n",
			text_action_kind(
				(enum policy_action_kind)heading->interface_defaults[i]->action),
			heading->interface_defaults[i]->iface);
	printf("default %s  (revision %llu, %llu policies)\n", action,
		(unsigned long long)heading->revision, (unsigned long long)heading->total);
	return EXIT_DONE;
}

static void print_detail(const Pepctl__V1__PolicyStatus *status)
{
	char last[40];

	print_policy(NULL, status);
	output_local_time(status->last_hit_time, last);
	printf("  last hit %s, place %llu in the ruleset, created in revision %llu, changed in %llu\n",
		last, (unsigned long long)status->position, (unsigned long long)status->created_revision,
		(unsigned long long)status->changed_revision);
}

static int policy_show(struct cli *cli, struct words *words)
{
	Pepctl__V1__GetPolicyRequest request;
	Pepctl__V1__PolicyResponse *answer;
	const char *name = words_next(words);
	int status = words_end(words);

	if (status || !name)
		return status ? status : show_all(cli);
	pepctl__v1__get_policy_request__init(&request);
	request.name = (char *)(uintptr_t)name;
	status = cli_call(cli, METHOD_GET_POLICY, &request.base, &answer);
	if (status)
		return status;
	if (cli->json)
		output_json(output_policy(answer->policy));
	else
		print_detail(answer->policy);
	return EXIT_DONE;
}

int policy_main(struct cli *cli, struct words *words)
{
	static const struct verb verbs[] = {
		{"add", policy_add, "NAME ACTION [KEY VALUE]...", "a new policy"},
		{"set", policy_set, "NAME ACTION [KEY VALUE]... | NAME KEY VALUE...",
			"replace it, or change some of its fields"},
		{"del", policy_del, "NAME...", "delete policies"},
		{"show", policy_show, "[NAME]", "policies in deciding order, with counters"},
		{"flush", policy_flush, "[--yes]", "delete every policy"},
		{NULL, NULL, NULL, NULL},
	};

	return words_run(cli, words, "policy", verbs);
}
