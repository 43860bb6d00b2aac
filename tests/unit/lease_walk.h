/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A list of leases, one member at a time. */
#ifndef PEP_TESTS_LEASE_WALK_H
#define PEP_TESTS_LEASE_WALK_H

#include "server/lease_codec.h"

struct lease_walk {
	const struct lease_list *list;
	size_t op;
	uint32_t index;
	/* What lease_walk_next() found. */
	char set[64], owner[64];
	struct member member;
	uint64_t expiry;
	bool release, each;
};

static inline void lease_walk_name(const struct lease_name *name, char ret[static 64])
{
	memcpy(ret, name->bytes, name->length);
	ret[name->length] = '\0';
}

static inline bool lease_walk_next(struct lease_walk *walk)
{
	const struct lease_op *op;

	if (!walk->list->ops || walk->op == walk->list->op_count)
		return false;
	op = &walk->list->ops[walk->op];
	lease_walk_name(&walk->list->sets[op->set], walk->set);
	lease_walk_name(&walk->list->owners[op->owner], walk->owner);
	walk->member = lease_op_member(op, walk->index);
	walk->expiry = lease_op_expiry(op, walk->index);
	walk->release = op->release;
	walk->each = op->each;
	if (++walk->index == op->count) {
		walk->index = 0;
		walk->op++;
	}
	return true;
}

static inline int lease_walk_write(const struct lease_walk *walk, struct lease_writer *writer)
{
	if (walk->release)
		return lease_writer_release(writer, walk->set, walk->owner, &walk->member);
	return (walk->each ? lease_writer_hold_each : lease_writer_hold)(
		writer, walk->set, walk->owner, &walk->member, walk->expiry);
}

static inline bool lease_walk_same(const struct lease_walk *a, const struct lease_walk *b)
{
	return streq(a->set, b->set) && streq(a->owner, b->owner) && a->expiry == b->expiry &&
	       a->release == b->release && a->each == b->each &&
	       memcmp(&a->member, &b->member, sizeof(a->member)) == 0;
}

#endif
