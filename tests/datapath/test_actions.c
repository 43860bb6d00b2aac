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

static struct fixture fixture;
static struct frame frame;
static uint8_t out[FRAME_MAX];
static const uint8_t given[6] = {2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee};

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

static uint32_t slot;

static void install(const char *line)
{
	slot = fixture_policy(&fixture, line);
}

/* The classifier gives out the first index. */
static void set_target(void)
{
	uint32_t at = 0;
	uint32_t ifindex = FIXTURE_IFINDEX;

	assert_string_equal(classifier_redirect(fixture.engine.classifier, at), "lo");
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
	install("elsewhere reflect proto udp");
	assert_int_equal(run("ip4 udp pay=10"), XDP_TX);
	assert_memory_equal(out, frame.data + 6, 6);
	assert_memory_equal(out + 6, frame.data, 6);
	assert_memory_equal(out + 12, frame.data + 12, frame.size - 12);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_REFLECT), 1);
	assert_int_equal(fixture_row(&fixture, slot).packets, 1);
	assert_int_equal(fixture_events(&fixture), 0);
}

static void test_redirect_keeps_mac(void **state)
{
	(void)state;
	install("elsewhere redirect lo proto udp");
	set_target();
	assert_int_equal(run("ip6 udp pay=10"), XDP_REDIRECT);
	assert_memory_equal(out, frame.data, frame.size);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_REDIRECT), 1);
}

static void test_redirect_given_mac(void **state)
{
	(void)state;
	install("elsewhere redirect lo mac 02:aa:bb:cc:dd:ee proto udp");
	set_target();
	assert_int_equal(run("vlan=3 ip4 udp pay=10"), XDP_REDIRECT);
	assert_memory_equal(out, given, sizeof(given));
	assert_memory_equal(out + 6, frame.data + 6, frame.size - 6);
}

static void test_redirect_target_missing(void **state)
{
	(void)state;
	install("elsewhere redirect lo mac 02:aa:bb:cc:dd:ee proto udp");
	assert_int_equal(run("ip4 udp pay=10"), XDP_DROP);
	assert_memory_equal(out, frame.data, frame.size);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_BLOCK_FAILED), 1);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_REDIRECT), 0);
	assert_int_equal(fixture_events(&fixture), 1);
	assert_int_equal(fixture.last.reason, PEP_REASON_FAILED);
	assert_int_equal(fixture.last.action, PEP_ACTION_REDIRECT);
	assert_string_equal(fixture.last.policy, "elsewhere");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reflect, setup, teardown),
		cmocka_unit_test_setup_teardown(test_redirect_keeps_mac, setup, teardown),
		cmocka_unit_test_setup_teardown(test_redirect_given_mac, setup, teardown),
		cmocka_unit_test_setup_teardown(test_redirect_target_missing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
