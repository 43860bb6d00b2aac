/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * struct pep_packet → which policy decides; judge.h makes a ruling of it. Compiled for the kernel
 * and, unchanged, for user space (tables.h).
 *
 * The generation is read once per packet by the caller and everything is
 * judged by it: the ruleset of its parity, of sets the words of its parity, and
 * of the entries those alive in it. So no packet sees half of a commit.
 */
#ifndef PEP_BPF_CLASSIFY_H
#define PEP_BPF_CLASSIFY_H

#include "hash.h"
#include "members.h"
#include "parse.h"
#include "tables.h"

/* Steps of the search in one call. */
#define PEP_STEPS_CALL 32

struct pep_search {
	__u64 left;     /* tuples to look into */
	__u64 keys;     /* sets to look for in the present tuple */
	__u64 rank[2];  /* of the best entry so far */
	__u64 src_sets; /* that the addresses are in */
	__u64 dst_sets;
	__u64 word;  /* pep_key_word() of the packet */
	__u32 entry; /* to check next, 0 = none */
	__u32 best;
	__u32 best_shadow;
	__u32 tuple;
	__u32 iface;
	__u32 stamp; /* of the generation */
	__u32 lacks; /* PEP_GIVEN_* that the packet does not have */
};

/* --- an entry against the packet */

PEP_INLINE int pep_entry_alive(const struct pep_entry *entry, __u32 stamp)
{
	return (!entry->born || (__s32)(stamp - entry->born) >= 0) &&
	       (!entry->dies || (__s32)(entry->dies - stamp) > 0);
}

PEP_INLINE int pep_more_matches(const struct pep_entry *entry, const struct pep_more *more,
	const struct pep_search *s, const struct pep_packet *p)
{
	if ((entry->flags & PEP_RULE_VLAN) && p->vlan != more->vlan)
		return 0;
	if ((entry->flags & PEP_RULE_ICMP_TYPE) &&
		(!p->has_icmp || p->icmp_type != more->icmp_type))
		return 0;
	if ((entry->flags & PEP_RULE_ICMP_CODE) && p->icmp_code != more->icmp_code)
		return 0;
	if (more->tcp_mask && (!p->has_tcp || (p->tcp_flags & more->tcp_mask) != more->tcp_value))
		return 0;
	if (more->ifaces && !(more->ifaces >> (s->iface & 63) & 1))
		return 0;
	return more->percent >= PEP_PERCENT_ALL ||
	       pep_flow_percent(p, pep_config()->roots.seed) < more->percent;
}

PEP_INLINE int pep_more_matches_ip6(const struct pep_more *more, const struct pep_packet *p)
{
	__u32 differ = 0;
	int i;

	for (i = 0; i < 3; i++)
		differ |= ((p->src[i + 1] ^ more->src[i]) & more->src_mask[i]) |
			  ((p->dst[i + 1] ^ more->dst[i]) & more->dst_mask[i]);
	return !differ;
}

PEP_INLINE int pep_entry_matches_more(const struct pep_entry *entry, __u32 at,
	const struct pep_search *s, const struct pep_packet *p)
{
	const struct pep_more *more = pep_more_at(at);

	if (!more)
		return 0;
	if ((entry->given & PEP_GIVEN_IP6) && !pep_more_matches_ip6(more, p))
		return 0;
	return !(entry->given & PEP_GIVEN_MORE) || pep_more_matches(entry, more, s, p);
}

/* What few entries need; the rest has matched. */
PEP_INLINE int pep_entry_matches_rarely(const struct pep_entry *entry, __u32 at,
	const struct pep_search *s, const struct pep_packet *p)
{
	__u8 given = entry->given;

	if (!pep_entry_alive(entry, s->stamp))
		return 0;
	if ((given & PEP_GIVEN_SRC_SET) && !(s->src_sets >> (entry->src & 63) & 1))
		return 0;
	if ((given & PEP_GIVEN_DST_SET) && !(s->dst_sets >> (entry->dst & 63) & 1))
		return 0;
	return !(given & (PEP_GIVEN_IP6 | PEP_GIVEN_MORE)) ||
	       pep_entry_matches_more(entry, at, s, p);
}

