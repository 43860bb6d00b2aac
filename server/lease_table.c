/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/lease_table.h"

#include <errno.h>

#include "server/lease_table_internal.h"

void lease_table_deinit(struct lease_table *table)
{
	for (size_t i = 0; i < ARRAY_SIZE(table->spaces); i++)
		chunks_trim(&table->spaces[i].items, 0);
	chunks_trim(&table->buckets, 0);
	chunks_trim(&table->heap, 0);
	for (size_t i = 0; i < table->owner_count; i++) {
		if (table->owners[i].owner)
			free(table->owners[i].owner->groups);
		free(table->owners[i].owner);
	}
	free(table->owners);
	table_deinit(&table->owner_names);
	*table = (struct lease_table){0};
}

/* --- finding */

uint32_t lease_table_first_holder(
	const struct lease_table *table, uint8_t set, const struct member *member)
{
	uint32_t space = space_of(set, member);

	if (!table->spaces[space].count)
		return LEASE_NONE;
	return chain_find(table, *chain_of(table, space, member->bytes, member->length), space,
		member->bytes, member->length);
}

void lease_table_prefetch_bucket(const struct lease_table *table, uint8_t set, const struct member *member)
{
	if (table->bucket_count)
		__builtin_prefetch(
			chain_of(table, space_of(set, member), member->bytes, member->length), 1);
}

void lease_table_prefetch_first(const struct lease_table *table, uint8_t set, const struct member *member)
{
	uint32_t id = LEASE_NONE;

	if (table->bucket_count)
		id = *chain_of(table, space_of(set, member), member->bytes, member->length);
	if (id != LEASE_NONE)
		__builtin_prefetch(item_at(table, id));
}

uint32_t lease_table_next_holder(const struct lease_table *table, uint32_t id)
{
	const struct lease_item *item = item_at(table, id);

	return chain_find(table, item->chain, id >> INDEX_BITS, item->address, item->length);
}

bool lease_table_held(const struct lease_table *table, uint8_t set, const struct member *member)
{
	return lease_table_first_holder(table, set, member) != LEASE_NONE;
}

uint32_t lease_table_find(
	const struct lease_table *table, uint8_t set, const struct member *member, uint32_t owner)
{
	uint32_t id = lease_table_first_holder(table, set, member);

	while (id != LEASE_NONE && item_at(table, id)->owner != owner)
		id = lease_table_next_holder(table, id);
	return id;
}

struct lease lease_table_at(const struct lease_table *table, uint32_t id)
{
	const struct lease_item *item = item_at(table, id);
	uint32_t space = id >> INDEX_BITS;
	struct lease lease = {
		.member = {.family = space & 1 ? 6 : 4, .length = item->length},
		.set = (uint8_t)(space / 2),
		.owner = item->owner,
		.expiry = heap_expiry(table, item),
	};

	memcpy(lease.member.bytes, item->address, space & 1 ? 16 : 4);
	return lease;
}

/* --- adding */

static bool has_room(const struct lease_space *space, size_t more)
{
	return space->count + more <= space->items.count * CHUNK;
}

static size_t chunks_missing(const struct lease_space *space, size_t more)
{
	size_t wanted = (space->count + more + CHUNK - 1) / CHUNK;

	return wanted - MIN(wanted, space->items.count);
}

/* What all spaces have room for. */
static size_t room_of_all(const struct lease_table *t)
{
	size_t chunks = 0;

	for (size_t i = 0; i < ARRAY_SIZE(t->spaces); i++)
		chunks += t->spaces[i].items.count;
	return chunks * CHUNK;
}

/*
 * Buckets and heap have room for what all spaces have room for: so rooms in different
 * sets add up. They grow first, so that it is true also when memory ends on the way.
 */
