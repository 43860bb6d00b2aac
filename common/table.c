/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "common/table.h"

#include <errno.h>
#include <sys/random.h>

void table_deinit(struct table *table)
{
	free(table->buckets);
	*table = (struct table){0};
}

static struct table_node **bucket(const struct table *table, uint64_t hash)
{
	return &table->buckets[hash & (table->size - 1)];
}

int table_reserve(struct table *table, size_t count)
{
	struct table grown = {.size = table->size ? table->size : 64, .count = table->count};

	while (grown.size < count)
		grown.size *= 2;
	if (grown.size == table->size)
		return 0;
	grown.buckets = calloc(grown.size, sizeof(*grown.buckets));
	if (!grown.buckets)
		return -ENOMEM;
	for (size_t i = 0; i < table->size; i++) {
		while (table->buckets[i]) {
			struct table_node *node = table->buckets[i];

			table->buckets[i] = node->next;
			node->next = *bucket(&grown, node->hash);
			*bucket(&grown, node->hash) = node;
		}
	}
	free(table->buckets);
	*table = grown;
	return 0;
}

uint64_t table_hash(const void *key, size_t size)
{
	static uint64_t seed;
	const uint8_t *bytes = key;
	uint64_t hash, word;

	if (!seed && getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = (uint64_t)(uintptr_t)&seed;
	hash = table_mix(seed ^ size);
	for (; size > 0; size -= MIN(size, sizeof(word)), bytes += sizeof(word)) {
		word = 0;
		memcpy(&word, bytes, MIN(size, sizeof(word)));
		hash = table_mix(hash ^ word) + seed;
	}
	return hash;
}

void table_add(struct table *table, struct table_node *node, uint64_t hash)
{
	node->hash = hash;
	node->next = *bucket(table, hash);
	*bucket(table, hash) = node;
	table->count++;
}

void table_remove(struct table *table, struct table_node *node)
{
	struct table_node **link = bucket(table, node->hash);

	while (*link != node)
		link = &(*link)->next;
	*link = node->next;
	table->count--;
}

struct table_node *table_first(const struct table *table, uint64_t hash)
{
	struct table_node *node = table->size ? *bucket(table, hash) : NULL;

	while (node && node->hash != hash)
		node = node->next;
	return node;
}

struct table_node *table_next(const struct table_node *node)
{
	struct table_node *next = node->next;

	while (next && next->hash != node->hash)
		next = next->next;
	return next;
}
