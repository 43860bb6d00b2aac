/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/arena.h"

static void test_what_is_handed_out_is_apart_and_aligned(void **state)
{
	_cleanup_(arena_deinit) struct arena arena;
	unsigned char *last[200];

	(void)state;
	arena_init(&arena, 1u << 20);
	for (size_t i = 0; i < ARRAY_SIZE(last); i++) {
		last[i] = arena_alloc(&arena, i);
		assert_non_null(last[i]);
		assert_int_equal((uintptr_t)last[i] % 16, 0);
		memset(last[i], (int)i, i);
	}
	for (size_t i = 0; i < ARRAY_SIZE(last); i++)
		for (size_t j = 0; j < i; j++)
			assert_int_equal(last[i][j], i);
}

static void test_the_budget_holds_for_everything(void **state)
{
	_cleanup_(arena_deinit) struct arena arena;
	size_t sum = 0;

	(void)state;
	arena_init(&arena, 100000);
	while (arena_alloc(&arena, 1000))
		sum += 1000;
	assert_true(arena.exhausted);
	assert_true(arena.total <= 100000);
	assert_in_range(sum, 80000, 100000);
	arena_reset(&arena);
	assert_false(arena.exhausted);
	assert_null(arena_alloc(&arena, 100001));
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_null(arena_array(&arena, SIZE_MAX / 2, 4));
	assert_non_null(arena_alloc(&arena, 90000));
}

static void test_strings(void **state)
{
	_cleanup_(arena_deinit) struct arena arena;

	(void)state;
	arena_init(&arena, 1u << 16);
	assert_string_equal(arena_strdup(&arena, "policy"), "policy");
	assert_string_equal(arena_strndup(&arena, "policy", 3), "pol");
	assert_string_equal(arena_printf(&arena, "%s[%d]", "operations", 3), "operations[3]");
}

static void test_reset_keeps_no_large_chunk(void **state)
{
	_cleanup_(arena_deinit) struct arena arena;

	(void)state;
	arena_init(&arena, 1u << 22);
	for (int round = 0; round < 3; round++) {
		assert_non_null(arena_alloc(&arena, 100));
		assert_non_null(arena_alloc(&arena, 1u << 20));
		arena_reset(&arena);
		assert_true(arena.total < 8192);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_handed_out_is_apart_and_aligned),
		cmocka_unit_test(test_the_budget_holds_for_everything),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_reset_keeps_no_large_chunk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
