/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which sources, destinations and flows have a bucket of their own, and in which line it is. */
#include "scope_limit.h"

#include <stdbool.h>
#include <stdio.h>

#define LINES 64u

static struct pep_config config;

static void seed(void)
{
	for (size_t i = 0; i <= PEP_SCOPE_WORDS; i++)
		for (size_t j = 0; j < 2; j++)
			config.scope_seed.factor[i][j] = scope_random();
}

static int setup(void **state)
{
	(void)state;
	config.scope_lines = LINES;
	seed();
	return 0;
}

static struct pep_packet packet_of(const char *src, const char *dst)
{
	struct pep_packet packet = {.proto = 17, .sport = 1000, .dport = 53, .has_ports = 1};
	int family = strchr(src, ':') ? AF_INET6 : AF_INET;

	packet.family = family == AF_INET6 ? 6 : 4;
	assert_int_equal(inet_pton(family, src, packet.src), 1);
	assert_int_equal(inet_pton(family, dst, packet.dst), 1);
	return packet;
}

static bool same_key(
	const struct pep_rule *rule, const struct pep_packet *a, const struct pep_packet *b)
{
	struct pep_scope_key first, second;

	pep_scope_key(&config, rule, a, &first);
	pep_scope_key(&config, rule, b, &second);
	assert_true(first.line < config.scope_lines && second.line < config.scope_lines);
	assert_true(first.tag && second.tag);
	assert_int_equal(first.tag >> PEP_SCOPE_HASH_BITS, rule->limit_id);
	return first.tag == second.tag && first.line == second.line;
}

static bool same_source(int length, const char *a, const char *b)
{
	struct pep_rule rule = scope_limit(PEP_SCOPE_SRC, length, 1, 1);
	struct pep_packet first = packet_of(a, strchr(a, ':') ? "::1" : "1.1.1.1");
	struct pep_packet second = packet_of(b, strchr(b, ':') ? "::2" : "2.2.2.2");

	second.sport = 7;
	second.proto = 6;
	return same_key(&rule, &first, &second);
}

static void test_sources(void **state)
{
	(void)state;
	assert_true(same_source(0, "192.0.2.1", "192.0.2.1"));
	assert_false(same_source(0, "192.0.2.1", "192.0.2.2"));
	assert_true(same_source(0, "2001:db8::1", "2001:db8::1"));
	assert_false(same_source(0, "2001:db8::1", "2001:db8::2"));
	assert_false(same_source(0, "2001:db8::1", "2001:db8:0:0:0:1::1"));
	assert_false(same_source(0, "32.1.13.184", "2001:db8::")); /* the same first word */
}

static void test_prefixes(void **state)
{
	(void)state;
	assert_true(same_source(24, "192.0.2.1", "192.0.2.255"));
	assert_false(same_source(24, "192.0.2.1", "192.0.3.1"));
	assert_true(same_source(1, "128.0.0.1", "255.9.9.9"));
	assert_false(same_source(1, "127.0.0.1", "128.0.0.1"));
	assert_true(same_source(31, "192.0.2.2", "192.0.2.3"));
	assert_false(same_source(32, "192.0.2.2", "192.0.2.3"));
	assert_false(same_source(33, "192.0.2.2", "192.0.2.3")); /* more than IPv4 has: all of it */
	assert_false(same_source(128, "192.0.2.2", "192.0.2.3"));
	assert_true(same_source(64, "2001:db8:0:1::1", "2001:db8:0:1:ffff::1"));
	assert_false(same_source(64, "2001:db8:0:1::1", "2001:db8:0:2::1"));
	assert_true(same_source(24, "2001:d00::1", "2001:dff:1::1"));
	assert_true(same_source(33, "2001:db8:7000::1", "2001:db8:1::1"));
	assert_false(same_source(33, "2001:db8:8000::1", "2001:db8:1::1"));
	assert_true(same_source(127, "2001:db8::2", "2001:db8::3"));
	assert_false(same_source(128, "2001:db8::2", "2001:db8::3"));
}

