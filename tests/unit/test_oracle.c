/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The oracle against cases whose answer was found by hand from the contract. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>

#include "common/text.h"
#include "oracle.h"

enum { POLICIES = 16, SETS = 2 };

/* A ruleset under construction, and the packet to judge. */
struct world {
	struct policy policies[POLICIES];
	struct oracle_set sets[SETS];
	struct oracle_default defaults[1];
	struct oracle_ruleset rules;
	struct oracle_packet packet;
};

static void add(struct world *w, const char *line)
{
	_cleanup_free_ char *copy = strdup(line);
	struct text_problems problems = {0};
	struct policy *policy = &w->policies[w->rules.count++];
	const char *words[32];
	size_t count = 0;
	char *rest;

	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		words[count++] = word;
	assert_int_equal(text_parse_policy(words, count, policy, &problems), 0);
	assert_int_equal(policy_validate(policy, "", NULL), 0);
	w->rules.policies = w->policies;
}

static void put_address(const char *text, uint8_t bytes[16])
{
	assert_int_equal(inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, bytes), 1);
}

static void add_member(struct world *w, size_t set, const char *text)
{
	char message[160];
	struct oracle_set *s = &w->sets[set];

	s->members = realloc(s->members, (s->count + 1) * sizeof(*s->members));
	assert_non_null(s->members);
	assert_int_equal(text_parse_address(text, &s->members[s->count++], message), 0);
}

/* A packet of that protocol; with ports when it has them. */
static void packet(struct world *w, const char *src, const char *dst, uint8_t proto, uint16_t sport,
	uint16_t dport)
{
	w->packet = (struct oracle_packet){.family = strchr(src, ':') ? 6 : 4,
		.proto = proto,
		.has_ports = proto_has_ports(proto),
		.sport = sport,
		.dport = dport,
		.iface = "eth0"};
	put_address(src, w->packet.src);
	put_address(dst, w->packet.dst);
}

static struct oracle_ruling decide(const struct world *w)
{
	_cleanup_(oracle_freep) struct oracle *oracle = NULL;

	assert_int_equal(oracle_new(&w->rules, &oracle), 0);
	return oracle_decide(oracle, &w->packet);
}

/* The name of the policy that decides; "allow", "block" or why when none does. */
static const char *decider(const struct world *w)
{
	static const char *const reasons[] = {[ORACLE_BY_NON_IP] = "non-ip",
		[ORACLE_BY_MALFORMED] = "malformed",
		[ORACLE_BY_FRAGMENTS] = "fragments",
		[ORACLE_BY_HEADERS] = "headers"};
	struct oracle_ruling ruling = decide(w);

	if (ruling.reason == ORACLE_BY_POLICY) {
		assert_false(ruling.pass);
		return w->policies[ruling.policy].name;
	}
	assert_true(ruling.policy == ORACLE_NONE);
	if (ruling.reason == ORACLE_BY_DEFAULT)
		return ruling.pass ? "allow" : "block";
	return reasons[ruling.reason];
}

static const char *shadow(const struct world *w)
{
	struct oracle_ruling ruling = decide(w);

	return ruling.shadow == ORACLE_NONE ? "none" : w->policies[ruling.shadow].name;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w)
		return -1;
	strcpy(w->sets[0].name, "bad");
	strcpy(w->sets[1].name, "good");
	w->rules.sets = w->sets;
	w->rules.set_count = SETS;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < POLICIES; i++)
		policy_deinit(&w->policies[i]);
	for (size_t i = 0; i < SETS; i++)
		free(w->sets[i].members);
	free(w);
	return 0;
}

/* One policy of each rung, worst first; each best one is then outranked by the next. */
static void test_the_six_rungs(void **state)
{
	static const char *const rungs[] = {"proto block proto tcp", "src block src 10.0.0.1",
		"dport-proto block dport 80 proto tcp",
		"dst-dport-proto block dst 10.0.0.2 dport 80 proto tcp",
		"src-dport-proto block src 10.0.0.1 dport 80 proto tcp",
		"five-tuple block src 10.0.0.1 dst 10.0.0.2 sport 1024 dport 80 proto tcp"};
	struct world *w = *state;

	packet(w, "10.0.0.1", "10.0.0.2", 6, 1024, 80);
	assert_string_equal(decider(w), "allow");
	w->rules.default_block = true;
	assert_string_equal(decider(w), "block");
	for (size_t i = 0; i < ARRAY_SIZE(rungs); i++) {
		add(w, rungs[i]);
		assert_string_equal(decider(w), w->policies[i].name);
	}
	w->packet.sport = 1025;
	assert_string_equal(decider(w), "src-dport-proto");
	put_address("10.0.0.3", w->packet.src);
	assert_string_equal(decider(w), "dst-dport-proto");
	put_address("10.0.0.3", w->packet.dst);
	assert_string_equal(decider(w), "dport-proto");
	w->packet.dport = 81;
	assert_string_equal(decider(w), "proto");
	put_address("10.0.0.1", w->packet.src);
	assert_string_equal(decider(w), "src");
	put_address("10.0.0.3", w->packet.src);
	w->packet.proto = 17;
	assert_string_equal(decider(w), "block");
}

