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
#define PEP_ABI 1

#define PEP_NAME_SIZE 64            /* policy name, 63 characters and a NUL */
#define PEP_POLICIES_DEFAULT 10000u /* pepctld --max-policies */
#define PEP_POLICIES_MAX 1000000u   /* upper bound of that flag */
#define PEP_RING_SIZE_MIN 4096u     /* one page; the kernel wants a power of two */
#define PEP_RING_SIZE_DEFAULT (1u << 20)
#define PEP_IFACES_MAX 64u /* attached interfaces; slot 0 stands for none */
#define PEP_IFACE_BUCKETS 4096u
#define PEP_IFACE_PROBES 4u
#define PEP_REDIRECTS_MAX 64u
#define PEP_CAPTURE_MAX 96u /* bytes of the frame that an event can carry */
#define PEP_EVENT_RATE_DEFAULT 10000u

#define PEP_VLAN_TAGS_MAX 2   /* 802.1ad outer and 802.1Q inner */
#define PEP_EXT_HEADERS_MAX 8 /* IPv6 extension headers before "headers" */
#define PEP_SLOT_NONE 0xffffffffu

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

/* Why a packet met its verdict; the reason of an event. */
enum pep_reason {
	PEP_REASON_NONE = 0,
	PEP_REASON_POLICY = 1,    /* a policy decided */
	PEP_REASON_DEFAULT = 2,   /* no policy matched */
	PEP_REASON_RATE = 3,      /* above the policy's rate */
	PEP_REASON_MALFORMED = 4, /* setting malformed = drop */
	PEP_REASON_FRAGMENT = 5,  /* setting fragments = drop */
	PEP_REASON_HEADERS = 6,   /* more VLAN tags or extension headers than are followed */
	PEP_REASON_FAILED = 7,    /* the redirect target is gone */
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
 * The rungs of the classical ladder, best first. A packet is looked up on
 * each rung that the ruleset uses (pep_ruleset.rungs) until a policy is found.
 */
enum pep_rung {
	PEP_RUNG_FIVE_TUPLE = 0,      /* src, dst, sport, dport, proto */
	PEP_RUNG_SRC_DPORT_PROTO = 1,
	PEP_RUNG_DST_DPORT_PROTO = 2,
	PEP_RUNG_DPORT_PROTO = 3,
	PEP_RUNG_SRC = 4,
	PEP_RUNG_PROTO = 5,
	PEP_RUNG_MAX,
};

/* Key of policy_map. A field that its rung does not use is zero. */
struct pep_policy_key {
	__u8 rung;   /* enum pep_rung */
	__u8 family; /* 4, 6, or 0 on rungs without an address */
	__u8 proto;  /* IANA protocol number */
	__u8 zero;
	__be16 sport;
	__be16 dport;
	__be32 src[4]; /* an IPv4 address stands in [0], the rest is zero */
	__be32 dst[4];
};
PEP_STATIC_ASSERT(sizeof(struct pep_policy_key) == 40, "pep_policy_key is ABI");

#define PEP_RULE_LOG (1u << 0)         /* event for every log_every-th decision */
#define PEP_RULE_NOLOG (1u << 1)       /* no event at all */
#define PEP_RULE_MAC (1u << 2)         /* redirect rewrites the destination MAC */
#define PEP_RULE_LIMIT_PACKETS (1u << 3) /* the limit counts packets, not IP bytes */

/*
 * One version of what the policy at a key does. It is alive in generation g
 * when born <= g < dies; of the two versions of a pep_policy at most one is.
 *
 * Limiter: a virtual-scheduling token bucket (ITU-T I.371, GCRA) whose clock
 * counts 1/256 ns of CLOCK_MONOTONIC. A packet of n units costs
 * (n * limit_mul) >> limit_shift clock steps, rounded up; it passes while the theoretical
 * arrival time is less than limit_tau ahead of now.
 */
struct pep_rule {
	__u64 born;
	__u64 dies;
	__u64 limit_mul; /* < 2^43, so that a 1 MiB buffer cannot overflow */
	__u64 limit_tau; /* < 2^62 */
	__u32 slot;      /* index of counters and limiter, < max policies */
	__u32 log_every; /* >= 1 */
	__u32 redirect;  /* index into redirect_map */
	__u8 action;     /* enum pep_action */
	__u8 flags;      /* PEP_RULE_* */
	__u8 limit_shift; /* < 64 */
	__u8 zero;
	__u8 mac[6];
	__u8 zero2[2];
	char name[PEP_NAME_SIZE];
};
PEP_STATIC_ASSERT(sizeof(struct pep_rule) == 120, "pep_rule is ABI");

/* Value of policy_map: the version in force and the one before or after it. */
struct pep_policy {
	struct pep_rule version[2];
};
PEP_STATIC_ASSERT(sizeof(struct pep_policy) == 240, "pep_policy is ABI");

#define PEP_LIMIT_CLOCK_SHIFT 8 /* clock steps of 2^-8 ns */

/* What a transaction changes beside policies. */
struct pep_ruleset {
	__u64 revision;
	__u32 rungs;      /* bit n: rung n holds a policy */
	__u32 event_rate; /* events per second and CPU, 0 = none */
	__u32 capture;    /* bytes of the frame in an event, <= PEP_CAPTURE_MAX */
	__u8 fragments_drop;
	__u8 malformed_drop;
	__u8 zero[2];
	__u8 default_block[PEP_IFACES_MAX]; /* by interface slot, 0 allow, 1 block */
};
PEP_STATIC_ASSERT(sizeof(struct pep_ruleset) == 88, "pep_ruleset is ABI");

/*
 * The only value of config_map (mapped by the daemon). The program reads
 * generation once per packet and judges by ruleset[generation & 1] and the
 * versions alive in it: one store of generation is the instant of a commit.
 */
struct pep_config {
	__u64 generation;
	__u32 abi;       /* PEP_ABI */
	__u32 slots;     /* policies that counters and limiters have room for */
	struct pep_ruleset ruleset[2];
};
PEP_STATIC_ASSERT(sizeof(struct pep_config) == 192, "pep_config is ABI");

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
	__u64 exceeded_packets; /* rate-limit: dropped above the rate */
	__u64 exceeded_bytes;
	__u64 last_hit; /* CLOCK_MONOTONIC coarse, ns */
	__u64 zero[3];  /* a cache line of its own */
};
PEP_STATIC_ASSERT(sizeof(struct pep_policy_stats) == 64, "pep_policy_stats is ABI");

/* Value of limiter_map at a slot (mapped by the daemon). */
struct pep_limiter {
	__u64 tat; /* theoretical arrival time, limiter clock; 0 = full bucket */
	__u64 zero[7];
};
PEP_STATIC_ASSERT(sizeof(struct pep_limiter) == 64, "pep_limiter is ABI");

/*
 * The only value of event_state (per CPU). Every reportable decision takes the
 * next number, then is sent, suppressed by the event rate, or finds the ring
 * full: numbered == sent + suppressed + ring_full whenever the CPU is quiet.
 */
struct pep_event_state {
	__u64 numbered;
	__u64 suppressed;
	__u64 ring_full;
	__u64 window_start; /* ns */
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

#define PEP_VLAN_NONE 0xffffu

#endif
