/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Buckets of sources, destinations and flows: what is a key of its own, and what a line of places
 * does when it is full, raced for, or has times from long ago. The clock is the tests' own.
 */
#include "cmocka_all.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "bpf/scope.h"

#define SECOND  1000000000ull
#define START   (77 * SECOND)
#define LINES   64u
#define MANY    (2ull * PEP_SCOPE_PLACES) /* keys for one line */
#define THREADS 4u
#define SLACK   (4 * THREADS) /* frames that races for places may add or take */

static struct pep_config config;
static struct pep_scope_line lines[LINES];

static uint64_t random_word(void)
{
	static uint64_t state = 0x2545f4914f6cdd1dull;

	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static void seed(void)
{
	for (size_t i = 0; i <= PEP_SCOPE_WORDS; i++)
		for (size_t j = 0; j < 2; j++)
			config.scope_seed.factor[i][j] = random_word();
}

static int setup(void **state)
{
	(void)state;
	config.scope_lines = LINES;
	memset(lines, 0, sizeof(lines));
	seed();
	return 0;
}

/* length 0 = the whole address, as the classifier makes the mask. */
static struct pep_rule limit(enum pep_scope scope, int length, uint64_t rate, uint64_t burst)
{
	struct pep_rule rule = {.scope = (uint8_t)scope, .limit_id = 6};

	assert_int_equal(pep_limiter_parameters(rate, PEP_LIMIT_PACKETS, burst, &rule), 0);
	for (int i = 0; i < (length ? length : 128); i++)
		rule.scope_mask[i / 32] |= htonl(0x80000000u >> i % 32);
	return rule;
}

static struct pep_packet packet_of(const char *src, const char *dst)
{
	struct pep_packet packet = {.proto = 17, .sport = 1000, .dport = 53, .has_ports = 1};
	int family = strchr(src, ':') ? AF_INET6 : AF_INET;

	packet.family = family == AF_INET6 ? 6 : 4;
	assert_int_equal(inet_pton(family, src, packet.src), 1);
	assert_int_equal(inet_pton(family, dst, packet.dst), 1);
	return packet;
}

static bool same_key(
	const struct pep_rule *rule, const struct pep_packet *a, const struct pep_packet *b)
{
	struct pep_scope_key first, second;

	pep_scope_key(&config, rule, a, &first);
	pep_scope_key(&config, rule, b, &second);
	assert_true(first.line < config.scope_lines && second.line < config.scope_lines);
	assert_true(first.tag && second.tag);
	assert_int_equal(first.tag >> PEP_SCOPE_HASH_BITS, rule->limit_id);
	return first.tag == second.tag && first.line == second.line;
}

static bool same_source(int length, const char *a, const char *b)
{
	struct pep_rule rule = limit(PEP_SCOPE_SRC, length, 1, 1);
	struct pep_packet first = packet_of(a, strchr(a, ':') ? "::1" : "1.1.1.1");
	struct pep_packet second = packet_of(b, strchr(b, ':') ? "::2" : "2.2.2.2");

	second.sport = 7;
	second.proto = 6;
	return same_key(&rule, &first, &second);
}

/* --- what is a key of its own */

static void test_sources(void **state)
{
	(void)state;
	assert_true(same_source(0, "192.0.2.1", "192.0.2.1"));
	assert_false(same_source(0, "192.0.2.1", "192.0.2.2"));
	assert_true(same_source(0, "2001:db8::1", "2001:db8::1"));
	assert_false(same_source(0, "2001:db8::1", "2001:db8::2"));
	assert_false(same_source(0, "2001:db8::1", "2001:db8:0:0:0:1::1"));
	assert_false(same_source(0, "32.1.13.184", "2001:db8::")); /* the same first word */
}

static void test_prefixes(void **state)
{
	(void)state;
	assert_true(same_source(24, "192.0.2.1", "192.0.2.255"));
	assert_false(same_source(24, "192.0.2.1", "192.0.3.1"));
	assert_true(same_source(1, "128.0.0.1", "255.9.9.9"));
	assert_false(same_source(1, "127.0.0.1", "128.0.0.1"));
	assert_true(same_source(31, "192.0.2.2", "192.0.2.3"));
	assert_false(same_source(32, "192.0.2.2", "192.0.2.3"));
	assert_false(same_source(33, "192.0.2.2", "192.0.2.3")); /* more than IPv4 has: all of it */
	assert_false(same_source(128, "192.0.2.2", "192.0.2.3"));
	assert_true(same_source(64, "2001:db8:0:1::1", "2001:db8:0:1:ffff::1"));
	assert_false(same_source(64, "2001:db8:0:1::1", "2001:db8:0:2::1"));
	assert_true(same_source(24, "2001:d00::1", "2001:dff:1::1"));
	assert_true(same_source(33, "2001:db8:7000::1", "2001:db8:1::1"));
	assert_false(same_source(33, "2001:db8:8000::1", "2001:db8:1::1"));
	assert_true(same_source(127, "2001:db8::2", "2001:db8::3"));
	assert_false(same_source(128, "2001:db8::2", "2001:db8::3"));
}

static void test_destinations(void **state)
{
	struct pep_rule rule = limit(PEP_SCOPE_DST, 0, 1, 1);
	struct pep_packet a = packet_of("10.0.0.1", "10.0.0.9"),
			  b = packet_of("10.0.0.2", "10.0.0.9");

	(void)state;
	assert_true(same_key(&rule, &a, &b));
	b = packet_of("10.0.0.1", "10.0.0.8");
	assert_false(same_key(&rule, &a, &b));
	a = packet_of("::1", "::9:0:0:1");
	b = packet_of("::1", "::8:0:0:1");
	assert_false(same_key(&rule, &a, &b));
}

/* One way only: what the other end sends is its own. */
static void test_flows(void **state)
{
	struct pep_rule rule = limit(PEP_SCOPE_FLOW, 0, 1, 1);
	struct pep_packet a = packet_of("10.0.0.1", "10.0.0.9"), b = a;

	(void)state;
	b.length = 9;
	b.vlan = 3;
	assert_true(same_key(&rule, &a, &b));
	b.sport++;
	assert_false(same_key(&rule, &a, &b));
	b = a;
	b.dport++;
	assert_false(same_key(&rule, &a, &b));
	b = a;
	b.proto = 6;
	assert_false(same_key(&rule, &a, &b));
	b = packet_of("10.0.0.9", "10.0.0.1");
	b.sport = a.dport;
	b.dport = a.sport;
	assert_false(same_key(&rule, &a, &b));
	b = packet_of("10.0.0.1", "10.0.0.8");
	assert_false(same_key(&rule, &a, &b));
}

/* Another policy, or another life of this one's limiter: buckets of their own, also in other lines.
 */
static void test_policies_apart(void **state)
{
	struct pep_packet packet = packet_of("2001:db8::1", "::1");
	struct pep_rule rule = limit(PEP_SCOPE_SRC, 0, 1, 1);
	struct pep_scope_key key;
	unsigned int used = 0;
	uint64_t seen = 0;

	(void)state;
	for (rule.limit_id = 0; rule.limit_id < 4 * LINES; rule.limit_id++) {
		pep_scope_key(&config, &rule, &packet, &key);
		assert_int_equal(key.tag >> PEP_SCOPE_HASH_BITS, rule.limit_id);
		seen |= 1ull << key.line;
	}
	for (; seen; seen &= seen - 1)
		used++;
	assert_true(used > LINES / 2);
}

/*
 * Addresses that collide in hash.h under any seed, and others that differ in few bits: whatever the
 * seed, none do here.
 */
static void test_chosen_collisions(void **state)
{
	struct pep_rule rule = limit(PEP_SCOPE_SRC, 0, 1, 1);
	struct pep_packet a = packet_of("2001:db8::1", "::1"), b;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		seed();
		b = a;
		b.src[1] ^= 1u << 31;
		b.src[2] ^= 1u << 31;
		b.src[3] ^= 1u << 31;
		assert_false(same_key(&rule, &a, &b));
		b = a;
		b.src[i % 4] ^= 1u << (i / 4 % 32);
		assert_false(same_key(&rule, &a, &b));
	}
}

