/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Of the ABI in common.h: the tables by which policies and members of sets are found.
 */
#ifndef PEP_BPF_COMMON_SEARCH_H
#define PEP_BPF_COMMON_SEARCH_H

#ifndef PEP_BPF_COMMON_H
#error "include bpf/common.h"
#endif

#define PEP_TUPLES_MAX 64u   /* bits of a word, see pep_search */
#define PEP_INDEX_VALUES 65536u
#define PEP_BUCKET_KEYS 8u
#define PEP_BUCKET_CHAIN 4u /* buckets that a key can be in */
#define PEP_STEPS_MAX 16384u /* look-ups and entries that one packet can cost; the daemon refuses more */
#define PEP_SETS_MAX 64u /* bits of a word */
#define PEP_COMBOS_MAX 16384u
#define PEP_CHUNK_LINES 4096u /* lines of 64 bytes in one element of set_map */
#define PEP_CHUNKS_MAX 2048u
#define PEP_LENGTHS_MAX 64u /* prefix lengths of a family's members in use at a time */
#define PEP_LINE4_KEYS 10u
#define PEP_LINE6_KEYS 3u
#define PEP_LINE_CHAIN 12u /* lines that a member can be in */
#define PEP_SPREADS_MAX 64u /* redirects to several interfaces; 0 stands for none */
#define PEP_SPREAD_TARGETS 16u
#define PEP_SPREAD_SLOTS 4096u
#define PEP_SPREAD_SHIFT 52 /* of a flow's hash, to its slot */
#define PEP_SPREAD_SEED 0x9fb21c651e98df25ull /* the same everywhere and always: so are the flows' ways */

/*
 * A packet's deciding policy is found by tuple search. A tuple is a choice of
 * which bits of the addresses, and which of ports and protocol, are hashed;
 * policies that give at least those stand in it. The index says by the packet's
 * values which tuples can hold a match at all; in each of these one bucket is
 * looked up, whose key leads to a run of entries sorted by rank, each of which
 * is checked in full. Whatever the index says too much costs time, never the
 * verdict: it is widened before a commit takes effect and narrowed after.
 */

/*
 * The index: a class a value, and one word of tuples a class. Most values of a
 * dimension have one of few words: so what a packet's values select fits into
 * the processor's caches. Class 0 has no tuple, the last one has all.
 */
enum pep_dimension {
	PEP_DIM_SRC4 = 0, /* upper 16 bits */
	PEP_DIM_DST4,
	PEP_DIM_SRC4_FINE, /* the middle 16 bits */
	PEP_DIM_DST4_FINE,
	PEP_DIM_SRC6, /* a hash of the upper 32 bits */
	PEP_DIM_DST6,
	PEP_DIM_SRC6_FINE, /* a hash of the upper 64 bits */
	PEP_DIM_DST6_FINE,
	PEP_DIM_SPORT,
	PEP_DIM_DPORT,
	PEP_DIM_PROTO, /* 256 values */
	PEP_DIM_MAX,
};
#define PEP_INDEX_SIZE (PEP_DIM_PROTO * PEP_INDEX_VALUES + 256u)
#define PEP_CLASSES_MAX 4096u /* of a dimension */
#define PEP_CLASS_ALL (PEP_CLASSES_MAX - 1)
#define PEP_CLASSES_NARROW 256u

/*
 * Of .data.index (mapped by the daemon): the class of each value. A dimension that has few
 * classes is read where they take a byte: half as many cache lines for a flood to pass through.
 */
struct pep_index {
	__u16 wide[PEP_INDEX_SIZE];
	__u8 narrow[PEP_INDEX_SIZE]; /* right without the dimension's bit in pep_roots.wide */
};

/*
 * The generation is read before what it judges, and words are joined as they stand in memory:
 * of what the kernel runs on, only x86-64 has been thought through for both.
 */
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ || !(defined(__x86_64__) || defined(__bpf__))
#error "pepctl is for x86-64"
#endif