static void test_priority_beats_what_is_more_specific(void **state)
{
	struct world *w = *state;

	add(w, "exact allow src 10.0.0.1 dst 10.0.0.2 sport 1 dport 2 proto udp");
	add(w, "all block priority 999");
	packet(w, "10.0.0.1", "10.0.0.2", 17, 1, 2);
	assert_string_equal(decider(w), "all");
	w->policies[1].priority = 1001;
	assert_string_equal(decider(w), "exact");
}

/* Each field outranks all that come after it: dport, src, dst, sport, proto, position. */
static void test_fields_in_their_order(void **state)
{
	static const char *const lines[] = {"any block", "second block", "proto block proto tcp",
		"sport-wide block sport 1-60000", "sport block sport 1000 proto tcp",
		"dst-8 block dst 10.0.0.0/8", "dst-9 block dst 10.0.0.0/9 sport 1-60000",
		"src-8 block src 10.0.0.0/8", "src-31 block src 10.0.0.0/31 dst 10.0.0.2",
		"src-32 block src 10.0.0.1", "dport-wide block dport 2-65535",
		"dport-3 block dport 79-81 src 10.0.0.0/30", "dport-2 block dport 80-81",
		"dport-1 block dport 80", "dport-src block dport 80 src 10.0.0.0/8"};
	struct world *w = *state;

	packet(w, "10.0.0.1", "10.0.0.2", 6, 1000, 80);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		add(w, lines[i]);
		/* "second" is equal to "any" in everything but its position. */
		assert_string_equal(decider(w), i == 1 ? "any" : w->policies[i].name);
	}
}

static void test_a_set_ranks_between_prefixes_and_any(void **state)
{
	struct world *w = *state;

	add_member(w, 0, "10.0.0.1/32");
	add(w, "any block");
	add(w, "set block src @bad");
	packet(w, "10.0.0.1", "10.0.0.2", 6, 1, 2);
	assert_string_equal(decider(w), "set");
	add(w, "literal block src 0.0.0.0/0");
	assert_string_equal(decider(w), "literal");
	add(w, "both block src 0.0.0.0/0 dst @bad");
	assert_string_equal(decider(w), "literal");
	add_member(w, 0, "10.0.0.2/31");
	assert_string_equal(decider(w), "both");
}

static void test_members_overlap_and_have_families(void **state)
{
	struct world *w = *state;

	add_member(w, 0, "10.1.0.0/16");
	add_member(w, 0, "10.1.2.0/24");
	add_member(w, 0, "2001:db8::/33");
	add(w, "listed block src @bad");
	packet(w, "10.1.3.4", "10.0.0.2", 6, 1, 2);
	assert_string_equal(decider(w), "listed");
	packet(w, "10.2.0.0", "10.1.2.3", 6, 1, 2);
	assert_string_equal(decider(w), "allow");
	packet(w, "2001:db8:7fff::1", "::1", 6, 1, 2);
	assert_string_equal(decider(w), "listed");
	packet(w, "2001:db8:8000::1", "::1", 6, 1, 2);
	assert_string_equal(decider(w), "allow");
	/* The bytes 10.1 begin this address too. */
	packet(w, "a01::", "::1", 6, 1, 2);
	assert_string_equal(decider(w), "allow");
}

static void test_a_set_that_is_missing_is_an_error(void **state)
{
	struct world *w = *state;
	struct oracle *oracle = NULL;

	add(w, "lost block src @nowhere");
	assert_int_equal(oracle_new(&w->rules, &oracle), -22);
	assert_null(oracle);
}

