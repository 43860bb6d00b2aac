/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "failing_memory.h"
#include "lease_wanted.h"

static void check_op(const struct lease_walk *walk, const struct wanted *w)
{
	assert_string_equal(walk->set, w->set);
	assert_string_equal(walk->owner, w->owner);
	assert_memory_equal(&walk->member, &w->member, sizeof(w->member));
	assert_int_equal(walk->expiry, w->expiry);
	assert_int_equal(walk->release, w->release);
	assert_int_equal(walk->each, w->each);
}

static void check_list(const struct lease_list *list, unsigned int count)
{
	struct lease_walk walk = {.list = list};
	unsigned int i = 0;

	assert_int_equal(list->member_count, count);
	assert_memory_equal(&list->clock, &wanted_clock, sizeof(wanted_clock));
	for (; lease_walk_next(&walk); i++) {
		struct wanted w = wanted(i);

		check_op(&walk, &w);
	}
	assert_int_equal(i, count);
}

static void test_round_trip(void **state)
{
	static const unsigned int counts[] = {0, 1, 4, 5, 6, 1000, 50000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		_cleanup_leases_ struct lease_list list = {0};
		_cleanup_free_ uint8_t *data = NULL;
		size_t size;

		assert_int_equal(wanted_write_list(counts[i], &data, &size), 0);
		assert_int_equal(lease_list_read(data, size, &list), 0);
		check_list(&list, counts[i]);
		/* Five members, or fewer, are one operation. */
		assert_true(list.op_count <= (counts[i] + 4) / 5);
	}
}

/* What differs in one thing only is no run. */
static void test_runs_end(void **state)
{
	static const struct wanted ops[] = {
		{.set = "s", .owner = "o", .member = {.family = 4, .length = 32}, .expiry = 1},
		{.set = "s", .owner = "o", .member = {.family = 4, .length = 32}, .expiry = 2},
		{.set = "s", .owner = "p", .member = {.family = 4, .length = 32}, .expiry = 2},
		{.set = "t", .owner = "p", .member = {.family = 4, .length = 32}, .expiry = 2},
		{.set = "t", .owner = "p", .member = {.family = 6, .length = 32}, .expiry = 2},
		{.set = "t", .owner = "p", .member = {.family = 6, .length = 32}},
		{.set = "t", .owner = "p", .member = {.family = 6, .length = 32}, .release = true},
		{.set = "s", .owner = "p", .member = {.family = 6, .length = 32}, .release = true},
		{.set = "s", .owner = "o", .member = {.family = 6, .length = 32}, .release = true},
	};
	_cleanup_leases_ struct lease_list list = {0};
	_cleanup_free_ uint8_t *data = NULL;
	struct lease_walk walk = {.list = &list};
	struct lease_writer writer;
	size_t size;

	(void)state;
	lease_writer_init(&writer, &wanted_clock);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		assert_int_equal(wanted_write(&writer, &ops[i]), 0);
	assert_int_equal(lease_writer_finish(&writer, &data, &size), 0);
	lease_writer_deinit(&writer);
	assert_int_equal(lease_list_read(data, size, &list), 0);
	assert_int_equal(list.op_count, ARRAY_SIZE(ops));
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		assert_true(lease_walk_next(&walk));
		check_op(&walk, &ops[i]);
	}
}

/* --- a snapshot of a table */

/* Puts what a list holds; in between all that it releases. */
static void apply(struct lease_table *table, const struct lease_list *list)
{
	struct lease_walk walk = {.list = list};

	while (lease_walk_next(&walk)) {
		uint8_t set = (uint8_t)strtoul(walk.set + 4, NULL, 10);
		uint32_t owner;

		assert_int_equal(
			lease_table_ref_owner(table, walk.owner, strlen(walk.owner), &owner), 0);
		if (walk.release)
			lease_table_remove(table, set, &walk.member, owner);
		else
			assert_true(
				lease_table_put(table, set, &walk.member, owner, walk.expiry) >= 0);
		lease_table_unref_owner(table, owner);
	}
}

