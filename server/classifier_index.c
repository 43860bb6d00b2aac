/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which tuples can hold a match for a value of each dimension. Widening sets
 * bits before an entry comes into force. Deletions leave bits behind: they cost
 * packets a look-up in vain, until enough has gone that the tuple's bits are
 * made anew from its entries.
 */
#include <arpa/inet.h>

#include "bpf/hash.h"
#include "server/classifier_internal.h"

/* What an entry covers of one dimension. */
struct span {
	enum pep_dimension dim;
	uint32_t first, last;
	bool always; /* every value: a bit of its own instead of 65,536 */
};

struct reach {
	struct span spans[PEP_DIM_MAX];
	size_t count;
	bool live[2];
	bool portless;
};

static struct span span_prefix4(enum pep_dimension dim, __be32 address, __be32 mask)
{
	uint32_t first = ntohl(address & mask) >> 16;
	uint32_t last = (ntohl(address & mask) | ~ntohl(mask)) >> 16;

	return (struct span){dim, first, last, !mask};
}

/* The value is a hash of the first 32 bits, so a shorter prefix can have any. */
static struct span span_prefix6(enum pep_dimension dim, __be32 address, __be32 mask)
{
	uint32_t value = pep_fold6(address);

	return (struct span){dim, value, value, mask != UINT32_MAX};
}

static struct span span_fine4(enum pep_dimension dim, __be32 address, __be32 mask)
{
	uint32_t first = pep_fold4_fine(address & mask);
	uint32_t last = pep_fold4_fine(address | ~mask);

	return (struct span){dim, first, last, !(ntohl(mask) & 0x00ffff00)};
}

static struct span span_fine6(enum pep_dimension dim, __be32 upper, __be32 lower, __be32 mask)
{
	uint32_t value = pep_fold6_fine(upper, lower);

	return (struct span){dim, value, value, mask != UINT32_MAX};
}

static struct span span_ports(enum pep_dimension dim, uint16_t first, uint16_t last)
{
	return (struct span){dim, first, last, first == 0 && last == UINT16_MAX};
}

static void reach_add(struct reach *r, struct span span)
{
	r->spans[r->count++] = span;
}

static struct reach reach_of(const struct pep_entry *e, const struct pep_more *more)
{
	struct reach r = {.portless = !(e->given & PEP_GIVEN_PORTS)};

	r.live[0] = !(e->given & PEP_GIVEN_IP6);
	r.live[1] = !(e->given & PEP_GIVEN_IP4);
	if (r.live[0]) {
		reach_add(&r, span_prefix4(PEP_DIM_SRC4, e->src, e->src_mask));
		reach_add(&r, span_prefix4(PEP_DIM_DST4, e->dst, e->dst_mask));
		reach_add(&r, span_fine4(PEP_DIM_SRC4_FINE, e->src, e->src_mask));
		reach_add(&r, span_fine4(PEP_DIM_DST4_FINE, e->dst, e->dst_mask));
	}
	if (r.live[1]) {
		reach_add(&r, span_prefix6(PEP_DIM_SRC6, e->src, e->src_mask));
		reach_add(&r, span_prefix6(PEP_DIM_DST6, e->dst, e->dst_mask));
		reach_add(&r, span_fine6(PEP_DIM_SRC6_FINE, e->src, more->src[0], more->src_mask[0]));
		reach_add(&r, span_fine6(PEP_DIM_DST6_FINE, e->dst, more->dst[0], more->dst_mask[0]));
	}
	reach_add(&r, span_ports(PEP_DIM_SPORT, e->sport_first, e->sport_last));
	reach_add(&r, span_ports(PEP_DIM_DPORT, e->dport_first, e->dport_last));
	reach_add(&r, (struct span){PEP_DIM_PROTO, e->proto, e->proto, !(e->given & PEP_GIVEN_PROTO)});
	return r;
}

static void word_or(__u64 *word, uint64_t bits)
{
	if (~*word & bits)
		__atomic_store_n(word, *word | bits, __ATOMIC_RELAXED);
}

/* A range that lies in one which the index has whole need not be walked again. */
static bool range_known(struct tuple *tuple, const struct span *span)
{
	struct range *range = &tuple->ranges[span->dim == PEP_DIM_DPORT];

	if (span->dim != PEP_DIM_SPORT && span->dim != PEP_DIM_DPORT)
		return false;
	if (range->any && range->first <= span->first && span->last <= range->last)
		return true;
	if (!range->any || span->last - span->first > range->last - range->first)
		*range = (struct range){span->first, span->last, true};
	return false;
}

/* Most values of a span have the same word before, and so after. */
static void span_widen(struct classifier *c, const struct span *span, uint64_t bit)
{
	uint64_t *staged = c->staged ? &c->staged[(size_t)span->dim * PEP_INDEX_VALUES] : NULL;

	for (uint32_t value = span->first; staged && value <= span->last; value++)
		staged[value] |= bit;
	for (uint32_t value = span->first; !staged && value <= span->last; value++) {
		uint64_t word = class_word(c, span->dim, value);

		if (!(word & bit))
			class_set(c, span->dim, value, word | bit);
	}
}