/* No line gets much more than its share, be keys as regular as they may. */
static void test_spread(void **state)
{
	struct pep_rule rule = limit(PEP_SCOPE_SRC, 0, 1, 1);
	struct pep_packet packet = packet_of("10.0.0.0", "1.1.1.1");
	unsigned int count[LINES] = {0};

	(void)state;
	for (uint32_t i = 0; i < LINES * 1000; i++) {
		struct pep_scope_key key;

		packet.src[0] = htonl(0x0a000000 + i);
		pep_scope_key(&config, &rule, &packet, &key);
		count[key.line]++;
	}
	for (size_t i = 0; i < LINES; i++)
		assert_in_range(count[i], 700, 1300);
}

/* --- places */

static int take(uint64_t tag, const struct pep_rule *rule, uint64_t now, __u64 *ret_displaced)
{
	__u64 displaced = 0;
	int passes = pep_scope_take(&lines[0], tag, rule, now, 1, &displaced);

	if (ret_displaced)
		*ret_displaced = displaced;
	return passes;
}

static unsigned int take_many(
	uint64_t tag, const struct pep_rule *rule, uint64_t now, unsigned int count)
{
	unsigned int passed = 0;

	while (count--)
		passed += (unsigned int)take(tag, rule, now, NULL);
	return passed;
}

