/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The ABI between the packet program and pepctld: every type, constant and
 * limit that both see, here and in the files that it includes. Compiled by
 * clang for the BPF target and by the host compiler; neither side may copy a
 * definition from here by hand.
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

/* Raised with every change of a layout or meaning in these files; kept in
 * pep_config.abi so that a daemon recognises pins of another build. */
#ifndef PEP_OTHER_LAYOUT
#define PEP_ABI 6
#define PEP_OTHER_WORDS(count)
#define PEP_OTHER_SIZE(count) 0
#else /* tests/e2e: another build, whose tables have more in them */
#define PEP_ABI                1000006
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
#define PEP_CAPTURE_MAX 96u /* bytes of the frame that an event can carry */
#define PEP_EVENT_RATE_DEFAULT 10000u
#define PEP_REJECT_RATE_DEFAULT 1000u
#define PEP_PERCENT_ALL 10000u

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

#include "common_limit.h"
#include "common_report.h"
#include "common_search.h"

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
