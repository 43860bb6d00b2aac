/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The six rungs of the ladder by name, both families: each matches, each beats the next. */
#include "cmocka_all.h"

#include <linux/bpf.h>

#include "fixture.h"
#include "frame.h"

static struct fixture fixture;

struct family {
	const char *src;
	const char *dst;
	const char *frame;
	const char *other_frame[PEP_RUNG_MAX]; /* differs in one field of that rung */
};

static const struct family families[] = {
	{FRAME_GOOD4, FRAME_DST4, "ip4 tcp",
		{"bad4 tcp", "bad4 tcp", "ip4 tcp dport=81", "ip4 udp", "bad4 tcp", "ip4 udp"}},
	{FRAME_GOOD6, FRAME_DST6, "ip6 tcp",
		{"bad6 tcp", "ip6 tcp dport=81", "ip6 udp", "ip6 tcp dport=81", "bad6 tcp",
			"ip6 sctp"}},
};

static struct pep_policy_key key_of(const struct family *family, enum pep_rung rung)
{
	switch (rung) {
	case PEP_RUNG_FIVE_TUPLE:
		return fixture_key(rung, family->src, family->dst, FRAME_SPORT, 80, 6);
	case PEP_RUNG_SRC_DPORT_PROTO:
		return fixture_key(rung, family->src, NULL, 0, 80, 6);
	case PEP_RUNG_DST_DPORT_PROTO:
		return fixture_key(rung, NULL, family->dst, 0, 80, 6);
	case PEP_RUNG_DPORT_PROTO:
		return fixture_key(rung, NULL, NULL, 0, 80, 6);
	case PEP_RUNG_SRC:
		return fixture_key(rung, family->src, NULL, 0, 0, 0);
	default:
		return fixture_key(PEP_RUNG_PROTO, NULL, NULL, 0, 0, 6);
	}
}

static void add(const struct family *family, enum pep_rung rung, enum pep_action action)
{
	struct pep_policy_key key = key_of(family, rung);

	fixture_add(&fixture, &key, fixture_rule("rung", rung, action));
}

/* Alone it decides; a frame that differs in one of its fields goes on to the default. */
static void check_alone(enum pep_rung rung)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		fixture_clear(&fixture);
		add(&families[i], rung, PEP_ACTION_BLOCK);
		assert_int_equal(fixture_run_text(&fixture, families[i].frame), XDP_DROP);
		assert_int_equal(
			fixture_run_text(&fixture, families[i].other_frame[rung]), XDP_PASS);
	}
}

/* Beats every rung after it, whichever of the two blocks. */
static void check_beats(enum pep_rung rung)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		for (int worse = (int)rung + 1; worse < PEP_RUNG_MAX; worse++) {
			fixture_clear(&fixture);
			add(&families[i], rung, PEP_ACTION_ALLOW);
			add(&families[i], (enum pep_rung)worse, PEP_ACTION_BLOCK);
			assert_int_equal(fixture_run_text(&fixture, families[i].frame), XDP_PASS);
			fixture_clear(&fixture);
			add(&families[i], rung, PEP_ACTION_BLOCK);
			add(&families[i], (enum pep_rung)worse, PEP_ACTION_ALLOW);
			assert_int_equal(fixture_run_text(&fixture, families[i].frame), XDP_DROP);
		}
	}
}

static void check(enum pep_rung rung)
{
	check_alone(rung);
	check_beats(rung);
}

static void test_exact_five_tuple(void **state)
{
	(void)state;
	check(PEP_RUNG_FIVE_TUPLE);
}

static void test_src_dport_proto(void **state)
{
	(void)state;
	check(PEP_RUNG_SRC_DPORT_PROTO);
}

static void test_dst_dport_proto(void **state)
{
	(void)state;
	check(PEP_RUNG_DST_DPORT_PROTO);
}

static void test_dport_proto(void **state)
{
	(void)state;
	check(PEP_RUNG_DPORT_PROTO);
}

static void test_src(void **state)
{
	(void)state;
	check(PEP_RUNG_SRC);
	/* Whatever the protocol, with or without ports. */
	fixture_clear(&fixture);
	add(&families[0], PEP_RUNG_SRC, PEP_ACTION_BLOCK);
	assert_int_equal(fixture_run_text(&fixture, "ip4 gre"), XDP_DROP);
	assert_int_equal(fixture_run_text(&fixture, "ip4 udp offset=8"), XDP_DROP);
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp iplen=20"), XDP_DROP);
}

static void test_proto(void **state)
{
	(void)state;
	check(PEP_RUNG_PROTO);
}

static void test_default(void **state)
{
	(void)state;
	fixture_clear(&fixture);
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp"), XDP_PASS);
	fixture_ruleset(&fixture)->default_block[0] = 1;
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp"), XDP_DROP);
	add(&families[0], PEP_RUNG_PROTO, PEP_ACTION_ALLOW);
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp"), XDP_PASS);
	fixture_ruleset(&fixture)->default_block[0] = 0;
}

/* An IPv4 address must not match the IPv6 address that begins with the same bytes. */
static void test_families_are_apart(void **state)
{
	struct pep_policy_key key = fixture_key(PEP_RUNG_SRC, FRAME_GOOD6, NULL, 0, 0, 0);

	(void)state;
	fixture_clear(&fixture);
	key.family = 4;
	fixture_add(&fixture, &key, fixture_rule("wrong family", 0, PEP_ACTION_BLOCK));
	assert_int_equal(fixture_run_text(&fixture, "ip6 tcp"), XDP_PASS);
}

static int setup(void **state)
{
	(void)state;
	fixture_init(&fixture, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_deinit(&fixture);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact_five_tuple),
		cmocka_unit_test(test_src_dport_proto),
		cmocka_unit_test(test_dst_dport_proto),
		cmocka_unit_test(test_dport_proto),
		cmocka_unit_test(test_src),
		cmocka_unit_test(test_proto),
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_families_are_apart),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
