/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What packets.bpf.c and packets.c share; both files of run's work are arrays of these. */
#ifndef PEP_BENCH_PACKETS_H
#define PEP_BENCH_PACKETS_H

#include <linux/types.h>

#define BENCH_FLOWS   65536u
#define BENCH_BATCH   16u /* packets that are timed together */
#define BENCH_BATCHES 8192u
#define BENCH_SMALL   1024u /* entries of the table that L looks up in */

/* What replaces the addresses and ports of the parsed packet. */
struct bench_flow {
	__be32 src[4]; /* an IPv4 address stands in [0], the rest is zero */
	__be32 dst[4];
	__be16 sport;
	__be16 dport;
	__u8 family; /* 4 or 6 */
	__u8 proto;
	__u8 tcp_flags;
	__u8 icmp_type;
};

/* The classical ladder as one hash, kept here as the peer that the classifier must beat. */
enum bench_rung {
	BENCH_FIVE_TUPLE,
	BENCH_SRC_DPORT_PROTO,
	BENCH_DST_DPORT_PROTO,
	BENCH_DPORT_PROTO,
	BENCH_SRC,
	BENCH_PROTO,
	BENCH_RUNGS,
};

struct bench_key {
	__u8 rung;
	__u8 family; /* 0 on rungs without an address */
	__u8 proto;
	__u8 zero;
	__be16 sport;
	__be16 dport;
	__be32 src[4];
	__be32 dst[4];
};

struct bench_prefix {
	__u32 length;
	__be32 address;
};

struct bench_state {
	__u32 next;  /* counts packets */
	__u32 first; /* of the flows in use */
	__u32 mask;  /* their number - 1 */
	__u32 timed; /* write batches */
	__u64 begin; /* of the batch */
};

#endif
