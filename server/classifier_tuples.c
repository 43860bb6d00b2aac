/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which tuple a policy stands in. Few tuples make few look-ups, many make short
 * runs: so a policy goes into the most specific tuple there is whose run has
 * room, and only when all those runs are long is a tuple made for it, as coarse
 * as it can be (the idea of TupleMerge: Daly et al., ToN 2019). When the 64
 * tuples are in use, runs get longer, up to RUN_MAX.
 */
#include <errno.h>
#include <stdio.h>

#include "bpf/hash.h"
#include "server/classifier_internal.h"

/* What of a policy can be hashed, or of a tuple is. */
struct shape {
	uint8_t family; /* of the addresses, 0 = none is hashed */
	uint8_t src_length, dst_length;
	uint32_t key; /* PEP_KEY_* */
};

/* How much of a shape a new tuple takes, from coarse to fine. */
static const struct grid {
	uint8_t step[2];    /* of prefix lengths, IPv4 and IPv6 */
	uint8_t ports_upto; /* ports are hashed when so few bits of addresses are */
	uint8_t proto_upto;
} grids[] = {
	{{16, 32}, 15, 0},
	{{8, 16}, 31, 15},
	{{4, 8}, 255, 31},
	{{1, 1}, 255, 255},
};

static uint8_t mask_length(const __be32 *mask, size_t words)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < words; i++)
		bits += (uint32_t)__builtin_popcount(mask[i]);
	return (uint8_t)bits;
}

static struct shape shape_of(const struct pep_entry *e, const struct pep_more *more)
{
	struct shape shape = {.family = e->given & PEP_GIVEN_IP6 ? 6 : e->given & PEP_GIVEN_IP4 ? 4 : 0};

	shape.src_length = mask_length(&e->src_mask, 1);
	shape.dst_length = mask_length(&e->dst_mask, 1);
	if (shape.family == 6) {
		shape.src_length += mask_length(more->src_mask, 3);
		shape.dst_length += mask_length(more->dst_mask, 3);
	}
	shape.key = (e->sport_first == e->sport_last ? PEP_KEY_SPORT : 0) |
		    (e->dport_first == e->dport_last ? PEP_KEY_DPORT : 0) |
		    (e->given & PEP_GIVEN_PROTO ? PEP_KEY_PROTO : 0) |
		    (e->given & PEP_GIVEN_SRC_SET ? PEP_KEY_SRC_SET : 0) |
		    (e->given & PEP_GIVEN_DST_SET ? PEP_KEY_DST_SET : 0);
	return shape;
}

#define KEY_SETS (PEP_KEY_SRC_SET | PEP_KEY_DST_SET)
#define KEY_FIELDS (PEP_KEY_SPORT | PEP_KEY_DPORT | PEP_KEY_PROTO)

/* Addresses of the other family, or what the policy leaves open, must not be hashed. */
static bool fits(const struct classifier *c, uint32_t tuple, const struct shape *shape)
{
	const struct pep_tuple *t = &c->t->tuples[tuple];
	const struct tuple *mine = &c->tuples[tuple];
	uint8_t family = mine->src_length || mine->dst_length ? (t->key & PEP_KEY_IP6 ? 6 : 4) : 0;

	return t->key && (!family || family == shape->family) &&
	       mine->src_length <= shape->src_length && mine->dst_length <= shape->dst_length &&
	       (t->key & KEY_SETS) == (shape->key & KEY_SETS) &&
	       !(t->key & KEY_FIELDS & ~shape->key);
}

static uint64_t tuple_hash(const struct classifier *c, uint32_t tuple, uint32_t entry)
{
	const struct pep_entry *e = &c->t->entries[entry];
	const struct pep_more *more = &c->t->more[entry];
	const __be32 src[4] = {e->src, more->src[0], more->src[1], more->src[2]};
	const __be32 dst[4] = {e->dst, more->dst[0], more->dst[1], more->dst[2]};
	uint32_t set = e->given & PEP_GIVEN_SRC_SET ? e->src : e->given & PEP_GIVEN_DST_SET ? e->dst : 0;

	return pep_key_hash(&c->t->tuples[tuple], src, dst,
		pep_key_word(e->sport_first, e->dport_first, e->proto), set);
}

uint64_t tuple_set_bit(const struct pep_tuple *tuple, const struct pep_entry *entry)
{
	if (!(tuple->key & KEY_SETS))
		return 0;
	return 1ull << ((tuple->key & PEP_KEY_SRC_SET ? entry->src : entry->dst) % PEP_SETS_MAX);
}

static uint32_t specificity(const struct classifier *c, uint32_t tuple)
{
	const struct tuple *mine = &c->tuples[tuple];
	uint32_t key = c->t->tuples[tuple].key;

	return (uint32_t)mine->src_length + mine->dst_length + (key & PEP_KEY_SPORT ? 16 : 0) +
	       (key & PEP_KEY_DPORT ? 16 : 0) + (key & PEP_KEY_PROTO ? 4 : 0);
}

