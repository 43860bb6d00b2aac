/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/table.h"

struct item {
	struct table_node node;
	uint32_t key;
};

static struct item *find(const struct table *table, uint32_t key, uint64_t hash)
{
	for (struct table_node *n = table_first(table, hash); n; n = table_next(n)) {
		struct item *item = CONTAINER_OF(n, struct item, node);

		if (item->key == key)
			return item;
	}
	return NULL;
}

static void test_add_grow_remove(void **state)
{
	enum { COUNT = 5000 };
	_cleanup_free_ struct item *items = calloc(COUNT, sizeof(*items));
	_cleanup_(table_deinit) struct table table = {0};

	(void)state;
	assert_non_null(items);
	assert_null(find(&table, 1, 1));
	for (uint32_t i = 0; i < COUNT; i++) {
		items[i].key = i;
		assert_int_equal(table_reserve(&table, i + 1), 0);
		table_add(&table, &items[i].node, table_hash(&i, sizeof(i)));
	}
	for (uint32_t i = 0; i < COUNT; i += 2)
		table_remove(&table, &items[i].node);
	assert_int_equal(table.count, COUNT / 2);
	for (uint32_t i = 0; i < COUNT; i++)
		assert_ptr_equal(find(&table, i, table_hash(&i, sizeof(i))),
			i % 2 ? &items[i] : NULL);
}

static void test_equal_hashes_are_told_apart(void **state)
{
	struct item items[3] = {{.key = 1}, {.key = 2}, {.key = 3}};
	_cleanup_(table_deinit) struct table table = {0};

	(void)state;
	assert_int_equal(table_reserve(&table, 3), 0);
	for (size_t i = 0; i < 3; i++)
		table_add(&table, &items[i].node, 7);
	table_remove(&table, &items[1].node);
	assert_ptr_equal(find(&table, 1, 7), &items[0]);
	assert_null(find(&table, 2, 7));
	assert_ptr_equal(find(&table, 3, 7), &items[2]);
}

static void test_hash_takes_every_byte(void **state)
{
	uint8_t bytes[20] = {0};
	uint64_t all = table_hash(bytes, sizeof(bytes));

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = 1;
		assert_true(table_hash(bytes, sizeof(bytes)) != all);
		bytes[i] = 0;
		assert_true(table_hash(bytes, i) != all);
	}
	assert_true(table_hash(bytes, sizeof(bytes)) == all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add_grow_remove),
		cmocka_unit_test(test_equal_hashes_are_told_apart),
		cmocka_unit_test(test_hash_takes_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
