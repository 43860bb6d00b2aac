/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What of a policy does not match, field by field; and against the oracle on random packets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>

#include "common/policy_match.h"
#include "common/text.h"
#include "flow_random.h"
#include "ruleset_random.h"

/* 203.0.113.9:40000 to 192.0.2.10:22, a SYN on eth0 without a tag; the only member is the source.
 */
static struct policy_packet a_packet(void)
{
	return (struct policy_packet){.family = 4,
		.proto = 6,
		.src = {203, 0, 113, 9},
		.dst = {192, 0, 2, 10},
		.has_ports = true,
		.has_tcp = true,
		.sport = 40000,
		.dport = 22,
		.tcp_flags = 2,
		.flow_percent = 5000,
		.iface = "eth0"};
}

static bool is_source(void *data, const char *set, uint8_t family, const uint8_t *address)
{
	static const uint8_t source[4] = {203, 0, 113, 9};

	(void)data;
	return streq(set, "good") && family == 4 && memcmp(address, source, 4) == 0;
}

static void check(const char *line, const struct policy_packet *packet, const char *wanted)
{
	const struct policy_members members = {is_source, NULL};
	struct text_problems problems = {0};
	char text[200] = "", why[POLICY_WHY_SIZE];
	const char *words[20];
	struct policy p;
	size_t count = 0;
	char *rest = NULL;
	bool matched;

	snprintf(text, sizeof(text), "p allow %s", line);
	for (char *w = strtok_r(text, " ", &rest); w; w = strtok_r(NULL, " ", &rest))
		words[count++] = w;
	if (text_parse_policy(words, count, &p, &problems))
		fail_msg("%s: %s", line, problems.items[0].message);
	matched = policy_match(&p, packet, &members, why);
	assert_int_equal(matched, !*wanted);
	assert_string_equal(why, wanted);
	policy_deinit(&p);
}

static void test_fields(void **state)
{
	static const char *const rows[][2] = {
		{"", ""},
		{"proto tcp src 203.0.113.0/24 dst 192.0.2.10 sport 40000 dport 22 iface eth0", ""},
		{"src @good", ""}, {"tcp-flags syn/syn,ack proto tcp", ""}, {"percent 50.01", ""},
		{"sport 0-40000", ""}, {"src 0.0.0.0/0 dst 192.0.2.8/29", ""},
		{"dport 80-443", "dport 22 is not in 80-443"}, {"dport 23", "dport 22 is not 23"},
		{"sport 40001-65535", "sport 40000 is not in 40001-65535"},
		{"src 10.0.0.0/8", "src 203.0.113.9 is not in 10.0.0.0/8"},
		{"src 203.0.113.8/32", "src 203.0.113.9 is not in 203.0.113.8"},
		{"dst 192.0.2.12/30", "dst 192.0.2.10 is not in 192.0.2.12/30"},
		{"src ::/0", "src 203.0.113.9 is not in ::/0"},
		{"dst @good", "dst 192.0.2.10 is not a member of @good"},
		{"src @bad", "src 203.0.113.9 is not a member of @bad"},
		{"proto udp", "proto tcp is not udp"},
		{"iface eth1,eth2", "iface eth0 is not eth1,eth2"},
		{"iface a1,a2,a3,a4", "iface eth0 is not a1,a2,a3,..."},
		{"vlan 5", "the packet has no VLAN tag, and vlan is 5"},
		{"proto tcp tcp-flags ack/ack", "tcp-flags 0x02 are not 0x10/0x10"},
		{"percent 50", "the flow is not in the share of percent 50.00"},
		{"proto udp dport 53 src 10.0.0.1",
			"proto tcp is not udp"}, /* the first of several */
	};
	struct policy_packet packet = a_packet();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check(rows[i][0], &packet, rows[i][1]);
}

