/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Who holds which member of which set until when. A lease is one owner's hold on
 * one member of one set; a member that several owners hold has one each, and is in
 * the set as long as it has any.
 *
 * Leases lie dense, in one array for each set and family: the last one moves into
 * the place of one that is removed. Three things find them there:
 * - a hash table by set and member, whose chain holds the leases of all owners. It
 *   grows and shrinks by one bucket at a time (linear hashing), so that no change
 *   ever pays for a table of twice the size. A chain is as long as the member has
 *   owners: whoever lets clients name owners bounds how many hold one member;
 * - a list of what one owner holds in one set;
 * - a heap by expiry, of four children a node. It has the expiry in it, and the lease
 *   its place there. A heap and not a timing wheel: expiries are exact, years away
 *   as well as ms, nothing has to tick, and leases of one batch, which expire at
 *   the same time, enter and leave it in O(1).
 * At a million IPv4 leases that is 24 + 4 + 12 bytes each, 36 + 4 + 12 with IPv6.
 * All arrays are of chunks: growing moves nothing, and waste is a chunk's.
 *
 * No locks: whoever shares one takes care that nobody writes.
 */
#ifndef PEP_SERVER_LEASE_TABLE_H
#define PEP_SERVER_LEASE_TABLE_H

#include "common/member.h"
#include "common/table.h"

#define LEASE_SETS      64u
#define LEASE_OWNER_MAX 63u
#define LEASE_NONE      UINT32_MAX
/* Leases of one family in one set; owners. */
#define LEASE_COUNT_MAX  ((1u << 25) - 1)
#define LEASE_OWNERS_MAX ((1u << 24) - 1)

struct lease_chunks {
	void **chunks; /* owned, as they are */
	size_t count;
	size_t room; /* of `chunks` */
};

struct lease_space {
	struct lease_chunks items;
	uint32_t count;
};

struct lease_owner_slot {
	struct lease_owner *owner; /* owned; NULL = free */
	uint32_t next_free;
};

/* All zero is an empty table. */
struct lease_table {
	struct lease_space spaces[2 * LEASE_SETS]; /* of each set IPv4, then IPv6 */
	struct lease_chunks buckets;
	struct lease_chunks heap;
	uint32_t bucket_count, heap_count, count;
	struct table owner_names;
	struct lease_owner_slot *owners; /* owned */
	size_t owner_room, owner_count;  /* slots, whether free or not */
	uint32_t owner_free;             /* slot + 1 of the first; 0 = none */
	size_t owner_bytes;
};
void lease_table_deinit(struct lease_table *table);

/* --- owners: a name becomes a small integer, which lasts as long as leases and references do */

/* Takes a reference. 0, -ENOMEM, -ENOSPC, or -EINVAL for a name that has not 1 .. 63 bytes. */
int lease_table_ref_owner(
	struct lease_table *table, const char *name, size_t length, uint32_t *ret_owner);
void lease_table_unref_owner(struct lease_table *table, uint32_t owner);
/* LEASE_NONE: nobody has that name. Takes no reference. */
uint32_t lease_table_find_owner(const struct lease_table *table, const char *name, size_t length);
/* Terminated. */
const char *lease_table_owner_name(const struct lease_table *table, uint32_t owner);
/* The first owner at or behind that number, or LEASE_NONE. */
uint32_t lease_table_next_owner(const struct lease_table *table, uint32_t from);

/* --- leases; an id is good until something is removed */

struct lease {
	struct member member;
	uint8_t set;
	uint32_t owner;
	uint64_t expiry; /* ns on the caller's clock; 0 = until released */
};

uint32_t lease_table_find(
	const struct lease_table *table, uint8_t set, const struct member *member, uint32_t owner);
struct lease lease_table_at(const struct lease_table *table, uint32_t id);
/* Whether anybody holds it. */
bool lease_table_held(const struct lease_table *table, uint8_t set, const struct member *member);

/*
 * Hints that a member is looked for soon, which its place in memory would make slow: of one
 * that comes later its bucket, then, of one that comes sooner, the first that the bucket has.
 */
void lease_table_prefetch_bucket(const struct lease_table *table, uint8_t set, const struct member *member);
void lease_table_prefetch_first(const struct lease_table *table, uint8_t set, const struct member *member);

/*
 * Room for so many more in that set, for that owner: as many puts cannot fail then,
 * whatever is removed in between, until lease_table_trim() or the owner has gone.
 * Rooms in different sets add up; for several owners in one set, ask for each of
 * them and have the sum in the last. 0, -ENOMEM or -ENOSPC; what is held has not changed then.
 */
int lease_table_reserve(
	struct lease_table *table, uint8_t set, uint32_t owner, size_t v4, size_t v6);
/* 1 = it is new, 0 = it was held and has that expiry now, -ENOMEM or -ENOSPC = nothing changed. */
int lease_table_put(struct lease_table *table, uint8_t set, const struct member *member,
	uint32_t owner, uint64_t expiry);
void lease_table_set_expiry(struct lease_table *table, uint32_t id, uint64_t expiry);

/* Whether it was held. */
bool lease_table_remove(
	struct lease_table *table, uint8_t set, const struct member *member, uint32_t owner);
/*
 * Returns what lease_table_next_of() would have returned, by the id that it has
 * now. With its last lease an owner without references goes too: its name first.
 */
uint32_t lease_table_remove_at(struct lease_table *table, uint32_t id);

/* --- walks */

/* Any of one set, the cheapest to remove; LEASE_NONE = there is none. */
uint32_t lease_table_last(const struct lease_table *table, uint8_t set);

/* All of one owner in one set, in no order; LEASE_NONE is the end. */
uint32_t lease_table_first_of(const struct lease_table *table, uint8_t set, uint32_t owner);
uint32_t lease_table_next_of(const struct lease_table *table, uint32_t id);
/* All that hold one member. */
uint32_t lease_table_first_holder(
	const struct lease_table *table, uint8_t set, const struct member *member);
uint32_t lease_table_next_holder(const struct lease_table *table, uint32_t id);
/*
 * All of one set: begin with *cursor 0 and go on until false. Changes are allowed
 * in between: what is held all the time is seen, what is new or moves may be seen,
 * once or more. A cursor of any value is harmless.
 */
bool lease_table_next(
	const struct lease_table *table, uint8_t set, uint64_t *cursor, uint32_t *ret_id);

/* --- expiry */

/* The earliest; 0 = none expires. */
uint64_t lease_table_next_expiry(const struct lease_table *table);
/* A lease that has expired at `now`, the earliest; LEASE_NONE = none. The caller removes it. */
uint32_t lease_table_expired(const struct lease_table *table, uint64_t now);

/* --- sizes */

size_t lease_table_count(const struct lease_table *table, uint8_t set);
size_t lease_table_count_of(const struct lease_table *table, uint8_t set, uint32_t owner);
/* Gives room back that is not in use. */
void lease_table_trim(struct lease_table *table);
/* All that it has allocated. */
size_t lease_table_bytes(const struct lease_table *table);

#endif