#define PEP_GIVEN_RARELY (PEP_GIVEN_SRC_SET | PEP_GIVEN_DST_SET | PEP_GIVEN_IP6 | PEP_GIVEN_MORE)

/* Differences are collected and tested once: branches that depend on the packet cost more. */
PEP_INLINE int pep_entry_matches(const struct pep_entry *entry, __u32 at,
	const struct pep_search *s, const struct pep_packet *p)
{
	__u32 sport = (__u16)s->word;
	__u32 dport = (__u16)(s->word >> 16);
	__u32 given = entry->given;
	__u32 differ;

	/* The sign of a negative difference: the port is outside of the range. */
	differ = ((sport - entry->sport_first) | (entry->sport_last - sport) |
			 (dport - entry->dport_first) | (entry->dport_last - dport)) &
		 0x80000000u;
	differ |= (__u32)(p->proto ^ entry->proto) & (0u - (given / PEP_GIVEN_PROTO & 1));
	differ |= given & s->lacks;
	if (((pep_pair(p->src[0], p->dst[0]) ^ entry->pair) & entry->mask) | differ)
		return 0;
	return !((given & PEP_GIVEN_RARELY) | entry->born | entry->dies) ||
	       pep_entry_matches_rarely(entry, at, s, p);
}

PEP_INLINE int pep_rank_better(const __u64 *a, const __u64 *b)
{
	return a[0] < b[0] || (a[0] == b[0] && a[1] < b[1]);
}

/* --- the search */

/* The highest bit of each 16 that are zero; those above the lowest of them may be wrong. */
PEP_INLINE __u64 pep_zero_tags(__u64 word)
{
	return (word - 0x0001000100010001ull) & ~word & 0x8000800080008000ull;
}

/*
 * The run that the key leads to, 0 = none. Which of the tags it is cannot be predicted:
 * all are compared at once, and the place is computed without a branch.
 */
PEP_INLINE __u32 pep_bucket_find(const struct pep_bucket *bucket, __u16 tag)
{
	__u64 tags = tag * 0x0001000100010001ull;
	__u64 found = pep_zero_tags(bucket->tags[0] ^ tags) >> 15 |
		      pep_zero_tags(bucket->tags[1] ^ tags) >> 7;

	if (!found)
		return 0;
	/* Bit 16 * n is of tag n, bit 16 * n + 8 of tag 4 + n: the lowest shifts that number up. */
	return bucket->head[(found & -found) * 0x008020a040c060e0ull >> 61];
}

PEP_INLINE __u32 pep_find_run(__u64 hash)
{
	__u32 at = pep_hash_first(hash, pep_config()->roots.bucket_mask);
	const struct pep_bucket *bucket;
	__u32 head;
	__u64 i;

	for (i = 0; i < PEP_BUCKET_CHAIN; i++) {
		bucket = pep_bucket_at(at);
		if (!bucket)
			return 0;
		head = pep_bucket_find(bucket, pep_hash_tag(hash));
		at = bucket->more;
		if (head || !at)
			return head;
	}
	return 0;
}

/* The next tuple that can still win; NULL = there is none. */
PEP_INLINE const struct pep_tuple *pep_search_tuple(struct pep_search *s)
{
	const struct pep_tuple *tuple;
	__u64 i;

	for (i = 0; i < PEP_TUPLES_MAX && s->left; i++) {
		s->tuple = pep_lowest(s->left);
		s->left &= s->left - 1;
		tuple = pep_tuple_at(s->tuple);
		if (tuple->rest > s->rank[0])
			return NULL;
		if (tuple->best <= s->rank[0])
			return tuple;
	}
	return NULL;
}

