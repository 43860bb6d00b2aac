/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* LeaseMembers, ReleaseMembers and ReconcileMembers. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/member_proto.h"
#include "server/service.h"

/* From the request to the answer. */
struct pending {
	struct service *service;
	struct call *call;
	struct store_tx tx;
	struct store_lease *lease; /* owned until it is submitted */
	struct member_places places;
};

static void pending_free(struct pending *p)
{
	if (p->lease)
		member_list_deinit(&p->lease->members);
	free(p->lease);
	member_places_deinit(&p->places);
	free(p);
}

static struct pending *pending_new(struct service *s, struct call *call, enum store_lease_kind kind)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (p)
		p->lease = calloc(1, sizeof(*p->lease));
	if (!p || !p->lease) {
		free(p);
		return NULL;
	}
	p->service = s;
	p->call = call;
	service_tx_init(call, &p->tx);
	p->tx.kind = STORE_LEASES;
	p->lease->kind = kind;
	p->lease->bans_only = !(call_peer(call)->rights & RIGHT_ADMIN);
	return p;
}

/* Fails the call for what was read wrong, or lets the store go on. */
static void submit(struct pending *p, struct error *err, store_done done)
{
	if (error_is_set(err)) {
		call_fail(p->call, err);
		pending_free(p);
		return;
	}
	p->tx.lease = TAKE_PTR(p->lease);
	call_forget_request(p->call); /* of which nothing is borrowed: thousands of bans may wait */
	store_submit(p->service->store, &p->tx, done, p);
}

/* --- what both requests have; each adds what is wrong */

static void read_set(
	const char *set, bool may_be_empty, struct store_lease *lease, struct error *err)
{
	if (!policy_name_valid(set) && !(may_be_empty && !*set))
		error_violation(err, "set", "\"%.80s\" is not 1 to %u of [A-Za-z0-9._-]", set,
			POLICY_NAME_MAX);
	snprintf(lease->set, sizeof(lease->set), "%s", set);
}

/* Who may do no more than ban is an owner itself, and no other one. */
static void read_owner(const char *owner, struct pending *p, struct error *err)
{
	char own[LEASE_OWNER_MAX + 1];
	bool given = *owner;

	snprintf(own, sizeof(own), "uid:%" PRIu32, call_peer(p->call)->uid);
	if (given && !member_owner_valid(owner))
		error_violation(err, "owner", "\"%.80s\" is not 1 to %u of [A-Za-z0-9._:-]", owner,
			LEASE_OWNER_MAX);
	else if (p->lease->bans_only && given && !streq(owner, own))
		error_set(err, ERROR_DENIED, "NO_RIGHT",
			"owner %s needs root or a member of pepctld's admin group; uid %" PRIu32
			" holds as %s",
			owner, call_peer(p->call)->uid, own);
	snprintf(p->lease->owner, sizeof(p->lease->owner), "%s", given ? owner : own);
}

/* False when what they are is not known. */
static bool read_members(const Pepctl__V1__Members *members, struct pending *p, struct error *err)
{
	return !members_from_proto_placed(members, "members", &p->lease->members, &p->places, err);
}

/* --- holding */

static void read_ttl(int64_t ttl, struct store_lease *lease, struct error *err)
{
	if (ttl < 0)
		error_violation(err, "ttl_nano", "is negative");
	else if (ttl > (int64_t)TTL_MAX)
		error_violation(err, "ttl_nano", "is more than 10 years; 0 is until released");
	else if (!ttl && lease->bans_only)
		error_violation(err, "ttl_nano",
			"is 0, until released, which needs root or a member of pepctld's admin "
			"group");
	lease->ttl = ttl;
}

static void read_lease(
	const Pepctl__V1__LeaseMembersRequest *request, struct pending *p, struct error *err)
{
	struct store_lease *lease = p->lease;
	bool reconcile = lease->kind == STORE_RECONCILE;

	read_set(request->set, false, lease, err);
	if (read_members(request->members, p, err) && !member_list_count(&lease->members) &&
		!(reconcile && request->members))
		error_violation(err, "members",
			reconcile ? "is missing; an empty one releases all that the owner holds"
				  : "are none");
	read_ttl(request->ttl_nano, lease, err);
	if (reconcile && request->shorten)
		error_violation(err, "shorten", "is for LeaseMembers alone");
	if (reconcile && request->ban)
		error_violation(err, "ban", "is for LeaseMembers alone");
	read_owner(request->owner, p, err);
	lease->shorten = request->shorten;
	lease->ban = request->ban;
	p->tx.validate_only = request->validate_only;
	p->tx.force = request->force;
}

/* --- its answer, for which the whole arena of the call is there */

struct index {
	uint32_t index;
	const char *reason;
};

static int by_index(const void *a, const void *b)
{
	const struct index *p = a, *q = b;

	return (p->index > q->index) - (p->index < q->index);
}

static struct index *indexes_of(const struct pending *p, const struct store_lease_result *result)
{
	struct index *all = arena_array(call_arena(p->call), result->note_count + 1, sizeof(*all));

	for (size_t i = 0; all && i < result->note_count; i++) {
		const struct store_lease_note *note = &result->notes[i];

		all[i].index = member_places_index(&p->places, note->family, note->at);
		all[i].reason = note->reason;
	}
	if (all)
		qsort(all, result->note_count, sizeof(*all), by_index);
	return all;
}

static int add_refusal(
	struct call *call, const struct index *from, Pepctl__V1__LeaseMembersResponse *answer)
{
	Pepctl__V1__LeaseRefusal *m = SERVICE_MESSAGE(call, lease_refusal);

	if (!m || !(m->reason = arena_strdup(call_arena(call), from->reason)))
		return -ENOMEM;
	m->index = from->index;
	answer->rejected[answer->n_rejected++] = m;
	return 0;
}

