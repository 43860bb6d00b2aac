/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "ruleset_classbench.h"

#include <errno.h>
#include <stdio.h>

#include "rng.h"

/* Mixes two numbers into one that looks random (the finaliser of MurmurHash3). */
static uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t h = a * 0x9e3779b97f4a7c15ull ^ b;

	h = (h ^ h >> 33) * 0xff51afd7ed558ccdull;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53ull;
	return h ^ h >> 33;
}

static bool bit_at(const uint8_t *bytes, size_t bit)
{
	return bytes[bit / 8] & 0x80u >> bit % 8;
}

static void set_bit(uint8_t *bytes, size_t bit, bool one)
{
	bytes[bit / 8] |= (uint8_t)(one ? 0x80u >> bit % 8 : 0);
}

/* The bits before that one, as a number: what decides whether it is flipped. */
static uint64_t bits_before(const uint8_t *bytes, size_t bit)
{
	uint64_t value = 1;

	for (size_t i = 0; i < bit; i++)
		value = value << 1 | bit_at(bytes, i);
	return value;
}

/* Two prefixes that share n bits share n bits afterwards too. */
static void permute(uint64_t key, struct policy_address *a)
{
	uint8_t result[16] = {0};

	for (size_t bit = 0; bit < a->length; bit++)
		set_bit(result, bit,
			bit_at(a->bytes, bit) ^ (mix(key, bits_before(a->bytes, bit)) & 1));
	memcpy(a->bytes, result, sizeof(result));
}

/*
 * IPv4 bits as bits of 2000::/8. Up to /24, one by one (to /32, what providers
 * have); the next seven stand for four each (to /60); the last for what is left of 128. Bits
 * that are added depend on those before, so that nesting stays.
 */
static void widen(uint64_t key, struct policy_address *a)
{
	struct policy_address wide = {.kind = POLICY_PREFIX, .family = 6, .bytes = {0x20}};
	size_t at = 8;

	for (size_t bit = 0; bit < a->length; bit++) {
		size_t width = bit < 24 ? 1 : bit < 31 ? 4 : 128 - at;
		uint64_t fill = mix(~key, bits_before(a->bytes, bit) << 1 | bit_at(a->bytes, bit));

		set_bit(wide.bytes, at, bit_at(a->bytes, bit));
		for (size_t i = 1; i < width; i++)
			set_bit(wide.bytes, at + i, fill >> i % 64 & 1);
		at += width;
	}
	wide.length = (uint8_t)at;
	if (!a->length)
		wide = (struct policy_address){.kind = POLICY_PREFIX, .family = 6};
	*a = wide;
}

/* In each other copy, one exact port becomes another one. */
static void renumber_ports(uint64_t key, struct policy_ports *ports)
{
	if (ports->first != ports->last || !(key & 1))
		return;
	ports->first = ports->last = (uint16_t)(ports->first ^ (key >> 8 & 0x3ff));
}

static void renumber(uint64_t key, uint8_t family, struct policy_match *m)
{
	permute(key, &m->src);
	permute(key, &m->dst);
	renumber_ports(mix(key, 1), &m->sport);
	renumber_ports(mix(key, 2), &m->dport);
	if (family == 4)
		return;
	widen(key, &m->src);
	widen(key, &m->dst);
	if (m->has_proto && m->proto == 1)
		m->proto = 58;
}

/* The copy of the model's policy at that index with that number. */
static int add_copy(
	const struct ruleset_shape *shape, struct oracle_ruleset *rules, size_t index, size_t copy)
{
	struct policy *p = &rules->policies[rules->count];
	size_t position = rules->count;
	uint8_t family = shape->family ? shape->family : position % 2 ? 6 : 4;

	if (policy_copy(&shape->model->policies[index], p))
		return -ENOMEM;
	renumber(mix(shape->seed, copy), family, &p->match);
	snprintf(p->name, sizeof(p->name), "p%zu", position);
	p->priority = shape->first_match ? (uint32_t)position : POLICY_PRIORITY_DEFAULT;
	rules->count++;
	return 0;
}

/* How many copies of the next rule, so that all together are `left` when `rules_left` come. */
static size_t copies_of_next(struct rng *rng, size_t left, size_t rules_left)
{
	size_t copies = left / rules_left;

	return copies + (rng_below(rng, rules_left) < left % rules_left);
}

int ruleset_classbench(const struct ruleset_shape *shape, struct oracle_ruleset *ret)
{
	_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset rules = {0};
	struct rng rng;

	rng_init(&rng, shape->seed);
	rules.policies = calloc(shape->count + 1, sizeof(*rules.policies));
	if (!rules.policies)
		return -ENOMEM;
	for (size_t i = 0; i < shape->model->count; i++) {
		size_t copies =
			copies_of_next(&rng, shape->count - rules.count, shape->model->count - i);

		for (size_t copy = 0; copy < copies; copy++)
			if (add_copy(shape, &rules, i, copy))
				return -ENOMEM;
	}
	*ret = rules;
	rules = (struct oracle_ruleset){0};
	return 0;
}