/* Looks up the next key of the present tuple, or of the next one. 0 = there is none. */
PEP_INLINE int pep_search_key(struct pep_search *s, const struct pep_packet *packet)
{
	const struct pep_tuple *tuple = s->keys ? pep_tuple_at(s->tuple) : pep_search_tuple(s);
	__u32 set = 0;

	if (!tuple)
		return 0;
	if (tuple->key & (PEP_KEY_SRC_SET | PEP_KEY_DST_SET)) {
		if (!s->keys)
			s->keys = (tuple->key & PEP_KEY_SRC_SET ? s->src_sets : s->dst_sets) &
				  tuple->sets;
		if (!s->keys)
			return 1;
		set = pep_lowest(s->keys);
		s->keys &= s->keys - 1;
	}
	s->entry = pep_find_run(pep_key_hash(tuple, packet->src, packet->dst, s->word, set));
	return 1;
}

/* Whether the rank is better than that of the best shadow entry so far. */
PEP_INLINE int pep_shadow_better(const struct pep_search *s, const __u64 *rank)
{
	const struct pep_entry *shadow = s->best_shadow ? pep_entry_at(s->best_shadow) : NULL;

	return !shadow || pep_rank_better(rank, shadow->rank);
}

PEP_INLINE void pep_search_take(struct pep_search *s, const struct pep_entry *entry)
{
	if (entry->flags & PEP_RULE_SHADOW) {
		if (pep_shadow_better(s, entry->rank))
			s->best_shadow = s->entry;
		s->entry = entry->next;
		return;
	}
	s->rank[0] = entry->rank[0];
	s->rank[1] = entry->rank[1];
	s->best = s->entry;
	s->entry = 0;
}

/* Looks up a key if no run is at hand, and checks the run's next entry. 1 = the search is over. */
PEP_INLINE int pep_search_step(struct pep_search *s, const struct pep_packet *packet)
{
	const struct pep_entry *entry;

	if (!s->entry) {
		if (!pep_search_key(s, packet))
			return 1;
		if (!s->entry)
			return 0;
	}
	entry = pep_entry_at(s->entry);
	if (!entry)
		return 1;
	if (!pep_rank_better(entry->rank, s->rank)) /* nor is what follows in the run */
		s->entry = 0;
	else if (pep_entry_matches(entry, s->entry, s, packet))
		pep_search_take(s, entry);
	else
		s->entry = entry->next;
	return 0;
}

/* Some steps; a function of its own, which the verifier sees once. */
PEP_GLOBAL int pep_search_go(struct pep_search *s, const struct pep_packet *packet)
{
	__u64 i; /* the verifier forgets a spilled counter of 32 bits */

	if (!s || !packet)
		return 1;
	for (i = 0; i < PEP_STEPS_CALL; i++)
		if (pep_search_step(s, packet))
			return 1;
	return 0;
}

struct pep_search_rest {
	struct pep_search *search;
	const struct pep_packet *packet;
};

static long pep_search_more(__u32 round, struct pep_search_rest *rest)
{
	(void)round;
	return pep_search_go(rest->search, rest->packet) & 1; /* as bpf_loop wants to see it */
}

/* All steps that are left. Few searches come here: a frame of its own leaves the others more stack. */
PEP_GLOBAL int pep_search_on(struct pep_search *s, const struct pep_packet *packet)
{
	struct pep_search_rest rest = {.search = s, .packet = packet};

	if (!s || !packet || pep_search_go(s, packet))
		return 0;
#ifdef __bpf__
	bpf_loop(PEP_STEPS_MAX / PEP_STEPS_CALL, pep_search_more, &rest, 0);
#else
	for (__u32 i = 0; i < PEP_STEPS_MAX / PEP_STEPS_CALL && !pep_search_more(i, &rest); i++)
		;
#endif
	return 0;
}

/* Of the tuples, those that can hold a match for the value. */
PEP_INLINE __u64 pep_prune(
	const struct pep_roots *roots, __u64 left, enum pep_dimension dim, __u16 value)
{
	__u64 always = roots->always[dim];

	return left & ~always ? left & (pep_index_at(roots->wide, dim, value) | always) : left;
}

