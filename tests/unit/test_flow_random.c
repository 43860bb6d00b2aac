/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The generators: what they make is valid, reaches policies, and stands in the frame as said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "bpf/parse.h"
#include "flow_frame.h"
#include "flow_random.h"
#include "ruleset_random.h"

enum { SEEDS = 5, PACKETS = 4000 };

static void assert_valid(const struct oracle_ruleset *rules)
{
	for (size_t i = 0; i < rules->count; i++) {
		_cleanup_error_ struct error err = ERROR_INIT;

		if (policy_validate(&rules->policies[i], "", &err))
			fail_msg("%s: %s", rules->policies[i].name, error_message(&err));
	}
}

static void test_all_policies_are_valid(void **state)
{
	(void)state;
	for (unsigned int flavour = 0; flavour < RULESET_FLAVOURS; flavour++)
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset rules = {0};

			assert_int_equal(ruleset_random(flavour, 500, seed, &rules), 0);
			assert_int_equal(rules.count, 500);
			assert_valid(&rules);
		}
}

static void test_the_same_seed_makes_the_same(void **state)
{
	_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset a = {0}, b = {0}, c = {0};
	size_t differ = 0;

	(void)state;
	assert_int_equal(ruleset_random(RULESET_MIXED, 200, 7, &a), 0);
	assert_int_equal(ruleset_random(RULESET_MIXED, 200, 7, &b), 0);
	assert_int_equal(ruleset_random(RULESET_MIXED, 200, 8, &c), 0);
	for (size_t i = 0; i < 200; i++) {
		assert_true(policy_equal(&a.policies[i], &b.policies[i]));
		differ += !policy_equal(&a.policies[i], &c.policies[i]);
	}
	assert_true(differ > 150);
}

/* Of those that are judged by policies at all, at least half meet one. */
static void test_half_of_the_packets_hit(void **state)
{
	(void)state;
	for (unsigned int flavour = 0; flavour < RULESET_FLAVOURS; flavour++) {
		_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset rules = {0};
		_cleanup_(oracle_freep) struct oracle *oracle = NULL;
		struct oracle_packet packet;
		struct flow_random flow;
		size_t hits = 0;

		assert_int_equal(ruleset_random(flavour, 300, 11, &rules), 0);
		assert_int_equal(oracle_new(&rules, &oracle), 0);
		flow_random_init(&flow, &rules, 12);
		for (size_t i = 0; i < PACKETS; i++) {
			flow_random_next(&flow, &packet);
			hits += oracle_decide(oracle, &packet).reason == ORACLE_BY_POLICY;
		}
		printf("%s: %zu of %d hit\n", ruleset_flavour_names[flavour], hits, PACKETS);
		assert_true(hits >= PACKETS / 2 && hits < PACKETS);
	}
}

/* A ruleset of that policy alone, with the default action of discovery out of the way. */
static bool decides_alone(const struct oracle_ruleset *rules, struct policy *policy,
	const struct oracle_packet *packet)
{
	struct oracle_ruleset alone = {
		.policies = policy, .count = 1, .sets = rules->sets, .set_count = rules->set_count};
	_cleanup_(oracle_freep) struct oracle *oracle = NULL;
	struct oracle_ruling ruling;

	assert_int_equal(oracle_new(&alone, &oracle), 0);
	ruling = oracle_decide(oracle, packet);
	return ruling.policy == 0 || ruling.shadow == 0;
}

static bool names_a_set(const struct policy *policy)
{
	return policy->match.src.kind == POLICY_SET || policy->match.dst.kind == POLICY_SET;
}

static void test_inside_is_inside(void **state)
{
	(void)state;
	for (unsigned int flavour = 0; flavour < RULESET_FLAVOURS; flavour++) {
		_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset rules = {0};
		struct oracle_packet packet;
		struct flow_random flow;

		assert_int_equal(ruleset_random(flavour, 300, 21, &rules), 0);
		flow_random_init(&flow, &rules, 22);
		for (size_t i = 0; i < PACKETS; i++) {
			struct policy *policy = &rules.policies[i % rules.count];

			flow_random_inside(&flow, policy, &packet);
			if (!names_a_set(policy) && !decides_alone(&rules, policy, &packet) &&
				!(policy->match.has_proto && policy->match.proto == 0))
				fail_msg("%s, policy %s", ruleset_flavour_names[flavour],
					policy->name);
		}
	}
}

