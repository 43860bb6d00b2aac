/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The oracle against cases whose answer was found by hand from the contract: who decides. */
#include "oracle_world.h"

/* One policy of each rung, worst first; each best one is then outranked by the next. */
static void test_the_six_rungs(void **state)
{
	static const char *const rungs[] = {"proto block proto tcp", "src block src 10.0.0.1",
		"dport-proto block dport 80 proto tcp",
		"dst-dport-proto block dst 10.0.0.2 dport 80 proto tcp",
		"src-dport-proto block src 10.0.0.1 dport 80 proto tcp",
		"five-tuple block src 10.0.0.1 dst 10.0.0.2 sport 1024 dport 80 proto tcp"};
	struct oracle_world *w = *state;

	oracle_receive(w, "10.0.0.1", "10.0.0.2", 6, 1024, 80);
	assert_string_equal(oracle_decider(w), "allow");
	w->rules.default_block = true;
	assert_string_equal(oracle_decider(w), "block");
	for (size_t i = 0; i < ARRAY_SIZE(rungs); i++) {
		oracle_add(w, rungs[i]);
		assert_string_equal(oracle_decider(w), w->policies[i].name);
	}
	w->packet.sport = 1025;
	assert_string_equal(oracle_decider(w), "src-dport-proto");
	oracle_put_address("10.0.0.3", w->packet.src);
	assert_string_equal(oracle_decider(w), "dst-dport-proto");
	oracle_put_address("10.0.0.3", w->packet.dst);
	assert_string_equal(oracle_decider(w), "dport-proto");
	w->packet.dport = 81;
	assert_string_equal(oracle_decider(w), "proto");
	oracle_put_address("10.0.0.1", w->packet.src);
	assert_string_equal(oracle_decider(w), "src");
	oracle_put_address("10.0.0.3", w->packet.src);
	w->packet.proto = 17;
	assert_string_equal(oracle_decider(w), "block");
}

static void test_priority_beats_what_is_more_specific(void **state)
{
	struct oracle_world *w = *state;

	oracle_add(w, "exact allow src 10.0.0.1 dst 10.0.0.2 sport 1 dport 2 proto udp");
	oracle_add(w, "all block priority 999");
	oracle_receive(w, "10.0.0.1", "10.0.0.2", 17, 1, 2);
	assert_string_equal(oracle_decider(w), "all");
	w->policies[1].priority = 1001;
	assert_string_equal(oracle_decider(w), "exact");
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
	struct oracle_world *w = *state;

	oracle_receive(w, "10.0.0.1", "10.0.0.2", 6, 1000, 80);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		oracle_add(w, lines[i]);
		/* "second" is equal to "any" in everything but its position. */
		assert_string_equal(oracle_decider(w), i == 1 ? "any" : w->policies[i].name);
	}
}

static void test_a_set_ranks_between_prefixes_and_any(void **state)
{
	struct oracle_world *w = *state;

	oracle_add_member(w, 0, "10.0.0.1/32");
	oracle_add(w, "any block");
	oracle_add(w, "set block src @bad");
	oracle_receive(w, "10.0.0.1", "10.0.0.2", 6, 1, 2);
	assert_string_equal(oracle_decider(w), "set");
	oracle_add(w, "literal block src 0.0.0.0/0");
	assert_string_equal(oracle_decider(w), "literal");
	oracle_add(w, "both block src 0.0.0.0/0 dst @bad");
	assert_string_equal(oracle_decider(w), "literal");
	oracle_add_member(w, 0, "10.0.0.2/31");
	assert_string_equal(oracle_decider(w), "both");
}

static void test_members_overlap_and_have_families(void **state)
{
	struct oracle_world *w = *state;

	oracle_add_member(w, 0, "10.1.0.0/16");
	oracle_add_member(w, 0, "10.1.2.0/24");
	oracle_add_member(w, 0, "2001:db8::/33");
	oracle_add(w, "listed block src @bad");
	oracle_receive(w, "10.1.3.4", "10.0.0.2", 6, 1, 2);
	assert_string_equal(oracle_decider(w), "listed");
	oracle_receive(w, "10.2.0.0", "10.1.2.3", 6, 1, 2);
	assert_string_equal(oracle_decider(w), "allow");
	oracle_receive(w, "2001:db8:7fff::1", "::1", 6, 1, 2);
	assert_string_equal(oracle_decider(w), "listed");
	oracle_receive(w, "2001:db8:8000::1", "::1", 6, 1, 2);
	assert_string_equal(oracle_decider(w), "allow");
	/* The bytes 10.1 begin this address too. */
	oracle_receive(w, "a01::", "::1", 6, 1, 2);
	assert_string_equal(oracle_decider(w), "allow");
}

static void test_a_set_that_is_missing_is_an_error(void **state)
{
	struct oracle_world *w = *state;
	struct oracle *oracle = NULL;

	oracle_add(w, "lost block src @nowhere");
	assert_int_equal(oracle_new(&w->rules, &oracle), -22);
	assert_null(oracle);
}

