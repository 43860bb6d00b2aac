/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * rate-limit per source, destination and flow, by the loaded program. All packets have 100 bytes,
 * and a rate is so low that the next one would have to wait for minutes.
 */
#include "cmocka_all.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <linux/bpf.h>

#include "fixture.h"
#include "frame.h"

#define PER_CPU  20000u
#define CPUS_MAX 64
#define BURST    100u
#define SLOW     "rate-limit 1bps burst 9950B " /* BURST packets, as the last goes beyond it */

static struct fixture fixture;
static struct frame frame; /* of offer() */

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

static void address(size_t offset4, size_t offset6, const char *text)
{
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	assert_int_equal(inet_pton(family, text,
				 frame.data + frame.l3 + (family == AF_INET ? offset4 : offset6)),
		1);
}

/* Of so many such packets from there, how many pass. */
static uint64_t run(uint32_t count)
{
	uint64_t before = fixture_tally(&fixture, PEP_TALLY_ALLOW_POLICY);

	fixture_run(&fixture, frame.data, frame.size, count, NULL);
	return fixture_tally(&fixture, PEP_TALLY_ALLOW_POLICY) - before;
}

static uint64_t offer(const char *text, const char *src, uint32_t count)
{
	frame_build(&frame, text);
	address(12, 8, src);
	return run(count);
}

static uint64_t from(const char *src, uint32_t count)
{
	return offer(strchr(src, ':') ? "ip6 udp dport=53 pay=52" : "ip4 udp dport=53 pay=72", src,
		count);
}

static void test_sources_do_not_share(void **state)
{
	struct fixture_row row;
	uint32_t slot = fixture_policy(&fixture, "limit " SLOW "per src proto udp");

	(void)state;
	assert_int_equal(from("10.0.0.1", 500), BURST);
	assert_int_equal(from("10.0.0.2", 500), BURST);
	assert_int_equal(from("2001:db8::1", 500), BURST);
	assert_int_equal(from("2001:db8::2", 500), BURST);
	assert_int_equal(from("10.0.0.1", 500), 0);
	assert_int_equal(from("2001:db8::1", 500), 0);
	row = fixture_row(&fixture, slot);
	assert_int_equal(row.packets, 3000);
	assert_int_equal(row.exceeded_packets, fixture_tally(&fixture, PEP_TALLY_BLOCK_RATE));
	assert_int_equal(row.packets - row.exceeded_packets,
		fixture_tally(&fixture, PEP_TALLY_ALLOW_POLICY));
	assert_int_equal(fixture.limiters[slot].tat, 0);
	assert_int_equal(fixture.limiters[slot].displaced, 0);
}

static void test_prefixes(void **state)
{
	(void)state;
	fixture_policy(&fixture, "limit " SLOW "per src/24 proto udp");
	assert_int_equal(from("10.0.0.1", 500), BURST);
	assert_int_equal(from("10.0.0.255", 500), 0);
	assert_int_equal(from("10.0.1.1", 500), BURST);
	fixture_clear(&fixture);
	fixture_policy(&fixture, "other " SLOW "per src/64 proto udp");
	assert_int_equal(from("2001:db8:0:1::1", 500), BURST);
	assert_int_equal(from("2001:db8:0:1:8::2", 500), 0);
	assert_int_equal(from("2001:db8:0:2::1", 500), BURST);
	assert_int_equal(from("10.0.0.1", 500), BURST);
	assert_int_equal(from("10.0.0.2", 500), BURST);
}

static void test_destinations(void **state)
{
	(void)state;
	fixture_policy(&fixture, "limit " SLOW "per dst proto udp");
	assert_int_equal(from("10.0.0.1", 500), BURST);
	assert_int_equal(from("10.0.0.2", 500), 0);
	address(16, 24, "10.9.9.9");
	assert_int_equal(run(500), BURST);
}

static void test_flows(void **state)
{
	(void)state;
	fixture_policy(&fixture, "limit " SLOW "per flow");
	assert_int_equal(offer("ip4 udp dport=1 pay=72", "10.0.0.1", 500), BURST);
	assert_int_equal(offer("ip4 udp dport=2 pay=72", "10.0.0.1", 500), BURST);
	assert_int_equal(offer("ip4 tcp dport=1 pay=60", "10.0.0.1", 500), BURST);
	assert_int_equal(offer("ip4 udp dport=1 pay=72", "10.0.0.2", 500), BURST);
	assert_int_equal(offer("ip4 offset=64 udp dport=1 pay=72", "10.0.0.1", 500),
		BURST); /* it has no ports */
	assert_int_equal(offer("ip4 offset=128 udp dport=2 pay=72", "10.0.0.1", 500), 0);
	assert_int_equal(offer("ip4 udp dport=1 pay=72", "10.0.0.1", 500), 0);
	assert_int_equal(offer("ip4 gre pay=72", "10.0.0.1", 500), BURST);
}

static void test_bytes(void **state)
{
	(void)state;
	fixture_policy(&fixture, "limit " SLOW "per src proto udp");
	assert_int_equal(offer("ip4 udp pay=172", "10.0.0.1", 500), BURST / 2);
	assert_int_equal(offer("svlan=5 vlan=6 ip4 udp pay=72 pad=200", "10.0.0.2", 500), BURST);
	assert_int_equal(offer("ip4 udp pay=8972", "10.0.0.3", 5), 2);
}