static void snapshot(const struct lease_table *table, size_t piece, uint8_t **ret, size_t *ret_size)
{
	struct lease_writer writer;

	lease_writer_init(&writer, &wanted_clock);
	for (uint8_t set = 0; set < LEASE_SETS; set++) {
		char name[16];
		uint64_t cursor = 0;
		int r;

		snprintf(name, sizeof(name), "set.%u", set);
		do {
			r = lease_writer_hold_all(&writer, table, set, name, &cursor, piece);
			assert_true(r >= 0);
		} while (r);
	}
	assert_int_equal(lease_writer_finish(&writer, ret, ret_size), 0);
	lease_writer_deinit(&writer);
}

/* Whether all that `a` has is in `b` too. */
static void check_tables(const struct lease_table *a, const struct lease_table *b)
{
	for (uint8_t set = 0; set < LEASE_SETS; set++) {
		uint64_t cursor = 0;
		uint32_t id;

		assert_int_equal(lease_table_count(a, set), lease_table_count(b, set));
		while (lease_table_next(a, set, &cursor, &id)) {
			struct lease lease = lease_table_at(a, id);
			const char *name = lease_table_owner_name(a, lease.owner);
			uint32_t owner = lease_table_find_owner(b, name, strlen(name));

			assert_int_not_equal(owner, LEASE_NONE);
			id = lease_table_find(b, set, &lease.member, owner);
			assert_int_not_equal(id, LEASE_NONE);
			assert_int_equal(lease_table_at(b, id).expiry, lease.expiry);
		}
	}
}

static void test_snapshot(void **state)
{
	static const size_t pieces[] = {1, 7, SIZE_MAX};
	_cleanup_leases_ struct lease_list list = {0};
	_cleanup_free_ uint8_t *data = NULL;
	struct lease_table table = {0};
	size_t size;

	(void)state;
	assert_int_equal(wanted_write_list(20000, &data, &size), 0);
	assert_int_equal(lease_list_read(data, size, &list), 0);
	apply(&table, &list);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		_cleanup_leases_ struct lease_list saved = {0};
		_cleanup_free_ uint8_t *bytes = NULL;
		struct lease_table again = {0};

		snapshot(&table, pieces[i], &bytes, &size);
		assert_int_equal(lease_list_read(bytes, size, &saved), 0);
		apply(&again, &saved);
		check_tables(&table, &again);
		lease_table_deinit(&again);
	}
	lease_table_deinit(&table);
}

/* Some changes to a table of which a record is kept. */
static void change(struct lease_table *table, struct lease_writer *record)
{
	for (unsigned int n = 0; n < 20; n++) {
		struct wanted w = wanted((unsigned int)rand() % 20000);
		uint8_t set = (uint8_t)strtoul(w.set + 4, NULL, 10);
		uint32_t owner;

		w.release = rand() % 2;
		w.expiry = w.release ? 0 : (uint64_t)rand();
		assert_int_equal(wanted_write(record, &w), 0);
		assert_int_equal(lease_table_ref_owner(table, w.owner, strlen(w.owner), &owner), 0);
		if (w.release)
			lease_table_remove(table, set, &w.member, owner);
		else
			lease_table_put(table, set, &w.member, owner, w.expiry);
		lease_table_unref_owner(table, owner);
	}
}

static void read_and_apply(struct lease_writer *writer, struct lease_table *table)
{
	_cleanup_leases_ struct lease_list list = {0};
	_cleanup_free_ uint8_t *data = NULL;
	size_t size;

	assert_int_equal(lease_writer_finish(writer, &data, &size), 0);
	assert_int_equal(lease_list_read(data, size, &list), 0);
	apply(table, &list);
	lease_writer_deinit(writer);
}