static int add_notes(const struct pending *p, const struct store_lease_result *result,
	Pepctl__V1__LeaseMembersResponse *answer)
{
	struct arena *arena = call_arena(p->call);
	struct index *all = indexes_of(p, result);
	int r = 0;

	answer->rejected = arena_array(arena, result->note_count + 1, sizeof(*answer->rejected));
	answer->kept = arena_array(arena, result->note_count + 1, sizeof(*answer->kept));
	if (!all || !answer->rejected || !answer->kept)
		return -ENOMEM;
	for (size_t i = 0; i < result->note_count && !r; i++)
		if (all[i].reason)
			r = add_refusal(p->call, &all[i], answer);
		else
			answer->kept[answer->n_kept++] = all[i].index;
	return r;
}

/* What a ban has made is a change of the ruleset, which nobody asked for in so many words. */
static int add_warnings(const struct pending *p, const struct store_result *result,
	Pepctl__V1__LeaseMembersResponse *answer)
{
	struct service_warnings more = {0};
	struct arena *arena = call_arena(p->call);

	if (service_warn_result(arena, p->service, result, &more) < 0)
		return -ENOMEM;
	answer->warnings =
		arena_array(arena, result->line_count + more.count + 1, sizeof(*answer->warnings));
	if (!answer->warnings)
		return -ENOMEM;
	for (size_t i = 0; i < result->line_count; i++) {
		char *text = arena_printf(arena, "%s for the ban: %s",
			p->tx.validate_only ? "would be made" : "made", result->lines[i]);

		if (!text)
			return -ENOMEM;
		answer->warnings[answer->n_warnings++] = text;
	}
	for (size_t i = 0; i < more.count; i++)
		answer->warnings[answer->n_warnings++] = more.list[i];
	return 0;
}

static void on_leased(void *data, const struct store_result *result, struct error *err)
{
	Pepctl__V1__LeaseMembersResponse *answer;
	struct pending *p = data;

	if (err) {
		call_fail(p->call, err);
		pending_free(p);
		return;
	}
	arena_reset(call_arena(p->call));
	answer = SERVICE_MESSAGE(p->call, lease_members_response);
	if (!answer || add_notes(p, result->leases, answer) < 0 ||
		add_warnings(p, result, answer) < 0) {
		service_fail_memory(p->call);
	} else {
		answer->added = result->leases->added;
		answer->refreshed = result->leases->refreshed;
		answer->unchanged = result->leases->unchanged;
		answer->released = result->leases->released;
		answer->rejected_total = result->leases->rejected;
		answer->kept_total = result->leases->kept;
		answer->revision = result->revision;
		call_reply(p->call, &answer->base);
	}
	pending_free(p);
}

static void hold(struct service *s, struct call *call, enum store_lease_kind kind)
{
	struct pending *p = pending_new(s, call, kind);
	struct error err = ERROR_INIT;

	if (!p) {
		service_fail_memory(call);
		return;
	}
	read_lease(call_request(call), p, &err);
	submit(p, &err, on_leased);
}

static void lease_members(void *data, struct call *call)
{
	hold(data, call, STORE_HOLD);
}

static void reconcile_members(void *data, struct call *call)
{
	hold(data, call, STORE_RECONCILE);
}

/* --- releasing */

static void on_released(void *data, const struct store_result *result, struct error *err)
{
	Pepctl__V1__ReleaseMembersResponse *answer;
	struct pending *p = data;
	struct call *call = p->call;

	pending_free(p);
	if (err) {
		call_fail(call, err);
		return;
	}
	arena_reset(call_arena(call));
	answer = SERVICE_MESSAGE(call, release_members_response);
	if (!answer) {
		service_fail_memory(call);
		return;
	}
	answer->released = result->leases->released;
	answer->missing = result->leases->missing;
	call_reply(call, &answer->base);
}

static void read_any_owner(
	const Pepctl__V1__ReleaseMembersRequest *request, struct pending *p, struct error *err)
{
	p->lease->any_owner = request->any_owner;
	if (request->any_owner && *request->owner)
		error_violation(err, "any_owner", "goes without an owner");
	else if (request->any_owner && p->lease->bans_only)
		error_set(err, ERROR_DENIED, "NO_RIGHT",
			"any_owner needs root or a member of pepctld's admin group; uid %" PRIu32
			" is neither",
			call_peer(p->call)->uid);
	else
		read_owner(request->owner, p, err);
	if (request->any_owner)
		p->lease->owner[0] = 0;
}

static void read_release(
	const Pepctl__V1__ReleaseMembersRequest *request, struct pending *p, struct error *err)
{
	bool known, some;

	p->lease->kind = request->all ? STORE_RELEASE_ALL : STORE_RELEASE;
	read_set(request->set, true, p->lease, err);
	known = read_members(request->members, p, err);
	some = member_list_count(&p->lease->members);
	if (some && request->all)
		error_violation(err, "all", "goes without members");
	else if (known && !some && !request->all)
		error_violation(
			err, "members", "are none; for whatever is held there is the field all");
	read_any_owner(request, p, err);
}

static void release_members(void *data, struct call *call)
{
	struct pending *p = pending_new(data, call, STORE_RELEASE);
	struct error err = ERROR_INIT;

	if (!p) {
		service_fail_memory(call);
		return;
	}
	read_release(call_request(call), p, &err);
	submit(p, &err, on_released);
}

void service_lease_init(struct service *s)
{
	rpc_handle(s->rpc, METHOD_LEASE_MEMBERS, lease_members, s);
	rpc_handle(s->rpc, METHOD_RELEASE_MEMBERS, release_members, s);
	rpc_handle(s->rpc, METHOD_RECONCILE_MEMBERS, reconcile_members, s);
}
