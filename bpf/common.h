/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The ABI between the packet program and pepctld: every type, constant and
 * limit that both see. Compiled by clang for the BPF target and by the host
 * compiler; neither side may copy a definition from here by hand.
 *
 * Fields named be16/be32 are in network byte order, all others in host order.
 * No struct has implicit padding: keys are compared and values are published
 * byte by byte, so a hole would leak or compare garbage.
 */
#ifndef PEP_BPF_COMMON_H
#define PEP_BPF_COMMON_H

#include <linux/types.h>

#ifdef __cplusplus
#define PEP_STATIC_ASSERT(cond, what) static_assert(cond, what)
#else
#define PEP_STATIC_ASSERT(cond, what) _Static_assert(cond, what)
#endif

/* Raised with every change of a layout or meaning in this file; kept in
 * pep_config.abi so that a daemon recognises pins of another build. */
#ifndef PEP_OTHER_LAYOUT
#define PEP_ABI 5
#define PEP_OTHER_WORDS(count)
#define PEP_OTHER_SIZE(count) 0
#else /* tests/e2e: another build, whose tables have more in them */
#define PEP_ABI                1000005
#define PEP_OTHER_WORDS(count) __u64 other[count];
#define PEP_OTHER_SIZE(count)  (8 * (count))
#endif

/*
 * What the daemon of another build carries over from its predecessor's pins, whatever else has
 * changed: the head of pep_config, name and slot in policy_map, and the counters in policy_stats,
 * limiter_map, stats_map, event_state and iface_map. Of these, members keep place and meaning, and
 * new ones are only appended. Raised when that cannot be: then counters begin anew.
 */
#define PEP_CARRY 1

#define PEP_NAME_SIZE 64            /* policy name, 63 characters and a NUL */
#define PEP_LINE_SIZE 192           /* what policy_map shows of a policy */
#define PEP_POLICIES_DEFAULT 10000u /* pepctld --max-policies */
#define PEP_POLICIES_MAX 1000000u   /* upper bound of that flag */
#define PEP_RING_SIZE_MIN 4096u     /* one page; the kernel wants a power of two */
#define PEP_RING_SIZE_DEFAULT (1u << 20)
#define PEP_IFACES_MAX 64u /* attached interfaces; slot 0 stands for none */
#define PEP_IFACE_BUCKETS 4096u
#define PEP_IFACE_PROBES 4u
#define PEP_REDIRECTS_MAX 64u
#define PEP_SPREADS_MAX 64u /* redirects to several interfaces; 0 stands for none */
#define PEP_SPREAD_TARGETS 16u
#define PEP_SPREAD_SLOTS 4096u
#define PEP_SPREAD_SHIFT 52 /* of a flow's hash, to its slot */
#define PEP_SPREAD_SEED 0x9fb21c651e98df25ull /* the same everywhere and always: so are the flows' ways */
#define PEP_CAPTURE_MAX 96u /* bytes of the frame that an event can carry */
#define PEP_EVENT_RATE_DEFAULT 10000u
#define PEP_SCOPE_PLACES 8u /* of a line of scope_map */
#define PEP_SCOPE_BUCKETS_DEFAULT 262144u /* pepctld --max-buckets; 16 bytes each */
#define PEP_SCOPE_BUCKETS_MAX (1u << 24)
#define PEP_REJECT_RATE_DEFAULT 1000u

#define PEP_TUPLES_MAX 64u   /* bits of a word, see pep_search */
#define PEP_INDEX_VALUES 65536u
#define PEP_BUCKET_KEYS 8u
#define PEP_BUCKET_CHAIN 4u /* buckets that a key can be in */
#define PEP_STEPS_MAX 16384u /* look-ups and entries that one packet can cost; the daemon refuses more */
#define PEP_PERCENT_ALL 10000u
#define PEP_SETS_MAX 64u /* bits of a word */
#define PEP_COMBOS_MAX 16384u
#define PEP_CHUNK_LINES 4096u /* lines of 64 bytes in one element of set_map */
#define PEP_CHUNKS_MAX 2048u
#define PEP_LENGTHS_MAX 64u /* prefix lengths of a family's members in use at a time */
#define PEP_LINE4_KEYS 10u
#define PEP_LINE6_KEYS 3u

