/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Leases as bytes: what a snapshot and a record of the journal have. Both are a list
 * of holds and releases, in order; a snapshot only holds. A hold says until when, so
 * the same list may be applied twice, and a snapshot may be taken in pieces while
 * leases change, when what changed meanwhile is applied after it.
 *
 * Little-endian, and whole: a list cut short is refused. It begins with
 *   u32 version, u64 size of all, u64 boot time, u64 wall time
 * and goes on with entries; what one names stands before it, and is counted from 0:
 *   a set      u8 1, u8 length, name
 *   an owner   u8 2, u8 length, name
 *   a hold     u8 4 (IPv4) or 5 (IPv6), u8 set, u32 owner, u32 count, u64 expiry, members
 *   a release  u8 6 (IPv4) or 7 (IPv6), u8 set, u32 owner, u32 count, members
 *   holds      u8 8 (IPv4) or 9 (IPv6), u8 set, u32 owner, u32 count,
 *              members with a u64 expiry behind each
 * A member is 4 or 16 bytes and its length. An expiry is boot time, 0 = until
 * released; the two clocks at the beginning, read together, make it wall time.
 */
#ifndef PEP_SERVER_LEASE_CODEC_H
#define PEP_SERVER_LEASE_CODEC_H

#include "common/member.h"
#include "server/lease_table.h"

/* Both in ns, read at the same time. */
struct lease_clock {
	uint64_t boot; /* CLOCK_BOOTTIME */
	uint64_t wall; /* CLOCK_REALTIME */
};
/*
 * An expiry of another boot as one of this, by the wall time: at least 1, which
 * is long ago; 0 stays 0.
 */
uint64_t lease_expiry_move(
	uint64_t expiry, const struct lease_clock *from, const struct lease_clock *to);

/* --- writing */

struct lease_run {
	size_t at; /* of its count in the bytes; 0 = there is none */
	uint64_t expiry;
	uint32_t owner;
	uint8_t kind, set;
};

struct lease_writer {
	uint8_t *data; /* owned */
	size_t size, room;
	int error;               /* the first, which stays */
	struct lease_run run;    /* what the last entry is, as long as it can grow */
	size_t sets[LEASE_SETS]; /* where the names are, in `data` */
	size_t set_count;
	struct table owners; /* owned */
	size_t owner_at;     /* the last one's name */
	uint32_t owner;
};
void lease_writer_init(struct lease_writer *writer, const struct lease_clock *clock);
void lease_writer_deinit(struct lease_writer *writer);

/*
 * 0, -ENOMEM, -EINVAL (a name that the reader would not take), or -ENOSPC (too many
 * sets). An error is final: all calls after it return it, lease_writer_finish() too.
 */
int lease_writer_hold(struct lease_writer *writer, const char *set, const char *owner,
	const struct member *member, uint64_t expiry);
/* The same in less space when members that follow one another have different expiries. */
int lease_writer_hold_each(struct lease_writer *writer, const char *set, const char *owner,
	const struct member *member, uint64_t expiry);
int lease_writer_release(struct lease_writer *writer, const char *set, const char *owner,
	const struct member *member);
/*
 * Up to `limit` leases of a set of a table, from lease_table_next()'s cursor. 1 = there
 * may be more, 0 = that was all.
 */
int lease_writer_hold_all(struct lease_writer *writer, const struct lease_table *table, uint8_t id,
	const char *set, uint64_t *cursor, size_t limit);
/* The bytes become the caller's. */
int lease_writer_finish(struct lease_writer *writer, uint8_t **ret_data, size_t *ret_size);

/* --- reading */

struct lease_name {
	const char *bytes; /* not terminated */
	uint8_t length;    /* 1 .. 63 */
};

struct lease_op {
	const uint8_t *members;
	uint32_t count; /* >= 1 */
	uint32_t owner;
	uint8_t set;
	uint8_t kind; /* as in the bytes */
	bool release;
	bool each; /* expiries may differ */
};

/* Names and members point into the bytes that were read. */
struct lease_list {
	struct lease_clock clock;
	struct lease_name sets[LEASE_SETS];
	size_t set_count;
	struct lease_name *owners; /* owned */
	size_t owner_count;
	struct lease_op *ops; /* owned */
	size_t op_count;
	size_t member_count; /* of all of them */
};
void lease_list_deinit(struct lease_list *list);
#define _cleanup_leases_ _cleanup_(lease_list_deinit)

/*
 * 0, -ENOMEM, or -EINVAL, whatever the bytes are: of a list that is read, all names,
 * numbers and members are good. It allocates at most six times their size.
 */
int lease_list_read(const void *data, size_t size, struct lease_list *ret);

struct member lease_op_member(const struct lease_op *op, uint32_t index);
/* Of that member; 0 of a release. */
uint64_t lease_op_expiry(const struct lease_op *op, uint32_t index);

#endif
