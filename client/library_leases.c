/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* libpepctl: members that owners hold. */
#include <errno.h>
#include <stdio.h>

#include "client/lease.h"
#include "client/library.h"
#include "common/policy.h"

typedef int (*lease_note)(void *data, const struct pepctl_lease_note *note);

struct sink {
	lease_note each;
	void *data;
	bool ended;
};

static void note(void *data, const struct member *member, const char *reason)
{
	struct sink *sink = data;
	char text[MEMBER_TEXT_SIZE];

	if (sink->ended)
		return;
	member_format(member, text);
	sink->ended =
		sink->each(sink->data, &(struct pepctl_lease_note){text, reason ? reason : ""});
}

/* Everything that can be wrong before it is sent. */
static int read_members(const char *set, const char *owner, const char *const members[],
	size_t count, struct member_list *ret, struct error *err)
{
	char field[40], message[160];

	if (*set && !policy_name_valid(set))
		error_violation(err, "set", "\"%.80s\" is not 1 to %u of [A-Za-z0-9._-]", set,
			POLICY_NAME_MAX);
	if (*owner && !member_owner_valid(owner))
		error_violation(err, "owner", "\"%.80s\" is not 1 to %u of [A-Za-z0-9._:-]", owner,
			MEMBER_OWNER_MAX);
	for (size_t i = 0; i < count; i++) {
		if (!member_list_add_text(ret, members[i], strlen(members[i]), message))
			continue;
		snprintf(field, sizeof(field), "members[%zu]", i);
		error_violation(err, field, "%s", message);
	}
	return error_is_set(err) ? -EINVAL : 0;
}

static void give(const struct lease_answer *answer, struct pepctl_lease_counts *ret)
{
	if (ret)
		*ret = (struct pepctl_lease_counts){
			.added = answer->added,
			.refreshed = answer->refreshed,
			.unchanged = answer->unchanged,
			.released = answer->released,
			.missing = answer->missing,
			.rejected = answer->rejected,
			.kept = answer->kept,
		};
}

typedef int (*lease_sender)(struct client *client, const struct lease_request *request,
	const struct member_list *members, const struct lease_told *told, struct arena *arena,
	struct lease_answer *ret, struct error *err);

static int send(pepctl_client *client, lease_sender sender,
	const struct pepctl_lease_options *options, const char *const members[], size_t count,
	struct sink *sink, struct pepctl_lease_counts *ret, struct pepctl_error *error)
{
	const struct lease_told told = {.note = sink->each ? note : NULL, .data = sink};
	const struct lease_request request = {
		.set = options->set ? options->set : "",
		.owner = options->owner ? options->owner : "",
		.ttl = options->ttl,
		.shorten = options->shorten,
		.ban = options->ban,
		.force = client->force,
	};
	_cleanup_members_ struct member_list list = {0};
	struct lease_answer answer = {0};
	struct error err = ERROR_INIT;

	if (read_members(request.set, request.owner, members, count, &list, &err) ||
		sender(client->connection, &request, &list, &told, &client->arena, &answer, &err))
		return library_fail(&err, error);
	give(&answer, ret);
	return PEPCTL_OK;
}

int pepctl_lease_hold(pepctl_client *client, const struct pepctl_lease_options *options,
	const char *const members[], size_t count, lease_note each, void *data,
	struct pepctl_lease_counts *ret, struct pepctl_error *error)
{
	struct sink sink = {.each = each, .data = data};

	return send(client, lease_hold, options, members, count, &sink, ret, error);
}

int pepctl_lease_reconcile(pepctl_client *client, const struct pepctl_lease_options *options,
	const char *const members[], size_t count, lease_note each, void *data,
	struct pepctl_lease_counts *ret, struct pepctl_error *error)
{
	struct sink sink = {.each = each, .data = data};

	return send(client, lease_reconcile, options, members, count, &sink, ret, error);
}

int pepctl_lease_release(pepctl_client *client, const char *set, const char *owner,
	const char *const members[], size_t count, struct pepctl_lease_counts *ret,
	struct pepctl_error *error)
{
	struct lease_request request = {.set = set ? set : "", .owner = owner ? owner : ""};
	_cleanup_members_ struct member_list list = {0};
	struct lease_answer answer = {0};
	struct error err = ERROR_INIT;

	request.any_owner = streq(request.owner, PEPCTL_LEASE_ANY_OWNER);
	if (request.any_owner)
		request.owner = "";
	if (read_members(request.set, request.owner, members, members ? count : 0, &list, &err) ||
		lease_release(client->connection, &request, members ? &list : NULL, &client->arena,
			&answer, &err))
		return library_fail(&err, error);
	give(&answer, ret);
	return PEPCTL_OK;
}

/* --- a listing */

struct listing {
	int (*each)(void *data, const struct pepctl_lease *lease);
	void *data;
};

static int show(void *data, const struct lease_line *line)
{
	const struct listing *l = data;

	return l->each(l->data, &(struct pepctl_lease){
					.set = line->set,
					.member = line->member,
					.owner = line->owner,
					.left = line->left,
				});
}

int pepctl_lease_list(pepctl_client *client, const char *set, const char *owner,
	int (*each)(void *data, const struct pepctl_lease *lease), void *data,
	struct pepctl_error *error)
{
	struct listing l = {.each = each, .data = data};
	struct error err = ERROR_INIT;

	if (lease_each(client->connection, set, owner, &client->arena, show, &l, &err))
		return library_fail(&err, error);
	return PEPCTL_OK;
}
