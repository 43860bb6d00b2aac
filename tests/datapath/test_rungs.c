/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The six rungs of the ladder by name, both families: each matches, each beats the next. */
#include "cmocka_all.h"

#include <stdio.h>

#include <linux/bpf.h>

#include "fixture.h"
#include "frame.h"

static struct fixture fixture;

enum rung { FIVE_TUPLE, SRC_DPORT_PROTO, DST_DPORT_PROTO, DPORT_PROTO, SRC, PROTO, RUNGS };

struct family {
	const char *src;
	const char *dst;
	const char *frame;
	const char *other_frame[RUNGS]; /* differs in one field of that rung */
};

static const struct family families[] = {
	{FRAME_GOOD4, FRAME_DST4, "ip4 tcp",
		{"bad4 tcp", "bad4 tcp", "ip4 tcp dport=81", "ip4 udp", "bad4 tcp", "ip4 udp"}},
	{FRAME_GOOD6, FRAME_DST6, "ip6 tcp",
		{"bad6 tcp", "ip6 tcp dport=81", "ip6 udp", "ip6 tcp dport=81", "bad6 tcp",
			"ip6 sctp"}},
};

static const char *const matches[RUNGS][2] = {
	{"src " FRAME_GOOD4 " dst " FRAME_DST4 " sport 40000 dport 80 proto tcp",
		"src " FRAME_GOOD6 " dst " FRAME_DST6 " sport 40000 dport 80 proto tcp"},
	{"src " FRAME_GOOD4 " dport 80 proto tcp", "src " FRAME_GOOD6 " dport 80 proto tcp"},
	{"dst " FRAME_DST4 " dport 80 proto tcp", "dst " FRAME_DST6 " dport 80 proto tcp"},
	{"dport 80 proto tcp", "dport 80 proto tcp"},
	{"src " FRAME_GOOD4, "src " FRAME_GOOD6},
	{"proto tcp", "proto tcp"},
};

static void add(size_t family, enum rung rung, const char *action)
{
	char line[256];

	snprintf(line, sizeof(line), "rung-%d %s %s", (int)rung, action, matches[rung][family]);
	fixture_policy(&fixture, line);
}

/* Alone it decides; a frame that differs in one of its fields goes on to the default. */
static void check_alone(enum rung rung)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		fixture_clear(&fixture);
		add(i, rung, "block");
		assert_int_equal(fixture_run_text(&fixture, families[i].frame), XDP_DROP);
		assert_int_equal(
			fixture_run_text(&fixture, families[i].other_frame[rung]), XDP_PASS);
	}
}

/* Beats every rung after it, whichever of the two blocks. */
static void check_beats(enum rung rung)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		for (int worse = (int)rung + 1; worse < RUNGS; worse++) {
			fixture_clear(&fixture);
			add(i, rung, "allow");
			add(i, (enum rung)worse, "block");
			assert_int_equal(fixture_run_text(&fixture, families[i].frame), XDP_PASS);
			fixture_clear(&fixture);
			add(i, rung, "block");
			add(i, (enum rung)worse, "allow");
			assert_int_equal(fixture_run_text(&fixture, families[i].frame), XDP_DROP);
		}
	}
}

static void check(enum rung rung)
{
	check_alone(rung);
	check_beats(rung);
}

static void test_exact_five_tuple(void **state)
{
	(void)state;
	check(FIVE_TUPLE);
}

static void test_src_dport_proto(void **state)
{
	(void)state;
	check(SRC_DPORT_PROTO);
}

static void test_dst_dport_proto(void **state)
{
	(void)state;
	check(DST_DPORT_PROTO);
}

static void test_dport_proto(void **state)
{
	(void)state;
	check(DPORT_PROTO);
}

static void test_src(void **state)
{
	(void)state;
	check(SRC);
	/* Whatever the protocol, with or without ports. */
	fixture_clear(&fixture);
	add(0, SRC, "block");
	assert_int_equal(fixture_run_text(&fixture, "ip4 gre"), XDP_DROP);
	assert_int_equal(fixture_run_text(&fixture, "ip4 udp offset=8"), XDP_DROP);
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp iplen=20"), XDP_DROP);
}

static void test_proto(void **state)
{
	(void)state;
	check(PROTO);
}

static void test_default(void **state)
{
	(void)state;
	fixture_clear(&fixture);
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp"), XDP_PASS);
	fixture_ruleset(&fixture)->default_block[0] = 1;
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp"), XDP_DROP);
	add(0, PROTO, "allow");
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp"), XDP_PASS);
	fixture_ruleset(&fixture)->default_block[0] = 0;
}

/* An IPv4 address must not match the IPv6 address that begins with the same bytes. */
static void test_families_are_apart(void **state)
{
	(void)state;
	fixture_clear(&fixture);
	fixture_policy(&fixture, "wrong-family block src 32.1.13.184"); /* 2001:db8 */
	assert_int_equal(fixture_run_text(&fixture, "ip6 tcp"), XDP_PASS);
	fixture_policy(&fixture, "as-prefix block src 32.1.0.0/16");
	assert_int_equal(fixture_run_text(&fixture, "ip6 tcp"), XDP_PASS);
}

static int setup(void **state)
{
	(void)state;
	fixture_init(&fixture, 0, 0);
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