/* As many as there are places: all are exact, each with its own burst and rate. */
static void test_line_is_exact(void **state)
{
	struct pep_rule rule = limit(PEP_SCOPE_SRC, 0, 10, 5);
	__u64 displaced;

	(void)state;
	for (uint64_t tag = 1; tag <= PEP_SCOPE_PLACES; tag++)
		assert_int_equal(take_many(tag, &rule, START, 9), 5);
	for (uint64_t tag = PEP_SCOPE_PLACES; tag > 0; tag--) {
		assert_int_equal(take(tag, &rule, START, &displaced), 0);
		assert_int_equal(displaced, 0);
		assert_int_equal(take_many(tag, &rule, START + SECOND / 10, 9), 1);
	}
}

/* A place whose time has passed is free; nobody's bucket is lost by that. */
static void test_past_is_free(void **state)
{
	struct pep_rule rule = limit(PEP_SCOPE_SRC, 0, 10, 5);
	uint64_t now = START;
	__u64 displaced;

	(void)state;
	take_many(1000, &rule, now, 9);
	for (uint64_t tag = 1; tag <= 100; tag++) {
		now += SECOND / 20; /* a packet is forgotten in two of these */
		assert_int_equal(take(tag, &rule, now, &displaced), 1);
		assert_int_equal(displaced, 0);
		take_many(1000, &rule, now, 9);
		assert_int_equal(take(1000, &rule, now, &displaced), 0);
	}
}

/* In the order of what they lack; who comes begins with a full bucket, who is empty stays. */
static void test_displacement_order(void **state)
{
	struct pep_rule rule = limit(PEP_SCOPE_SRC, 0, 1, 20);
	static const unsigned int spent[PEP_SCOPE_PLACES] = {20, 3, 5, 2, 20, 4, 7, 6};
	static const uint64_t order[] = {104, 102, 106, 103};
	__u64 displaced;

	(void)state;
	for (size_t i = 0; i < PEP_SCOPE_PLACES; i++)
		take_many(101 + i, &rule, START, spent[i]);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		assert_int_equal(take(200 + i, &rule, START, &displaced), 1);
		assert_int_equal(displaced, order[i]);
		assert_int_equal(take_many(200 + i, &rule, START, 40), 19);
	}
	assert_int_equal(take(101, &rule, START, NULL), 0);
	assert_int_equal(take(105, &rule, START, NULL), 0);
}

/*
 * A flood of sources that come once, more than there are places: who is over the rate gets no more
 * than it, and who keeps within it is never blocked.
 */
static void test_flood(void **state)
{
	struct pep_rule rule = limit(PEP_SCOPE_SRC, 0, 10, 5);
	unsigned int passed = 0, flood = 0, displacements = 0;
	uint64_t now = START;
	__u64 displaced;

	(void)state;
	for (uint64_t i = 0; i < 100000; i++, now += SECOND / 1000) { /* 100 s */
		passed += (unsigned int)take(1, &rule, now, NULL);    /* 1000 pps */
		flood += (unsigned int)take(1000 + i, &rule, now, &displaced);
		displacements += displaced != 0;
		if (i % 125 == 0) /* 8 pps */
			assert_int_equal(take(2, &rule, now, NULL), 1);
	}
	assert_int_equal(flood, 100000);
	assert_true(displacements > 90000);
	assert_in_range(passed, 980, 1006);
}

/* All others of the line are as far over their rate: only then a limited one begins anew. */
static void test_flood_of_limited(void **state)
{
	struct pep_rule rule = limit(PEP_SCOPE_SRC, 0, 10, 5);
	unsigned int passed = 0;

	(void)state;
	for (uint64_t tag = 1; tag <= MANY; tag++)
		passed += take_many(tag, &rule, START, 9);
	assert_int_equal(passed, MANY * 5);
	assert_int_equal(take_many(1, &rule, START, 9), 5);
}

/* The daemon empties a place; its time says nothing any more. */
static void test_emptied_place(void **state)
{
	struct pep_rule rule = limit(PEP_SCOPE_SRC, 0, 1, 5);
	__u64 displaced;

	(void)state;
	for (uint64_t tag = 1; tag <= PEP_SCOPE_PLACES; tag++)
		take_many(tag, &rule, START, 5);
	lines[0].place[6].tag = 0;
	assert_int_equal(take(50, &rule, START, &displaced), 1);
	assert_int_equal(lines[0].place[6].tag, 50);
	assert_int_equal(take_many(50, &rule, START, 9), 4);
	assert_int_equal(take(1, &rule, START, NULL), 0);
}