static struct pep_packet parse(const uint8_t *bytes, size_t size)
{
	_cleanup_free_ uint8_t *copy = malloc(size); /* ends where the frame ends */
	pep_source source = {.data = copy, .length = (__u32)size};
	struct pep_packet packet;
	struct pep_frame frame;

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	pep_frame_init(&frame, &source);
	pep_parse(&frame, &packet);
	return packet;
}

static enum oracle_fault fault_of(const struct pep_packet *packet)
{
	return packet->error == PEP_PARSE_HEADERS ? ORACLE_HEADERS
	       : packet->error                    ? ORACLE_MALFORMED
						  : ORACLE_SOUND;
}

static void assert_parsed(const struct oracle_packet *made, const struct pep_packet *parsed)
{
	assert_int_equal(fault_of(parsed), made->fault);
	if (made->fault == ORACLE_HEADERS)
		return;
	assert_int_equal(parsed->family, made->family);
	if (!made->family)
		return;
	assert_int_equal(parsed->vlan, made->has_vlan ? made->vlan : PEP_VLAN_NONE);
	assert_int_equal(parsed->proto, made->proto);
	assert_memory_equal(parsed->src, made->src, 16);
	assert_memory_equal(parsed->dst, made->dst, 16);
	assert_int_equal(parsed->has_ports, made->has_ports);
	assert_int_equal(PEP_BE16(parsed->sport), made->sport);
	assert_int_equal(PEP_BE16(parsed->dport), made->dport);
	assert_int_equal(parsed->fragment, made->fragment);
	assert_int_equal(parsed->discovery, made->discovery);
	assert_int_equal(parsed->icmp_type, made->icmp_type);
	assert_int_equal(parsed->icmp_code, made->icmp_code);
	assert_int_equal(parsed->tcp_flags, made->tcp_flags);
}

/* Counts of what the mixture must contain. */
struct census {
	size_t fragments, discovery, headers, malformed, unreadable, other, tagged, six;
};

static void count(struct census *c, const struct oracle_packet *packet)
{
	c->fragments += packet->fragment;
	c->discovery += packet->discovery;
	c->headers += packet->fault == ORACLE_HEADERS;
	c->malformed += packet->fault == ORACLE_MALFORMED && packet->family;
	c->unreadable += packet->fault == ORACLE_MALFORMED && !packet->family;
	c->other += packet->fault == ORACLE_SOUND && !packet->family;
	c->tagged += packet->has_vlan;
	c->six += packet->family == 6;
}

static void test_the_parser_finds_the_packet_in_the_frame(void **state)
{
	struct census c = {0};

	(void)state;
	for (unsigned int flavour = 0; flavour < RULESET_FLAVOURS; flavour++) {
		_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset rules = {0};
		uint8_t frame[FLOW_FRAME_MAX];
		struct flow_random flow;

		assert_int_equal(ruleset_random(flavour, 100, 31, &rules), 0);
		flow_random_init(&flow, &rules, 32);
		for (size_t i = 0; i < 2 * PACKETS; i++) {
			struct oracle_packet packet;
			struct pep_packet parsed;

			flow_random_next(&flow, &packet);
			parsed = parse(frame, flow_frame(&packet, &flow.rng, frame));
			assert_parsed(&packet, &parsed);
			count(&c, &packet);
		}
	}
	assert_true(c.fragments > 500 && c.discovery > 100 && c.headers > 100);
	assert_true(c.malformed > 100 && c.unreadable > 20 && c.other > 100);
	assert_true(c.tagged > 1000 && c.six > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_policies_are_valid),
		cmocka_unit_test(test_the_same_seed_makes_the_same),
		cmocka_unit_test(test_half_of_the_packets_hit),
		cmocka_unit_test(test_inside_is_inside),
		cmocka_unit_test(test_the_parser_finds_the_packet_in_the_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
