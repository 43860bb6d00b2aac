/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The tables of redirects to several interfaces. Each slot has its targets in an order of its own,
 * by weighted rendezvous (Thaler and Ravishankar 1998; weights as of Schindelhauer and Schomaker
 * 2005): the first by -log(u) / weight, u being a hash of slot and name. So a slot's order of two
 * targets depends on nothing but these two: whatever else joins or leaves, they keep their place.
 * And when the first is gone, the program takes the next: only its flows move, by the weights.
 *
 * A table is of one version of a policy, is filled before that is in force, and does not change:
 * a packet meets the old or the new one.
 */
#include <errno.h>

#include "bpf/hash.h"
#include "server/classifier_internal.h"

_Static_assert(POLICY_TARGETS_MAX == PEP_SPREAD_TARGETS, "targets of the model and of the program");

#define LOG_BITS 20 /* of the logarithm's fraction: finer than the weights are */

/* -log2(u / 2^64), in 2^-20. */
static uint64_t log_of(uint64_t u)
{
	uint64_t result;
	int zeros;

	u |= 1;
	zeros = __builtin_clzll(u);
	result = (uint64_t)(zeros + 1) << LOG_BITS;
	u <<= zeros; /* 1 to 2, in 2^-63 */
	for (int bit = LOG_BITS - 1; bit >= 0; bit--) {
		u = (uint64_t)((unsigned __int128)u * u >> 64); /* the square, in 2^-62 */
		if (u >> 63)
			result -= 1ull << bit;
		else
			u <<= 1;
	}
	return result;
}

static uint64_t name_hash(const struct policy_target *target)
{
	uint64_t words[IFACE_NAME_SIZE / 8] = {0};

	memcpy(words, target->iface, strnlen(target->iface, IFACE_NAME_SIZE));
	return pep_hash_mix(pep_hash_mix(PEP_HASH_A, words[0]), words[1]);
}
_Static_assert(IFACE_NAME_SIZE == 16, "two words are a name");

struct choice {
	uint64_t hash; /* of the name */
	uint64_t log;
	uint32_t weight;
	uint32_t number; /* among the policy's targets */
};

static bool comes_before(const struct choice *a, const struct choice *b)
{
	return a->log * b->weight < b->log * a->weight;
}

/* The numbers of the targets, the first choice lowest. */
static uint64_t order_of(struct choice *choices, size_t count, uint32_t slot)
{
	struct choice sorted[PEP_SPREAD_TARGETS];
	uint64_t order = 0;

	for (size_t i = 0; i < count; i++) {
		size_t at = i;

		choices[i].log = log_of(
			pep_hash_mix(pep_hash_mix(choices[i].hash, slot), PEP_HASH_B) * PEP_HASH_A);
		for (; at && comes_before(&choices[i], &sorted[at - 1]); at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = choices[i];
	}
	for (size_t i = count; i; i--)
		order = order << 4 | sorted[i - 1].number;
	return order;
}

static void fill(struct pep_spread *spread, const struct policy_action *action)
{
	struct choice choices[PEP_SPREAD_TARGETS];

	for (size_t i = 0; i < action->target_count; i++)
		choices[i] = (struct choice){.hash = name_hash(&action->targets[i]),
			.weight = action->targets[i].weight,
			.number = (uint32_t)i};
	spread->count = (__u32)action->target_count;
	for (uint32_t slot = 0; slot < PEP_SPREAD_SLOTS; slot++)
		spread->order[slot] = order_of(choices, action->target_count, slot);
}

/* 0 = none. No packet is judged by what is not used: see classifier_settle(). */
static uint32_t spread_free(const struct classifier *c)
{
	for (uint32_t i = 1; i < PEP_SPREADS_MAX; i++)
		if (!c->spreads[i])
			return i;
	return 0;
}

static void release_targets(struct classifier *c, const struct pep_spread *spread, size_t count)
{
	for (size_t i = 0; i < count; i++)
		redirect_give(c, spread->target[i]);
}

/* -EMFILE: all tables are in use; -ENOSPC: all of redirect_map is. */
static int spread_take(struct classifier *c, const struct policy_action *action, uint32_t *ret)
{
	uint32_t at = spread_free(c);
	struct pep_spread *spread = &c->t->spreads[at];

	if (!at)
		return -EMFILE;
	for (size_t i = 0; i < action->target_count; i++) {
		uint32_t index;

		if (redirect_take(c, action->targets[i].iface, &index) < 0) {
			release_targets(c, spread, i);
			return -ENOSPC;
		}
		spread->target[i] = (__u8)index;
		memcpy(spread->name[i], action->targets[i].iface, IFACE_NAME_SIZE);
	}
	fill(spread, action);
	c->spreads[at] = true;
	*ret = at;
	return 0;
}

int targets_take(
	struct classifier *c, const struct policy *policy, struct pep_rule *rule, struct error *err)
{
	const struct policy_action *action = &policy->action;
	int r;

	rule->redirect = PEP_REDIRECTS_MAX;
	r = action->target_count > 1 ? spread_take(c, action, &rule->spread) :
				       redirect_take(c, action->targets[0].iface, &rule->redirect);
	if (!r)
		return 0;
	if (r == -EMFILE)
		return error_set(err, ERROR_LIMIT, "SPREADS_FULL",
			"policy %s: %u policies redirect to several interfaces, with those that the change "
			"replaces, which is the limit; change fewer at a time",
			policy->name, PEP_SPREADS_MAX - 1);
	return error_set(err, ERROR_LIMIT, "REDIRECTS_FULL",
		"policy %s: all %u redirect targets are in use; point policies to fewer interfaces",
		policy->name, PEP_REDIRECTS_MAX);
}

void spread_release(struct classifier *c, uint32_t at)
{
	release_targets(c, &c->t->spreads[at], c->t->spreads[at].count);
	c->spreads[at] = false;
}

bool spread_claim(struct classifier *c, uint32_t at)
{
	struct pep_spread *spread;

	if (!at || at >= PEP_SPREADS_MAX || c->spreads[at])
		return false;
	spread = &c->t->spreads[at];
	if (spread->count < 2 || spread->count > PEP_SPREAD_TARGETS)
		return false;
	for (size_t i = 0; i < spread->count; i++) {
		spread->name[i][IFACE_NAME_SIZE - 1] = 0;
		if (!redirect_claim(c, spread->target[i], spread->name[i])) {
			release_targets(c, spread, i);
			return false;
		}
	}
	c->spreads[at] = true;
	return true;
}
