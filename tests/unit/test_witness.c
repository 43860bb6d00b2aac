/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Witnesses and proofs by hand, and for every policy of the published rule sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "classbench.h"
#include "witness.h"

#define BUDGET 20000u

static struct policy rules[8];
static struct oracle_ruleset ruleset = {.policies = rules};

static void begin(void)
{
	memset(rules, 0, sizeof(rules));
	ruleset.count = 0;
}

/* A later rule ranks behind an earlier one. */
static struct policy_match *rule(uint16_t first, uint16_t last)
{
	struct policy *p = &rules[ruleset.count++];

	policy_init(p);
	p->priority = (uint32_t)ruleset.count;
	p->match.dport = (struct policy_ports){first, last};
	return &p->match;
}

static void src(struct policy_match *m, uint8_t family, uint8_t first, uint8_t length)
{
	m->src = (struct policy_address){
		.kind = POLICY_PREFIX, .family = family, .length = length, .bytes = {first}};
}

static struct oracle_packet found_last(void)
{
	_cleanup_(oracle_freep) struct oracle *oracle = NULL;
	struct oracle_packet packet = {0};

	assert_int_equal(
		witness_find(&ruleset, ruleset.count - 1, BUDGET, &packet), WITNESS_FOUND);
	assert_int_equal(oracle_new(&ruleset, &oracle), 0);
	assert_int_equal(oracle_decide(oracle, &packet).policy, ruleset.count - 1);
	return packet;
}

static void assert_last(enum witness expected, size_t budget)
{
	struct oracle_packet packet;

	assert_int_equal(witness_find(&ruleset, ruleset.count - 1, budget, &packet), expected);
}

static void test_one_free_port(void **state)
{
	(void)state;
	begin();
	rule(0, 99);
	rule(101, 65535);
	rule(50, 200);
	assert_int_equal(found_last().dport, 100);
	rules[0].match.dport.last = 100;
	assert_last(WITNESS_NONE, BUDGET);
}

/* What has ports leaves the packets without; one protocol leaves the others. */
static void test_ports_and_protocols(void **state)
{
	(void)state;
	begin();
	rule(0, 999);
	rule(1000, 65535);
	rule(0, 65535);
	assert_false(found_last().has_ports);
	begin();
	rule(7, 7)->has_proto = true;
	rules[0].match.proto = 17;
	rule(7, 7);
	assert_int_not_equal(found_last().proto, 17);
}

static void test_a_union_in_both_families(void **state)
{
	(void)state;
	begin();
	src(rule(5, 5), 4, 0, 1);
	src(rule(5, 5), 4, 128, 1);
	src(rule(5, 5), 6, 0, 1);
	src(rule(5, 5), 6, 128, 1);
	rule(5, 5);
	assert_last(WITNESS_NONE, BUDGET);
	assert_last(WITNESS_UNKNOWN, 1);
	src(&rules[3].match, 6, 192, 2);
	assert_int_equal(found_last().src[0], 128);
	assert_int_equal(found_last().family, 6);
	src(&rules[3].match, 6, 128, 1);
	src(&rules[0].match, 4, 64, 2);
	assert_int_equal(found_last().family, 4);
}

/* A shadow policy takes nothing from one that decides; what is opaque proves nothing. */
static void test_shadow_and_opaque(void **state)
{
	(void)state;
	begin();
	rule(5, 5);
	rule(5, 5);
	assert_last(WITNESS_NONE, BUDGET);
	rules[0].shadow = true;
	found_last();
	rules[0].shadow = false;
	rules[0].match.has_vlan = true;
	assert_last(WITNESS_UNKNOWN, BUDGET);
}

static void test_every_published_policy(void **state)
{
	(void)state;
	for (size_t i = 0; i < CLASSBENCH_SETS; i++) {
		_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset set = {0};
		_cleanup_(oracle_freep) struct oracle *oracle = NULL;
		size_t counts[3] = {0};

		assert_int_equal(classbench_published(classbench_sets[i], &set, NULL, NULL), 0);
		assert_int_equal(oracle_new(&set, &oracle), 0);
		for (size_t p = 0; p < set.count; p++) {
			struct oracle_packet packet;
			enum witness r = witness_find(&set, p, BUDGET, &packet);

			counts[r]++;
			if (r == WITNESS_FOUND)
				assert_int_equal(oracle_decide(oracle, &packet).policy, p);
		}
		printf("%s: %zu decide, %zu are shadowed, %zu unknown\n", classbench_sets[i],
			counts[WITNESS_FOUND], counts[WITNESS_NONE], counts[WITNESS_UNKNOWN]);
		assert_int_equal(counts[WITNESS_UNKNOWN], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_free_port),
		cmocka_unit_test(test_ports_and_protocols),
		cmocka_unit_test(test_a_union_in_both_families),
		cmocka_unit_test(test_shadow_and_opaque),
		cmocka_unit_test(test_every_published_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