static int reserve_spaces(struct lease_table *t, uint8_t set, size_t v4, size_t v6)
{
	struct lease_space *spaces = &t->spaces[(size_t)2 * set];
	size_t room;

	if (v4 > LEASE_COUNT_MAX - spaces[0].count || v6 > LEASE_COUNT_MAX - spaces[1].count)
		return -ENOSPC;
	if (has_room(&spaces[0], v4) && has_room(&spaces[1], v6))
		return 0;
	room = room_of_all(t) +
	       CHUNK * (chunks_missing(&spaces[0], v4) + chunks_missing(&spaces[1], v6));
	if (chunks_reserve(&t->buckets, room, sizeof(uint32_t)) < 0 ||
		chunks_reserve(&t->heap, room, sizeof(struct lease_heap_entry)) < 0 ||
		chunks_reserve(&spaces[0].items, spaces[0].count + v4, ITEM_SIZE(0)) < 0 ||
		chunks_reserve(&spaces[1].items, spaces[1].count + v6, ITEM_SIZE(1)) < 0)
		return -ENOMEM;
	return 0;
}

int lease_table_reserve(
	struct lease_table *table, uint8_t set, uint32_t owner, size_t v4, size_t v6)
{
	int r = reserve_spaces(table, set, v4, v6);

	/* A bucket a lease; before these come, there are fewer to move. */
	while (!r && table->bucket_count < table->count + v4 + v6)
		buckets_grow(table);
	return r ? r : group_reserve(table, set, owner);
}

static void list_push(struct lease_table *t, struct lease_group *group, uint32_t id)
{
	struct lease_item *item = item_at(t, id);

	item->prev = LEASE_NONE;
	item->next = group->head;
	if (group->head != LEASE_NONE)
		item_at(t, group->head)->prev = id;
	group->head = id;
	group->count++;
}

static uint32_t append(
	struct lease_table *t, uint8_t set, const struct member *member, uint32_t owner)
{
	uint32_t space = space_of(set, member);
	uint32_t id = space << INDEX_BITS | t->spaces[space].count++, *chain;
	struct lease_item *item = item_at(t, id);

	item->owner = owner & LEASE_OWNERS_MAX;
	item->length = member->length;
	item->heap = LEASE_NONE;
	memcpy(item->address, member->bytes, space & 1 ? 16 : 4);
	t->count++;
	chain = chain_of(t, space, member->bytes, member->length);
	item->chain = *chain;
	*chain = id;
	list_push(t, group_of(t, set, owner), id);
	owner_at(t, owner)->refs++;
	return id;
}

int lease_table_put(struct lease_table *table, uint8_t set, const struct member *member,
	uint32_t owner, uint64_t expiry)
{
	uint32_t id = lease_table_find(table, set, member, owner);
	int r = 0;

	if (id == LEASE_NONE) {
		r = lease_table_reserve(
			table, set, owner, member->family == 4, member->family == 6);
		if (r < 0)
			return r;
		id = append(table, set, member, owner);
		r = 1;
	}
	heap_set(table, id, expiry);
	return r;
}

void lease_table_set_expiry(struct lease_table *table, uint32_t id, uint64_t expiry)
{
	heap_set(table, id, expiry);
}

/* --- removing */

static void list_unlink(struct lease_table *t, struct lease_group *group, uint32_t id)
{
	const struct lease_item *item = item_at(t, id);

	if (item->prev == LEASE_NONE)
		group->head = item->next;
	else
		item_at(t, item->prev)->next = item->next;
	if (item->next != LEASE_NONE)
		item_at(t, item->next)->prev = item->prev;
	group->count--;
}

/* A lease moves to a place that is free: all that names it follows. */
static void move(struct lease_table *t, uint32_t from, uint32_t to)
{
	const struct lease_item *item = item_at(t, from);
	uint32_t space = from >> INDEX_BITS;

	*chain_link(t, from) = to;
	if (item->prev == LEASE_NONE)
		group_of(t, (uint8_t)(space / 2), item->owner)->head = to;
	else
		item_at(t, item->prev)->next = to;
	if (item->next != LEASE_NONE)
		item_at(t, item->next)->prev = to;
	heap_moved(t, item, to);
	memcpy(item_at(t, to), item, ITEM_SIZE(space & 1));
}

