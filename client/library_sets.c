/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* libpepctl: sets. */
#include <errno.h>
#include <stdio.h>

#include "client/library.h"
#include "client/members.h"
#include "common/member_proto.h"

static int fill(struct change *change, const char *name, const char *const members[], size_t count,
	struct error *err)
{
	char field[40], message[160];

	if (!policy_name_valid(name))
		return error_violation(err, "name", "\"%.80s\" is not 1 to %u of [A-Za-z0-9._-]",
			name, POLICY_NAME_MAX);
	snprintf(change->name, sizeof(change->name), "%s", name);
	for (size_t i = 0; i < count; i++) {
		if (!member_list_add_text(
			    &change->members, members[i], strlen(members[i]), message))
			continue;
		snprintf(field, sizeof(field), "members[%zu]", i);
		error_violation(err, field, "%s", message);
	}
	return error_is_set(err) ? -EINVAL : 0;
}

static int change_set(pepctl_client *client, enum change_kind kind, const char *name,
	const char *const members[], size_t count, uint64_t *ret_revision,
	struct pepctl_error *error)
{
	_cleanup_changes_ struct change_list changes = {0};
	struct error err = ERROR_INIT;
	struct change change;

	change_init(&change, kind);
	if (!fill(&change, name, members, count, &err) && change_list_push(&changes, &change) < 0)
		error_set(&err, ERROR_LIMIT, "MEMORY", "out of memory");
	change_deinit(&change);
	return error_is_set(&err) ? library_fail(&err, error)
				  : library_apply(client, &changes, false, ret_revision, error);
}

int pepctl_set_create(
	pepctl_client *client, const char *name, uint64_t *ret_revision, struct pepctl_error *error)
{
	return change_set(client, CHANGE_CREATE_SET, name, NULL, 0, ret_revision, error);
}

int pepctl_set_delete(
	pepctl_client *client, const char *name, uint64_t *ret_revision, struct pepctl_error *error)
{
	return change_set(client, CHANGE_DELETE_SET, name, NULL, 0, ret_revision, error);
}

int pepctl_set_add(pepctl_client *client, const char *name, const char *const members[],
	size_t count, uint64_t *ret_revision, struct pepctl_error *error)
{
	return change_set(client, CHANGE_ADD_MEMBERS, name, members, count, ret_revision, error);
}

int pepctl_set_remove(pepctl_client *client, const char *name, const char *const members[],
	size_t count, uint64_t *ret_revision, struct pepctl_error *error)
{
	return change_set(client, CHANGE_REMOVE_MEMBERS, name, members, count, ret_revision, error);
}

int pepctl_set_replace(pepctl_client *client, const char *name, const char *const members[],
	size_t count, uint64_t *ret_revision, struct pepctl_error *error)
{
	return change_set(
		client, CHANGE_REPLACE_MEMBERS, name, members, count, ret_revision, error);
}

int pepctl_set_list(pepctl_client *client, int (*each)(void *data, const struct pepctl_set *set),
	void *data, struct pepctl_error *error)
{
	Pepctl__V1__ListSetsRequest request;
	Pepctl__V1__ListSetsResponse *answer;
	struct error err = ERROR_INIT;

	arena_reset(&client->arena);
	pepctl__v1__list_sets_request__init(&request);
	if (call_unary(client->connection, METHOD_LIST_SETS, &request.base, &client->arena, &answer,
		    &err))
		return library_fail(&err, error);
	for (size_t i = 0; i < answer->n_sets; i++) {
		struct pepctl_set set = {
			.name = answer->sets[i]->name,
			.ipv4_members = answer->sets[i]->ipv4_members,
			.ipv6_members = answer->sets[i]->ipv6_members,
			.leases = answer->sets[i]->leases,
		};

		if (each(data, &set))
			break;
	}
	return PEPCTL_OK;
}

int pepctl_set_members(pepctl_client *client, const char *name,
	int (*each)(void *data, const char *member), void *data, struct pepctl_error *error)
{
	_cleanup_members_ struct member_list list = {0};
	struct error err = ERROR_INIT;
	char text[MEMBER_TEXT_SIZE];

	arena_reset(&client->arena);
	if (members_list(client->connection, name, &client->arena, &list, &err))
		return library_fail(&err, error);
	member_list_sort(&list);
	for (size_t i = 0; i < member_list_count(&list); i++) {
		struct member m = member_list_at(&list, i);

		member_format(&m, text);
		if (each(data, text))
			break;
	}
	return PEPCTL_OK;
}
