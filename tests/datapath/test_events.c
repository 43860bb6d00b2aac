/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Records and their accounting: numbered == received + suppressed + ring_full, always. */
#include "cmocka_all.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <linux/bpf.h>

#include "fixture.h"
#include "frame.h"

static struct fixture fixture;
static struct frame frame;

static int setup(void **state)
{
	(void)state;
	fixture_init(&fixture, 65536, 0);
	fixture_pin();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_deinit(&fixture);
	return 0;
}

static uint32_t slot;

static void install(const char *action, const char *options)
{
	char line[128];

	snprintf(line, sizeof(line), "ban %s src " FRAME_BAD4 " %s", action, options);
	slot = fixture_policy(&fixture, line);
}

static void run(const char *text, uint32_t repeat)
{
	frame_build(&frame, text);
	fixture_run(&fixture, frame.data, frame.size, repeat, NULL);
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void check_accounts(size_t received)
{
	struct pep_event_state state = fixture_event_state(&fixture);

	assert_int_equal(state.numbered, received + state.suppressed + state.ring_full);
}

/* Leaves the ring full of old bytes other than 0, at every offset of records to come. */
static void soil_ring(void)
{
	char line[128];

	snprintf(line, sizeof(line), "%0*d block src " FRAME_BAD4, PEP_NAME_SIZE - 1, 0);
	fixture_policy(&fixture, line);
	fixture_ruleset(&fixture)->capture = PEP_CAPTURE_MAX;
	for (int i = 0; i < 20; i++) {
		run("bad4 tcp pay=90", 100);
		fixture_events(&fixture);
	}
}

/* Every byte of a record is its own: none is left from what was in the ring before. */
static void test_fields_are_clean(void **state)
{
	static const uint8_t zeros[PEP_NAME_SIZE + PEP_CAPTURE_MAX];

	(void)state;
	soil_ring();
	fixture_ruleset(&fixture)->default_block[0] = 1;
	fixture_ruleset(&fixture)->capture = 0;
	for (int i = 0; i < 500; i++) {
		run("ip4 gre", 1);
		assert_int_equal(fixture_events(&fixture), 1);
		assert_int_equal(fixture.last.zero, 0);
		assert_int_equal(fixture.last.captured, 0);
		assert_int_equal(fixture.last.sport | fixture.last.dport, 0);
		assert_memory_equal(fixture.last.src + 1, zeros, 12);
		assert_memory_equal(fixture.last.policy, zeros, sizeof(zeros));
	}
}

static void test_fields(void **state)
{
	struct pep_event expected = {.number = 1,
		.revision = 7,
		.ifindex = FIXTURE_IFINDEX,
		.action = PEP_ACTION_BLOCK,
		.reason = PEP_REASON_POLICY,
		.family = 4,
		.proto = 6,
		.sport = htons(FRAME_SPORT),
		.dport = htons(80),
		.vlan = 77,
		.tcp_flags = 2,
		.captured = 40,
		.policy = "ban"};
	uint64_t before = now();

	(void)state;
	install("block", "");
	fixture_ruleset(&fixture)->capture = 40;
	run("svlan=77 vlan=5 bad4 tcp pay=30", 1);
	assert_int_equal(fixture_events(&fixture), 1);
	assert_in_range(fixture.last.time, before, now());
	assert_in_range(fixture.last.cpu, 0, fixture.cpus - 1);
	expected.time = fixture.last.time;
	expected.cpu = fixture.last.cpu;
	expected.length = (__u32)frame.size;
	inet_pton(AF_INET, FRAME_BAD4, expected.src);
	inet_pton(AF_INET, FRAME_DST4, expected.dst);
	memcpy(expected.data, frame.data, 40);
	assert_memory_equal(&fixture.last, &expected, sizeof(expected)); /* no byte left over */
}

static void test_fields_of_default(void **state)
{
	(void)state;
	fixture_ruleset(&fixture)->default_block[0] = 1;
	run("ip6 icmp6=128/3", 1);
	assert_int_equal(fixture_events(&fixture), 1);
	assert_int_equal(fixture.last.reason, PEP_REASON_DEFAULT);
	assert_int_equal(fixture.last.action, PEP_ACTION_BLOCK);
	assert_int_equal(fixture.last.icmp_type, 128);
	assert_int_equal(fixture.last.icmp_code, 3);
	assert_int_equal(fixture.last.vlan, PEP_VLAN_NONE);
	assert_int_equal(fixture.last.captured, 0);
	assert_string_equal(fixture.last.policy, "");
	assert_int_equal(fixture.last.sport, 0);
	fixture_ruleset(&fixture)->malformed_drop = 1;
	run("ip4 tcp iplen=24", 1);
	assert_int_equal(fixture_events(&fixture), 1);
	assert_int_equal(fixture.last.reason, PEP_REASON_MALFORMED);
	assert_int_equal(fixture.last.parse_error, PEP_PARSE_L4_SHORT);
	assert_int_equal(fixture.last.dport, htons(80));
}

static void test_capture_bounds(void **state)
{
	static const uint8_t zeros[PEP_CAPTURE_MAX];

	(void)state;
	install("block", "");
	fixture_ruleset(&fixture)->capture = PEP_CAPTURE_MAX;
	run("bad4 tcp", 1); /* 54 bytes */
	assert_int_equal(fixture_events(&fixture), 1);
	assert_int_equal(fixture.last.captured, 54);
	assert_memory_equal(fixture.last.data, frame.data, 54);
	assert_memory_equal(fixture.last.data + 54, zeros, PEP_CAPTURE_MAX - 54);
	fixture_ruleset(&fixture)->capture = 100000;
	run("bad4 tcp pay=9000", 1);
	assert_int_equal(fixture_events(&fixture), 1);
	assert_int_equal(fixture.last.captured, PEP_CAPTURE_MAX);
	assert_memory_equal(fixture.last.data, frame.data, PEP_CAPTURE_MAX);
	fixture_ruleset(&fixture)->capture = 0;
	run("bad4 tcp", 1);
	assert_int_equal(fixture_events(&fixture), 1);
	assert_int_equal(fixture.last.captured, 0);
	assert_memory_equal(fixture.last.data, zeros, PEP_CAPTURE_MAX);
}

static void test_passed_makes_none(void **state)
{
	(void)state;
	install("allow", "");
	run("bad4 tcp", 20);
	run("ip4 tcp", 20);
	run("arp", 20);
	assert_int_equal(fixture_events(&fixture), 0);
	assert_int_equal(fixture_event_state(&fixture).numbered, 0);
}

static void test_log(void **state)
{
	(void)state;
	install("allow", "log");
	run("bad4 tcp", 20);
	assert_int_equal(fixture_events(&fixture), 20);
	assert_int_equal(fixture.last.action, PEP_ACTION_ALLOW);
	assert_int_equal(fixture.last.reason, PEP_REASON_POLICY);
}

static void test_log_sampled(void **state)
{
	(void)state;
	install("block", "log 1/10");
	run("bad4 tcp", 100);
	assert_int_equal(fixture_events(&fixture), 10);
	assert_int_equal(fixture_event_state(&fixture).numbered, 10);
	assert_int_equal(fixture_row(&fixture, slot).packets, 100);
}

static void test_nolog(void **state)
{
	(void)state;
	install("block", "nolog");
	run("bad4 tcp", 20);
	assert_int_equal(fixture_events(&fixture), 0);
	assert_int_equal(fixture_event_state(&fixture).numbered, 0);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_BLOCK_POLICY), 20);
}

