/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What one packet can cost: the steps of pep_search_step() when no tuple is
 * pruned and every key leads to its tuple's longest run. The program ends a
 * search after PEP_STEPS_MAX, so no table may ask for more.
 */
#include "server/classifier_internal.h"

static uint32_t steps_of(const struct classifier *c, uint32_t tuple)
{
	const struct pep_tuple *t = &c->t->tuples[tuple];
	uint32_t keys = t->key & (PEP_KEY_SRC_SET | PEP_KEY_DST_SET)
				? (uint32_t)__builtin_popcountll(t->sets)
				: 1;

	return t->key ? keys * MAX(c->tuples[tuple].longest, 1u) : 0;
}

static uint32_t steps_of_all(const struct classifier *c)
{
	uint32_t steps = 0;

	for (uint32_t i = 0; i < PEP_TUPLES_MAX; i++)
		steps += steps_of(c, i);
	return steps;
}

static void measure_one(struct classifier *c, uint32_t entry, void *data)
{
	struct tuple *tuple = &c->tuples[c->t->rules[entry].tuple % PEP_TUPLES_MAX];

	(void)data;
	tuple->longest = MAX(tuple->longest, run_length(c->t, c->t->rules[entry].hash, UINT32_MAX));
}

static void collect_sets(struct classifier *c, uint32_t entry, void *data)
{
	uint32_t tuple = c->t->rules[entry].tuple % PEP_TUPLES_MAX;
	uint64_t *sets = data;

	sets[tuple] |= tuple_set_bit(&c->t->tuples[tuple], &c->t->entries[entry]);
}

void cost_measure(struct classifier *c)
{
	uint64_t sets[PEP_TUPLES_MAX] = {0};

	for (uint32_t i = 0; i < PEP_TUPLES_MAX; i++)
		c->tuples[i].longest = 0;
	runs_each(c, measure_one, NULL);
	runs_each(c, collect_sets, sets);
	for (uint32_t i = 0; i < PEP_TUPLES_MAX; i++)
		__atomic_store_n(&c->t->tuples[i].sets, sets[i], __ATOMIC_RELAXED);
}

bool cost_fits(struct classifier *c, uint32_t entry)
{
	measure_one(c, entry, NULL);
	if (steps_of_all(c) <= PEP_STEPS_MAX)
		return true;
	cost_measure(c); /* what has been removed still counted */
	return steps_of_all(c) <= PEP_STEPS_MAX;
}

void classifier_info(struct classifier *c, struct classifier_info *ret)
{
	*ret = (struct classifier_info){0};
	cost_measure(c);
	for (uint32_t i = 0; i < PEP_TUPLES_MAX; i++) {
		if (!c->t->tuples[i].key)
			continue;
		ret->tuples++;
		ret->entries += c->tuples[i].count;
		ret->longest_run = MAX(ret->longest_run, c->tuples[i].longest);
		ret->most_steps += steps_of(c, i);
	}
}
