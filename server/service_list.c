/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * ListPolicies: pages of one revision. The first page of a listing that does
 * not fit keeps what it saw for 30 seconds; a token names it and where to go on.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "server/service.h"

#define PAGE_DEFAULT  1000u
#define PAGE_MAX      10000u
#define PAGE_BYTES    (3u << 20) /* a page ends early rather than exceed a frame */
#define SNAPSHOTS_MAX 16u
#define SNAPSHOT_LIFE 30000000000ll /* ns */

struct snapshot {
	uint64_t id;
	uint64_t revision;
	uint32_t uid; /* who lists */
	int64_t expires; /* CLOCK_MONOTONIC ns; 0 = free */
	struct store_policy **policies; /* referenced */
	size_t count;
};

struct service_snapshots {
	struct snapshot all[SNAPSHOTS_MAX];
	uint64_t last_id;
};

static void snapshot_free(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->count; i++)
		store_policy_unref(snapshot->policies[i]);
	free(snapshot->policies);
	*snapshot = (struct snapshot){0};
}

static int snapshot_take(struct service *s, uint32_t uid, const char *prefix, struct snapshot *ret)
{
	size_t all = store_policy_count(s->store), count = 0;
	struct store_policy **policies = calloc(all + 1, sizeof(*policies));

	if (!policies)
		return -ENOMEM;
	for (size_t i = 0; i < all; i++) {
		const struct store_policy *p = store_policy_at(s->store, i);

		if (p && strncmp(p->policy.name, prefix, strlen(prefix)) == 0)
			policies[count++] = store_policy_ref(p);
	}
	*ret = (struct snapshot){
		.revision = store_revision(s->store), .uid = uid, .policies = policies, .count = count};
	return 0;
}

static size_t snapshots_of(const struct service_snapshots *snapshots, uint32_t uid)
{
	size_t count = 0;

	for (size_t i = 0; i < SNAPSHOTS_MAX; i++)
		count += snapshots->all[i].expires && snapshots->all[i].uid == uid;
	return count;
}

/*
 * A free place, else the oldest one of the same uid, else the oldest of those who have most: so
 * who lists again and again ends only listings of its own.
 */
static struct snapshot *snapshot_place(struct service_snapshots *snapshots, uint32_t uid)
{
	size_t own = snapshots_of(snapshots, uid), best = 0;
	struct snapshot *place = NULL;

	for (size_t i = 0; i < SNAPSHOTS_MAX; i++) {
		struct snapshot *each = &snapshots->all[i];
		size_t weight = own ? each->uid == uid : snapshots_of(snapshots, each->uid);

		if (!each->expires)
			return each;
		if (weight > best || (weight == best && (!place || each->expires < place->expires))) {
			best = weight;
			place = each;
		}
	}
	return place;
}

static struct snapshot *snapshot_keep(struct service *s, struct snapshot *snapshot)
{
	int64_t now = service_monotonic_now();
	struct snapshot *place;

	for (size_t i = 0; i < SNAPSHOTS_MAX; i++)
		if (s->snapshots->all[i].expires && s->snapshots->all[i].expires <= now)
			snapshot_free(&s->snapshots->all[i]);
	place = snapshot_place(s->snapshots, snapshot->uid);
	snapshot_free(place);
	*place = *snapshot;
	place->id = ++s->snapshots->last_id;
	place->expires = now + SNAPSHOT_LIFE;
	return place;
}

static int snapshot_find(struct service *s, const char *token, struct snapshot **ret,
	size_t *ret_start, struct error *err)
{
	uint64_t numbers[2]; /* the snapshot's id, where in it the page begins */
	int r = service_read_token(token, 2, numbers, err);

	if (r)
		return r;
	for (size_t i = 0; i < SNAPSHOTS_MAX; i++) {
		struct snapshot *each = &s->snapshots->all[i];

		if (each->id == numbers[0] && each->expires > service_monotonic_now() &&
			numbers[1] <= each->count) {
			*ret = each;
			*ret_start = numbers[1];
			return 0;
		}
	}
	return error_set(err, ERROR_CONFLICT, "LISTING_EXPIRED",
		"the listing is older than 30 seconds; begin it again");
}