/* The limiter clock wraps after 834 days; a time of before is full, as is one of long ago. */
static void test_clock(void **state)
{
	const uint64_t wrap = 1ull << (64 - PEP_LIMIT_CLOCK_SHIFT);
	struct pep_rule rule = limit(PEP_SCOPE_SRC, 0, 10, 5);
	uint64_t now = wrap - 50 * SECOND;
	unsigned int passed = 0;

	(void)state;
	for (; now < wrap + 50 * SECOND; now += SECOND / 100) {
		passed += (unsigned int)take(1, &rule, now, NULL);
		take(now, &rule, now, NULL);
	}
	assert_in_range(passed, 980, 1006);
	for (size_t i = 0; i < PEP_SCOPE_PLACES; i++) /* hours ago, of others and its own */
		lines[0].place[i].tat = (START - (i + 1) * 3600 * SECOND) << PEP_LIMIT_CLOCK_SHIFT;
	assert_int_equal(take_many(77, &rule, START, 9), 5);
	assert_int_equal(take_many(1, &rule, START, 9), 5);
	lines[0].place[0] =
		(struct pep_scope_place){9, (START << PEP_LIMIT_CLOCK_SHIFT) + PEP_SCOPE_AHEAD_MAX + 1};
	assert_int_equal(take_many(9, &rule, START, 9), 5); /* farther ahead than can be */
}

/* --- threads */

static struct pep_rule shared;
static uint64_t keys;

struct worker {
	pthread_t thread;
	uint64_t passed[MANY];
	uint64_t seed;
};

static void *work(void *argument)
{
	struct worker *w = argument;

	for (int i = 0; i < 100000; i++) {
		uint64_t key;

		w->seed = w->seed * 6364136223846793005ull + 1442695040888963407ull;
		key = (w->seed >> 33) % keys;
		w->passed[key] += (uint64_t)take(key + 1, &shared, START, NULL);
	}
	return NULL;
}

static void race(uint64_t passed[MANY])
{
	struct worker *workers = calloc(THREADS, sizeof(*workers));

	assert_non_null(workers);
	for (size_t i = 0; i < THREADS; i++) {
		workers[i].seed = i * 77 + 1;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		for (size_t key = 0; key < keys; key++)
			passed[key] += workers[i].passed[key];
	}
	free(workers);
}

/* One line for all, at an instant: beyond the burst only what a race for a place can add. */
static void test_threads(void **state)
{
	(void)state;
	shared = limit(PEP_SCOPE_SRC, 0, 1, 4000);
	keys = PEP_SCOPE_PLACES;
	for (int round = 0; round < 20; round++) {
		uint64_t passed[MANY] = {0};

		memset(lines, 0, sizeof(lines));
		race(passed);
		for (size_t key = 0; key < keys; key++)
			assert_in_range(passed[key], 4000 - SLACK, 4000 + SLACK);
	}
}

/* More keys than places: nobody is blocked below the burst, and all places stay in order. */
static void test_threads_overfull(void **state)
{
	uint64_t passed[MANY] = {0};

	(void)state;
	shared = limit(PEP_SCOPE_SRC, 0, 1, 1000);
	keys = MANY;
	race(passed);
	for (size_t key = 0; key < keys; key++)
		assert_true(passed[key] >= 1000 - SLACK);
	for (size_t i = 0; i < PEP_SCOPE_PLACES; i++)
		assert_in_range(lines[0].place[i].tag, 1, keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_sources, setup),
		cmocka_unit_test_setup(test_prefixes, setup),
		cmocka_unit_test_setup(test_destinations, setup),
		cmocka_unit_test_setup(test_flows, setup),
		cmocka_unit_test_setup(test_policies_apart, setup),
		cmocka_unit_test_setup(test_chosen_collisions, setup),
		cmocka_unit_test_setup(test_spread, setup),
		cmocka_unit_test_setup(test_line_is_exact, setup),
		cmocka_unit_test_setup(test_past_is_free, setup),
		cmocka_unit_test_setup(test_displacement_order, setup),
		cmocka_unit_test_setup(test_flood, setup),
		cmocka_unit_test_setup(test_flood_of_limited, setup),
		cmocka_unit_test_setup(test_emptied_place, setup),
		cmocka_unit_test_setup(test_clock, setup),
		cmocka_unit_test_setup(test_threads, setup),
		cmocka_unit_test_setup(test_threads_overfull, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
