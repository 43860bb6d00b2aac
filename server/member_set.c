/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/member_set.h"

#include <errno.h>

#include "common/table.h"

#define SIZE_MIN 16u

void member_set_deinit(struct member_set *set)
{
	free(set->v4.slots);
	free(set->v6.slots);
	*set = (struct member_set){0};
}

static struct member_table *table_of(const struct member_set *set, uint8_t family)
{
	const struct member_table *table = family == 4 ? &set->v4 : &set->v6;

	return (struct member_table *)(uintptr_t)table;
}

/* --- one table; `address` is 4 or 16, a constant in every caller of what is inlined */

/* Members come from clients, who must not choose collisions. */
static uint64_t seed_of_process(void)
{
	static uint64_t seed;

	if (!seed)
		seed = table_hash("members", 7) | 1;
	return seed;
}

static inline uint64_t hash(const uint8_t *slot, size_t address)
{
	uint64_t seed = seed_of_process(), high, low = 0;

	if (address == 4) {
		memcpy(&low, slot, 5);
		return table_mix(low ^ seed);
	}
	memcpy(&high, slot, 8);
	memcpy(&low, slot + 8, 8);
	return table_mix(table_mix(high ^ seed) ^ low ^ (uint64_t)slot[16] << 56);
}

static inline uint8_t *slot_at(const struct member_table *t, size_t index, size_t address)
{
	return t->slots + index * (address + 1);
}

/* Where the key is, or the free slot where it belongs. The table is not empty. */
static inline size_t find(const struct member_table *t, const uint8_t *key, size_t address)
{
	size_t at = hash(key, address) & (t->size - 1);

	for (;; at = (at + 1) & (t->size - 1)) {
		const uint8_t *slot = slot_at(t, at, address);

		if (!slot[address] || memcmp(slot, key, address + 1) == 0)
			return at;
	}
}

/* At most three quarters are used: chains stay short, and a free slot ends them. */
static bool has_room(const struct member_table *t, size_t more)
{
	return t->count + more <= t->size / 4 * 3;
}

static int resize(struct member_table *t, size_t size, size_t address)
{
	struct member_table grown = {.size = size, .count = t->count};

	grown.slots = calloc(size, address + 1);
	if (!grown.slots)
		return -ENOMEM;
	for (size_t i = 0; i < t->size; i++) {
		const uint8_t *slot = slot_at(t, i, address);

		if (slot[address])
			memcpy(slot_at(&grown, find(&grown, slot, address), address), slot,
				address + 1);
	}
	free(t->slots);
	*t = grown;
	return 0;
}

static int reserve(struct member_table *t, size_t more, size_t address)
{
	size_t size = MAX(t->size, SIZE_MIN);

	if (has_room(t, more))
		return 0;
	while (size / 4 * 3 < t->count + more)
		size *= 2;
	return resize(t, size, address);
}

static inline int add(struct member_table *t, const uint8_t *key, size_t address)
{
	uint8_t *slot;

	if (!has_room(t, 1) && reserve(t, 1, address) < 0)
		return -ENOMEM;
	slot = slot_at(t, find(t, key, address), address);
	if (slot[address])
		return 0;
	memcpy(slot, key, address + 1);
	t->count++;
	return 1;
}

/* What follows in the chain moves up, so that no chain is broken and no mark is left. */
static void close_gap(struct member_table *t, size_t gap, size_t address)
{
	size_t mask = t->size - 1, at = gap;

	for (;;) {
		const uint8_t *slot = slot_at(t, at = (at + 1) & mask, address);

		if (!slot[address])
			break;
		/* It may move when its own place is not between the gap and where it is. */
		if (((at - hash(slot, address)) & mask) < ((at - gap) & mask))
			continue;
		memcpy(slot_at(t, gap, address), slot, address + 1);
		gap = at;
	}
	memset(slot_at(t, gap, address), 0, address + 1);
}

static bool take(struct member_table *t, const uint8_t *key, size_t address)
{
	size_t at;

	if (!t->count)
		return false;
	at = find(t, key, address);
	if (!slot_at(t, at, address)[address])
		return false;
	close_gap(t, at, address);
	t->count--;
	return true;
}

/* --- both families */

static void key_of(const struct member *member, uint8_t ret[static 17])
{
	size_t address = member->family == 4 ? 4 : 16;

	memcpy(ret, member->bytes, address);
	ret[address] = (uint8_t)(member->length + 1);
}

int member_set_add(struct member_set *set, const struct member *member)
{
	uint8_t key[17];

	key_of(member, key);
	return member->family == 4 ? add(&set->v4, key, 4) : add(&set->v6, key, 16);
}

bool member_set_remove(struct member_set *set, const struct member *member)
{
	uint8_t key[17];

	key_of(member, key);
	return member->family == 4 ? take(&set->v4, key, 4) : take(&set->v6, key, 16);
}

bool member_set_has(const struct member_set *set, const struct member *member)
{
	const struct member_table *t = table_of(set, member->family);
	uint8_t key[17];

	if (!t->count)
		return false;
	key_of(member, key);
	return member->family == 4 ? slot_at(t, find(t, key, 4), 4)[4]
				   : slot_at(t, find(t, key, 16), 16)[16];
}

void member_set_prefetch(const struct member_set *set, const struct member *member)
{
	const struct member_table *t = table_of(set, member->family);
	size_t address = member->family == 4 ? 4 : 16;
	uint8_t key[17];

	if (!t->size)
		return;
	key_of(member, key);
	__builtin_prefetch(slot_at(t, hash(key, address) & (t->size - 1), address), 1);
}

int member_set_reserve(struct member_set *set, size_t v4, size_t v6)
{
	if (v4 && reserve(&set->v4, v4, 4) < 0)
		return -ENOMEM;
	return v6 ? reserve(&set->v6, v6, 16) : 0;
}

bool member_set_has_room(const struct member_set *set, size_t v4, size_t v6)
{
	return (!v4 || has_room(&set->v4, v4)) && (!v6 || has_room(&set->v6, v6));
}

static bool next_of(
	const struct member_table *t, uint64_t *cursor, size_t address, struct member *ret)
{
	for (; *cursor < t->size; ++*cursor) {
		const uint8_t *slot = slot_at(t, *cursor, address);

		if (!slot[address])
			continue;
		*ret = (struct member){
			.family = address == 4 ? 4 : 6, .length = (uint8_t)(slot[address] - 1)};
		memcpy(ret->bytes, slot, address);
		++*cursor;
		return true;
	}
	return false;
}

bool member_set_next(const struct member_set *set, uint64_t *cursor, struct member *ret)
{
	uint64_t v6;

	if (next_of(&set->v4, cursor, 4, ret))
		return true;
	v6 = *cursor - set->v4.size;
	if (!next_of(&set->v6, &v6, 16, ret))
		return false;
	*cursor = set->v4.size + v6;
	return true;
}

int member_set_add_list(struct member_set *set, const struct member_list *list)
{
	if (member_set_reserve(set, list->v4_count, list->v6_count) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < member_list_count(list); i++) {
		struct member m = member_list_at(list, i);

		member_set_add(set, &m);
	}
	return 0;
}