/* What changes while the snapshot is written is right when its record is applied after it. */
static void test_snapshot_beside_changes(void **state)
{
	struct lease_table table = {0}, again = {0};
	struct lease_writer writer, record;

	(void)state;
	srand(4711);
	lease_writer_init(&record, &wanted_clock);
	for (unsigned int i = 0; i < 500; i++)
		change(&table, &record);
	lease_writer_deinit(&record);
	lease_writer_init(&writer, &wanted_clock);
	lease_writer_init(&record, &wanted_clock);
	for (uint8_t set = 0; set < LEASE_SETS; set++) {
		char name[16];
		uint64_t cursor = 0;

		snprintf(name, sizeof(name), "set.%u", set);
		while (lease_writer_hold_all(&writer, &table, set, name, &cursor, 10) == 1)
			change(&table, &record);
	}
	read_and_apply(&writer, &again);
	read_and_apply(&record, &again);
	check_tables(&table, &again);
	lease_table_deinit(&again);
	lease_table_deinit(&table);
}

/* --- the rest */

static void test_expiries_of_another_boot(void **state)
{
	struct lease_clock now = {.boot = 100, .wall = wanted_clock.wall + 3000};

	(void)state;
	assert_int_equal(lease_expiry_move(0, &wanted_clock, &now), 0);
	assert_int_equal(
		lease_expiry_move(wanted_clock.boot + 3000, &wanted_clock, &now), now.boot);
	assert_int_equal(
		lease_expiry_move(wanted_clock.boot + 4000, &wanted_clock, &now), now.boot + 1000);
	assert_int_equal(lease_expiry_move(wanted_clock.boot + 2950, &wanted_clock, &now), 50);
	assert_int_equal(lease_expiry_move(wanted_clock.boot + 2900, &wanted_clock, &now), 1);
	assert_int_equal(lease_expiry_move(1, &wanted_clock, &now), 1);
	now.wall = 0; /* a clock that was not set */
	assert_int_equal(lease_expiry_move(UINT64_MAX, &wanted_clock, &now), UINT64_MAX);
	assert_int_equal(lease_expiry_move(6000, &wanted_clock, &now), wanted_clock.wall + 1100);
}

static void test_without_memory(void **state)
{
	bool failed = true;

	(void)state;
	for (unsigned int nth = 1; failed; nth++) {
		struct lease_list list = {.op_count = 4711};
		_cleanup_free_ uint8_t *data = NULL;
		size_t size = 0;
		int r;

		failing_memory_set(nth, nth % 2);
		r = wanted_write_list(500, &data, &size);
		if (!r)
			r = lease_list_read(data, size, &list);
		failed = failing_memory_end();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		if (failed) {
			assert_int_equal(list.op_count, 4711);
			continue;
		}
		check_list(&list, 500);
		lease_list_deinit(&list);
	}
}

static double ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Prints how long a million leases take; each has another expiry, so nothing is shared. */
static void test_a_million(void **state)
{
	_cleanup_leases_ struct lease_list list = {0};
	_cleanup_free_ uint8_t *data = NULL;
	struct lease_table table = {0};
	double begin, written;
	uint64_t sum = 0;
	uint32_t owner;
	size_t size;

	(void)state;
	assert_int_equal(lease_table_ref_owner(&table, "uid:0", 5, &owner), 0);
	for (uint32_t i = 0; i < 1000000; i++) {
		struct member m = {.family = 4, .length = 32};

		memcpy(m.bytes, &i, sizeof(i));
		assert_int_equal(lease_table_put(&table, 3, &m, owner, 1 + i), 1);
	}
	begin = ms();
	snapshot(&table, SIZE_MAX, &data, &size);
	written = ms();
	assert_int_equal(lease_list_read(data, size, &list), 0);
	for (size_t i = 0; i < list.op_count; i++)
		for (uint32_t j = 0; j < list.ops[i].count; j++)
			sum += lease_op_expiry(&list.ops[i], j) +
			       lease_op_member(&list.ops[i], j).length;
	print_message("a million leases, %zu bytes: written in %.0f ms, read in %.0f ms\n", size,
		written - begin, ms() - written);
	assert_int_equal(sum, 1000000ull * 1000001 / 2 + 32000000);
	lease_table_deinit(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_runs_end),
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_snapshot_beside_changes),
		cmocka_unit_test(test_expiries_of_another_boot),
		cmocka_unit_test(test_without_memory),
		cmocka_unit_test(test_a_million),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
