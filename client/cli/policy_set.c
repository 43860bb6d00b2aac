/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * policy set: a whole definition when the words have an action and something of
 * a match; otherwise what the words name, and the rest of the policy stays.
 */
#include <stdio.h>

#include "client/cli/cli.h"

#define FIELDS_MAX 32u /* of a policy, and more */

/* Each key once, the action, and of log and nolog the one that is not given. */
struct mask {
	char *fields[FIELDS_MAX];
	size_t count;
	bool has_action, has_match;
};

static void mask_add(struct mask *mask, const char *field)
{
	if (mask->count < ARRAY_SIZE(mask->fields))
		mask->fields[mask->count++] = (char *)(uintptr_t)field;
}

/* The place behind the action and its own words. */
static int skip_action(const struct words *words, int at, enum policy_action_kind kind)
{
	at += kind == POLICY_RATE_LIMIT || kind == POLICY_REDIRECT ? 2 : 1;
	while (at < words->count && (streq(words->list[at], "burst") || streq(words->list[at], "per") ||
					    streq(words->list[at], "mac")))
		at += 2;
	return at;
}

static int add_key(const struct words *words, int at, struct mask *ret)
{
	const char *key = words->list[at];
	bool has_value = false;
	const char *field = text_key_field(key, &has_value);

	if (!field)
		return at + 1; /* 1/N behind log; what is no key the grammar refuses */
	mask_add(ret, field);
	if (streq(key, "log") || streq(key, "nolog"))
		mask_add(ret, *key == 'l' ? "nolog" : "log");
	ret->has_match |= strncmp(field, "match.", 6) == 0;
	return at + 1 + has_value;
}

static void read_mask(const struct words *words, struct mask *ret)
{
	enum policy_action_kind kind;
	int at = words->at + 1;

	*ret = (struct mask){0};
	if (at < words->count && text_parse_action_kind(words->list[at], &kind) == 0) {
		ret->has_action = true;
		mask_add(ret, "action");
		at = skip_action(words, at, kind);
	}
	while (at < words->count)
		at = add_key(words, at, ret);
}

int policy_set(struct cli *cli, struct words *words)
{
	Pepctl__V1__UpdatePolicyRequest request;
	Pepctl__V1__PolicyResponse *answer;
	_cleanup_policy_ struct policy p;
	struct mask mask;
	int status;

	policy_init(&p);
	if (words->at + 1 >= words->count)
		return usage_error("policy set NAME wants an ACTION, or KEY VALUE to change");
	read_mask(words, &mask);
	status = policy_parse(words, mask.has_action ? text_parse_policy : text_parse_fields, &p);
	if (status)
		return status;
	if (cli->confirm && !(mask.has_action && mask.has_match))
		return usage_error(
			"policy set: --confirm wants the whole policy, an ACTION with a match");
	if (cli->confirm)
		return policy_apply(cli, CHANGE_PUT_POLICY, &p, "set");
	pepctl__v1__update_policy_request__init(&request);
	request.policy = policy_to_proto(&p, &cli->arena);
	request.force = cli->force;
	request.allow_missing = mask.has_action && mask.has_match;
	if (!request.allow_missing) {
		request.n_update_mask = mask.count;
		request.update_mask = mask.fields;
	}
	status = cli_call(cli, METHOD_UPDATE_POLICY, &request.base, &answer);
	return status ? status : policy_say(cli, p.name, "set", answer);
}