static void test_event_rate(void **state)
{
	size_t received;

	(void)state;
	install("block", "");
	fixture_ruleset(&fixture)->event_rate = 0;
	run("bad4 tcp", 50);
	assert_int_equal(fixture_events(&fixture), 0);
	assert_int_equal(fixture_event_state(&fixture).suppressed, 50);
	fixture_ruleset(&fixture)->event_rate = 3;
	run("bad4 tcp", 50);
	/* Three per second, of which one or more may end meanwhile. */
	received = fixture_events(&fixture);
	assert_true(received >= 3 && received < 50);
	check_accounts(received);
	assert_int_equal(fixture_event_state(&fixture).numbered, 100);
	assert_int_equal(fixture_event_state(&fixture).ring_full, 0);
}

static void test_ring_full(void **state)
{
	size_t received;

	(void)state;
	install("block", "");
	run("bad4 tcp", 1000);
	received = fixture_events(&fixture);
	/* 64 KiB of records with 8 bytes of header each. */
	assert_int_equal(received, 65536 / (sizeof(struct pep_event) + 8));
	check_accounts(received);
	assert_true(fixture_event_state(&fixture).ring_full == 1000 - received);
	/* The next one tells what was lost before it. */
	run("bad4 tcp", 1);
	assert_int_equal(fixture_events(&fixture), 1);
	assert_int_equal(fixture.last.number, 1001);
	assert_int_equal(fixture.last.ring_full, 1000 - received);
	check_accounts(received + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fields_are_clean, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fields_of_default, setup, teardown),
		cmocka_unit_test_setup_teardown(test_capture_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_passed_makes_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_log, setup, teardown),
		cmocka_unit_test_setup_teardown(test_log_sampled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nolog, setup, teardown),
		cmocka_unit_test_setup_teardown(test_event_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ring_full, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