static int add_defaults(struct service *s, struct call *call,
	Pepctl__V1__ListPoliciesResponse *answer)
{
	const struct store_config *c = store_config(s->store);

	answer->default_action = c->block ? PEPCTL__V1__ACTION_KIND__ACTION_BLOCK :
					    PEPCTL__V1__ACTION_KIND__ACTION_ALLOW;
	answer->interface_defaults =
		service_defaults(s, call, &answer->n_interface_defaults);
	return answer->interface_defaults ? 0 : -ENOMEM;
}

/* Returns where the next page starts, 0 = memory. */
static size_t add_page(struct service *s, struct call *call, const struct snapshot *snapshot,
	size_t start, size_t limit, Pepctl__V1__ListPoliciesResponse *answer)
{
	size_t end = MIN(snapshot->count, start + limit), bytes = 0, at = start;

	answer->policies = arena_array(call_arena(call), end - start + 1, sizeof(*answer->policies));
	for (; answer->policies && at < end && bytes < PAGE_BYTES; at++) {
		Pepctl__V1__PolicyStatus *status =
			service_policy_status(s, call, snapshot->policies[at]);

		if (!status)
			return SIZE_MAX;
		answer->policies[answer->n_policies++] = status;
		bytes += strlen(snapshot->policies[at]->line) + 100;
	}
	return answer->policies ? at : SIZE_MAX;
}

static void answer_page(struct service *s, struct call *call, struct snapshot *snapshot, bool kept,
	size_t start, size_t limit)
{
	Pepctl__V1__ListPoliciesResponse *answer = SERVICE_MESSAGE(call, list_policies_response);
	size_t next = answer ? add_page(s, call, snapshot, start, limit, answer) : SIZE_MAX;

	if (next == SIZE_MAX || add_defaults(s, call, answer) < 0) {
		if (!kept)
			snapshot_free(snapshot);
		service_fail_memory(call);
		return;
	}
	answer->revision = snapshot->revision;
	answer->total = snapshot->count;
	if (next < snapshot->count) {
		if (!kept)
			snapshot = snapshot_keep(s, snapshot);
		answer->next_page_token =
			arena_printf(call_arena(call), "%" PRIu64 ".%zu", snapshot->id, next);
	} else if (!kept) {
		snapshot_free(snapshot);
	}
	call_reply(call, &answer->base);
}

static void list_policies(void *data, struct call *call)
{
	const Pepctl__V1__ListPoliciesRequest *request = call_request(call);
	struct service *s = data;
	struct snapshot fresh = {0}, *snapshot = &fresh;
	struct error err = ERROR_INIT;
	size_t start = 0, limit;

	limit = request->page_size ? MIN(request->page_size, PAGE_MAX) : PAGE_DEFAULT;
	if (*request->page_token) {
		if (snapshot_find(s, request->page_token, &snapshot, &start, &err)) {
			call_fail(call, &err);
			return;
		}
	} else if (snapshot_take(s, call_peer(call)->uid, request->name_prefix, &fresh) < 0) {
		service_fail_memory(call);
		return;
	}
	answer_page(s, call, snapshot, snapshot != &fresh, start, limit);
}

int service_list_init(struct service *s)
{
	s->snapshots = calloc(1, sizeof(*s->snapshots));
	rpc_handle(s->rpc, METHOD_LIST_POLICIES, list_policies, s);
	return s->snapshots ? 0 : -ENOMEM;
}

void service_list_deinit(struct service *s)
{
	for (size_t i = 0; s->snapshots && i < SNAPSHOTS_MAX; i++)
		snapshot_free(&s->snapshots->all[i]);
	free(TAKE_PTR(s->snapshots));
}
