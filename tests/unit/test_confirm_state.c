/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/cli/confirm_state.h"

#define SECOND 1000000000ll

static void test_only_a_blank_line_keeps(void **state)
{
	static const struct {
		const char *line;
		ssize_t got;
		enum confirm_wish wish;
	} rows[] = {
		{"\n", 1, CONFIRM_KEEP},
		{" \t \n", 4, CONFIRM_KEEP},
		{"\r\n", 2, CONFIRM_KEEP},
		{"\n\n", 2, CONFIRM_KEEP},
		{"n\n", 2, CONFIRM_HINT},
		{"yes\n", 4, CONFIRM_HINT},
		{"  ", 2, CONFIRM_HINT}, /* the end of input behind blanks, not Enter */
		{"\0\n", 2, CONFIRM_HINT},
		{"", 0, CONFIRM_LEAVE},
		{"", -1, CONFIRM_LEAVE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (confirm_wish_of(rows[i].line, rows[i].got) != rows[i].wish)
			fail_msg("row %zu", i);
}

static void test_what_became_of_it(void **state)
{
	(void)state;
	assert_int_equal(confirm_fate_of(7, 7, 7, SECOND), CONFIRM_WAITS);
	assert_int_equal(confirm_fate_of(7, 7, 7, -SECOND), CONFIRM_WAITS); /* the daemon is late */
	assert_int_equal(confirm_fate_of(7, 0, 7, SECOND), CONFIRM_CONFIRMED);
	assert_int_equal(confirm_fate_of(7, 0, 7, -SECOND), CONFIRM_CONFIRMED);
	assert_int_equal(confirm_fate_of(7, 0, 8, -1), CONFIRM_UNDONE);
	assert_int_equal(confirm_fate_of(7, 0, 8, 0), CONFIRM_UNDONE);
	assert_int_equal(confirm_fate_of(7, 0, 8, SECOND), CONFIRM_GONE);
	assert_int_equal(confirm_fate_of(7, 9, 9, SECOND), CONFIRM_GONE);
}

static void test_what_is_left(void **state)
{
	static const struct {
		int64_t left;
		const char *text;
		int tick;
	} rows[] = {
		{60 * SECOND, "1m", 1001},
		{59 * SECOND + 1, "1m", 1},
		{59 * SECOND, "59s", 1001},
		{90 * SECOND - 1, "1m30s", 1000},
		{SECOND / 2, "1s", 501},
		{1, "1s", 1},
		{0, "0s", 100},
		{-5 * SECOND, "0s", 100},
		{25 * 3600 * SECOND, "1d1h", 1001},
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		confirm_format_left(rows[i].left, text);
		assert_string_equal(text, rows[i].text);
		assert_int_equal(confirm_tick(rows[i].left), rows[i].tick);
	}
	confirm_format_left(INT64_MAX, text);
}

/* Each tick leads to another text, and never to none. */
static void test_ticks_count_down(void **state)
{
	char text[32], next[32];
	int64_t left = 70 * SECOND + 123456789;

	(void)state;
	for (int second = 71; second > 0; second--) {
		confirm_format_left(left, text);
		left -= confirm_tick(left) * (SECOND / 1000);
		confirm_format_left(left, next);
		assert_string_not_equal(text, next);
	}
	assert_string_equal(next, "0s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_a_blank_line_keeps),
		cmocka_unit_test(test_what_became_of_it),
		cmocka_unit_test(test_what_is_left),
		cmocka_unit_test(test_ticks_count_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