static void test_prefixes_match_their_family_and_bits(void **state)
{
	struct world *w = *state;

	add(w, "all4 block src 0.0.0.0/0");
	add(w, "all6 block src ::/0");
	add(w, "odd block src 192.168.1.128/25");
	packet(w, "192.168.1.127", "1.1.1.1", 47, 0, 0);
	assert_string_equal(decider(w), "all4");
	packet(w, "192.168.1.128", "1.1.1.1", 47, 0, 0);
	assert_string_equal(decider(w), "odd");
	packet(w, "c0a8:180::", "::", 47, 0, 0);
	assert_string_equal(decider(w), "all6");
}

static void test_ports_mean_protocols_with_ports(void **state)
{
	static const uint8_t with[] = {6, 17, 136, 132, 33}, without[] = {1, 47, 50, 0, 255};
	struct world *w = *state;

	add(w, "web block dport 80-90");
	for (size_t i = 0; i < 5; i++) {
		packet(w, "10.0.0.1", "10.0.0.2", with[i], 5, 80);
		assert_string_equal(decider(w), "web");
		w->packet.dport = 90;
		assert_string_equal(decider(w), "web");
		w->packet.dport = 91;
		assert_string_equal(decider(w), "allow");
		w->packet.dport = 79;
		assert_string_equal(decider(w), "allow");
		packet(w, "10.0.0.1", "10.0.0.2", without[i], 5, 80);
		w->packet.has_ports = true;
		assert_string_equal(decider(w), "allow");
	}
	packet(w, "10.0.0.1", "10.0.0.2", 6, 80, 5);
	assert_string_equal(decider(w), "allow");
	w->packet.dport = 80;
	w->packet.has_ports = false;
	assert_string_equal(decider(w), "allow");
}

static void test_any_port_needs_no_ports(void **state)
{
	struct world *w = *state;

	add(w, "all block dport 0-65535");
	packet(w, "10.0.0.1", "10.0.0.2", 1, 0, 0);
	assert_string_equal(decider(w), "all");
	packet(w, "10.0.0.1", "10.0.0.2", 6, 0, 0);
	w->packet.has_ports = false;
	assert_string_equal(decider(w), "all");
}

static void test_icmp(void **state)
{
	struct world *w = *state;

	add(w, "unreachable block proto icmp icmp-type 3");
	add(w, "needed block proto icmp icmp-type 3/4 priority 5");
	packet(w, "10.0.0.1", "10.0.0.2", 1, 0, 0);
	w->packet.icmp_type = 3;
	assert_string_equal(decider(w), "allow");
	w->packet.has_icmp = true;
	assert_string_equal(decider(w), "unreachable");
	w->packet.icmp_code = 4;
	assert_string_equal(decider(w), "needed");
	w->packet.icmp_type = 8;
	assert_string_equal(decider(w), "allow");
	w->packet.icmp_type = 3;
	w->packet.family = 6;
	assert_string_equal(decider(w), "allow");
}

static void test_tcp_flags(void **state)
{
	struct world *w = *state;

	add(w, "new block proto tcp tcp-flags syn/syn,ack");
	packet(w, "10.0.0.1", "10.0.0.2", 6, 1, 2);
	w->packet.tcp_flags = 0xc2;
	assert_string_equal(decider(w), "allow");
	w->packet.has_tcp = true;
	assert_string_equal(decider(w), "new");
	w->packet.tcp_flags = 0x12;
	assert_string_equal(decider(w), "allow");
}

static void test_vlan_iface_and_percent(void **state)
{
	struct world *w = *state;

	add(w, "tagged block vlan 0 iface eth0,eth1 percent 12.5");
	packet(w, "10.0.0.1", "10.0.0.2", 6, 1, 2);
	assert_string_equal(decider(w), "allow");
	w->packet.has_vlan = true;
	assert_string_equal(decider(w), "tagged");
	w->packet.flow_percent = 1249;
	assert_string_equal(decider(w), "tagged");
	w->packet.flow_percent = 1250;
	assert_string_equal(decider(w), "allow");
	w->packet.flow_percent = 0;
	strcpy(w->packet.iface, "eth2");
	assert_string_equal(decider(w), "allow");
	strcpy(w->packet.iface, "eth1");
	w->packet.vlan = 1;
	assert_string_equal(decider(w), "allow");
}