/* Without memory for it each entry changes the index: right, and slow. */
void index_stage(struct classifier *c)
{
	c->staged = calloc(PEP_INDEX_SIZE, sizeof(*c->staged));
}

void index_publish(struct classifier *c)
{
	_cleanup_free_ uint64_t *staged = TAKE_PTR(c->staged);

	for (uint32_t i = 0; staged && i < PEP_INDEX_SIZE; i++) {
		enum pep_dimension dim = i / PEP_INDEX_VALUES;
		uint64_t word = staged[i] ? class_word(c, dim, i % PEP_INDEX_VALUES) : 0;

		if (staged[i] & ~word)
			class_set(c, dim, i % PEP_INDEX_VALUES, word | staged[i]);
	}
}

void index_widen(struct classifier *c, uint32_t tuple, uint32_t entry)
{
	struct pep_roots *roots = &c->t->config->roots;
	struct reach reach = reach_of(&c->t->entries[entry], &c->t->more[entry]);
	uint64_t bit = 1ull << tuple;

	for (size_t i = 0; i < reach.count; i++) {
		const struct span *span = &reach.spans[i];

		if (span->always)
			word_or(&roots->always[span->dim], bit);
		else if (!range_known(&c->tuples[tuple], span))
			span_widen(c, span, bit);
	}
	if (reach.portless)
		word_or(&roots->portless, bit);
	for (size_t family = 0; family < 2; family++)
		if (reach.live[family])
			word_or(&roots->live[family], bit);
}

/* --- narrowing */

/* The bits of one tuple, made anew. */
struct fresh {
	uint32_t tuple;
	uint8_t *values; /* a byte for each value of the index; NULL: of an empty tuple */
	uint64_t always; /* bit n: dimension n */
	bool live[2], portless;
	uint64_t best;
};

static void fresh_add(struct classifier *c, uint32_t entry, void *data)
{
	struct fresh *f = data;
	const struct pep_entry *e = &c->t->entries[entry];
	struct reach reach = reach_of(e, &c->t->more[entry]);

	if (c->t->rules[entry].tuple != f->tuple)
		return;
	for (size_t i = 0; i < reach.count; i++) {
		const struct span *span = &reach.spans[i];

		if (span->always)
			f->always |= 1ull << span->dim;
		else
			memset(&f->values[span->dim * PEP_INDEX_VALUES + span->first], 1,
				span->last - span->first + 1);
	}
	f->portless |= reach.portless;
	f->live[0] |= reach.live[0];
	f->live[1] |= reach.live[1];
	f->best = MIN(f->best, e->rank[0]);
}

static void word_clear(__u64 *word, uint64_t bit, bool keep)
{
	if (!keep && (*word & bit))
		__atomic_store_n(word, *word & ~bit, __ATOMIC_RELAXED);
}

static void fresh_apply(struct classifier *c, const struct fresh *f)
{
	struct pep_roots *roots = &c->t->config->roots;
	uint64_t bit = 1ull << f->tuple;

	for (size_t family = 0; family < 2; family++)
		word_clear(&roots->live[family], bit, f->live[family]);
	word_clear(&roots->portless, bit, f->portless);
	for (uint32_t dim = 0; dim < PEP_DIM_MAX; dim++)
		word_clear(&roots->always[dim], bit, f->always >> dim & 1);
	for (uint32_t i = 0; i < PEP_INDEX_SIZE; i++) {
		enum pep_dimension dim = i / PEP_INDEX_VALUES;
		uint64_t word = class_word(c, dim, i % PEP_INDEX_VALUES);

		if (!(f->values && f->values[i]) && (word & bit))
			class_set(c, dim, i % PEP_INDEX_VALUES, word & ~bit);
	}
	c->t->tuples[f->tuple].best = f->best;
	if (!c->tuples[f->tuple].count) {
		word_clear(&roots->src_keyed, bit, false);
		word_clear(&roots->dst_keyed, bit, false);
		c->t->tuples[f->tuple] = (struct pep_tuple){0};
	}
	tuples_rank(c);
}

void index_narrow(struct classifier *c, uint32_t tuple)
{
	bool empty = !c->tuples[tuple].count;
	_cleanup_free_ uint8_t *values = empty ? NULL : calloc(1, PEP_INDEX_SIZE);
	struct fresh fresh = {.tuple = tuple, .values = values, .best = UINT64_MAX};

	if (!values && !empty)
		return; /* wider than needed is right, too */
	if (!empty)
		runs_each(c, fresh_add, &fresh);
	fresh_apply(c, &fresh);
	c->tuples[tuple].removed = 0;
	memset(c->tuples[tuple].ranges, 0, sizeof(c->tuples[tuple].ranges));
}
