/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Of the ABI in common.h: what is counted, and what is told of a packet.
 */
#ifndef PEP_BPF_COMMON_REPORT_H
#define PEP_BPF_COMMON_REPORT_H

#ifndef PEP_BPF_COMMON_H
#error "include bpf/common.h"
#endif

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

#endif