/* The promise for each of many at once. */
static void test_many_sources(void **state)
{
	char src[32];

	(void)state;
	fixture_policy(&fixture, "limit " SLOW "per src proto udp");
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 100; i++) {
			snprintf(src, sizeof(src), "10.0.%d.%d", i, 255 - i);
			assert_int_equal(from(src, 200), round ? 0 : BURST);
		}
}

/* All in one line: sources that come once displace each other, neither who keeps within the rate
 * nor who is over it. */
static void test_flood(void **state)
{
	uint32_t slot = fixture_policy(&fixture, "limit " SLOW "per src proto udp");
	uint64_t limited;
	char src[32];

	(void)state;
	fixture.config->scope_lines = 1;
	limited = from("10.0.0.1", 500);
	for (int i = 0; i < 2000; i++) {
		snprintf(src, sizeof(src), "172.16.%d.%d", i / 256, i % 256);
		assert_int_equal(from(src, 1), 1);
		if (i % 40 == 0)
			assert_int_equal(from("10.0.0.2", 1), 1);
		limited += from("10.0.0.1", 1);
	}
	assert_int_equal(limited, BURST);
	assert_in_range(fixture.limiters[slot].displaced, 1900, 2000 + 2000 / 40);
}

/* A change that leaves the limit alone keeps the buckets; another rate or scope begins anew. */
static void replace(const char *line)
{
	struct policy policy;
	struct error err = ERROR_INIT;

	engine_read(line, &policy);
	assert_int_equal(engine_replace(&fixture.engine, &policy, 1, &err), 0);
	policy_deinit(&policy);
}

static void test_changes(void **state)
{
	(void)state;
	fixture_policy(&fixture, "limit " SLOW "per src proto udp");
	assert_int_equal(from("10.0.0.1", 500), BURST);
	replace("limit " SLOW "per src proto udp dport 53 priority 7 log 1/9");
	assert_int_equal(from("10.0.0.1", 500), 0);
	replace("limit rate-limit 1bps burst 7950B per src proto udp");
	assert_int_equal(from("10.0.0.1", 500), 80);
	replace("limit rate-limit 1bps burst 7950B per src/24 proto udp");
	assert_int_equal(from("10.0.0.1", 500), 80);
	replace("limit rate-limit 1bps burst 7950B per src/25 proto udp");
	assert_int_equal(from("10.0.0.1", 500), 80);
	replace("limit rate-limit 1bps burst 7950B proto udp");
	assert_int_equal(from("10.0.0.1", 500), 80);
	replace("limit rate-limit 1bps burst 7950B per flow proto udp");
	assert_int_equal(from("10.0.0.1", 500), 80);
}

static void test_policies_do_not_share(void **state)
{
	(void)state;
	fixture_policy(&fixture, "a " SLOW "per src proto udp dport 53");
	fixture_policy(&fixture, "b rate-limit 1bps burst 8950B per src proto udp dport 54");
	assert_int_equal(from("10.0.0.1", 500), BURST);
	assert_int_equal(offer("ip4 udp dport=54 pay=72", "10.0.0.1", 500), 90);
}

/* Idle hours, and what cannot be, fill a bucket once. */
static void test_stale_state(void **state)
{
	static const uint64_t ahead[] = {
		-1ull, -(50ull * 3600 * 1000000000 << PEP_LIMIT_CLOCK_SHIFT), 3ull << 62};
	struct timespec time;
	uint64_t now;

	(void)state;
	fixture_policy(&fixture, "limit " SLOW "per src proto udp");
	fixture.config->scope_lines = 1;
	for (size_t i = 0; i < ARRAY_SIZE(ahead); i++) {
		clock_gettime(CLOCK_MONOTONIC, &time);
		now = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
		for (size_t place = 0; place < PEP_SCOPE_PLACES; place++)
			fixture.places[0].place[place].tat =
				(now << PEP_LIMIT_CLOCK_SHIFT) + ahead[i];
		assert_int_equal(from("10.0.0.1", 500), BURST);
		assert_int_equal(from("10.0.0.1", 500), 0);
	}
}

/* --- many CPUs */

static void *work(void *argument)
{
	struct frame *own = malloc(sizeof(*own));
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)argument, &set);
	if (!own || sched_setaffinity(0, sizeof(set), &set))
		abort();
	frame_build(own, "ip4 udp pay=72");
	fixture_run(&fixture, own->data, own->size, PER_CPU, NULL);
	free(own);
	return NULL;
}

/* One source on every CPU: a race for its place may add a packet for each of them. */
static void test_one_source_many_cpus(void **state)
{
	pthread_t threads[CPUS_MAX];
	size_t count = 0;
	cpu_set_t set;
	uint64_t passed;

	(void)state;
	fixture_policy(&fixture, "limit rate-limit 1bps burst 999950B per src proto udp");
	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	for (size_t cpu = 0; cpu < CPU_SETSIZE && count < CPUS_MAX; cpu++)
		if (CPU_ISSET(cpu, &set))
			assert_int_equal(
				pthread_create(&threads[count++], NULL, work, (void *)cpu), 0);
	for (size_t i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	passed = fixture_tally(&fixture, PEP_TALLY_ALLOW_POLICY);
	assert_in_range(passed, 10000, 10000 + count);
	assert_int_equal(passed + fixture_tally(&fixture, PEP_TALLY_BLOCK_RATE), count * PER_CPU);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sources_do_not_share, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prefixes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_destinations, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_sources, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flood, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_policies_do_not_share, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stale_state, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_source_many_cpus, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