/* The most specific tuple with a short run for the entry; else, with `any`, the one with the shortest. */
static int choose(const struct classifier *c, const struct shape *shape, uint32_t entry, bool any,
	uint32_t *ret)
{
	uint32_t best = PEP_TUPLES_MAX, score = 0, shortest = RUN_MAX;

	for (uint32_t i = 0; i < PEP_TUPLES_MAX; i++) {
		uint32_t length;

		if (!fits(c, i, shape))
			continue;
		length = run_length(c->t, tuple_hash(c, i, entry), any ? RUN_MAX : RUN_SOFT);
		if (any ? length < shortest : length < RUN_SOFT && specificity(c, i) >= score) {
			best = i;
			score = specificity(c, i);
			shortest = length;
		}
	}
	if (best == PEP_TUPLES_MAX)
		return -ENOENT;
	*ret = best;
	return 0;
}

static struct shape round_down(const struct shape *shape, const struct grid *grid)
{
	uint8_t step = grid->step[shape->family == 6];
	struct shape r = {.key = shape->key & KEY_SETS};
	uint32_t bits;

	r.src_length = shape->src_length / step * step;
	r.dst_length = shape->dst_length / step * step;
	r.family = r.src_length || r.dst_length ? shape->family : 0;
	bits = r.src_length + r.dst_length;
	if (bits <= grid->ports_upto)
		r.key |= shape->key & (PEP_KEY_SPORT | PEP_KEY_DPORT);
	if (bits + (r.key & PEP_KEY_SPORT ? 16 : 0) + (r.key & PEP_KEY_DPORT ? 16 : 0) <= grid->proto_upto)
		r.key |= shape->key & PEP_KEY_PROTO;
	if (r.family == 6)
		r.key |= PEP_KEY_IP6;
	return r;
}

/* Word i of the mask of a prefix. */
static __be32 mask_word(uint32_t length, uint32_t i)
{
	uint32_t bits = length > 32 * i ? MIN(length - 32 * i, 32u) : 0;

	return bits ? PEP_BE32(UINT32_MAX << (32 - bits)) : 0;
}

static void tuple_start(struct classifier *c, uint32_t tuple, const struct shape *shape)
{
	struct pep_tuple t = {.best = UINT64_MAX,
		.rest = c->t->tuples[tuple].rest,
		.seed = c->t->config->roots.seed + (tuple + 1) * PEP_HASH_A,
		.key = shape->key | PEP_KEY_USED};

	for (uint32_t i = 0; i < ARRAY_SIZE(t.mask); i++)
		t.mask[i] =
			pep_pair(mask_word(shape->src_length, i), mask_word(shape->dst_length, i));
	t.key_mask = pep_key_word(shape->key & PEP_KEY_SPORT ? 0xffff : 0,
		shape->key & PEP_KEY_DPORT ? 0xffff : 0, shape->key & PEP_KEY_PROTO ? 0xff : 0);
	c->t->tuples[tuple] = t;
	c->tuples[tuple] = (struct tuple){
		.src_length = shape->src_length, .dst_length = shape->dst_length};
	if (shape->key & PEP_KEY_SRC_SET)
		c->t->config->roots.src_keyed |= 1ull << tuple;
	if (shape->key & PEP_KEY_DST_SET)
		c->t->config->roots.dst_keyed |= 1ull << tuple;
}

static bool exists(const struct classifier *c, const struct shape *shape)
{
	for (uint32_t i = 0; i < PEP_TUPLES_MAX; i++)
		if (c->t->tuples[i].key == (shape->key | PEP_KEY_USED) &&
			c->tuples[i].src_length == shape->src_length &&
			c->tuples[i].dst_length == shape->dst_length)
			return true;
	return false;
}

/* The coarsest tuple that is not there yet: those that are have no room for the entry. */
static int make(struct classifier *c, const struct shape *shape, uint32_t *ret)
{
	uint32_t tuple = 0;

	while (tuple < PEP_TUPLES_MAX && c->t->tuples[tuple].key)
		tuple++;
	if (tuple == PEP_TUPLES_MAX)
		return -ENOSPC;
	for (size_t i = 0; i < ARRAY_SIZE(grids); i++) {
		struct shape rounded = round_down(shape, &grids[i]);

		if (exists(c, &rounded))
			continue;
		tuple_start(c, tuple, &rounded);
		*ret = tuple;
		return 0;
	}
	return -ENOENT;
}

