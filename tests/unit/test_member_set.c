/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "server/member_set.h"

#define SPACE 600u /* different members, of both families and several lengths */

/* Member number `i` of the space; neighbours differ in one field only. */
static struct member member_of(unsigned int i)
{
	struct member m = {.family = i % 2 ? 6 : 4};

	m.length = (uint8_t)(i % 3 ? 32 : 24);
	m.bytes[0] = (uint8_t)(1 + i / 3 % 100);
	m.bytes[1] = (uint8_t)(i / 300);
	return m;
}

/* Random operations beside an array of what should be there. */
static void test_against_an_array(void **state)
{
	struct member_set set = {0};
	bool there[SPACE] = {false};
	size_t count = 0;

	(void)state;
	srand(4711);
	for (unsigned int turn = 0; turn < 200000; turn++) {
		unsigned int i = (unsigned int)rand() % SPACE;
		struct member m = member_of(i);
		/* Full and empty by turns: tables grow, and long chains are cut anywhere. */
		bool add = (unsigned int)rand() % 100 < (turn / 20000 % 2 ? 30u : 70u);

		if (add) {
			assert_int_equal(member_set_add(&set, &m), !there[i]);
			count += !there[i];
		} else {
			assert_int_equal(member_set_remove(&set, &m), there[i]);
			count -= there[i];
		}
		there[i] = add;
		assert_int_equal(member_set_count(&set), count);
		if (turn % 1000)
			continue;
		for (i = 0; i < SPACE; i++) {
			m = member_of(i);
			assert_int_equal(member_set_has(&set, &m), there[i]);
		}
	}
	member_set_deinit(&set);
}

static void test_walk_sees_each_once(void **state)
{
	struct member_set set = {0}, seen = {0};
	uint64_t cursor = 0, far = UINT64_MAX;
	struct member m;

	(void)state;
	assert_false(member_set_next(&set, &cursor, &m));
	for (unsigned int i = 0; i < SPACE; i++) {
		m = member_of(i);
		member_set_add(&set, &m);
	}
	for (cursor = 0; member_set_next(&set, &cursor, &m);) {
		assert_true(member_set_has(&set, &m));
		assert_int_equal(member_set_add(&seen, &m), 1);
	}
	assert_int_equal(member_set_count(&seen), member_set_count(&set));
	assert_false(member_set_next(&set, &far, &m));
	member_set_deinit(&set);
	member_set_deinit(&seen);
}

static void test_room_is_kept(void **state)
{
	struct member_set set = {0};
	const uint8_t *slots;

	(void)state;
	assert_false(member_set_has_room(&set, 1, 0));
	assert_int_equal(member_set_reserve(&set, 1000, 0), 0);
	assert_true(member_set_has_room(&set, 1000, 0));
	assert_false(member_set_has_room(&set, 0, 1));
	slots = set.v4.slots;
	for (unsigned int i = 0; i < 1000; i++) {
		struct member m = {
			.family = 4, .length = 32, .bytes = {(uint8_t)(i >> 8), (uint8_t)i}};

		assert_int_equal(member_set_add(&set, &m), 1);
	}
	assert_ptr_equal(set.v4.slots, slots);
	member_set_deinit(&set);
}

/* The default routes: all zero but for the length. */
static void test_zero_is_a_member(void **state)
{
	struct member all4 = {.family = 4}, all6 = {.family = 6},
		      zero = {.family = 4, .length = 32};
	struct member_set set = {0};

	(void)state;
	assert_false(member_set_has(&set, &all4));
	assert_int_equal(member_set_add(&set, &all4), 1);
	assert_int_equal(member_set_add(&set, &all4), 0);
	assert_false(member_set_has(&set, &all6));
	assert_false(member_set_has(&set, &zero));
	assert_int_equal(member_set_add(&set, &zero), 1);
	assert_int_equal(member_set_add(&set, &all6), 1);
	assert_int_equal(set.v4.count, 2);
	member_set_deinit(&set);
}

static void test_memory_a_member(void **state)
{
	struct member_list list = {0};
	struct member_set set = {0};

	(void)state;
	for (uint32_t i = 0; i < 1000000; i++) {
		uint8_t bytes[16] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};

		assert_int_equal(member_list_push4(&list, bytes, 32), 0);
		assert_int_equal(member_list_push6(&list, bytes, 128), 0);
	}
	assert_int_equal(member_set_add_list(&set, &list), 0);
	assert_int_equal(member_set_count(&set), 2000000);
	assert_true(set.v4.size * 5 <= 16 * set.v4.count);
	assert_true(set.v6.size * 17 <= 40 * set.v6.count);
	member_list_deinit(&list);
	member_set_deinit(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_an_array),
		cmocka_unit_test(test_walk_sees_each_once),
		cmocka_unit_test(test_room_is_kept),
		cmocka_unit_test(test_zero_is_a_member),
		cmocka_unit_test(test_memory_a_member),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
