/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The token bucket of rate-limit as virtual scheduling (ITU-T I.371, GCRA):
 * instead of a fill level that must be topped up by a clock, one number, the
 * theoretical arrival time. It runs ahead of the clock by what has been spent;
 * behind the clock the bucket is full. One word is all the state, so one
 * compare-and-swap is all the locking.
 *
 * A packet passes while the time is less than tau (the burst) ahead, and then
 * moves it by its cost. Hence in any interval t the passed are at most
 * rate * t + burst + one frame. Cost is rounded up and tau down, so that no
 * number of packets adds up to more. 43 bits of multiplier make the cost exact
 * to one clock step (1/256 ns): a 64-byte frame at 100 Gb/s costs 1310 steps,
 * so rounding takes less than 0.1 %.
 *
 * Several CPUs: a compare-and-swap fails only when another packet has just
 * passed, so contention never loses tokens. A packet that fails
 * PEP_LIMIT_ROUNDS times is dropped uncharged; for each such one thousands
 * passed meanwhile, far below the 2 % that the promise leaves.
 *
 * The clock wraps after 834 days; only differences are used. A time farther
 * ahead than any sequence of packets could have moved it stems from before a
 * wrap, or from another rate: then the bucket counts as full.
 */
#ifndef PEP_BPF_LIMITER_H
#define PEP_BPF_LIMITER_H

#include "frame.h"

#define PEP_LIMIT_UNITS_MAX (1u << 20) /* the largest packet, in bytes: 1 MiB */
#define PEP_LIMIT_ROUNDS    4096u

struct pep_limit_attempt {
	__u64 *tat;
	__u64 now;
	__u64 cost;
	__u64 tau;
	__u64 ahead_max; /* < 2^63; more is either behind or cannot be, see above */
	__u64 passed;
};

/* In clock steps; no overflow: n <= 2^20, limit_mul < 2^43, limit_shift < 63. */
PEP_INLINE __u64 pep_limit_cost(const struct pep_rule *rule, __u32 units)
{
	__u32 shift = rule->limit_shift & 63;
	__u64 n = units > PEP_LIMIT_UNITS_MAX ? PEP_LIMIT_UNITS_MAX : units;

	return (n * rule->limit_mul + ((1ull << shift) - 1)) >> shift;
}

/* One round; 1 when it is decided (attempt->passed), 0 to try again. */
static long pep_limit_try(__u32 round, struct pep_limit_attempt *attempt)
{
	__u64 tat = *(volatile __u64 *)attempt->tat;
	__u64 ahead = tat - attempt->now;
	__u64 base = tat;

	(void)round;
	if (ahead > attempt->ahead_max) /* behind, or stale */
		base = attempt->now;
	else if (ahead >= attempt->tau)
		return 1;
	attempt->passed =
		__sync_val_compare_and_swap(attempt->tat, tat, base + attempt->cost) == tat;
	return (long)attempt->passed;
}

/* now is CLOCK_MONOTONIC in ns; units are IP bytes, or 1 with PEP_RULE_LIMIT_PACKETS. */
PEP_INLINE int pep_limit_take(__u64 *tat, const struct pep_rule *rule, __u64 now, __u32 units)
{
	struct pep_limit_attempt attempt = {
		.tat = tat,
		.now = now << PEP_LIMIT_CLOCK_SHIFT,
		.cost = pep_limit_cost(rule, units),
		.tau = rule->limit_tau,
		.ahead_max = rule->limit_tau + pep_limit_cost(rule, PEP_LIMIT_UNITS_MAX),
	};

	if (pep_limit_try(0, &attempt))
		return (int)attempt.passed;
#ifdef __bpf__
	bpf_loop(PEP_LIMIT_ROUNDS, pep_limit_try, &attempt, 0);
#else
	for (__u32 round = 0; round < PEP_LIMIT_ROUNDS; round++)
		if (pep_limit_try(round, &attempt))
			break;
#endif
	return (int)attempt.passed;
}

PEP_INLINE int pep_limit_pass(
	struct pep_limiter *limiter, const struct pep_rule *rule, __u64 now, __u32 units)
{
	return pep_limit_take(&limiter->tat, rule, now, units);
}

#ifndef __bpf__

#include <errno.h>
#include <stddef.h>

enum pep_limit_unit {
	PEP_LIMIT_BITS = 0, /* per second; equal to pepctl.v1.RateUnit */
	PEP_LIMIT_BYTES = 1,
	PEP_LIMIT_PACKETS = 2,
};

#define PEP_LIMIT_RATE_MAX      1000000000000ull
#define PEP_LIMIT_BURST_BYTES   65536ull /* smallest default burst */
#define PEP_LIMIT_BURST_PACKETS 64ull
#define PEP_LIMIT_SECOND        (1000000000ull << PEP_LIMIT_CLOCK_SHIFT)
#define PEP_LIMIT_MUL_END       (1ull << 43)
#define PEP_LIMIT_TAU_END       (1ull << 62)

/* In bytes or packets: the larger of one second's worth and 64 KiB or 64 packets. */
PEP_INLINE __u64 pep_limit_default_burst(__u64 rate, enum pep_limit_unit unit)
{
	__u64 least = unit == PEP_LIMIT_PACKETS ? PEP_LIMIT_BURST_PACKETS : PEP_LIMIT_BURST_BYTES;
	__u64 second = unit == PEP_LIMIT_BITS ? rate / 8 : rate;

	return second > least ? second : least;
}

/*
 * Sets the limiter's fields and PEP_RULE_LIMIT_PACKETS of *ret_rule, no other.
 * burst is in bytes, or packets with PEP_LIMIT_PACKETS; 0 = the default.
 * -EINVAL: unit unknown or rate outside 1..PEP_LIMIT_RATE_MAX.
 * -ERANGE: the burst is more than 2^54 ns (208 days) of the rate.
 */
PEP_INLINE int pep_limiter_parameters(
	__u64 rate, enum pep_limit_unit unit, __u64 burst, struct pep_rule *ret_rule)
{
	/* Clock steps that rate units take. */
	unsigned __int128 steps =
		(unsigned __int128)PEP_LIMIT_SECOND * (unit == PEP_LIMIT_BITS ? 8 : 1);
	unsigned __int128 mul;
	unsigned __int128 tau;
	__u8 shift = 62;

	if (!rate || rate > PEP_LIMIT_RATE_MAX || (unsigned)unit > PEP_LIMIT_PACKETS)
		return -EINVAL;
	if (!burst)
		burst = pep_limit_default_burst(rate, unit);
	tau = steps * burst / rate;
	if (tau >= PEP_LIMIT_TAU_END)
		return -ERANGE;
	for (;; shift--) {
		mul = ((steps << shift) + rate - 1) / rate;
		if (mul < PEP_LIMIT_MUL_END)
			break;
	}
	ret_rule->limit_mul = (__u64)mul;
	ret_rule->limit_shift = shift;
	ret_rule->limit_tau = tau ? (__u64)tau : 1; /* 0 would let nothing pass */
	ret_rule->flags &= (__u8)~PEP_RULE_LIMIT_PACKETS;
	if (unit == PEP_LIMIT_PACKETS)
		ret_rule->flags |= PEP_RULE_LIMIT_PACKETS;
	return 0;
}

#endif
#endif