#define PEP_VLAN_TAGS_MAX 2   /* 802.1ad outer and 802.1Q inner */
#define PEP_EXT_HEADERS_MAX 8 /* IPv6 extension headers before "headers" */
#define PEP_SLOT_NONE 0xffffffffu

#define PEP_VLAN_NONE 0xffffu

/* What a policy does (semantics.md, "Actions"). */
enum pep_action {
	PEP_ACTION_ALLOW = 0,
	PEP_ACTION_BLOCK = 1,
	PEP_ACTION_RATE_LIMIT = 2,
	PEP_ACTION_REJECT = 3,
	PEP_ACTION_REFLECT = 4,
	PEP_ACTION_REDIRECT = 5,
	PEP_ACTION_MAX,
};

/* What has a bucket of its own in a rate limit. */
enum pep_scope {
	PEP_SCOPE_POLICY = 0,
	PEP_SCOPE_SRC = 1,
	PEP_SCOPE_DST = 2,
	PEP_SCOPE_FLOW = 3,
};

/* Why a packet met its verdict; the reason of an event. */
enum pep_reason {
	PEP_REASON_NONE = 0,
	PEP_REASON_POLICY = 1,    /* a policy decided */
	PEP_REASON_DEFAULT = 2,   /* no policy matched */
	PEP_REASON_RATE = 3,      /* above the policy's rate */
	PEP_REASON_MALFORMED = 4, /* setting malformed = drop */
	PEP_REASON_FRAGMENT = 5,  /* setting fragments = drop */
	PEP_REASON_HEADERS = 6,   /* more VLAN tags or extension headers than are followed */
	PEP_REASON_FAILED = 7,    /* the redirect target is gone, or an answer has no room */
	PEP_REASON_SHADOW = 8,    /* a shadow policy would have decided */
	PEP_REASON_MAX,
};

/* Why parsing ended early; counted per interface in pep_stats.parse_errors. */
enum pep_parse_error {
	PEP_PARSE_OK = 0,
	PEP_PARSE_ETH_SHORT = 1,    /* under 14 bytes */
	PEP_PARSE_VLAN_SHORT = 2,   /* tag cut */
	PEP_PARSE_IP_SHORT = 3,     /* IPv4 or IPv6 header cut */
	PEP_PARSE_IP_VERSION = 4,   /* version nibble contradicts the ethertype */
	PEP_PARSE_IP_IHL = 5,       /* IPv4 header length under 5 words (RFC 791) */
	PEP_PARSE_IP_LENGTH = 6,    /* IP length beyond the frame, or below the header */
	PEP_PARSE_EXT_SHORT = 7,    /* IPv6 extension header cut */
	PEP_PARSE_L4_SHORT = 8,     /* transport header cut */
	PEP_PARSE_L4_LENGTH = 9,    /* TCP data offset under 5, UDP length under 8 */
	PEP_PARSE_HEADERS = 10,     /* too many VLAN tags or extension headers */
	PEP_PARSE_MAX,
};

/* Every packet adds to exactly one tally; all totals are sums of these. */
enum pep_tally {
	PEP_TALLY_NON_IP = 0,
	PEP_TALLY_ALLOW_DEFAULT, /* neighbour discovery that is exempt counts here */
	PEP_TALLY_ALLOW_POLICY,  /* allow, and rate-limit within the rate */
	PEP_TALLY_ALLOW_MALFORMED, /* passed for the kernel to judge, no address known */
	PEP_TALLY_BLOCK_DEFAULT,
	PEP_TALLY_BLOCK_POLICY,
	PEP_TALLY_BLOCK_RATE,
	PEP_TALLY_BLOCK_REJECT,
	PEP_TALLY_BLOCK_MALFORMED,
	PEP_TALLY_BLOCK_FRAGMENT,
	PEP_TALLY_BLOCK_HEADERS,
	PEP_TALLY_BLOCK_FAILED,
	PEP_TALLY_REFLECT,
	PEP_TALLY_REDIRECT,
	PEP_TALLY_MAX,
};

