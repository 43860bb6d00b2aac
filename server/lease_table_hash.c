/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Chunked arrays, and the hash table of leases in them. Linear hashing: of n buckets,
 * with P the largest power of two that is not larger than n, a hash's bucket is its
 * remainder by 2P where there is such a bucket, and by P otherwise. So bucket n, when
 * it is added, takes from bucket n - P only.
 */
#include "server/lease_table_internal.h"

#include <errno.h>

/* --- chunks */

static int directory_reserve(struct lease_chunks *c, size_t count)
{
	size_t room = MAX(count, c->room + c->room / 2);
	void **grown;

	if (count <= c->room)
		return 0;
	grown = reallocarray(c->chunks, room, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	c->chunks = grown;
	c->room = room;
	return 0;
}

int chunks_reserve(struct lease_chunks *c, size_t count, size_t size)
{
	size_t wanted = (count + CHUNK - 1) / CHUNK;

	if (directory_reserve(c, wanted) < 0)
		return -ENOMEM;
	while (c->count < wanted) {
		void *chunk = malloc(CHUNK * size);

		if (!chunk)
			return -ENOMEM;
		c->chunks[c->count++] = chunk;
	}
	return 0;
}

void chunks_trim(struct lease_chunks *c, size_t count)
{
	size_t kept = (count + CHUNK - 1) / CHUNK;
	void **fewer;

	while (c->count > kept)
		free(c->chunks[--c->count]);
	if (!c->count) {
		free(c->chunks);
		*c = (struct lease_chunks){0};
	} else if (c->room > 2 * c->count + 16) {
		fewer = reallocarray(c->chunks, c->count, sizeof(*fewer));
		if (!fewer)
			return;
		c->chunks = fewer;
		c->room = c->count;
	}
}

size_t chunks_bytes(const struct lease_chunks *c, size_t size)
{
	return c->count * CHUNK * size + c->room * sizeof(*c->chunks);
}

/* --- hash */

/* Members come from clients, who must not choose collisions. */
static uint64_t seed_of_process(void)
{
	static uint64_t seed;

	if (!seed)
		seed = table_hash("leases", 6) | 1;
	return seed;
}

static uint32_t hash(uint32_t space, const uint8_t *address, uint8_t length)
{
	uint64_t rest = (uint64_t)space << 40 | (uint64_t)length << 32, high;
	uint64_t seed = seed_of_process();
	uint32_t word;

	if (!(space & 1)) {
		memcpy(&word, address, 4);
		return (uint32_t)table_mix(seed ^ rest ^ word);
	}
	memcpy(&high, address, 8);
	seed = table_mix(seed ^ high);
	memcpy(&high, address + 8, 8);
	return (uint32_t)table_mix(table_mix(seed ^ high) ^ rest);
}

static uint32_t *bucket(const struct lease_table *t, uint32_t at)
{
	return chunk_at(&t->buckets, at, sizeof(uint32_t));
}

static uint32_t largest_power(uint32_t n)
{
	return 1u << (31 - __builtin_clz(n));
}

uint32_t *chain_of(
	const struct lease_table *t, uint32_t space, const uint8_t *address, uint8_t length)
{
	uint32_t power = largest_power(t->bucket_count), h = hash(space, address, length);
	uint32_t at = h & (2 * power - 1);

	return bucket(t, at < t->bucket_count ? at : h & (power - 1));
}

uint32_t *chain_link(const struct lease_table *t, uint32_t id)
{
	const struct lease_item *item = item_at(t, id);
	uint32_t *link = chain_of(t, id >> INDEX_BITS, item->address, item->length);

	while (*link != id)
		link = &item_at(t, *link)->chain;
	return link;
}

uint32_t chain_find(const struct lease_table *t, uint32_t id, uint32_t space,
	const uint8_t *address, uint8_t length)
{
	while (id != LEASE_NONE) {
		const struct lease_item *item = item_at(t, id);

		if (id >> INDEX_BITS == space && item->length == length &&
			memcmp(item->address, address, space & 1 ? 16 : 4) == 0)
			return id;
		id = item->chain;
	}
	return LEASE_NONE;
}

void buckets_grow(struct lease_table *t)
{
	uint32_t n = t->bucket_count++, power, *link, *moved;

	*bucket(t, n) = LEASE_NONE;
	if (!n)
		return;
	power = largest_power(n);
	link = bucket(t, n - power);
	moved = bucket(t, n);
	while (*link != LEASE_NONE) {
		uint32_t id = *link;
		struct lease_item *item = item_at(t, id);

		if (hash(id >> INDEX_BITS, item->address, item->length) & power) {
			*link = item->chain;
			*moved = id;
			moved = &item->chain;
		} else {
			link = &item->chain;
		}
	}
	*moved = LEASE_NONE;
}

void buckets_shrink(struct lease_table *t)
{
	uint32_t n = --t->bucket_count, *link;

	if (!n)
		return;
	link = bucket(t, n - largest_power(n));
	while (*link != LEASE_NONE)
		link = &item_at(t, *link)->chain;
	*link = *bucket(t, n);
}
