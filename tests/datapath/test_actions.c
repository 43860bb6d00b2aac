/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Reflect and redirect: what leaves, what is counted, and what becomes of a missing target. */
#include "cmocka_all.h"

#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "fixture.h"
#include "frame.h"
#include "packet_filter.skel.h"

#define TARGET 5u

static struct fixture fixture;
static struct frame frame;
static uint8_t out[FRAME_MAX];
static const uint8_t given[6] = {2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee};

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

static void install(enum pep_action action, const uint8_t *mac)
{
	struct pep_policy_key key = fixture_key(PEP_RUNG_PROTO, NULL, NULL, 0, 0, 17);
	struct pep_rule rule = fixture_rule("elsewhere", 1, action);

	rule.redirect = TARGET;
	if (mac) {
		rule.flags = PEP_RULE_MAC;
		memcpy(rule.mac, mac, sizeof(rule.mac));
	}
	fixture_add(&fixture, &key, rule);
}

static void set_target(void)
{
	uint32_t at = TARGET;
	uint32_t ifindex = FIXTURE_IFINDEX;

	assert_int_equal(bpf_map_update_elem(bpf_map__fd(fixture.skeleton->maps.redirect_map), &at,
				 &ifindex, BPF_ANY),
		0);
}

static int run(const char *text)
{
	frame_build(&frame, text);
	return fixture_run(&fixture, frame.data, frame.size, 1, out);
}

static void test_reflect(void **state)
{
	(void)state;
	install(PEP_ACTION_REFLECT, NULL);
	assert_int_equal(run("ip4 udp pay=10"), XDP_TX);
	assert_memory_equal(out, frame.data + 6, 6);
	assert_memory_equal(out + 6, frame.data, 6);
	assert_memory_equal(out + 12, frame.data + 12, frame.size - 12);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_REFLECT), 1);
	assert_int_equal(fixture_row(&fixture, 1).packets, 1);
	assert_int_equal(fixture_events(&fixture), 0);
}

static void test_redirect_keeps_mac(void **state)
{
	(void)state;
	install(PEP_ACTION_REDIRECT, NULL);
	set_target();
	assert_int_equal(run("ip6 udp pay=10"), XDP_REDIRECT);
	assert_memory_equal(out, frame.data, frame.size);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_REDIRECT), 1);
}

static void test_redirect_given_mac(void **state)
{
	(void)state;
	install(PEP_ACTION_REDIRECT, given);
	set_target();
	assert_int_equal(run("vlan=3 ip4 udp pay=10"), XDP_REDIRECT);
	assert_memory_equal(out, given, sizeof(given));
	assert_memory_equal(out + 6, frame.data + 6, frame.size - 6);
}

static void test_redirect_target_missing(void **state)
{
	(void)state;
	install(PEP_ACTION_REDIRECT, given);
	assert_int_equal(run("ip4 udp pay=10"), XDP_DROP);
	assert_memory_equal(out, frame.data, frame.size);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_BLOCK_FAILED), 1);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_REDIRECT), 0);
	assert_int_equal(fixture_events(&fixture), 1);
	assert_int_equal(fixture.last.reason, PEP_REASON_FAILED);
	assert_int_equal(fixture.last.action, PEP_ACTION_REDIRECT);
	assert_string_equal(fixture.last.policy, "elsewhere");
}

/* The server refuses it for now; should a rule come anyway, it blocks. */
static void test_reject_blocks(void **state)
{
	(void)state;
	install(PEP_ACTION_REJECT, NULL);
	assert_int_equal(run("ip4 udp"), XDP_DROP);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_BLOCK_REJECT), 1);
	assert_int_equal(fixture_events(&fixture), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reflect, setup, teardown),
		cmocka_unit_test_setup_teardown(test_redirect_keeps_mac, setup, teardown),
		cmocka_unit_test_setup_teardown(test_redirect_given_mac, setup, teardown),
		cmocka_unit_test_setup_teardown(test_redirect_target_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reject_blocks, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
