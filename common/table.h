/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * An intrusive hash table: nodes are embedded in what they find, so adding
 * cannot fail once table_reserve() has made room. The hash is seeded per
 * process: names and keys come from clients, who must not choose collisions.
 */
#ifndef PEP_COMMON_TABLE_H
#define PEP_COMMON_TABLE_H

#include "common/macros.h"

struct table_node {
	struct table_node *next;
	uint64_t hash;
};

struct table {
	struct table_node **buckets; /* owned; the nodes are not */
	size_t size;                 /* a power of two, or 0 */
	size_t count;
};

void table_deinit(struct table *table);

/* Makes room for `count` nodes in all. 0 or -ENOMEM, then nothing changed. */
int table_reserve(struct table *table, size_t count);

/* Multiplication and a shift mix every input bit into every output bit (splitmix64's finalizer). */
static inline uint64_t table_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

/* Of `size` bytes at `key`, the same within this process only. */
uint64_t table_hash(const void *key, size_t size);

/* Room must have been reserved. The table does not look for an equal node. */
void table_add(struct table *table, struct table_node *node, uint64_t hash);
void table_remove(struct table *table, struct table_node *node);

/* First node with that hash, or the next one after `node`; the caller compares keys. */
struct table_node *table_first(const struct table *table, uint64_t hash);
struct table_node *table_next(const struct table_node *node);

#endif
