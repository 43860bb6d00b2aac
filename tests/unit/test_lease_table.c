/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "failing_memory.h"
#include "server/lease_table.h"
#include "tests/lib/amount.h"

static uint32_t name_owner(struct lease_table *table, unsigned int i)
{
	char name[16];
	int length = snprintf(name, sizeof(name), "owner-%u", i);
	uint32_t id;

	assert_int_equal(lease_table_ref_owner(table, name, (size_t)length, &id), 0);
	assert_string_equal(lease_table_owner_name(table, id), name);
	assert_int_equal(lease_table_find_owner(table, name, (size_t)length), id);
	return id;
}

static struct member address4(uint32_t i)
{
	return (struct member){.family = 4,
		.length = 32,
		.bytes = {(uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
}

static void test_owners_last_as_long_as_leases(void **state)
{
	struct lease_table table = {0};
	struct member m = address4(1);
	uint32_t a = name_owner(&table, 1), b = name_owner(&table, 2), c;
	char long_name[LEASE_OWNER_MAX + 1];

	(void)state;
	memset(long_name, 'x', sizeof(long_name));
	assert_int_equal(lease_table_ref_owner(&table, "", 0, &c), -EINVAL);
	assert_int_equal(lease_table_ref_owner(&table, long_name, 64, &c), -EINVAL);
	assert_int_equal(lease_table_ref_owner(&table, long_name, 63, &c), 0);
	lease_table_unref_owner(&table, c);
	assert_int_equal(name_owner(&table, 1), a);
	lease_table_unref_owner(&table, a);
	assert_int_equal(lease_table_put(&table, 5, &m, a, 0), 1);
	lease_table_unref_owner(&table, a);
	assert_int_equal(lease_table_find_owner(&table, "owner-1", 7), a);
	assert_true(lease_table_remove(&table, 5, &m, a));
	assert_int_equal(lease_table_find_owner(&table, "owner-1", 7), LEASE_NONE);
	assert_int_equal(lease_table_next_owner(&table, 0), b);
	/* The numbers are free again. */
	assert_int_equal(name_owner(&table, 3), a);
	assert_int_equal(name_owner(&table, 4), c);
	lease_table_deinit(&table);
}

/* All in one bucket. */
static void test_members_that_differ_in_little(void **state)
{
	const struct member members[] = {
		{.family = 4, .length = 32},
		{.family = 4, .length = 31},
		{.family = 4},
		{.family = 6, .length = 32},
		{.family = 6, .length = 31},
		{.family = 6},
		{.family = 6, .length = 128, .bytes = {[15] = 1}},
		{.family = 6, .length = 128},
		{.family = 4, .length = 32, .bytes = {[3] = 1}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		struct lease_table table = {0};
		uint32_t owner = name_owner(&table, 0);

		assert_int_equal(lease_table_put(&table, 1, &members[i], owner, 0), 1);
		for (size_t j = 0; j < ARRAY_SIZE(members); j++) {
			assert_int_equal(lease_table_held(&table, 1, &members[j]), i == j);
			assert_false(lease_table_held(&table, 2, &members[j]));
		}
		lease_table_deinit(&table);
	}
}

static void test_any_cursor_is_harmless(void **state)
{
	static const uint64_t cursors[] = {1, 2, 1000, UINT32_MAX, 1ull << 32, (1ull << 32) + 5,
		2ull << 32, UINT64_MAX - 1, UINT64_MAX};
	struct lease_table table = {0};
	struct member m = address4(7);
	uint32_t owner = name_owner(&table, 0), id;
	uint64_t cursor = 0;

	(void)state;
	assert_false(lease_table_next(&table, 3, &cursor, &id));
	assert_false(lease_table_held(&table, 3, &m));
	assert_int_equal(lease_table_put(&table, 3, &m, owner, 9), 1);
	for (size_t i = 0; i < ARRAY_SIZE(cursors); i++)
		for (cursor = cursors[i]; lease_table_next(&table, 3, &cursor, &id);)
			assert_int_equal(lease_table_at(&table, id).owner, owner);
	lease_table_deinit(&table);
}

/* --- memory */

#define MANY 1000000u

static void test_memory_a_lease(void **state)
{
	struct lease_table table = {0};
	uint32_t owner = name_owner(&table, 0), many = (uint32_t)amount(MANY);

	(void)state;
	for (uint32_t i = 0; i < many; i++) {
		struct member m = address4(i * 16);

		assert_int_equal(
			lease_table_put(&table, 2, &m, owner, 1 + (i * 7919ull) % many), 1);
		/* Also on the way, with little for what is at the beginning. */
		assert_true(i % 64 || lease_table_bytes(&table) <= 48ull * (i + 1) + 32768);
	}
	print_message("%zu bytes for %u leases\n", lease_table_bytes(&table), many);
	assert_true(lease_table_bytes(&table) <= 44ull * many);
	for (uint64_t now = 0; now <= many; now += 1000) {
		uint32_t id;

		while ((id = lease_table_expired(&table, now)) != LEASE_NONE)
			lease_table_remove_at(&table, id);
		assert_int_equal(lease_table_count(&table, 2), many - now);
	}
	lease_table_trim(&table);
	assert_true(lease_table_bytes(&table) < 4096);
	lease_table_deinit(&table);
}

static void put_many(struct lease_table *table, uint8_t set, uint32_t owner, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct member m = address4(i);

		assert_int_equal(lease_table_put(table, set, &m, owner, i) >= 0, 1);
	}
	assert_int_equal(lease_table_count(table, set), count);
}

/* Returns whether there was an allocation to fail. */
static bool put_fails(uint32_t before, unsigned int nth)
{
	struct lease_table table = {0};
	uint32_t owner = name_owner(&table, 0);
	struct member m = address4(before);
	bool failed;
	int r;

	put_many(&table, 1, owner, before);
	failing_memory_set(nth, nth % 2);
	r = lease_table_put(&table, 1, &m, owner, 5);
	failed = failing_memory_end();
	assert_int_equal(r, failed ? -ENOMEM : 1);
	assert_int_equal(lease_table_count(&table, 1), before + !failed);
	assert_int_equal(lease_table_held(&table, 1, &m), !failed);
	assert_int_equal(lease_table_count_of(&table, 1, owner), before + !failed);
	/* What had grown before it failed is of use, or at least in nobody's way. */
	put_many(&table, 1, owner, 1000);
	put_many(&table, 2, owner, 1000);
	lease_table_deinit(&table);
	return failed;
}

static void test_put_without_memory(void **state)
{
	(void)state;
	for (uint32_t before = 0; before < 600; before += 256)
		for (unsigned int nth = 1; put_fails(before, nth); nth++)
			;
}

static void reserve_and_put(struct lease_table *table, uint32_t owner)
{
	failing_memory_set(1, true);
	for (uint32_t i = 0; i < 1500; i++) {
		struct member m = address4(i), six = {.family = 6, .length = 128};

		memcpy(six.bytes, m.bytes, 4);
		assert_int_equal(lease_table_put(table, 8, &m, owner, i), 1);
		assert_int_equal(lease_table_put(table, 9, &m, owner, i), 1);
		if (i < 300)
			assert_int_equal(lease_table_put(table, 9, &six, owner, i), 1);
	}
	assert_false(failing_memory_end());
}

static void test_reserve_without_memory(void **state)
{
	bool failed = true;

	(void)state;
	for (unsigned int nth = 1; failed; nth++) {
		struct lease_table table = {0};
		uint32_t owner = name_owner(&table, 0);
		int r;

		failing_memory_set(nth, nth % 2);
		r = lease_table_reserve(&table, 8, owner, 1500, 0);
		if (!r)
			r = lease_table_reserve(&table, 9, owner, 1500, 300);
		failed = failing_memory_end();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		assert_int_equal(lease_table_count(&table, 8), 0);
		if (!failed)
			reserve_and_put(&table, owner);
		lease_table_trim(&table);
		lease_table_deinit(&table);
	}
}

static void test_owner_without_memory(void **state)
{
	bool failed = true;

	(void)state;
	for (unsigned int nth = 1; failed; nth++) {
		struct lease_table table = {0};
		uint32_t id = 4711;
		int r;

		failing_memory_set(nth, false);
		r = lease_table_ref_owner(&table, "a", 1, &id);
		failed = failing_memory_end();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		assert_int_equal(id, failed ? 4711 : 0);
		assert_int_equal(lease_table_find_owner(&table, "a", 1), failed ? LEASE_NONE : 0);
		lease_table_deinit(&table);
	}
}

static void test_too_many(void **state)
{
	struct lease_table table = {0};
	uint32_t owner = name_owner(&table, 0);

	(void)state;
	assert_int_equal(
		lease_table_reserve(&table, 8, owner, (size_t)LEASE_COUNT_MAX + 1, 0), -ENOSPC);
	assert_int_equal(lease_table_reserve(&table, 8, owner, 0, SIZE_MAX), -ENOSPC);
	lease_table_deinit(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owners_last_as_long_as_leases),
		cmocka_unit_test(test_members_that_differ_in_little),
		cmocka_unit_test(test_any_cursor_is_harmless),
		cmocka_unit_test(test_memory_a_lease),
		cmocka_unit_test(test_put_without_memory),
		cmocka_unit_test(test_reserve_without_memory),
		cmocka_unit_test(test_owner_without_memory),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
