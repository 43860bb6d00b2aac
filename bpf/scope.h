/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Buckets of rate limits `per src`, `src/N`, `dst` and `flow`: packet → key → a place in a line of
 * scope_map. Compiled for the kernel and, unchanged, for user space.
 *
 * A bucket whose time (limiter.h) is not ahead of the clock is full, and so is one that does not
 * exist. So a place whose time has passed is as good as free, nothing has to be taken out, and the
 * table is exact as long as no line has more than PEP_SCOPE_PLACES buckets in use at a time.
 *
 * When a line has, who comes new gets the place of the bucket that is nearest to full, and begins
 * with a full one of his own. Nobody is blocked for want of a place. Whom the place is taken from
 * has what he had spent once more; who is over his rate is the farthest from full, so he keeps his
 * bucket unless all others of the line are as far. A flood of sources that come once thus
 * displaces itself.
 *
 * Several CPUs: places are claimed by compare-and-swap of the tag. What can go wrong while two
 * claim at once is that a frame is charged to the bucket that had the place before or has it now,
 * or that a key has two places for a while, of which the second is no longer found: a frame for
 * each such claim and CPU, beyond or below the promise of limiter.h. Who has lost
 * PEP_SCOPE_ROUNDS claims passes uncharged, as a new bucket's first frame does.
 *
 * The hash is multilinear (Lemire and Kaser, "Strongly universal string hashing is fast", 2013)
 * over random factors: that two keys share tag and line has a probability of 2^-42 in a line,
 * whatever addresses somebody chooses. (The hash of hash.h is faster to make but lets addresses be
 * chosen that collide under any seed; there keys are compared as well.)
 */
#ifndef PEP_BPF_SCOPE_H
#define PEP_BPF_SCOPE_H

#include "limiter.h"

#define PEP_SCOPE_ROUNDS 4u
#define PEP_SCOPE_LOST   PEP_SCOPE_PLACES
/* The farthest that a time is ahead: tau, and the cost of the largest packet at the lowest rate. */
#define PEP_SCOPE_AHEAD_MAX (3ull << 61)

struct pep_scope_key {
	__u64 tag;
	__u32 line;
};

struct pep_scope_sums {
	__u64 a;
	__u64 b;
};

PEP_INLINE void pep_scope_add(
	struct pep_scope_sums *sums, const struct pep_scope_seed *seed, __u32 at, __u32 word)
{
	sums->a += seed->factor[at + 1][0] * word;
	sums->b += seed->factor[at + 1][1] * word;
}

/* at: of its first word among those of the key. */
PEP_INLINE void pep_scope_add_address(struct pep_scope_sums *sums,
	const struct pep_scope_seed *seed, __u32 at, const __be32 *address, const __be32 *mask,
	int words)
{
	pep_scope_add(sums, seed, at, address[0] & mask[0]);
	if (words == 1)
		return;
	pep_scope_add(sums, seed, at + 1, address[1] & mask[1]);
	pep_scope_add(sums, seed, at + 2, address[2] & mask[2]);
	pep_scope_add(sums, seed, at + 3, address[3] & mask[3]);
}

/*
 * A flow is what one end sends to the other: addresses, protocol and ports as they stand in the
 * packet; without ports (other protocols, fragments behind the first) the rest.
 */
PEP_INLINE void pep_scope_key(const struct pep_config *config, const struct pep_rule *rule,
	const struct pep_packet *packet, struct pep_scope_key *ret)
{
	const struct pep_scope_seed *seed = &config->scope_seed;
	const __be32 *first = rule->scope == PEP_SCOPE_DST ? packet->dst : packet->src;
	struct pep_scope_sums sums = {seed->factor[0][0], seed->factor[0][1]};
	int words = packet->family == 6 ? 4 : 1;
	__u32 kind = packet->family;
	__u32 high, low;

	pep_scope_add_address(&sums, seed, 0, first, rule->scope_mask, words);
	if (rule->scope == PEP_SCOPE_FLOW) {
		pep_scope_add_address(&sums, seed, 4, packet->dst, rule->scope_mask, words);
		pep_scope_add(&sums, seed, 8, (__u32)packet->sport << 16 | packet->dport);
		kind |= (__u32)packet->proto << 8;
	}
	pep_scope_add(&sums, seed, 9, kind);
	high = (__u32)(sums.a >> 32);
	low = (__u32)(sums.b >> 32);
	ret->tag = (__u64)rule->limit_id << PEP_SCOPE_HASH_BITS | (__u64)high << 10 | low >> 22;
	if (!ret->tag)
		ret->tag = 1;
	low = (low << 10) + rule->limit_id * 0x9e3779b1u;
	ret->line = (__u32)((__u64)low * config->scope_lines >> 32);
}