PEP_INLINE __u64 pep_prune4(const struct pep_roots *roots, __u64 left, const struct pep_packet *p)
{
	left = pep_prune(roots, left, PEP_DIM_SRC4, (__u16)(PEP_BE32(p->src[0]) >> 16));
	left = pep_prune(roots, left, PEP_DIM_DST4, (__u16)(PEP_BE32(p->dst[0]) >> 16));
	left = pep_prune(roots, left, PEP_DIM_SRC4_FINE, pep_fold4_fine(p->src[0]));
	return pep_prune(roots, left, PEP_DIM_DST4_FINE, pep_fold4_fine(p->dst[0]));
}

PEP_INLINE __u64 pep_prune6(const struct pep_roots *roots, __u64 left, const struct pep_packet *p)
{
	left = pep_prune(roots, left, PEP_DIM_SRC6, pep_fold6(p->src[0]));
	left = pep_prune(roots, left, PEP_DIM_DST6, pep_fold6(p->dst[0]));
	left = pep_prune(roots, left, PEP_DIM_SRC6_FINE, pep_fold6_fine(p->src[0], p->src[1]));
	return pep_prune(roots, left, PEP_DIM_DST6_FINE, pep_fold6_fine(p->dst[0], p->dst[1]));
}

/* The tuples that can hold a match, but for sets. */
PEP_INLINE __u64 pep_candidates(const struct pep_roots *roots, const struct pep_packet *p)
{
	__u64 left = p->family == 6 ? roots->live[1] : roots->live[0];

	if (!left)
		return 0;
	left = pep_prune(roots, left, PEP_DIM_PROTO, p->proto);
	if (p->has_ports) {
		left = pep_prune(roots, left, PEP_DIM_DPORT, PEP_BE16(p->dport));
		left = pep_prune(roots, left, PEP_DIM_SPORT, PEP_BE16(p->sport));
	} else {
		left &= roots->portless;
	}
	return p->family == 6 ? pep_prune6(roots, left, p) : pep_prune4(roots, left, p);
}

/* Fills s->best and s->best_shadow. */
PEP_INLINE void pep_classify(
	const struct pep_view *view, const struct pep_packet *packet, struct pep_search *s)
{
	const struct pep_roots *roots = view->roots;
	__u64 left = pep_candidates(roots, packet);
	__u64 src_sets = 0;
	__u64 dst_sets = 0;

	s->best = 0;
	s->best_shadow = 0;
	/* First: much of what follows is done while the processor waits for a member's line. */
	if (left & roots->src_keyed) {
		src_sets = pep_membership(view, packet, 0, view->generation & 1) & roots->src_sets;
		if (!src_sets)
			left &= ~roots->src_keyed;
	}
	if (left & roots->dst_keyed) {
		dst_sets = pep_membership(view, packet, 1, view->generation & 1) & roots->dst_sets;
		if (!dst_sets)
			left &= ~roots->dst_keyed;
	}
	if (!left)
		return;
	*s = (struct pep_search){.left = left,
		.src_sets = src_sets,
		.dst_sets = dst_sets,
		.stamp = pep_stamp(view->generation),
		.rank = {~0ull, ~0ull},
		.word = pep_key_word(
			PEP_BE16(packet->sport), PEP_BE16(packet->dport), packet->proto),
		.iface = view->iface,
		.lacks = (packet->family == 4 ? PEP_GIVEN_IP6 : PEP_GIVEN_IP4) |
			 (packet->has_ports ? 0 : PEP_GIVEN_PORTS) |
			 (packet->discovery ? PEP_GIVEN_NO_ADDRESS : 0)};
	/* Most searches end with the first key. */
	if (!pep_search_step(s, packet) && (s->left || s->entry || s->keys))
		pep_search_on(s, packet);
}

#endif
