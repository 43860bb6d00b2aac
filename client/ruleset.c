/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "client/ruleset.h"

#include <errno.h>
#include <stdio.h>

#include "client/members.h"
#include "common/policy_proto.h"

#define TRIES        5u                  /* of a ruleset that changes while it is read */
#define ARENA_BUDGET ((size_t)512 << 20) /* 4 million members and more */

struct reading {
	struct client *client;
	struct change_list *changes;
	struct arena arena; /* of one answer, or of one set */
	struct error *err;
};

static int no_memory(const struct reading *r)
{
	return error_set(r->err, ERROR_LIMIT, "MEMORY", "out of memory");
}

/* `change` is empty afterwards in any case. */
static int push(const struct reading *r, struct change *change)
{
	int result = change_list_push(r->changes, change);

	change_deinit(change);
	return result < 0 ? no_memory(r) : 0;
}

static int ask(
	struct reading *r, enum method_id method, const ProtobufCMessage *request, void *ret_answer)
{
	return call_unary(r->client, method, request, &r->arena, ret_answer, r->err);
}

/* --- defaults and settings, of the server's information */

static int push_default(const struct reading *r, const Pepctl__V1__InterfaceDefault *m)
{
	struct change change;

	change_init(&change, CHANGE_DEFAULT);
	change.block = m->action == PEPCTL__V1__ACTION_KIND__ACTION_BLOCK;
	snprintf(change.iface, sizeof(change.iface), "%s", m->iface);
	return push(r, &change);
}

static int push_setting(const struct reading *r, const Pepctl__V1__Setting *m)
{
	struct change change;
	int result;

	change_init(&change, CHANGE_SETTING);
	result =
		setting_parse(m->name, m->value, "setting", &change.setting, &change.value, r->err);
	if (result || change.value == setting_info(change.setting)->value)
		return result;
	return push(r, &change);
}

static int ask_info(struct reading *r, Pepctl__V1__GetServerInfoResponse **ret)
{
	Pepctl__V1__GetServerInfoRequest request;

	arena_reset(&r->arena);
	pepctl__v1__get_server_info_request__init(&request);
	return ask(r, METHOD_GET_SERVER_INFO, &request.base, ret);
}

static int read_config(struct reading *r, uint64_t *ret_revision)
{
	Pepctl__V1__GetServerInfoResponse *info;
	int result = ask_info(r, &info);

	if (!result && info->default_action)
		result = push_default(r, info->default_action);
	for (size_t i = 0; !result && i < info->n_interface_defaults; i++)
		result = push_default(r, info->interface_defaults[i]);
	for (size_t i = 0; !result && i < info->n_settings; i++)
		result = push_setting(r, info->settings[i]);
	if (!result)
		*ret_revision = info->revision;
	return result;
}

static int read_interfaces(struct reading *r)
{
	Pepctl__V1__ListInterfacesRequest request;
	Pepctl__V1__ListInterfacesResponse *answer;
	int result;

	arena_reset(&r->arena);
	pepctl__v1__list_interfaces_request__init(&request);
	result = ask(r, METHOD_LIST_INTERFACES, &request.base, &answer);
	for (size_t i = 0; !result && i < answer->n_wanted; i++) {
		struct change change;

		change_init(&change, CHANGE_ATTACH);
		change.mode = (enum attach_mode)answer->wanted[i]->mode;
		snprintf(change.iface, sizeof(change.iface), "%s", answer->wanted[i]->iface);
		result = push(r, &change);
	}
	return result;
}

/* --- sets */

static int ask_sets(struct reading *r, Pepctl__V1__ListSetsResponse **ret)
{
	Pepctl__V1__ListSetsRequest request;

	arena_reset(&r->arena);
	pepctl__v1__list_sets_request__init(&request);
	return ask(r, METHOD_LIST_SETS, &request.base, ret);
}

/* Their members are asked for afterwards: an answer takes the place of the one before. */
static int read_set_options(struct reading *r)
{
	Pepctl__V1__ListSetsResponse *answer;
	int result = ask_sets(r, &answer);

	for (size_t i = 0; !result && i < answer->n_sets; i++) {
		struct change change;

		change_init(&change, CHANGE_PUT_SET);
		change.bannable = answer->sets[i]->bannable;
		change.max_ttl = (uint64_t)answer->sets[i]->max_ttl_nano;
		snprintf(change.name, sizeof(change.name), "%s", answer->sets[i]->name);
		result = push(r, &change);
	}
	return result;
}

