/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The owners of leases, and where the list of each in each set begins. */
#include "server/lease_table_internal.h"

#include <errno.h>

#include "common/array.h"

static size_t owner_size(size_t length)
{
	return sizeof(struct lease_owner) + length + 1;
}

uint32_t lease_table_find_owner(const struct lease_table *table, const char *name, size_t length)
{
	struct table_node *node = table_first(&table->owner_names, table_hash(name, length));

	for (; node; node = table_next(node)) {
		const struct lease_owner *owner = CONTAINER_OF(node, struct lease_owner, node);

		if (owner->length == length && memcmp(owner->name, name, length) == 0)
			return owner->id;
	}
	return LEASE_NONE;
}

static uint32_t take_slot(struct lease_table *t)
{
	uint32_t id;

	if (!t->owner_free)
		return (uint32_t)t->owner_count++;
	id = t->owner_free - 1;
	t->owner_free = t->owners[id].next_free;
	return id;
}

static int add_owner(struct lease_table *t, const char *name, size_t length, uint32_t *ret)
{
	struct lease_owner *owner;

	if (!t->owner_free && t->owner_count >= LEASE_OWNERS_MAX)
		return -ENOSPC;
	if (table_reserve(&t->owner_names, t->owner_names.count + 1) < 0 ||
		(!t->owner_free && array_grow(&t->owners, &t->owner_room, t->owner_count,
					   sizeof(*t->owners)) < 0))
		return -ENOMEM;
	owner = calloc(1, owner_size(length));
	if (!owner)
		return -ENOMEM;
	owner->id = take_slot(t);
	owner->refs = 1;
	owner->length = (uint8_t)length;
	memcpy(owner->name, name, length);
	t->owners[owner->id] = (struct lease_owner_slot){.owner = owner};
	t->owner_bytes += owner_size(length);
	table_add(&t->owner_names, &owner->node, table_hash(name, length));
	*ret = owner->id;
	return 0;
}

int lease_table_ref_owner(
	struct lease_table *table, const char *name, size_t length, uint32_t *ret_owner)
{
	uint32_t id;

	if (!length || length > LEASE_OWNER_MAX)
		return -EINVAL;
	id = lease_table_find_owner(table, name, length);
	if (id == LEASE_NONE)
		return add_owner(table, name, length, ret_owner);
	owner_at(table, id)->refs++;
	*ret_owner = id;
	return 0;
}

void lease_table_unref_owner(struct lease_table *table, uint32_t owner)
{
	struct lease_owner *o = owner_at(table, owner);

	if (--o->refs)
		return;
	table_remove(&table->owner_names, &o->node);
	table->owner_bytes -=
		owner_size(o->length) + (size_t)__builtin_popcountll(o->sets) * sizeof(*o->groups);
	table->owners[owner] = (struct lease_owner_slot){.next_free = table->owner_free};
	table->owner_free = owner + 1;
	free(o->groups);
	free(o);
}

const char *lease_table_owner_name(const struct lease_table *table, uint32_t owner)
{
	return owner_at(table, owner)->name;
}

uint32_t lease_table_next_owner(const struct lease_table *table, uint32_t from)
{
	for (; from < table->owner_count; from++)
		if (table->owners[from].owner)
			return from;
	return LEASE_NONE;
}

static size_t groups_before(const struct lease_owner *owner, uint8_t set)
{
	return (size_t)__builtin_popcountll(owner->sets & ((UINT64_C(1) << set) - 1));
}

struct lease_group *group_of(const struct lease_table *t, uint8_t set, uint32_t owner)
{
	const struct lease_owner *o = owner_at(t, owner);

	return o->sets >> set & 1 ? &o->groups[groups_before(o, set)] : NULL;
}

int group_reserve(struct lease_table *t, uint8_t set, uint32_t owner)
{
	struct lease_owner *o = owner_at(t, owner);
	size_t count = (size_t)__builtin_popcountll(o->sets), at = groups_before(o, set);
	struct lease_group *grown;

	if (o->sets >> set & 1)
		return 0;
	grown = reallocarray(o->groups, count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	memmove(&grown[at + 1], &grown[at], (count - at) * sizeof(*grown));
	grown[at] = (struct lease_group){.head = LEASE_NONE};
	o->groups = grown;
	o->sets |= UINT64_C(1) << set;
	t->owner_bytes += sizeof(*grown);
	return 0;
}