/* Two words as they stand one behind the other. */
static inline __u64 pep_pair(__be32 first, __be32 second)
{
	return (__u64)second << 32 | first;
}
static inline __be32 pep_pair_first(__u64 pair)
{
	return (__be32)pair;
}
static inline __be32 pep_pair_second(__u64 pair)
{
	return (__be32)(pair >> 32);
}

/* What is part of a tuple's key beside masked addresses. */
#define PEP_KEY_SPORT (1u << 0)
#define PEP_KEY_DPORT (1u << 1)
#define PEP_KEY_PROTO (1u << 2)
#define PEP_KEY_SRC_SET (1u << 3) /* every entry has a source set, whose id is in the key */
#define PEP_KEY_DST_SET (1u << 4) /* likewise; in the key only without PEP_KEY_SRC_SET */
#define PEP_KEY_IP6 (1u << 5)     /* the masks have 128 bits */
#define PEP_KEY_USED (1u << 6)    /* every tuple that is not free */

/* Of .data.tuples (mapped by the daemon); does not change while the tuple has entries. */
struct pep_tuple {
	PEP_OTHER_WORDS(16)
	__u64 best; /* no entry has a smaller rank[0] */
	__u64 rest; /* nor has one of a tuple from this one on */
	__u64 sets; /* with PEP_KEY_*_SET: the ids in keys */
	__u64 seed; /* of the hashes of its keys */
	__u64 key_mask; /* of pep_key_word() */
	__u32 key;  /* PEP_KEY_*; 0 = the tuple is free */
	__u32 zero;
	__u64 mask[4]; /* pep_pair() of each word of src and dst; of IPv4 only [0] */
	__u64 zero2[6];
};
PEP_STATIC_ASSERT(sizeof(struct pep_tuple) == 128 + PEP_OTHER_SIZE(16), "pep_tuple is ABI");

/*
 * Value of bucket_map (mapped by the daemon). A key's bucket has its tag, or one of
 * the buckets behind it. Keys that share bucket and tag share a run.
 */
struct pep_bucket {
	union {
		__u16 tag[PEP_BUCKET_KEYS]; /* 0 = free */
		__u64 tags[PEP_BUCKET_KEYS / 4];
	};
	__u32 head[PEP_BUCKET_KEYS]; /* entry */
	__u32 more; /* a bucket > pep_roots.bucket_mask, for what this one has no place for; 0 = none */
	__u32 held; /* for the daemon, while it starts */
	__u32 zero[2];
};
PEP_STATIC_ASSERT(sizeof(struct pep_bucket) == 64, "pep_bucket is ABI");

/* pep_entry.given: what a packet must have. */
#define PEP_GIVEN_IP4 (1u << 0)
#define PEP_GIVEN_IP6 (1u << 1)
#define PEP_GIVEN_NO_ADDRESS (1u << 2) /* neither src nor dst: a packet that is no neighbour discovery */
#define PEP_GIVEN_SRC_SET (1u << 3)
#define PEP_GIVEN_DST_SET (1u << 4)
#define PEP_GIVEN_PORTS (1u << 5)
#define PEP_GIVEN_PROTO (1u << 6)
#define PEP_GIVEN_MORE (1u << 7) /* something of the entry's second half but addresses */

/* pep_entry.flags */
#define PEP_RULE_LOG (1u << 0)         /* event for every log_every-th decision */
#define PEP_RULE_NOLOG (1u << 1)       /* no event at all */
#define PEP_RULE_MAC (1u << 2)         /* redirect rewrites the destination MAC */
#define PEP_RULE_LIMIT_PACKETS (1u << 3) /* the limit counts packets, not IP bytes */
#define PEP_RULE_SHADOW (1u << 4)      /* does not decide, is only counted */
#define PEP_RULE_VLAN (1u << 5)        /* MORE: which of these are given */
#define PEP_RULE_ICMP_TYPE (1u << 6)
#define PEP_RULE_ICMP_CODE (1u << 7)