/* Bit n: a packet of tally n was looked up; their sum is the "policy look-ups" statistic. */
#define PEP_TALLIES_LOOKED_UP                                                                      \
	((1u << PEP_TALLY_MAX) - 1 -                                                               \
		(1u << PEP_TALLY_NON_IP | 1u << PEP_TALLY_ALLOW_MALFORMED |                        \
			1u << PEP_TALLY_BLOCK_MALFORMED | 1u << PEP_TALLY_BLOCK_FRAGMENT |         \
			1u << PEP_TALLY_BLOCK_HEADERS))

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
	__u32 single; /* bit n: key n is an address; bit 31: see pep_bucket.spilled */
};
PEP_STATIC_ASSERT(sizeof(struct pep_line4) == 64, "pep_line4 is ABI");
struct pep_line6 {
	__be32 key[PEP_LINE6_KEYS][4];
	__u16 combo[PEP_LINE6_KEYS];
	__u8 length[PEP_LINE6_KEYS];
	__u8 spilled;
	__u8 zero[6];
};
PEP_STATIC_ASSERT(sizeof(struct pep_line6) == 64, "pep_line6 is ABI");
struct pep_line {
	__u64 word[8];
};
#define PEP_LINE4_SPILLED (1u << 31)

#define PEP_LIMIT_CLOCK_SHIFT 8 /* clock steps of 2^-8 ns */

/*
 * Line of scope_map (mapped by the daemon): buckets of sources, destinations and flows, of all
 * policies. A bucket's tag names policy and key (bpf/scope.h) and tells the line.
 */
struct pep_scope_place {
	__u64 tag; /* 0 = free; limit_id above PEP_SCOPE_HASH_BITS of hash */
	__u64 tat; /* as pep_limiter.tat */
};
#define PEP_SCOPE_HASH_BITS 42
struct pep_scope_line {
	struct pep_scope_place place[PEP_SCOPE_PLACES];
};
PEP_STATIC_ASSERT(sizeof(struct pep_scope_line) == 128, "pep_scope_line is ABI");
PEP_STATIC_ASSERT(2ull * 2 * PEP_POLICIES_MAX <= 1ull << (64 - PEP_SCOPE_HASH_BITS),
	"every limit_id of every slot fits");

/* Factors of the hash: of a constant and of each word of a key, see bpf/scope.h. */
#define PEP_SCOPE_WORDS 10u
struct pep_scope_seed {
	__u64 factor[PEP_SCOPE_WORDS + 1][2];
};
/* Answers of reject that can go out at once: a tenth of a second's, in clock steps. */
#define PEP_REJECT_BURST (100000000ull << PEP_LIMIT_CLOCK_SHIFT)
/* What one answer costs; 0 = there are none. */
static inline __u64 pep_reject_cost(__u32 rate)
{
	return rate ? ((1000000000ull << PEP_LIMIT_CLOCK_SHIFT) + rate - 1) / rate : 0;
}

/* What a transaction changes beside policies. */
struct pep_ruleset {
	__u64 revision;
	__u32 event_rate; /* events per second and CPU, 0 = none */
	__u32 capture;    /* bytes of the frame in an event, <= PEP_CAPTURE_MAX */
	__u64 reject_cost; /* pep_reject_cost() of the rate */
	__u32 reject_rate; /* answers per second and interface */
	__u8 fragments_drop;
	__u8 malformed_drop;
	__u8 zero[2];
	__u8 default_block[PEP_IFACES_MAX]; /* by interface slot, 0 allow, 1 block */
	struct pep_members members[2];      /* IPv4, IPv6 */
};
PEP_STATIC_ASSERT(sizeof(struct pep_ruleset) == 288, "pep_ruleset is ABI");

/*
 * The only value of .data.config (mapped by the daemon). The program reads
 * generation once per packet and judges by ruleset[generation & 1] and the
 * versions alive in it: one store of generation is the instant of a commit.
 */
