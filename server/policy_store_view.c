/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Rulesets to read: in force, or what a dry run makes of it. */
#include <errno.h>

#include "server/policy_store_internal.h"

void store_view_deinit(struct store_view *view)
{
	if (view->next)
		free(view->order);
	view->order = NULL;
}

uint64_t store_view_revision(const struct store_view *view)
{
	return view->next ? view->store->next_revision : view->store->revision;
}

const struct store_policy *store_view_find(const struct store_view *view, const char *name)
{
	return view->next ? entry_next(entry_find(view->store, name))
			  : store_policy_find(view->store, name);
}

struct collection {
	const struct store_policy **list;
	size_t count;
};

static int collect(void *data, struct entry *entry)
{
	const struct store_policy *policy = entry_next(entry);
	struct collection *c = data;

	if (policy)
		c->list[c->count++] = policy;
	return 0;
}

/* The loop has the order of what is in force; on the worker one is made. */
static int order_next(struct store_view *view)
{
	struct collection c = {0};

	if (view->order)
		return 0;
	c.list = calloc(view->store->next_count + 1, sizeof(const struct store_policy *));
	if (!c.list)
		return -ENOMEM;
	entries_each(view->store, collect, &c);
	order_by_rank(c.list, c.count);
	view->order = c.list;
	return 0;
}

int store_view_policies(
	struct store_view *view, const struct store_policy *const **ret, size_t *ret_count)
{
	struct store *s = view->store;
	int r;

	*ret_count = view->next ? s->next_count : s->count;
	if (!view->next)
		return order_ranked(s, ret);
	r = order_next(view);
	*ret = view->order;
	return r;
}

/* On the loop; the worker may be about to change it. */
static bool is_held(struct store *s, uint8_t id, const struct member *member)
{
	bool held;

	pthread_mutex_lock(&s->lease_lock);
	held = leases_held_now(s, id, member);
	pthread_mutex_unlock(&s->lease_lock);
	return held;
}

/* Whole sets are built for a commit only: of a dry run there are the differences. */
static bool has(const struct store_view *view, uint8_t id, const struct member *member)
{
	const struct set_work *w = &view->store->work[id];
	bool now = member_set_has(&view->store->members[id], member);

	if (!view->next)
		return now || is_held(view->store, id, member);
	if (lease_table_held(&view->store->leases, id, member))
		return true;
	return member_set_has(&w->added, member) || (now && !member_set_has(&w->removed, member));
}

bool store_view_covers(
	const struct store_view *view, const char *set, uint8_t family, const uint8_t *address)
{
	uint8_t size = family == 4 ? 4 : 16, id = NO_SET;
	struct member m = {.family = family, .length = (uint8_t)(8 * size)};

	if (view->next)
		id = sets_find(view->store, set);
	else
		store_set_find(view->store, set, &id);
	memcpy(m.bytes, address, size);
	for (; id != NO_SET; m.length--) {
		member_clear_host_bits(m.bytes, size, m.length);
		if (has(view, id, &m))
			return true;
		if (!m.length)
			return false;
	}
	return false;
}

bool store_view_default(const struct store_view *view, const char *iface)
{
	const struct store_config *c =
		view->next ? &view->store->next_config : &view->store->config;
	const struct store_default *own = config_default(c, iface);

	return own ? own->block : c->block;
}
