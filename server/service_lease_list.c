/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * ListLeases: what is held in one set, or in all of them one after the other. Nothing is kept
 * between pages: a token says in which set to go on and where.
 */
#include <errno.h>
#include <inttypes.h>

#include "server/service.h"

#define PAGE_DEFAULT 1000u
#define PAGE_MAX     10000u
#define STEPS_MAX    ((size_t)2 * STORE_LEASE_STEPS) /* that one page looks at: a millisecond of the loop */

struct listing {
	struct service *service;
	struct call *call;
	Pepctl__V1__ListLeasesResponse *answer;
	struct store_held *held;
	const char *owner;
	bool all; /* sets, not one */
	uint8_t set;
	uint64_t cursor;
	size_t limit, steps;
};

/* The first set from there on, or STORE_SETS_MAX. */
static uint8_t next_set(const struct service *s, uint8_t id)
{
	while (id < STORE_SETS_MAX && !store_set_at(s->store, id))
		id++;
	return id;
}

/* --- the request */

static int read_token(const char *token, struct listing *l, struct error *err)
{
	uint64_t numbers[3]; /* as add_token() has them */
	int r = service_read_token(token, ARRAY_SIZE(numbers), numbers, err);

	if (r)
		return r;
	if (numbers[1] >= STORE_SETS_MAX)
		return error_violation(err, "page_token", "it was not given by this daemon");
	if (numbers[0] != (uint64_t)l->service->started || (!l->all && numbers[1] != l->set))
		return error_set(err, ERROR_CONFLICT, "LISTING_EXPIRED",
			"the listing is of another set, or of before a restart; begin it again");
	l->cursor = numbers[2];
	l->set = next_set(l->service, (uint8_t)numbers[1]);
	if (l->set != numbers[1])
		l->cursor = 0; /* the set has gone meanwhile */
	return 0;
}

static int read_request(
	const Pepctl__V1__ListLeasesRequest *request, struct listing *l, struct error *err)
{
	l->all = !*request->set;
	l->owner = request->owner;
	if (*l->owner && !member_owner_valid(l->owner))
		return error_violation(err, "owner", "is no name of an owner: 1 to 63 of [A-Za-z0-9._:-]");
	l->limit = request->page_size ? MIN(request->page_size, PAGE_MAX) : PAGE_DEFAULT;
	if (l->all)
		l->set = next_set(l->service, 0);
	else if (!store_set_find(l->service->store, request->set, &l->set))
		return error_set(
			err, ERROR_NOT_FOUND, "NO_SET", "there is no set %.80s", request->set);
	return *request->page_token ? read_token(request->page_token, l, err) : 0;
}

/* --- the page */

static int add_lease(struct listing *l, char *set, const struct store_held *held)
{
	Pepctl__V1__Lease *m = SERVICE_MESSAGE(l->call, lease);
	char member[MEMBER_TEXT_SIZE];

	if (!m)
		return -ENOMEM;
	member_format(&held->member, member);
	m->set = set;
	m->member = arena_strdup(call_arena(l->call), member);
	m->owner = arena_strdup(call_arena(l->call), held->owner);
	m->left_nano = held->left;
	l->answer->leases[l->answer->n_leases++] = m;
	return m->member && m->owner ? 0 : -ENOMEM;
}

/* What there is room for of the set where the listing is, which goes on to the next at its end. */
static int add_set(struct listing *l)
{
	const struct store_set *set = store_set_at(l->service->store, l->set);
	char *name = arena_strdup(call_arena(l->call), set->name);
	size_t count = store_leases(l->service->store, l->set, l->owner, &l->cursor, l->held,
		l->limit - l->answer->n_leases);
	int r = name ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && !r; i++)
		r = add_lease(l, name, &l->held[i]);
	if (l->cursor == UINT64_MAX) {
		l->steps += MIN(store_lease_count(l->service->store, l->set), STORE_LEASE_STEPS);
		l->set = l->all ? next_set(l->service, l->set + 1) : STORE_SETS_MAX;
		l->cursor = 0;
	} else {
		l->steps = STEPS_MAX; /* the page is full, or enough was looked at */
	}
	return r;
}

static size_t total_of(const struct listing *l, uint8_t first)
{
	size_t total = 0;

	if (!l->all)
		return store_lease_count(l->service->store, first);
	for (uint8_t id = 0; id < STORE_SETS_MAX; id++)
		if (store_set_at(l->service->store, id))
			total += store_lease_count(l->service->store, id);
	return total;
}

static int add_token(struct listing *l)
{
	if (l->set >= STORE_SETS_MAX)
		return 0;
	l->answer->next_page_token = arena_printf(call_arena(l->call), "%" PRId64 ".%u.%" PRIu64,
		l->service->started, l->set, l->cursor);
	return l->answer->next_page_token ? 0 : -ENOMEM;
}

static int fill(struct listing *l)
{
	int r = 0;

	l->answer = SERVICE_MESSAGE(l->call, list_leases_response);
	l->held = arena_array(call_arena(l->call), l->limit, sizeof(*l->held));
	if (!l->answer || !l->held)
		return -ENOMEM;
	l->answer->leases = arena_array(call_arena(l->call), l->limit, sizeof(*l->answer->leases));
	l->answer->total = total_of(l, l->set);
	if (!l->answer->leases)
		return -ENOMEM;
	while (!r && l->set < STORE_SETS_MAX && l->answer->n_leases < l->limit &&
		l->steps < STEPS_MAX)
		r = add_set(l);
	return r ? r : add_token(l);
}

static void list_leases(void *data, struct call *call)
{
	struct listing l = {.service = data, .call = call};
	struct error err = ERROR_INIT;

	if (read_request(call_request(call), &l, &err))
		call_fail(call, &err);
	else if (fill(&l) < 0)
		service_fail_memory(call);
	else
		call_reply(call, &l.answer->base);
}

void service_lease_list_init(struct service *s)
{
	rpc_handle(s->rpc, METHOD_LIST_LEASES, list_leases, s);
}
