/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The heap of expiries, the earliest first. */
#include "server/lease_table_internal.h"

#define ARITY 4u

static struct lease_heap_entry *entry(const struct lease_table *t, uint32_t at)
{
	return chunk_at(&t->heap, at, sizeof(struct lease_heap_entry));
}

static void place(struct lease_table *t, uint32_t at, struct lease_heap_entry e)
{
	*entry(t, at) = e;
	item_at(t, e.id)->heap = at;
}

/* `at` is free: whatever is later than `e` moves down, and `e` takes its place. */
static void sift_up(struct lease_table *t, uint32_t at, struct lease_heap_entry e)
{
	while (at) {
		uint32_t parent = (at - 1) / ARITY;

		if (entry(t, parent)->expiry <= e.expiry)
			break;
		place(t, at, *entry(t, parent));
		at = parent;
	}
	place(t, at, e);
}

static uint32_t earliest_child(const struct lease_table *t, uint32_t at)
{
	uint32_t best = ARITY * at + 1, end = MIN(best + ARITY, t->heap_count);

	for (uint32_t i = best + 1; i < end; i++)
		if (entry(t, i)->expiry < entry(t, best)->expiry)
			best = i;
	return best;
}

static void sift_down(struct lease_table *t, uint32_t at, struct lease_heap_entry e)
{
	while (ARITY * at + 1 < t->heap_count) {
		uint32_t child = earliest_child(t, at);

		if (entry(t, child)->expiry >= e.expiry)
			break;
		place(t, at, *entry(t, child));
		at = child;
	}
	place(t, at, e);
}

static void sift(struct lease_table *t, uint32_t at, struct lease_heap_entry e)
{
	if (at && entry(t, (at - 1) / ARITY)->expiry > e.expiry)
		sift_up(t, at, e);
	else
		sift_down(t, at, e);
}

uint64_t heap_expiry(const struct lease_table *t, const struct lease_item *item)
{
	return item->heap == LEASE_NONE ? 0 : entry(t, item->heap)->expiry;
}

void heap_moved(struct lease_table *t, const struct lease_item *item, uint32_t id)
{
	if (item->heap != LEASE_NONE)
		entry(t, item->heap)->id = id;
}

static void take_out(struct lease_table *t, struct lease_item *item)
{
	uint32_t at = item->heap;

	item->heap = LEASE_NONE;
	if (at != --t->heap_count)
		sift(t, at, *entry(t, t->heap_count));
}

void heap_set(struct lease_table *t, uint32_t id, uint64_t expiry)
{
	struct lease_heap_entry e = {.expiry = expiry, .id = id};
	struct lease_item *item = item_at(t, id);

	if (!expiry && item->heap != LEASE_NONE)
		take_out(t, item);
	else if (expiry && item->heap != LEASE_NONE)
		sift(t, item->heap, e);
	else if (expiry)
		sift_up(t, t->heap_count++, e);
}

uint64_t lease_table_next_expiry(const struct lease_table *table)
{
	return table->heap_count ? entry(table, 0)->expiry : 0;
}

uint32_t lease_table_expired(const struct lease_table *table, uint64_t now)
{
	bool expired = table->heap_count && entry(table, 0)->expiry <= now;

	return expired ? entry(table, 0)->id : LEASE_NONE;
}
