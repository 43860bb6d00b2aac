/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * rate-limit by the loaded program. The rates are so low that what refills
 * while a test runs is known to be nothing, or is measured.
 */
#include "cmocka_all.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <linux/bpf.h>

#include "fixture.h"
#include "frame.h"

#define PER_CPU  60000u
#define CPUS_MAX 64

static struct fixture fixture;
static uint32_t slot; /* of the policy */

static int setup(void **state)
{
	(void)state;
	fixture_init(&fixture, 0, 0);
	fixture_ruleset(&fixture)->event_rate = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_deinit(&fixture);
	return 0;
}

/* rate: of a policy line, with "burst" where wanted. */
static void install(const char *rate)
{
	char line[128];

	snprintf(line, sizeof(line), "limit rate-limit %s proto udp", rate);
	slot = fixture_policy(&fixture, line);
}

static uint64_t run(const char *text, uint32_t repeat)
{
	static struct frame frame;
	uint64_t before = fixture_tally(&fixture, PEP_TALLY_ALLOW_POLICY);

	frame_build(&frame, text);
	fixture_run(&fixture, frame.data, frame.size, repeat, NULL);
	return fixture_tally(&fixture, PEP_TALLY_ALLOW_POLICY) - before;
}

/* IP length counts, not the frame's: 100 bytes of 114 here, padding and tags left out. */
static void test_bytes(void **state)
{
	(void)state;
	install("1B/s burst 950"); /* ten of 100 bytes: the tenth goes beyond */
	assert_int_equal(run("ip4 udp pay=72", 50), 10);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_BLOCK_RATE), 40);
	fixture.limiters[slot].tat = 0;
	assert_int_equal(run("svlan=5 vlan=6 ip4 udp pay=72 pad=200", 50), 10);
	fixture.limiters[slot].tat = 0;
	assert_int_equal(run("ip4 udp pay=8972", 5), 1); /* the one frame beyond the burst */
}

static void test_packets(void **state)
{
	struct fixture_row row;

	(void)state;
	install("1pps burst 500");
	assert_in_range(run("ip4 udp", 2000), 500, 560); /* a minute would have to pass */
	row = fixture_row(&fixture, slot);
	assert_int_equal(row.packets, 2000);
	assert_int_equal(row.exceeded_packets, fixture_tally(&fixture, PEP_TALLY_BLOCK_RATE));
	assert_int_equal(row.exceeded_bytes, 42 * row.exceeded_packets);
}

static void test_event(void **state)
{
	(void)state;
	fixture_ruleset(&fixture)->event_rate = 1000;
	install("1B/s burst 20");
	run("ip4 udp", 2);
	assert_int_equal(fixture_events(&fixture), 1);
	assert_int_equal(fixture.last.reason, PEP_REASON_RATE);
	assert_int_equal(fixture.last.action, PEP_ACTION_RATE_LIMIT);
	assert_string_equal(fixture.last.policy, "limit");
}

/* Idle hours fill the bucket once; a time from another rate or before a wrap does not block. */
static void test_stale_state(void **state)
{
	struct timespec time;
	uint64_t now;

	(void)state;
	install("1B/s burst 950"); /* ten of 100 bytes: the tenth goes beyond */
	clock_gettime(CLOCK_MONOTONIC, &time);
	now = ((uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec)
	      << PEP_LIMIT_CLOCK_SHIFT;
	fixture.limiters[slot].tat = now - 1;
	assert_int_equal(run("ip4 udp pay=72", 50), 10);
	fixture.limiters[slot].tat =
		now - ((uint64_t)50 * 3600 * 1000000000 << PEP_LIMIT_CLOCK_SHIFT);
	assert_int_equal(run("ip4 udp pay=72", 50), 10);
	fixture.limiters[slot].tat = now + (1ull << 62);
	assert_int_equal(run("ip4 udp pay=72", 50), 10);
	assert_int_equal(run("ip4 udp pay=72", 50), 0);
}

static void *send(void *argument)
{
	size_t cpu = (size_t)argument;
	struct frame *frame = malloc(sizeof(*frame));
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (!frame || sched_setaffinity(0, sizeof(set), &set))
		abort();
	frame_build(frame, "ip4 udp");
	fixture_run(&fixture, frame->data, frame->size, PER_CPU, NULL);
	free(frame);
	return NULL;
}

static size_t allowed_cpus(size_t *ret_cpus)
{
	cpu_set_t set;
	size_t count = 0;

	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	for (size_t cpu = 0; cpu < CPU_SETSIZE && count < CPUS_MAX; cpu++)
		if (CPU_ISSET(cpu, &set))
			ret_cpus[count++] = cpu;
	return count;
}

/* Every CPU at one bucket of 30,000 packets: not one more passes, and not one less. */
static void test_one_bucket_many_cpus(void **state)
{
	pthread_t threads[CPUS_MAX];
	size_t cpus[CPUS_MAX];
	size_t count = allowed_cpus(cpus);
	time_t begin = time(NULL);
	struct fixture_row row;
	uint64_t passed;

	(void)state;
	install("1pps burst 30000");
	for (size_t i = 0; i < count; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, send, (void *)cpus[i]), 0);
	for (size_t i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	passed = fixture_tally(&fixture, PEP_TALLY_ALLOW_POLICY);
	assert_in_range(passed, 30000, 30000 + (uint64_t)(time(NULL) - begin) + 2);
	assert_int_equal(passed + fixture_tally(&fixture, PEP_TALLY_BLOCK_RATE), count * PER_CPU);
	row = fixture_row(&fixture, slot);
	assert_int_equal(row.packets, count * PER_CPU);
	assert_int_equal(row.packets - row.exceeded_packets, passed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_packets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_event, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stale_state, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_bucket_many_cpus, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