static int read_sets(struct reading *r)
{
	size_t at = r->changes->count;
	int result = read_set_options(r);

	for (; !result && at < r->changes->count; at++) {
		struct change *set = &r->changes->items[at];

		arena_reset(&r->arena);
		result = members_list(r->client, set->name, &r->arena, &set->members, r->err);
		member_list_sort(&set->members);
	}
	return result;
}

/* --- policies: listed in deciding order, wanted in the ruleset's */

struct placed {
	uint64_t position;
	struct change change;
};

struct placed_list {
	struct placed *items; /* owned, with their changes */
	size_t count, room;
};

static void placed_deinit(struct placed_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		change_deinit(&list->items[i].change);
	free(list->items);
}

static int by_position(const void *a, const void *b)
{
	const struct placed *p = a, *q = b;

	return (p->position > q->position) - (p->position < q->position);
}

static int add_policy(
	const struct reading *r, const Pepctl__V1__PolicyStatus *m, struct placed_list *list)
{
	struct placed *placed;

	if (list->count == list->room) {
		size_t room = MAX(2 * list->room, 256u);
		struct placed *grown = reallocarray(list->items, room, sizeof(*grown));

		if (!grown)
			return no_memory(r);
		list->items = grown;
		list->room = room;
	}
	placed = &list->items[list->count++];
	placed->position = m->position;
	change_init(&placed->change, CHANGE_PUT_POLICY);
	if (!m->policy)
		return error_set(
			r->err, ERROR_INTERNAL, "NO_POLICY", "pepctld sent an empty policy");
	return policy_from_proto(m->policy, "policy", &placed->change.policy, r->err);
}

static int list_policies(struct reading *r, struct placed_list *list)
{
	Pepctl__V1__ListPoliciesRequest request;
	Pepctl__V1__ListPoliciesResponse *answer;
	char token[256] = "";
	int result;

	pepctl__v1__list_policies_request__init(&request);
	request.page_token = token;
	do {
		arena_reset(&r->arena);
		result = ask(r, METHOD_LIST_POLICIES, &request.base, &answer);
		for (size_t i = 0; !result && i < answer->n_policies; i++)
			result = add_policy(r, answer->policies[i], list);
		if (!result)
			snprintf(token, sizeof(token), "%s", answer->next_page_token);
	} while (!result && *token);
	return result;
}

static int read_policies(struct reading *r)
{
	_cleanup_(placed_deinit) struct placed_list list = {0};
	int result = list_policies(r, &list);

	if (!result && list.count)
		qsort(list.items, list.count, sizeof(*list.items), by_position);
	for (size_t i = 0; !result && i < list.count; i++)
		result = push(r, &list.items[i].change);
	return result;
}

/* --- all of it, of one revision */

static int changed(const struct reading *r)
{
	return error_set(r->err, ERROR_CONFLICT, "CHANGING",
		"the ruleset changes faster than it can be read; try again");
}

static int read_once(struct reading *r, uint64_t *ret_revision)
{
	Pepctl__V1__GetServerInfoResponse *after;
	int result = read_config(r, ret_revision);

	if (!result)
		result = read_interfaces(r);
	if (!result)
		result = read_sets(r);
	if (!result)
		result = read_policies(r);
	if (!result)
		result = ask_info(r, &after);
	return result || after->revision == *ret_revision ? result : changed(r);
}

/* A set, or a page of policies, may have gone between two questions: that is a change too. */
static bool may_have_changed(const struct error *err)
{
	return err->kind == ERROR_CONFLICT || err->kind == ERROR_NOT_FOUND;
}

int ruleset_read(
	struct client *client, struct change_list *ret, uint64_t *ret_revision, struct error *err)
{
	_cleanup_changes_ struct change_list changes = {0};
	struct reading r = {.client = client, .changes = &changes, .err = err};
	int result;

	arena_init(&r.arena, ARENA_BUDGET);
	for (unsigned int tries = TRIES;; tries--) {
		result = read_once(&r, ret_revision);
		if (!result || tries == 1 || !may_have_changed(err))
			break;
		error_deinit(err);
		change_list_deinit(&changes);
	}
	arena_deinit(&r.arena);
	if (result)
		return result;
	*ret = changes;
	changes = (struct change_list){0};
	return 0;
}
