/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdio.h>

#include "client/cli/cli.h"

/* --- words into a policy; refused before anything is sent */

int policy_parse(struct words *words, policy_parser read, struct policy *ret)
{
	struct text_problems problems = {0};
	int status = words_check_name(words, words->at);

	if (!status && read((const char *const *)&words->list[words->at], (size_t)(words->count - words->at),
		    ret, &problems) < 0) {
		for (size_t i = 0; i < problems.count; i++)
			usage_error("%s", problems.items[i].message);
		status = EXIT_USAGE;
	}
	text_problems_deinit(&problems);
	return status;
}

int policy_say(struct cli *cli, const char *name, const char *what,
	const Pepctl__V1__PolicyResponse *answer)
{
	cli_warn(answer->warnings, answer->n_warnings);
	if (cli->json)
		output_json(json_pack("{s:I, s:o}", "revision", (json_int_t)answer->revision, "policy",
			answer->policy ? output_policy(answer->policy) : json_null()));
	else if (!cli->quiet)
		printf("policy %s %s (revision %llu)\n", name, what,
			(unsigned long long)answer->revision);
	return EXIT_DONE;
}

int policy_apply(struct cli *cli, enum change_kind kind, struct policy *policy, const char *what)
{
	char done[POLICY_NAME_MAX + 20];
	struct change change;

	change_init(&change, kind);
	change.policy = *policy;
	policy_init(policy);
	snprintf(done, sizeof(done), "policy %s %s", change.policy.name, what);
	return cli_apply(cli, &change, done);
}

static int policy_add(struct cli *cli, struct words *words)
{
	Pepctl__V1__CreatePolicyRequest request;
	Pepctl__V1__PolicyResponse *answer;
	_cleanup_policy_ struct policy p;
	int status;

	policy_init(&p);
	status = policy_parse(words, text_parse_policy, &p);
	if (status)
		return status;
	if (cli->confirm)
		return policy_apply(cli, CHANGE_CREATE_POLICY, &p, "added");
	pepctl__v1__create_policy_request__init(&request);
	request.policy = policy_to_proto(&p, &cli->arena);
	request.force = cli->force;
	status = cli_call(cli, METHOD_CREATE_POLICY, &request.base, &answer);
	return status ? status : policy_say(cli, p.name, "added", answer);
}

/* --- deleting */

static int push_deletion(const struct words *words, int at, struct change_list *ret)
{
	const char *name = words->list[at];
	struct change change;

	if (words_check_name(words, at))
		return EXIT_USAGE;
	if (!policy_name_valid(name))
		return usage_error("\"%s\" is no name: 1 to %u of [A-Za-z0-9._-]", name, POLICY_NAME_MAX);
	change_init(&change, CHANGE_DELETE_POLICY);
	snprintf(change.name, sizeof(change.name), "%s", name);
	return change_list_push(ret, &change) < 0 ? usage_error("out of memory") : EXIT_DONE;
}

static int policy_del(struct cli *cli, struct words *words)
{
	_cleanup_changes_ struct change_list list = {0};
	char done[POLICY_NAME_MAX + 20];
	int status = EXIT_DONE;

	if (words->at == words->count)
		return usage_error("policy del: the policy's name is missing");
	for (int at = words->at; at < words->count && !status; at++)
		status = push_deletion(words, at, &list);
	if (status)
		return status;
	if (list.count > 1)
		snprintf(done, sizeof(done), "%zu policies deleted", list.count);
	else
		snprintf(done, sizeof(done), "policy %s deleted", list.items[0].name);
	return cli_apply_all(cli, &list, done);
}

static int policy_flush(struct cli *cli, struct words *words)
{
	bool yes = words_take(words, "--yes") || words_take(words, "-y");
	struct change change;
	int status = words_end(words);

	if (!status && !yes)
		status = words_confirm("flush deletes every policy", "Delete every policy?");
	if (status)
		return status;
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

/* Nobody wants to read of nanoseconds. */
static uint64_t whole_seconds(int64_t ns)
{
	return (uint64_t)(ns + 999999999) / 1000000000 * 1000000000;
}

static int print_policy(void *data, const Pepctl__V1__PolicyStatus *status)
{
	_cleanup_policy_ struct policy p;
	_cleanup_free_ char *line = NULL;
	char packets[24], bytes[24], left[32];

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
	if (status->displaced_buckets) {
		output_amount((double)status->displaced_buckets, packets);
		printf("  %s buckets displaced", packets);
	}
	if (status->left_nano) {
		text_format_duration(whole_seconds(status->left_nano), left);
		printf("  %s left", left);
	}
	putchar('\n');
	return 0;
}

static int print_detail(void *data, const Pepctl__V1__PolicyStatus *status)
{
	int r = print_policy(data, status);
	char last[40];

	output_local_time(status->last_hit_time, last);
	printf("  last hit %s, place %llu in the ruleset, created in revision %llu, changed in %llu\n",
		last, (unsigned long long)status->position, (unsigned long long)status->created_revision,
		(unsigned long long)status->changed_revision);
	return r;
}

static int show_all(struct cli *cli)
{
	Pepctl__V1__ListPoliciesResponse *heading = NULL;
	json_t *policies = cli->json ? json_array() : NULL;
	const char *action;
	int status = policy_each(cli, "",
		cli->json ? add_json : cli->verbose ? print_detail : print_policy, policies, &heading);

	if (status || !heading) {
		json_decref(policies);
		return status;
	}
	action = text_action_kind((enum policy_action_kind)heading->default_action);
	if (cli->json) {
		output_json(json_pack("{s:I, s:s, s:o, s:o}", "revision", (json_int_t)heading->revision,
			"default", action, "interface_defaults",
			default_json(heading->interface_defaults, heading->n_interface_defaults), "policies",
			policies));
		return EXIT_DONE;
	}
	default_print(heading->interface_defaults, heading->n_interface_defaults);
	printf("default %s  (revision %llu, %llu policies)\n", action,
		(unsigned long long)heading->revision, (unsigned long long)heading->total);
	return EXIT_DONE;
}

static int policy_show(struct cli *cli, struct words *words)
{
	Pepctl__V1__GetPolicyRequest request;
	Pepctl__V1__PolicyResponse *answer;
	int status = words_check_name(words, words->at);
	const char *name = words_next(words);

	if (!status)
		status = words_end(words);
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
		print_detail(NULL, answer->policy);
	return EXIT_DONE;
}

int policy_main(struct cli *cli, struct words *words)
{
	static const struct verb verbs[] = {
		{"add", policy_add, "NAME ACTION [KEY VALUE]...", "a new policy"},
		{"set", policy_set, "NAME [ACTION] [KEY VALUE]...", "change, or replace it"},
		{"del", policy_del, "NAME...", "delete policies"},
		{"show", policy_show, "[NAME]", "policies in deciding order, with counters"},
		{"flush", policy_flush, "[--yes]", "delete every policy"},
		{NULL, NULL, NULL, NULL},
	};

	bool help = words_at_help(words);
	int status = words_run(cli, words, "policy", verbs);

	if (help)
		policy_help();
	return status;
}
