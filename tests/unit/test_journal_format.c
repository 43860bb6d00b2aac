/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Files too big for the fuzzer: the search for a group behind wrong bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/journal_format.h"

#define SIZE (8u << 20)
#define ID   7u

static uint8_t *data;

static int setup(void **state)
{
	(void)state;
	data = calloc(1, SIZE);
	return !data;
}

static int teardown(void **state)
{
	(void)state;
	free(data);
	return 0;
}

static void put(size_t at, uint64_t sequence, size_t size, unsigned int flags)
{
	struct journal_record record = {1, sequence, data + at + JOURNAL_RECORD_HEADER, size};

	journal_format_record(data + at, ID, &record, flags);
}

static bool is_damaged(void)
{
	struct journal_scan scan;
	bool damaged;

	assert_int_equal(journal_scan(data, SIZE, &scan), 0);
	assert_int_equal(scan.count, 1);
	assert_int_equal(scan.good, JOURNAL_FILE_HEADER + JOURNAL_RECORD_HEADER + 10);
	damaged = scan.damage;
	journal_scan_deinit(&scan);
	return damaged;
}

/*
 * At every eighth place a record of 4 MiB may begin, but for its checksum: to compute each over
 * its own bytes would take many minutes.
 */
static void test_many_beginnings(void **state)
{
	static const uint8_t beginning[8] = {0, 0, 0x40, 0, 1, JOURNAL_FIRST, 0, 0};

	(void)state;
	for (size_t at = 64; at < SIZE; at += 8)
		memcpy(data + at, beginning, 8);
	journal_format_file(data, ID);
	put(JOURNAL_FILE_HEADER, 1, 10, JOURNAL_FIRST | JOURNAL_LAST);
	assert_false(is_damaged());
	put(SIZE - 1000, UINT64_MAX, 970, JOURNAL_LAST);
	assert_false(is_damaged());
	put(SIZE - 1000, UINT64_MAX, 970, JOURNAL_FIRST);
	assert_true(is_damaged());
	data[SIZE - 100]++;
	assert_false(is_damaged());
	put(77, UINT64_MAX, SIZE - 200, JOURNAL_FIRST);
	assert_true(is_damaged());
	data[SIZE / 2]++;
	assert_false(is_damaged());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_many_beginnings, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