static void test_destinations(void **state)
{
	struct pep_rule rule = scope_limit(PEP_SCOPE_DST, 0, 1, 1);
	struct pep_packet a = packet_of("10.0.0.1", "10.0.0.9"),
			  b = packet_of("10.0.0.2", "10.0.0.9");

	(void)state;
	assert_true(same_key(&rule, &a, &b));
	b = packet_of("10.0.0.1", "10.0.0.8");
	assert_false(same_key(&rule, &a, &b));
	a = packet_of("::1", "::9:0:0:1");
	b = packet_of("::1", "::8:0:0:1");
	assert_false(same_key(&rule, &a, &b));
}

/* One way only: what the other end sends is its own. */
static void test_flows(void **state)
{
	struct pep_rule rule = scope_limit(PEP_SCOPE_FLOW, 0, 1, 1);
	struct pep_packet a = packet_of("10.0.0.1", "10.0.0.9"), b = a;

	(void)state;
	b.length = 9;
	b.vlan = 3;
	assert_true(same_key(&rule, &a, &b));
	b.sport++;
	assert_false(same_key(&rule, &a, &b));
	b = a;
	b.dport++;
	assert_false(same_key(&rule, &a, &b));
	b = a;
	b.proto = 6;
	assert_false(same_key(&rule, &a, &b));
	b = packet_of("10.0.0.9", "10.0.0.1");
	b.sport = a.dport;
	b.dport = a.sport;
	assert_false(same_key(&rule, &a, &b));
	b = packet_of("10.0.0.1", "10.0.0.8");
	assert_false(same_key(&rule, &a, &b));
}

/* Another policy, or another life of this one's limiter: buckets of their own, also in other lines.
 */
static void test_policies_apart(void **state)
{
	struct pep_packet packet = packet_of("2001:db8::1", "::1");
	struct pep_rule rule = scope_limit(PEP_SCOPE_SRC, 0, 1, 1);
	struct pep_scope_key key;
	unsigned int used = 0;
	uint64_t seen = 0;

	(void)state;
	for (rule.limit_id = 0; rule.limit_id < 4 * LINES; rule.limit_id++) {
		pep_scope_key(&config, &rule, &packet, &key);
		assert_int_equal(key.tag >> PEP_SCOPE_HASH_BITS, rule.limit_id);
		seen |= 1ull << key.line;
	}
	for (; seen; seen &= seen - 1)
		used++;
	assert_true(used > LINES / 2);
}

/*
 * Addresses that collide in hash.h under any seed, and others that differ in few bits: whatever the
 * seed, none do here.
 */
static void test_chosen_collisions(void **state)
{
	struct pep_rule rule = scope_limit(PEP_SCOPE_SRC, 0, 1, 1);
	struct pep_packet a = packet_of("2001:db8::1", "::1"), b;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		seed();
		b = a;
		b.src[1] ^= 1u << 31;
		b.src[2] ^= 1u << 31;
		b.src[3] ^= 1u << 31;
		assert_false(same_key(&rule, &a, &b));
		b = a;
		b.src[i % 4] ^= 1u << (i / 4 % 32);
		assert_false(same_key(&rule, &a, &b));
	}
}

/* No line gets much more than its share, be keys as regular as they may. */
static void test_spread(void **state)
{
	struct pep_rule rule = scope_limit(PEP_SCOPE_SRC, 0, 1, 1);
	struct pep_packet packet = packet_of("10.0.0.0", "1.1.1.1");
	unsigned int count[LINES] = {0};

	(void)state;
	for (uint32_t i = 0; i < LINES * 1000; i++) {
		struct pep_scope_key key;

		packet.src[0] = htonl(0x0a000000 + i);
		pep_scope_key(&config, &rule, &packet, &key);
		count[key.line]++;
	}
	for (size_t i = 0; i < LINES; i++)
		assert_in_range(count[i], 700, 1300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_sources, setup),
		cmocka_unit_test_setup(test_prefixes, setup),
		cmocka_unit_test_setup(test_destinations, setup),
		cmocka_unit_test_setup(test_flows, setup),
		cmocka_unit_test_setup(test_policies_apart, setup),
		cmocka_unit_test_setup(test_chosen_collisions, setup),
		cmocka_unit_test_setup(test_spread, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