/*
 * Value of entry_map (mapped by the daemon): one version of a policy, what every
 * look at it needs. Index 0 is no entry. A commit under way is told by stamps of
 * its generation: not alive before `born`, nor from `dies` on; 0 = no such limit.
 */
struct pep_entry {
	PEP_OTHER_WORDS(8)
	__u64 rank[2]; /* the smaller one decides (policy_rank() in common/policy.h) */
	union {
		struct {
			__be32 src; /* first word; with PEP_GIVEN_SRC_SET the set's id */
			__be32 dst;
		};
		__u64 pair; /* both: pep_pair() */
	};
	union {
		struct {
			__be32 src_mask;
			__be32 dst_mask;
		};
		__u64 mask;
	};
	__u16 sport_first; /* host order, any = 0 .. 65535 */
	__u16 sport_last;
	__u16 dport_first;
	__u16 dport_last;
	__u32 born; /* pep_stamp() */
	__u32 dies;
	__u32 next; /* of the run */
	__u32 slot; /* index of counters and limiter, < pep_config.slots */
	__u32 log_every; /* >= 1 */
	__u8 proto;
	__u8 given;  /* PEP_GIVEN_* */
	__u8 action; /* enum pep_action */
	__u8 flags;  /* PEP_RULE_* */
};
PEP_STATIC_ASSERT(sizeof(struct pep_entry) == 64 + PEP_OTHER_SIZE(8), "pep_entry is ABI");

/* Value of more_map at the same index: read with PEP_GIVEN_IP6 or PEP_GIVEN_MORE only. */
struct pep_more {
	__be32 src[3]; /* the words behind pep_entry.src */
	__be32 dst[3];
	__be32 src_mask[3];
	__be32 dst_mask[3];
	__u64 ifaces;  /* bit n: interface slot n; 0 = any */
	__u16 vlan;
	__u16 percent; /* of PEP_PERCENT_ALL */
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 tcp_value;
	__u8 tcp_mask; /* 0 = any */
};
PEP_STATIC_ASSERT(sizeof(struct pep_more) == 64, "pep_more is ABI");

/*
 * Value of rule_map at the same index: what only some actions need.
 *
 * Limiter: a virtual-scheduling token bucket (ITU-T I.371, GCRA) whose clock
 * counts 1/256 ns of CLOCK_MONOTONIC. A packet of n units costs
 * (n * limit_mul) >> limit_shift clock steps, rounded up; it passes while the theoretical
 * arrival time is less than limit_tau ahead of now.
 */
struct pep_rule {
	__u64 limit_mul; /* < 2^43, so that a 1 MiB buffer cannot overflow */
	__u64 limit_tau; /* < 2^62 */
	__u64 hash;      /* of the key, for the daemon */
	__u32 redirect;  /* index into redirect_map; PEP_REDIRECTS_MAX = see spread */
	__u8 limit_shift; /* < 64 */
	__u8 flags;      /* PEP_RULE_LIMIT_PACKETS */
	__u8 tuple;
	__u8 fib;        /* redirect: as a router, by the kernel's routes and neighbours */
	__u8 mac[6];
	__u8 scope; /* enum pep_scope */
	__u8 zero2;
	__u32 limit_id; /* 2 * slot, or the next one: another after each change of the limit */
	__be32 scope_mask[4]; /* of PEP_SCOPE_SRC; of IPv4 only the first */
	__u32 spread; /* index into spread_map, 0 = to one interface */
};
PEP_STATIC_ASSERT(sizeof(struct pep_rule) == 64, "pep_rule is ABI");

/*
 * Value of spread_map (mapped by the daemon): where the flows of a redirect to several interfaces
 * go, each of which has one of the slots. Filled before the version of a policy that points to it
 * is in force, and not changed as long as it is.
 */
