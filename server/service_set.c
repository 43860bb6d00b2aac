/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * ListSets and ListSetMembers. A listing of members walks the set's own table: a
 * page costs what it holds, nothing is kept between pages, and a listing of a set
 * that changes meanwhile is told to begin again.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/member_proto.h"
#include "server/service.h"

#define PAGE_BYTES (1u << 20) /* a few milliseconds of the loop */

static Pepctl__V1__SetStatus *status_message(struct service *s, struct call *call, uint8_t id)
{
	const struct member_set *members = store_set_members(s->store, id);
	const struct store_set *set = store_set_at(s->store, id);
	Pepctl__V1__SetStatus *m = SERVICE_MESSAGE(call, set_status);

	if (!m || !(m->name = arena_strdup(call_arena(call), set->name)))
		return NULL;
	m->bannable = set->bannable;
	m->max_ttl_nano = (int64_t)set->max_ttl;
	m->ipv4_members = members->v4.count;
	m->ipv6_members = members->v6.count;
	m->created_revision = set->created_revision;
	m->changed_revision = set->changed_revision;
	m->leases = store_lease_count(s->store, id);
	return m;
}

static int by_name(const void *a, const void *b)
{
	const Pepctl__V1__SetStatus *const *p = a, *const *q = b;

	return strcmp((*p)->name, (*q)->name);
}

static void list_sets(void *data, struct call *call)
{
	Pepctl__V1__ListSetsResponse *answer = SERVICE_MESSAGE(call, list_sets_response);
	struct service *s = data;

	if (answer)
		answer->sets = arena_array(call_arena(call), STORE_SETS_MAX, sizeof(*answer->sets));
	for (uint8_t id = 0; answer && answer->sets && id < STORE_SETS_MAX; id++) {
		if (!store_set_at(s->store, id))
			continue;
		answer->sets[answer->n_sets] = status_message(s, call, id);
		if (!answer->sets[answer->n_sets++])
			answer->sets = NULL;
	}
	if (!answer || !answer->sets) {
		service_fail_memory(call);
		return;
	}
	qsort(answer->sets, answer->n_sets, sizeof(*answer->sets), by_name);
	answer->revision = store_revision(s->store);
	call_reply(call, &answer->base);
}

/* --- members */

/* Where a listing goes on: of this run of the daemon, this state of the set. */
static int read_token(struct service *s, const char *token, const struct store_set *set,
	uint64_t *ret_cursor, struct error *err)
{
	uint64_t numbers[3]; /* as answer_page() has them */
	int r = service_read_token(token, 3, numbers, err);

	if (r)
		return r;
	if (numbers[0] != (uint64_t)s->started || numbers[1] != set->members_revision)
		return error_set(err, ERROR_CONFLICT, "LISTING_EXPIRED",
			"set %s has changed since the listing began; begin it again", set->name);
	*ret_cursor = numbers[2];
	return 0;
}

/* Up to a page from the cursor on. 0 or -ENOMEM. */
static int read_page(const struct member_set *members, size_t limit, uint64_t *cursor,
	struct member_list *ret, bool *ret_more)
{
	size_t bytes = 0;
	struct member m;
	uint64_t next;

	while (bytes < PAGE_BYTES && member_list_count(ret) < limit &&
		member_set_next(members, cursor, &m)) {
		if (member_list_push(ret, &m) < 0)
			return -ENOMEM;
		bytes += m.family == 4 ? sizeof(struct member4) : sizeof(struct member6);
	}
	next = *cursor;
	*ret_more = member_set_next(members, &next, &m);
	return 0;
}

static void fail_forged(struct call *call)
{
	struct error err = ERROR_INIT;

	error_violation(&err, "page_token", "it is behind the end of the set");
	call_fail(call, &err);
}

static void answer_page(
	struct service *s, struct call *call, uint8_t id, size_t limit, uint64_t cursor)
{
	Pepctl__V1__ListSetMembersResponse *answer =
		SERVICE_MESSAGE(call, list_set_members_response);
	const struct store_set *set = store_set_at(s->store, id);
	_cleanup_members_ struct member_list page = {0};
	bool more = false, goes_on = cursor > 0;

	if (!answer ||
		read_page(store_set_members(s->store, id), limit, &cursor, &page, &more) < 0 ||
		!(answer->members = members_to_proto(&page, call_arena(call))) ||
		!(answer->set = status_message(s, call, id))) {
		service_fail_memory(call);
		return;
	}
	if (goes_on && !member_list_count(&page)) { /* a token is given when more follows */
		fail_forged(call);
		return;
	}
	answer->revision = store_revision(s->store);
	if (more)
		answer->next_page_token =
			arena_printf(call_arena(call), "%" PRId64 ".%" PRIu64 ".%" PRIu64,
				s->started, set->members_revision, cursor);
	if (answer->next_page_token)
		call_reply(call, &answer->base);
	else
		service_fail_memory(call);
}

static void list_set_members(void *data, struct call *call)
{
	const Pepctl__V1__ListSetMembersRequest *request = call_request(call);
	struct service *s = data;
	struct error err = ERROR_INIT;
	const struct store_set *set;
	uint64_t cursor = 0;
	uint8_t id = 0;

	set = store_set_find(s->store, request->set, &id);
	if (!set)
		error_set(&err, ERROR_NOT_FOUND, "NO_SET", "there is no set %.80s", request->set);
	else if (*request->page_token)
		read_token(s, request->page_token, set, &cursor, &err);
	if (error_is_set(&err))
		call_fail(call, &err);
	else
		answer_page(
			s, call, id, request->page_size ? request->page_size : SIZE_MAX, cursor);
}

void service_set_init(struct service *s)
{
	rpc_handle(s->rpc, METHOD_LIST_SETS, list_sets, s);
	rpc_handle(s->rpc, METHOD_LIST_SET_MEMBERS, list_set_members, s);
}
