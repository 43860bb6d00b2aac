/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The members of one set: two hash tables with open addressing, IPv4 in slots of
 * five bytes and IPv6 in slots of seventeen. At a million members that is about
 * 10.5 and 36 bytes each. Exact members only: whether one covers another is not
 * its matter. No locks: whoever shares one takes care that nobody writes.
 */
#ifndef PEP_SERVER_MEMBER_SET_H
#define PEP_SERVER_MEMBER_SET_H

#include "common/member.h"

struct member_table {
	uint8_t *slots; /* owned; address, then length + 1, 0 = free */
	size_t size;    /* slots: a power of two, or 0 */
	size_t count;
};

/* All zero is an empty set. */
struct member_set {
	struct member_table v4, v6;
};
void member_set_deinit(struct member_set *set);

static inline size_t member_set_count(const struct member_set *set)
{
	return set->v4.count + set->v6.count;
}

/* 1 = it is new, 0 = it was there, -ENOMEM = nothing changed. */
int member_set_add(struct member_set *set, const struct member *member);
/* Whether it was there. A member removed and added again needs no memory. */
bool member_set_remove(struct member_set *set, const struct member *member);
bool member_set_has(const struct member_set *set, const struct member *member);
/* A hint that the member is looked for soon. */
void member_set_prefetch(const struct member_set *set, const struct member *member);

/* Room for so many more. 0 or -ENOMEM. */
int member_set_reserve(struct member_set *set, size_t v4, size_t v6);
/* Whether so many more can be added without memory. */
bool member_set_has_room(const struct member_set *set, size_t v4, size_t v6);

/*
 * In no order, but the same one until the set changes: begin with *cursor 0 and
 * go on until false. A cursor of any value is harmless.
 */
bool member_set_next(const struct member_set *set, uint64_t *cursor, struct member *ret);

/* Adds all of the list. 0 or -ENOMEM, then some may have been added. */
int member_set_add_list(struct member_set *set, const struct member_list *list);

#endif