struct pep_spread {
	char name[PEP_SPREAD_TARGETS][16]; /* for the next daemon */
	__u8 target[PEP_SPREAD_TARGETS];   /* index into redirect_map, by the target's number */
	__u32 count;
	__u32 zero[3];
	__u64 order[PEP_SPREAD_SLOTS]; /* numbers in four bits each, lowest first: whose interface is there */
};
PEP_STATIC_ASSERT(sizeof(struct pep_spread) == 288 + 8 * PEP_SPREAD_SLOTS, "pep_spread is ABI");
PEP_STATIC_ASSERT(PEP_SPREAD_SLOTS == 1ull << (64 - PEP_SPREAD_SHIFT), "the shift leaves a slot");

/* Value of policy_map, by entry: what a person and the next daemon read. */
struct pep_policy {
	char name[PEP_NAME_SIZE];
	__u32 slot; /* as in pep_entry */
	__u32 zero;
	char line[PEP_LINE_SIZE]; /* as in a policy file; ends in "..." when longer */
	PEP_OTHER_WORDS(2)
};
PEP_STATIC_ASSERT(sizeof(struct pep_policy) == 264 + PEP_OTHER_SIZE(2), "pep_policy is ABI");

/* Where a search begins. Written by the daemon while packets are judged. */
struct pep_roots {
	__u64 live[2];             /* tuples with entries for IPv4, IPv6 */
	__u64 always[PEP_DIM_MAX]; /* tuples that hold something for every value */
	__u64 portless;            /* tuples with an entry that needs no port */
	__u64 src_keyed;           /* tuples with PEP_KEY_SRC_SET */
	__u64 dst_keyed;
	__u64 src_sets;            /* sets that a policy uses */
	__u64 dst_sets;
	__u64 seed;                /* of the hashes, random */
	__u32 bucket_mask;         /* buckets that a key can lead to - 1 */
	__u32 entries;
	__u32 spare; /* for the daemon: a bucket that nobody has, which has the next as more; 0 = none */
	__u32 wide;  /* bit n: dimension n has more classes than a byte can tell */
};
PEP_STATIC_ASSERT(sizeof(struct pep_roots) == 168, "pep_roots is ABI");

/*
 * Members of sets: a member, address and prefix length, stands once in a table,
 * with the number of a combo: the word of sets that it is a member of. Behind a
 * word a value of the lengths that can cover it, and a filter of two bits a member.
 */
struct pep_table {
	__u32 chunk; /* first element of set_map */
	__u32 mask;  /* lines - 1; PEP_TABLE_NONE = there is none */
};
#define PEP_TABLE_NONE 0xffffffffu

struct pep_members {
	struct pep_table lines;
	struct pep_table filter;  /* bits */
	struct pep_table lengths; /* a word for each of PEP_INDEX_VALUES */
	__u64 always;             /* lengths that can cover any address: below 16, or 32 for IPv6 */
	__u8 length[PEP_LENGTHS_MAX]; /* that bit n of such a word stands for */
};
PEP_STATIC_ASSERT(sizeof(struct pep_members) == 96, "pep_members is ABI");

/* Of .data.combos (mapped by the daemon), word by the parity of the generation. */
struct pep_combo {
	__u64 word[2];
};

/* Lines of set_map. Combo 0 = the place is free. */
struct pep_line4 {
	__u32 key[PEP_LINE4_KEYS]; /* host order; a prefix has a one behind its last bit */
	__u16 combo[PEP_LINE4_KEYS];
	__u32 single; /* bit n: key n is an address; bit 31: it was full when a member came */
};
PEP_STATIC_ASSERT(sizeof(struct pep_line4) == 64, "pep_line4 is ABI");
struct pep_line6 {
	__be32 key[PEP_LINE6_KEYS][4];
	__u16 combo[PEP_LINE6_KEYS];
	__u8 length[PEP_LINE6_KEYS];
	__u8 spilled; /* as bit 31 of pep_line4.single */
	__u8 zero[6];
};
PEP_STATIC_ASSERT(sizeof(struct pep_line6) == 64, "pep_line6 is ABI");
struct pep_line {
	union {
		__u64 word[8];
		__u16 pair[32];
	};
};
#define PEP_LINE4_SPILLED (1u << 31) /* members that are not here may be in the next of their lines */

#endif