struct pep_config {
	__u64 generation;
	__u32 abi;       /* PEP_ABI */
	__u32 slots;     /* policies that counters and limiters have room for */
	__u32 hz;        /* jiffies in a second, for the limit of events */
	__u32 carry;     /* PEP_CARRY */
	PEP_OTHER_WORDS(8)
	struct pep_roots roots;
	struct pep_ruleset ruleset[2];
	struct pep_scope_seed scope_seed; /* random */
	__u32 scope_lines;                /* of scope_map */
	__u32 zero;
};
/* A generation as entries are stamped with it: never 0, compared as a difference. */
static inline __u32 pep_stamp(__u64 generation)
{
	return (__u32)generation << 1 | 1;
}
PEP_STATIC_ASSERT(sizeof(struct pep_config) == 24 + 168 + 576 + 176 + 8 + PEP_OTHER_SIZE(8),
	"pep_config is ABI");

/* Value of iface_map at an interface slot; slot 0 is for packets of no known one. */
struct pep_iface {
	char name[16]; /* IFNAMSIZ; "" = never used */
	__u32 ifindex; /* 0 = not attached now */
	__u32 mode;    /* XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE or 0 */
	__u64 attached_since; /* CLOCK_REALTIME, ns */
};
PEP_STATIC_ASSERT(sizeof(struct pep_iface) == 32, "pep_iface is ABI");

/* Value of iface_index at ifindex % PEP_IFACE_BUCKETS or the PEP_IFACE_PROBES - 1 next. */
struct pep_iface_ref {
	__u32 ifindex; /* 0 = free */
	__u32 slot;
};

struct pep_count {
	__u64 packets;
	__u64 bytes; /* frame length */
};

/* Value of stats_map (per CPU) at an interface slot. */
struct pep_stats {
	struct pep_count tally[PEP_TALLY_MAX];
	__u64 parse_errors[PEP_PARSE_MAX];
};
PEP_STATIC_ASSERT(sizeof(struct pep_stats) == 14 * 16 + 11 * 8, "pep_stats is ABI");

/* Value of policy_stats at cpu * pep_config.slots + slot (mapped by the daemon). */
struct pep_policy_stats {
	__u64 packets; /* decisions of the policy, exceeded ones included */
	__u64 bytes;
	__u64 last_hit; /* jiffies: the clock that costs nothing to read; 0 = never */
	__u64 zero;
	PEP_OTHER_WORDS(4)
};
PEP_STATIC_ASSERT(
	sizeof(struct pep_policy_stats) == 32 + PEP_OTHER_SIZE(4), "pep_policy_stats is ABI");

/* Value of limiter_map at a slot (mapped by the daemon), of all CPUs. */
struct pep_limiter {
	__u64 tat; /* theoretical arrival time, limiter clock; 0 = full bucket */
	__u64 exceeded_packets; /* dropped above the rate */
	__u64 exceeded_bytes;
	__u64 displaced; /* its buckets that lost their places while in use, see bpf/scope.h */
	__u64 zero[4];
	PEP_OTHER_WORDS(8)
};
PEP_STATIC_ASSERT(sizeof(struct pep_limiter) == 64 + PEP_OTHER_SIZE(8), "pep_limiter is ABI");

/*
 * The only value of event_state (per CPU). Every reportable decision takes the
 * next number, then is sent, suppressed by the event rate, or finds the ring
 * full: numbered == sent + suppressed + ring_full whenever the CPU is quiet.
 */
struct pep_event_state {
	__u64 numbered;
	__u64 suppressed;
	__u64 ring_full;
	__u64 window_start; /* jiffies */
	__u64 window_count;
	__u64 zero[3];
};
PEP_STATIC_ASSERT(sizeof(struct pep_event_state) == 64, "pep_event_state is ABI");