/* An entry of the rank comes: searches must get to the tuple. */
static void tuple_rank(struct classifier *c, uint32_t tuple, uint64_t rank)
{
	struct pep_tuple *t = &c->t->tuples[tuple];

	if (rank < t->best)
		__atomic_store_n(&t->best, rank, __ATOMIC_RELAXED);
	for (; rank < t->rest; t--) {
		__atomic_store_n(&t->rest, rank, __ATOMIC_RELAXED);
		if (t == c->t->tuples)
			return;
	}
}

void tuples_rank(struct classifier *c)
{
	uint64_t rest = UINT64_MAX;

	for (uint32_t i = PEP_TUPLES_MAX; i-- > 0;) {
		struct pep_tuple *t = &c->t->tuples[i];

		rest = t->key ? MIN(rest, t->best) : rest;
		__atomic_store_n(&t->rest, rest, __ATOMIC_RELAXED);
	}
}

int tuple_add(struct classifier *c, uint32_t entry, struct error *err)
{
	struct pep_roots *roots = &c->t->config->roots;
	struct pep_entry *e = &c->t->entries[entry];
	struct shape shape = shape_of(e, &c->t->more[entry]);
	struct pep_tuple *t;
	uint32_t tuple;

	if (choose(c, &shape, entry, false, &tuple) < 0 && make(c, &shape, &tuple) < 0 &&
		choose(c, &shape, entry, true, &tuple) < 0)
		return error_set(err, ERROR_LIMIT, "RUNS_FULL",
			"more than %u policies differ in nothing that can be looked up (only in port "
			"ranges, VLAN, ICMP, flags or interfaces); give them addresses or ports",
			RUN_MAX);
	t = &c->t->tuples[tuple];
	c->t->rules[entry].tuple = (uint8_t)tuple;
	c->t->rules[entry].hash = tuple_hash(c, tuple, entry);
	tuple_rank(c, tuple, e->rank[0]);
	if (e->given & PEP_GIVEN_SRC_SET)
		roots->src_sets |= 1ull << e->src;
	if (e->given & PEP_GIVEN_DST_SET)
		roots->dst_sets |= 1ull << e->dst;
	t->sets |= tuple_set_bit(t, e);
	index_widen(c, tuple, entry);
	if (run_link(c->t, c->t->rules[entry].hash, entry) < 0)
		return error_set(err, ERROR_LIMIT, "BUCKETS_FULL",
			"the table of keys is full here; start pepctld with a larger --max-policies");
	c->tuples[tuple].count++;
	if (cost_fits(c, entry))
		return 0;
	tuple_remove(c, entry);
	return error_set(err, ERROR_LIMIT, "STEPS_FULL",
		"a packet could have to be compared with more than %u policies that differ too little "
		"to be looked up; give them addresses or ports",
		PEP_STEPS_MAX);
}

void tuple_remove(struct classifier *c, uint32_t entry)
{
	struct tuple *tuple = &c->tuples[c->t->rules[entry].tuple];

	run_unlink(c->t, c->t->rules[entry].hash, entry);
	tuple->count--;
	tuple->removed++;
}

void runs_each(struct classifier *c, void (*cb)(struct classifier *c, uint32_t entry, void *data),
	void *data)
{
	for (uint32_t i = 0; i < classifier_buckets(c->max_policies); i++)
		for (size_t key = 0; key < PEP_BUCKET_KEYS; key++) {
			uint32_t at = c->t->buckets[i].tag[key] ? c->t->buckets[i].head[key] : 0;

			while (at) {
				uint32_t next = c->t->entries[at].next;

				cb(c, at, data);
				at = next;
			}
		}
}

static void count_entry(struct classifier *c, uint32_t entry, void *data)
{
	(void)data;
	c->tuples[c->t->rules[entry].tuple % PEP_TUPLES_MAX].count++;
}

void tuples_adopt(struct classifier *c)
{
	for (uint32_t i = 0; i < PEP_TUPLES_MAX; i++) {
		__be32 words[2][4];

		for (size_t word = 0; word < 4; word++) {
			words[0][word] = pep_pair_first(c->t->tuples[i].mask[word]);
			words[1][word] = pep_pair_second(c->t->tuples[i].mask[word]);
		}
		c->tuples[i] = (struct tuple){.src_length = mask_length(words[0], 4),
			.dst_length = mask_length(words[1], 4)};
	}
	/* A daemon that was killed may have stored a part of these. */
	for (uint32_t i = 0; i < PEP_TUPLES_MAX; i++) {
		if (c->t->tuples[i].key & PEP_KEY_SRC_SET)
			c->t->config->roots.src_keyed |= 1ull << i;
		if (c->t->tuples[i].key & PEP_KEY_DST_SET)
			c->t->config->roots.dst_keyed |= 1ull << i;
	}
	tuples_rank(c);
	buckets_begin(c->t, classifier_buckets(c->max_policies));
	runs_each(c, count_entry, NULL);
	cost_measure(c);
}