static void test_fragments(void **state)
{
	struct oracle_world *w = *state;

	oracle_add(w, "web block dport 80");
	oracle_add(w, "syn block proto tcp tcp-flags syn/syn");
	oracle_add(w, "host block src 10.0.0.1 priority 2000");
	oracle_receive(w, "10.0.0.1", "10.0.0.2", 6, 1, 80);
	w->packet.has_tcp = true;
	w->packet.tcp_flags = 2;
	w->packet.fragment = true;
	assert_string_equal(oracle_decider(w), "host");
	w->rules.fragments_drop = true;
	assert_string_equal(oracle_decider(w), "fragments");
	assert_false(oracle_judge(w).pass);
	w->packet.fragment = false;
	assert_string_equal(oracle_decider(w), "web");
}

static void test_faults(void **state)
{
	struct oracle_world *w = *state;

	oracle_add(w, "web block dport 80");
	oracle_receive(w, "10.0.0.1", "10.0.0.2", 6, 1, 80);
	w->packet.fault = ORACLE_MALFORMED;
	assert_string_equal(oracle_decider(w), "web");
	w->packet.has_ports = false;
	assert_string_equal(oracle_decider(w), "allow");
	w->rules.malformed_drop = true;
	assert_string_equal(oracle_decider(w), "malformed");
	assert_false(oracle_judge(w).pass);
	w->rules.malformed_drop = false;
	w->packet.family = 0;
	w->rules.default_block = true;
	assert_string_equal(oracle_decider(w), "malformed");
	assert_true(oracle_judge(w).pass);
	w->packet.fault = ORACLE_HEADERS;
	assert_string_equal(oracle_decider(w), "headers");
	assert_false(oracle_judge(w).pass);
	w->packet.fault = ORACLE_SOUND;
	assert_string_equal(oracle_decider(w), "non-ip");
	assert_true(oracle_judge(w).pass);
}

static void test_discovery(void **state)
{
	struct oracle_world *w = *state;

	w->rules.default_block = true;
	oracle_add(w, "all block");
	oracle_add(w, "icmp block proto icmpv6 icmp-type 135");
	oracle_receive(w, "fe80::1", "ff02::1:ff00:1", 58, 0, 0);
	w->packet.has_icmp = true;
	w->packet.icmp_type = 135;
	assert_string_equal(oracle_decider(w), "icmp");
	w->packet.discovery = true;
	assert_string_equal(oracle_decider(w), "allow");
	oracle_add(w, "neighbour block dst ff00::/8 icmp-type 135 proto icmpv6");
	assert_string_equal(oracle_decider(w), "neighbour");
}

static void test_default_of_an_interface(void **state)
{
	struct oracle_world *w = *state;

	w->defaults[0] = (struct oracle_default){"eth1", true};
	w->rules.defaults = w->defaults;
	w->rules.default_count = 1;
	oracle_receive(w, "10.0.0.1", "10.0.0.2", 6, 1, 80);
	assert_string_equal(oracle_decider(w), "allow");
	strcpy(w->packet.iface, "eth1");
	assert_string_equal(oracle_decider(w), "block");
	w->rules.default_block = true;
	w->defaults[0].block = false;
	assert_string_equal(oracle_decider(w), "allow");
}

static void test_the_best_shadow_that_outranks(void **state)
{
	struct oracle_world *w = *state;

	oracle_receive(w, "10.0.0.1", "10.0.0.2", 6, 1, 80);
	assert_string_equal(oracle_shadow(w), "none");
	oracle_add(w, "below block shadow");
	assert_string_equal(oracle_shadow(w), "below");
	assert_string_equal(oracle_decider(w), "allow");
	oracle_add(w, "real block src 10.0.0.1");
	assert_string_equal(oracle_shadow(w), "none");
	oracle_add(w, "above block dport 80-81 shadow");
	assert_string_equal(oracle_shadow(w), "above");
	oracle_add(w, "best block dport 80 shadow");
	assert_string_equal(oracle_shadow(w), "best");
	oracle_add(w, "other block dport 81 shadow priority 1");
	assert_string_equal(oracle_shadow(w), "best");
	assert_string_equal(oracle_decider(w), "real");
	w->packet.fault = ORACLE_HEADERS;
	assert_string_equal(oracle_shadow(w), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ORACLE_TEST(test_the_six_rungs),
		ORACLE_TEST(test_priority_beats_what_is_more_specific),
		ORACLE_TEST(test_fields_in_their_order),
		ORACLE_TEST(test_a_set_ranks_between_prefixes_and_any),
		ORACLE_TEST(test_members_overlap_and_have_families),
		ORACLE_TEST(test_a_set_that_is_missing_is_an_error),
		ORACLE_TEST(test_fragments),
		ORACLE_TEST(test_faults),
		ORACLE_TEST(test_discovery),
		ORACLE_TEST(test_default_of_an_interface),
		ORACLE_TEST(test_the_best_shadow_that_outranks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