/* One record of ring_buffer. */
struct pep_event {
	__u64 time;       /* CLOCK_MONOTONIC, ns */
	__u64 number;     /* of this CPU's reportable decisions, from 1 */
	__u64 suppressed; /* this CPU's pep_event_state at that decision */
	__u64 ring_full;
	__u64 revision; /* of the ruleset that decided */
	__u32 cpu;
	__u32 ifindex;
	__u32 length; /* of the frame */
	__u8 action;  /* enum pep_action */
	__u8 reason;  /* enum pep_reason */
	__u8 family;  /* 4, 6, or 0 when no IP header could be read */
	__u8 proto;   /* last one reached */
	__be32 src[4];
	__be32 dst[4];
	__be16 sport; /* 0 when the packet has none */
	__be16 dport;
	__u16 vlan;   /* id of the outermost tag, 0xffff = untagged */
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 tcp_flags;
	__u8 parse_error; /* enum pep_parse_error */
	__u16 captured;   /* valid bytes of data */
	__u32 zero;
	char policy[PEP_NAME_SIZE]; /* "" = the default action or a setting */
	__u8 data[PEP_CAPTURE_MAX];
};
PEP_STATIC_ASSERT(sizeof(struct pep_event) == 264, "pep_event is ABI");


/* What the parser makes of a frame. */
struct pep_packet {
	__u32 length;    /* of the frame, all buffers; filled in by the caller */
	__u32 ip_length; /* from the IP header on, without Ethernet padding */
	__be32 src[4];   /* as in pep_policy_key */
	__be32 dst[4];
	__be16 sport; /* valid with has_ports */
	__be16 dport;
	__u16 vlan;     /* id of the outermost tag or PEP_VLAN_NONE */
	__u8 family;    /* 4, 6, or 0: no IP header could be read */
	__u8 proto;     /* last one reached */
	__u8 error;     /* enum pep_parse_error */
	__u8 has_ports; /* all four bytes were there */
	__u8 fragment;  /* not the first one */
	__u8 discovery; /* neighbour discovery as RFC 4861 wants it, see semantics */
	__u8 has_icmp;  /* both bytes were there */
	__u8 has_tcp;   /* the whole fixed header was there */
	__u8 icmp_type; /* ICMP and ICMPv6 */
	__u8 icmp_code;
	__u8 tcp_flags; /* byte 13 */
	__u8 hop_limit; /* IPv6 without extension headers, else 0 */
};

/* What is to be done, before limiter, redirect and reject have had their say. */
struct pep_ruling {
	__u32 entry;  /* of the policy, 0 = the default action or a setting decided */
	__u32 shadow; /* entry of the best shadow policy above the decider, 0 = none */
	__u16 parity; /* bit 0 of the generation that decides */
	__u16 answered; /* 1 = the frame has become an answer, or tried to; how it came is in answer_map */
	__u8 action;  /* enum pep_action */
	__u8 reason;  /* enum pep_reason */
	__u8 tally;   /* enum pep_tally */
	__u8 flags;   /* PEP_RULE_* of the entry */
};

/* The only value of explain_map (mapped by the daemon): one question to packet_explain and its answer. */
struct pep_explain {
	__u64 generation; /* to judge by, 0 = the one in force */
	__u64 jiffies;    /* when it was answered */
	__u32 iface;      /* slot */
	struct pep_packet packet;
	struct pep_ruling ruling;
	__u32 zero;
};
PEP_STATIC_ASSERT(sizeof(struct pep_explain) == 104, "pep_explain is ABI");

#ifndef __bpf__
/* The tables of the search as they are mapped: the program's own bytes. */
struct pep_tables {
	struct pep_config *config;
	struct pep_entry *entries; /* config->roots.entries of these */
	struct pep_rule *rules;
	struct pep_bucket *buckets;
	struct pep_tuple *tuples;
	struct pep_more *more;
	struct pep_index *index;
	__u64 *classes; /* words, PEP_CLASSES_MAX for each dimension */
	struct pep_combo *combos;
	struct pep_spread *spreads;
	struct pep_line *chunks[PEP_CHUNKS_MAX]; /* of PEP_CHUNK_LINES, NULL = none */
};
#endif

#endif
