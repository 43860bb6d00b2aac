/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Of the ABI in common.h: limiters, of policies, of what a scope tells apart, and of reject.
 */
#ifndef PEP_BPF_COMMON_LIMIT_H
#define PEP_BPF_COMMON_LIMIT_H

#ifndef PEP_BPF_COMMON_H
#error "include bpf/common.h"
#endif

#define PEP_SCOPE_PLACES 8u /* of a line of scope_map */
#define PEP_SCOPE_BUCKETS_DEFAULT 262144u /* pepctld --max-buckets; 16 bytes each */
#define PEP_SCOPE_BUCKETS_MAX (1u << 24)

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

#endif