static void test_fragments(void **state)
{
	struct world *w = *state;

	add(w, "web block dport 80");
	add(w, "syn block proto tcp tcp-flags syn/syn");
	add(w, "host block src 10.0.0.1 priority 2000");
	packet(w, "10.0.0.1", "10.0.0.2", 6, 1, 80);
	w->packet.has_tcp = true;
	w->packet.tcp_flags = 2;
	w->packet.fragment = true;
	assert_string_equal(decider(w), "host");
	w->rules.fragments_drop = true;
	assert_string_equal(decider(w), "fragments");
	assert_false(decide(w).pass);
	w->packet.fragment = false;
	assert_string_equal(decider(w), "web");
}

static void test_faults(void **state)
{
	struct world *w = *state;

	add(w, "web block dport 80");
	packet(w, "10.0.0.1", "10.0.0.2", 6, 1, 80);
	w->packet.fault = ORACLE_MALFORMED;
	assert_string_equal(decider(w), "web");
	w->packet.has_ports = false;
	assert_string_equal(decider(w), "allow");
	w->rules.malformed_drop = true;
	assert_string_equal(decider(w), "malformed");
	assert_false(decide(w).pass);
	w->rules.malformed_drop = false;
	w->packet.family = 0;
	w->rules.default_block = true;
	assert_string_equal(decider(w), "malformed");
	assert_true(decide(w).pass);
	w->packet.fault = ORACLE_HEADERS;
	assert_string_equal(decider(w), "headers");
	assert_false(decide(w).pass);
	w->packet.fault = ORACLE_SOUND;
	assert_string_equal(decider(w), "non-ip");
	assert_true(decide(w).pass);
}

static void test_discovery(void **state)
{
	struct world *w = *state;

	w->rules.default_block = true;
	add(w, "all block");
	add(w, "icmp block proto icmpv6 icmp-type 135");
	packet(w, "fe80::1", "ff02::1:ff00:1", 58, 0, 0);
	w->packet.has_icmp = true;
	w->packet.icmp_type = 135;
	assert_string_equal(decider(w), "icmp");
	w->packet.discovery = true;
	assert_string_equal(decider(w), "allow");
	add(w, "neighbour block dst ff00::/8 icmp-type 135 proto icmpv6");
	assert_string_equal(decider(w), "neighbour");
}

static void test_default_of_an_interface(void **state)
{
	struct world *w = *state;

	w->defaults[0] = (struct oracle_default){"eth1", true};
	w->rules.defaults = w->defaults;
	w->rules.default_count = 1;
	packet(w, "10.0.0.1", "10.0.0.2", 6, 1, 80);
	assert_string_equal(decider(w), "allow");
	strcpy(w->packet.iface, "eth1");
	assert_string_equal(decider(w), "block");
	w->rules.default_block = true;
	w->defaults[0].block = false;
	assert_string_equal(decider(w), "allow");
}

static void test_the_best_shadow_that_outranks(void **state)
{
	struct world *w = *state;

	packet(w, "10.0.0.1", "10.0.0.2", 6, 1, 80);
	assert_string_equal(shadow(w), "none");
	add(w, "below block shadow");
	assert_string_equal(shadow(w), "below");
	assert_string_equal(decider(w), "allow");
	add(w, "real block src 10.0.0.1");
	assert_string_equal(shadow(w), "none");
	add(w, "above block dport 80-81 shadow");
	assert_string_equal(shadow(w), "above");
	add(w, "best block dport 80 shadow");
	assert_string_equal(shadow(w), "best");
	add(w, "other block dport 81 shadow priority 1");
	assert_string_equal(shadow(w), "best");
	assert_string_equal(decider(w), "real");
	w->packet.fault = ORACLE_HEADERS;
	assert_string_equal(shadow(w), "none");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_six_rungs),
		TEST(test_priority_beats_what_is_more_specific),
		TEST(test_fields_in_their_order),
		TEST(test_a_set_ranks_between_prefixes_and_any),
		TEST(test_members_overlap_and_have_families),
		TEST(test_a_set_that_is_missing_is_an_error),
		TEST(test_prefixes_match_their_family_and_bits),
		TEST(test_ports_mean_protocols_with_ports),
		TEST(test_any_port_needs_no_ports),
		TEST(test_icmp),
		TEST(test_tcp_flags),
		TEST(test_vlan_iface_and_percent),
		TEST(test_fragments),
		TEST(test_faults),
		TEST(test_discovery),
		TEST(test_default_of_an_interface),
		TEST(test_the_best_shadow_that_outranks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