/* Of a bucket, until it is full: 0 = it is. */
PEP_INLINE __u64 pep_scope_ahead(__u64 tat, __u64 now)
{
	__u64 ahead = tat - now;

	return ahead > PEP_SCOPE_AHEAD_MAX ? 0 : ahead;
}

#define PEP_SCOPE_FOUND (~0ull)

/*
 * The place of the tag (*ret_ahead = PEP_SCOPE_FOUND), or the one that is nearest to full, and how
 * far from it that is; now is of the limiter's clock.
 */
PEP_INLINE __u32 pep_scope_find(
	const struct pep_scope_line *line, __u64 tag, __u64 now, __u64 *ret_ahead)
{
	__u64 best = ~0ull;
	__u64 rank;
	__u32 i;

	*ret_ahead = PEP_SCOPE_FOUND;
	PEP_UNROLL
	for (i = 0; i < PEP_SCOPE_PLACES; i++) {
		const volatile struct pep_scope_place *place = &line->place[i];
		__u64 other = place->tag;

		if (other == tag)
			return i;
		/* The last bits of a time, 1/32 ns, make way for the number. */
		rank = (other ? pep_scope_ahead(place->tat, now) & ~(__u64)(PEP_SCOPE_PLACES - 1) : 0) |
		       i;
		best = rank < best ? rank : best;
	}
	*ret_ahead = best;
	return best % PEP_SCOPE_PLACES;
}

/*
 * Makes the place the tag's, if it still is as near to full; 0 when somebody was faster.
 * *ret_displaced: the tag of a bucket that was not full, 0 = none. That one is made full first,
 * while it is still its old holder's: nobody finds the new one with another's debt.
 */
PEP_INLINE int pep_scope_occupy(
	struct pep_scope_place *place, __u64 tag, __u64 now, __u64 ahead, __u64 *ret_displaced)
{
	/* In this order: a time that has changed since fails the first swap, a tag the second. */
	__u64 tat = *(volatile __u64 *)&place->tat;
	__u64 other = *(volatile __u64 *)&place->tag;
	__u64 lacks = pep_scope_ahead(tat, now);

	*ret_displaced = 0;
	if (other == tag)
		return 1;
	if (other && lacks > (ahead | (PEP_SCOPE_PLACES - 1)))
		return 0;
	if (lacks && __sync_val_compare_and_swap(&place->tat, tat, now) != tat)
		return 0;
	if (lacks)
		*ret_displaced = other;
	return __sync_val_compare_and_swap(&place->tag, other, tag) == other;
}

/* The place of the tag's bucket, or PEP_SCOPE_LOST. */
PEP_INLINE __u32 pep_scope_claim(
	struct pep_scope_line *line, __u64 tag, __u64 now, __u64 *ret_displaced)
{
	__u64 ahead;
	__u32 round;
	__u32 at;

	*ret_displaced = 0;
	for (round = 0; round < PEP_SCOPE_ROUNDS; round++) {
		at = pep_scope_find(line, tag, now, &ahead);
		if (ahead == PEP_SCOPE_FOUND || pep_scope_occupy(&line->place[at % PEP_SCOPE_PLACES], tag,
							now, ahead, ret_displaced))
			return at;
	}
	return PEP_SCOPE_LOST;
}

/* As pep_limit_take() of the tag's bucket, whose line it is. */
PEP_INLINE int pep_scope_take(struct pep_scope_line *line, __u64 tag, const struct pep_rule *rule,
	__u64 now, __u32 units, __u64 *ret_displaced)
{
	__u32 at = pep_scope_claim(line, tag, now << PEP_LIMIT_CLOCK_SHIFT, ret_displaced);

	return at == PEP_SCOPE_LOST ||
	       pep_limit_take(&line->place[at % PEP_SCOPE_PLACES].tat, rule, now, units);
}

#endif
