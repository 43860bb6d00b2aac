/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A line of places: what it does when it is full, raced for, or has times from long ago. The clock
 * is the tests' own.
 */
#include "scope_limit.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define SECOND  1000000000ull
#define START   (77 * SECOND)
#define MANY    (2ull * PEP_SCOPE_PLACES) /* keys for the line */
#define THREADS 4u
#define SLACK   (4 * THREADS) /* frames that races for places may add or take */

static struct pep_scope_line line;

static int setup(void **state)
{
	(void)state;
	memset(&line, 0, sizeof(line));
	return 0;
}

static int take(uint64_t tag, const struct pep_rule *rule, uint64_t now, __u64 *ret_displaced)
{
	__u64 displaced = 0;
	int passes = pep_scope_take(&line, tag, rule, now, 1, &displaced);

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
	struct pep_rule rule = scope_limit(PEP_SCOPE_SRC, 0, 10, 5);
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
	struct pep_rule rule = scope_limit(PEP_SCOPE_SRC, 0, 10, 5);
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
	struct pep_rule rule = scope_limit(PEP_SCOPE_SRC, 0, 1, 20);
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
	struct pep_rule rule = scope_limit(PEP_SCOPE_SRC, 0, 10, 5);
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
	struct pep_rule rule = scope_limit(PEP_SCOPE_SRC, 0, 10, 5);
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
	struct pep_rule rule = scope_limit(PEP_SCOPE_SRC, 0, 1, 5);
	__u64 displaced;

	(void)state;
	for (uint64_t tag = 1; tag <= PEP_SCOPE_PLACES; tag++)
		take_many(tag, &rule, START, 5);
	line.place[6].tag = 0;
	assert_int_equal(take(50, &rule, START, &displaced), 1);
	assert_int_equal(line.place[6].tag, 50);
	assert_int_equal(take_many(50, &rule, START, 9), 4);
	assert_int_equal(take(1, &rule, START, NULL), 0);
}

/* The limiter clock wraps after 834 days; a time of before is full, as is one of long ago. */
static void test_clock(void **state)
{
	const uint64_t wrap = 1ull << (64 - PEP_LIMIT_CLOCK_SHIFT);
	struct pep_rule rule = scope_limit(PEP_SCOPE_SRC, 0, 10, 5);
	uint64_t now = wrap - 50 * SECOND;
	unsigned int passed = 0;

	(void)state;
	for (; now < wrap + 50 * SECOND; now += SECOND / 100) {
		passed += (unsigned int)take(1, &rule, now, NULL);
		take(now, &rule, now, NULL);
	}
	assert_in_range(passed, 980, 1006);
	for (size_t i = 0; i < PEP_SCOPE_PLACES; i++) /* hours ago, of others and its own */
		line.place[i].tat = (START - (i + 1) * 3600 * SECOND) << PEP_LIMIT_CLOCK_SHIFT;
	assert_int_equal(take_many(77, &rule, START, 9), 5);
	assert_int_equal(take_many(1, &rule, START, 9), 5);
	line.place[0] =
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
	shared = scope_limit(PEP_SCOPE_SRC, 0, 1, 4000);
	keys = PEP_SCOPE_PLACES;
	for (int round = 0; round < 20; round++) {
		uint64_t passed[MANY] = {0};

		memset(&line, 0, sizeof(line));
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
	shared = scope_limit(PEP_SCOPE_SRC, 0, 1, 1000);
	keys = MANY;
	race(passed);
	for (size_t key = 0; key < keys; key++)
		assert_true(passed[key] >= 1000 - SLACK);
	for (size_t i = 0; i < PEP_SCOPE_PLACES; i++)
		assert_in_range(line.place[i].tag, 1, keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
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