static void test_other_packets(void **state)
{
	struct policy_packet p = a_packet();

	(void)state;
	p.has_ports = p.has_tcp = false;
	check("dport 22", &p, "the packet has no ports, and dport is wanted");
	check("proto tcp tcp-flags syn/syn", &p, "the packet has no tcp-flags");
	p.iface[0] = 0;
	check("iface eth0", &p, "no iface is given, and only eth0 will do");
	p.has_vlan = true;
	p.vlan = 7;
	check("vlan 7", &p, "");
	check("vlan 8", &p, "vlan 7 is not 8");
	p.proto = 1;
	check("proto icmp icmp-type 8", &p, "the packet has no icmp-type");
	p.has_icmp = true;
	p.icmp_type = 3;
	p.icmp_code = 1;
	check("proto icmp icmp-type 8", &p, "icmp-type 3 is not 8");
	check("proto icmp icmp-type 3/2", &p, "icmp-type 3/1 is not 3/2");
	check("proto icmp icmp-type 3/1", &p, "");
	p.family = 6;
	p.proto = 58;
	p.discovery = true;
	inet_pton(AF_INET6, "fe80::1", p.src);
	check("proto icmpv6", &p,
		"neighbour discovery is exempt from policies without src and dst");
	check("proto icmpv6 src fe80::/10", &p, "");
	check("src fe80::2/127", &p, "src fe80::1 is not in fe80::2/127");
}

/* --- the oracle */

static bool in_oracle_set(void *data, const char *name, uint8_t family, const uint8_t *address)
{
	const struct oracle_set *set = oracle_set_find(data, name);

	for (size_t i = 0; set && i < set->count; i++)
		if (set->members[i].family == family &&
			oracle_covers(set->members[i].bytes, set->members[i].length, address))
			return true;
	return false;
}

static struct policy_packet packet_of(const struct oracle_packet *from)
{
	struct policy_packet p = {.family = from->family,
		.proto = from->proto,
		.has_ports = from->has_ports,
		.has_icmp = from->has_icmp,
		.has_tcp = from->has_tcp,
		.has_vlan = from->has_vlan,
		.sport = from->sport,
		.dport = from->dport,
		.vlan = from->vlan,
		.icmp_type = from->icmp_type,
		.icmp_code = from->icmp_code,
		.tcp_flags = from->tcp_flags,
		.discovery = from->discovery,
		.flow_percent = from->flow_percent};

	memcpy(p.src, from->src, sizeof(p.src));
	memcpy(p.dst, from->dst, sizeof(p.dst));
	memcpy(p.iface, from->iface, sizeof(p.iface));
	return p;
}

static struct oracle_ruling decide_by(
	struct oracle_ruleset *one, const struct oracle_packet *packet)
{
	struct oracle_ruling ruling;
	struct oracle *oracle;

	assert_int_equal(oracle_new(one, &oracle), 0);
	ruling = oracle_decide(oracle, packet);
	oracle_free(oracle);
	return ruling;
}

/* A ruleset of each policy alone: the oracle's decision is whether it matches. */
static size_t compare(struct oracle_ruleset *rules, const struct oracle_packet *packet)
{
	const struct policy_members members = {in_oracle_set, rules};
	const struct policy_packet mine = packet_of(packet);
	size_t matches = 0;

	for (size_t i = 0; i < rules->count; i++) {
		struct oracle_ruleset one = *rules;
		struct oracle_ruling ruling;
		char why[POLICY_WHY_SIZE];
		bool matched;

		one.policies = &rules->policies[i];
		one.count = 1;
		ruling = decide_by(&one, packet);
		if (ruling.reason != ORACLE_BY_POLICY && ruling.reason != ORACLE_BY_DEFAULT)
			return matches; /* no policy is asked */
		matched = policy_match(&rules->policies[i], &mine, &members, why);
		assert_int_equal(matched, ruling.policy == 0 || ruling.shadow == 0);
		matches += matched;
	}
	return matches;
}

static void test_agrees_with_the_oracle(void **state)
{
	size_t matches = 0;

	(void)state;
	for (unsigned int flavour = 0; flavour < RULESET_FLAVOURS; flavour++) {
		struct oracle_ruleset rules;
		struct oracle_packet packet;
		struct flow_random flow;

		assert_int_equal(ruleset_random(flavour, 50, 77 + flavour, &rules), 0);
		flow_random_init(&flow, &rules, flavour);
		for (int i = 0; i < 600; i++) {
			flow_random_next(&flow, &packet);
			matches += compare(&rules, &packet);
		}
		oracle_ruleset_deinit(&rules);
	}
	assert_true(matches > 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_other_packets),
		cmocka_unit_test(test_agrees_with_the_oracle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
