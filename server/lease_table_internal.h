/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the parts of the lease table know of each other. */
#ifndef PEP_SERVER_LEASE_TABLE_INTERNAL_H
#define PEP_SERVER_LEASE_TABLE_INTERNAL_H

#include "server/lease_table.h"

#define CHUNK         256u
#define INDEX_BITS    25u
#define INDEX_MASK    ((1u << INDEX_BITS) - 1)
#define ITEM_SIZE(v6) (sizeof(struct lease_item) + ((v6) ? 16 : 4))

/* An id is the space, then the index in it. */
struct lease_item {
	uint32_t chain;      /* next in the bucket */
	uint32_t prev, next; /* of the same owner in the same set */
	uint32_t heap;       /* place in the heap; LEASE_NONE = does not expire */
	uint32_t owner : 24;
	uint32_t length : 8;
	uint8_t address[]; /* 4 or 16 */
};
_Static_assert(sizeof(struct lease_item) == 20, "no gaps");

struct lease_heap_entry {
	uint64_t expiry;
	uint32_t id;
} __attribute__((packed, aligned(4)));
_Static_assert(sizeof(struct lease_heap_entry) == 12, "no gaps");

struct lease_group {
	uint32_t head, count;
};

struct lease_owner {
	struct table_node node;
	uint64_t sets;              /* those that have a group, until the owner goes */
	struct lease_group *groups; /* owned; one for each bit, in order */
	uint32_t id;
	uint32_t refs; /* leases, and the caller's */
	uint8_t length;
	char name[];
};

static inline void *chunk_at(const struct lease_chunks *c, size_t index, size_t size)
{
	return (char *)c->chunks[index / CHUNK] + index % CHUNK * size;
}

/* Room for `count` items in all. 0 or -ENOMEM. */
int chunks_reserve(struct lease_chunks *c, size_t count, size_t size);
/* Keeps room for `count` only. */
void chunks_trim(struct lease_chunks *c, size_t count);
size_t chunks_bytes(const struct lease_chunks *c, size_t size);

static inline struct lease_item *item_at(const struct lease_table *t, uint32_t id)
{
	uint32_t space = id >> INDEX_BITS;

	return chunk_at(&t->spaces[space].items, id & INDEX_MASK, ITEM_SIZE(space & 1));
}

static inline uint32_t space_of(uint8_t set, const struct member *member)
{
	return 2u * set + (member->family == 6);
}

/* By member: the chain of a bucket. */
uint32_t *chain_of(
	const struct lease_table *t, uint32_t space, const uint8_t *address, uint8_t length);
/* The link that points to the lease. */
uint32_t *chain_link(const struct lease_table *t, uint32_t id);
/* The first in a chain that begins with `id` and has that member. */
uint32_t chain_find(const struct lease_table *t, uint32_t id, uint32_t space,
	const uint8_t *address, uint8_t length);
/* One bucket more, or less. Room must have been reserved. */
void buckets_grow(struct lease_table *t);
void buckets_shrink(struct lease_table *t);

uint64_t heap_expiry(const struct lease_table *t, const struct lease_item *item);
/* Puts it there, moves it, or takes it out (0). Room must have been reserved. */
void heap_set(struct lease_table *t, uint32_t id, uint64_t expiry);
/* The item has another id from now on. */
void heap_moved(struct lease_table *t, const struct lease_item *item, uint32_t id);

static inline struct lease_owner *owner_at(const struct lease_table *t, uint32_t owner)
{
	return t->owners[owner].owner;
}
/* NULL = the owner has none in that set. */
struct lease_group *group_of(const struct lease_table *t, uint8_t set, uint32_t owner);
int group_reserve(struct lease_table *t, uint8_t set, uint32_t owner);

#endif