uint32_t lease_table_remove_at(struct lease_table *table, uint32_t id)
{
	struct lease_space *space = &table->spaces[id >> INDEX_BITS];
	const struct lease_item *item = item_at(table, id);
	uint32_t owner = item->owner, next = item->next;
	uint32_t last = (id & ~INDEX_MASK) | (space->count - 1);

	heap_set(table, id, 0);
	*chain_link(table, id) = item->chain;
	list_unlink(table, group_of(table, (uint8_t)(id >> (INDEX_BITS + 1)), owner), id);
	if (last != id)
		move(table, last, id);
	space->count--;
	table->count--;
	/* One less makes up to two too many. */
	for (unsigned int i = 0; i < 2 && table->bucket_count > 2 * (size_t)table->count + 16; i++)
		buckets_shrink(table);
	lease_table_unref_owner(table, owner);
	return next == last ? id : next;
}

bool lease_table_remove(
	struct lease_table *table, uint8_t set, const struct member *member, uint32_t owner)
{
	uint32_t id = lease_table_find(table, set, member, owner);

	if (id == LEASE_NONE)
		return false;
	lease_table_remove_at(table, id);
	return true;
}

/* --- walks */

uint32_t lease_table_last(const struct lease_table *table, uint8_t set)
{
	for (uint32_t space = 2u * set + 2; space-- > 2u * set;)
		if (table->spaces[space].count)
			return space << INDEX_BITS | (table->spaces[space].count - 1);
	return LEASE_NONE;
}

uint32_t lease_table_first_of(const struct lease_table *table, uint8_t set, uint32_t owner)
{
	const struct lease_group *group = group_of(table, set, owner);

	return group ? group->head : LEASE_NONE;
}

uint32_t lease_table_next_of(const struct lease_table *table, uint32_t id)
{
	return item_at(table, id)->next;
}

/*
 * Downwards: what moves comes from the end, so never from what is to be seen to
 * what has been. A cursor has the family in its high half, and how many are left
 * plus one in the low one.
 */
bool lease_table_next(
	const struct lease_table *table, uint8_t set, uint64_t *cursor, uint32_t *ret_id)
{
	uint64_t v6 = *cursor >> 32, left = *cursor ? (*cursor & UINT32_MAX) - 1 : INDEX_MASK;

	for (; v6 < 2; v6++, left = INDEX_MASK) {
		uint32_t space = (uint32_t)(2 * (uint64_t)set + v6);
		uint32_t at = (uint32_t)MIN(left, table->spaces[space].count);

		if (!at)
			continue;
		*ret_id = space << INDEX_BITS | (at - 1);
		*cursor = v6 << 32 | at;
		return true;
	}
	return false;
}

/* --- sizes */

size_t lease_table_count(const struct lease_table *table, uint8_t set)
{
	const struct lease_space *spaces = &table->spaces[(size_t)2 * set];

	return (size_t)spaces[0].count + spaces[1].count;
}

size_t lease_table_count_of(const struct lease_table *table, uint8_t set, uint32_t owner)
{
	const struct lease_group *group = group_of(table, set, owner);

	return group ? group->count : 0;
}

void lease_table_trim(struct lease_table *table)
{
	size_t room;

	for (size_t i = 0; i < ARRAY_SIZE(table->spaces); i++)
		chunks_trim(&table->spaces[i].items, table->spaces[i].count);
	room = room_of_all(table);
	chunks_trim(&table->buckets, MAX(room, table->bucket_count));
	chunks_trim(&table->heap, room);
}

size_t lease_table_bytes(const struct lease_table *table)
{
	size_t sum = chunks_bytes(&table->buckets, sizeof(uint32_t)) +
		     chunks_bytes(&table->heap, sizeof(struct lease_heap_entry)) +
		     table->owner_room * sizeof(*table->owners) + table->owner_bytes +
		     table->owner_names.size * sizeof(*table->owner_names.buckets);

	for (size_t i = 0; i < ARRAY_SIZE(table->spaces); i++)
		sum += chunks_bytes(&table->spaces[i].items, ITEM_SIZE(i & 1));
	return sum;
}
