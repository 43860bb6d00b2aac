/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "lease_wanted.h"

/* In memory of its own size, so that a byte too far is seen. */
static int read_copy(const uint8_t *data, size_t size, struct lease_list *ret, uint8_t **ret_copy)
{
	*ret_copy = malloc(size + !size);
	assert_non_null(*ret_copy);
	memcpy(*ret_copy, data, size);
	return lease_list_read(*ret_copy, size, ret);
}

static void test_cut_short_anywhere(void **state)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t size;

	(void)state;
	assert_int_equal(wanted_write_list(300, &data, &size), 0);
	for (size_t cut = 0; cut < size; cut++) {
		struct lease_list list = {.op_count = 4711};
		_cleanup_free_ uint8_t *copy = NULL;
		uint64_t claimed = cut;

		assert_int_equal(read_copy(data, cut, &list, &copy), -EINVAL);
		assert_int_equal(list.op_count, 4711);
		/* It also ends in the middle of an entry when it claims to be whole. */
		if (cut < 28)
			continue;
		memcpy(copy + 4, &claimed, sizeof(claimed));
		if (lease_list_read(copy, cut, &list) == 0)
			lease_list_deinit(&list);
	}
}

/* What is read is good all the same: it can be written again, and is the same then. */
static void check_again(const struct lease_list *list)
{
	_cleanup_leases_ struct lease_list again = {0};
	struct lease_walk a = {.list = list}, b = {.list = &again};
	_cleanup_free_ uint8_t *data = NULL;
	struct lease_writer writer;
	size_t size;

	lease_writer_init(&writer, &list->clock);
	while (lease_walk_next(&a))
		assert_int_equal(lease_walk_write(&a, &writer), 0);
	assert_int_equal(lease_writer_finish(&writer, &data, &size), 0);
	lease_writer_deinit(&writer);
	assert_int_equal(lease_list_read(data, size, &again), 0);
	for (a = (struct lease_walk){.list = list}; lease_walk_next(&a);)
		assert_true(lease_walk_next(&b) && lease_walk_same(&a, &b));
	assert_false(lease_walk_next(&b));
}

static void test_any_bit_flipped(void **state)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t size, good = 0;

	(void)state;
	assert_int_equal(wanted_write_list(60, &data, &size), 0);
	for (size_t bit = 0; bit < 8 * size; bit++) {
		struct lease_list list = {0};
		_cleanup_free_ uint8_t *copy = NULL;
		int r;

		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		r = read_copy(data, size, &list, &copy);
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (bit / 8 < 12) /* version and size */
			assert_int_equal(r, -EINVAL);
		if (r) {
			assert_int_equal(r, -EINVAL);
			continue;
		}
		good++;
		assert_true(list.owner_count * sizeof(*list.owners) +
				list.op_count * sizeof(*list.ops) <=
			6 * size);
		check_again(&list);
		lease_list_deinit(&list);
	}
	assert_true(good > size);
}

#define HEADER "\1\0\0\0" "S\0\0\0\0\0\0\0" "bbbbbbbb" "wwwwwwww"
#define NAMES  "\1\1s" "\2\1o"
#define HOLD4  "\4\0\0\0\0\0\1\0\0\0" "eeeeeeee"

static void test_wrong_entries(void **state)
{
	static const struct {
		const char *entries;
		size_t size;
		int result;
	} cases[] = {
#define CASE(entries, result) {HEADER entries, sizeof(HEADER entries) - 1, result}
		CASE("", 0),
		CASE(NAMES, 0),
		CASE(NAMES HOLD4 "\12\0\0\1\40", 0),
		CASE(NAMES HOLD4 "\12\0\0\1\41", -EINVAL), /* 33 bits */
		CASE(NAMES HOLD4 "\12\0\0\1\37", -EINVAL), /* host bits */
		CASE(NAMES HOLD4 "\12\0\0\0\10", 0),
		CASE(NAMES "\4\0\0\0\0\0\0\0\0\0" "eeeeeeee", -EINVAL), /* none */
		CASE(NAMES "\4\1\0\0\0\0\1\0\0\0" "eeeeeeee" "\12\0\0\1\40", -EINVAL),
		CASE(NAMES "\4\0\1\0\0\0\1\0\0\0" "eeeeeeee" "\12\0\0\1\40", -EINVAL),
		CASE(NAMES "\4\0\0\0\0\0\377\377\377\377" "eeeeeeee" "\12\0\0\1\40", -EINVAL),
		CASE(HOLD4 "\12\0\0\1\40" NAMES, -EINVAL), /* names come first */
		CASE(NAMES "\6\0\0\0\0\0\1\0\0\0" "\12\0\0\1\40", 0),
		CASE(NAMES "\7\0\0\0\0\0\1\0\0\0" "0123456789abcdef\200", 0),
		CASE(NAMES "\7\0\0\0\0\0\1\0\0\0" "0123456789abcdef\201", -EINVAL),
		CASE(NAMES "\0", -EINVAL),
		CASE(NAMES "\3\1s", -EINVAL),
		CASE(NAMES "\10\0\0\0\0\0\1\0\0\0" "\12\0\0\1\40", -EINVAL),
		CASE(NAMES "\10\0\0\0\0\0\1\0\0\0" "\12\0\0\1\40" "eeeeeeee", 0),
		CASE(NAMES "\11\0\0\0\0\0\1\0\0\0" "0123456789abcdef\200" "eeeeeeee", 0),
		CASE(NAMES "\11\0\0\0\0\0\1\0\0\0" "0123456789abcdef\201" "eeeeeeee", -EINVAL),
		CASE(NAMES "\12\0\0\0\0\0\1\0\0\0" "\12\0\0\1\40" "eeeeeeee", -EINVAL),
		CASE("\1\0", -EINVAL),
		CASE("\1\1:", -EINVAL),
		CASE("\2\1:", 0),
		CASE("\2\1\0", -EINVAL),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct lease_list list = {0};
		uint8_t data[128];

		memcpy(data, cases[i].entries, cases[i].size);
		data[4] = (uint8_t)cases[i].size;
		assert_int_equal(lease_list_read(data, cases[i].size, &list), cases[i].result);
		lease_list_deinit(&list);
	}
}

static void test_names_that_are_refused(void **state)
{
	static const char *const sets[] = {"", "a:b", "a b", "\xc3\xa4",
		"0123456789012345678901234567890123456789012345678901234567890123"};
	struct member m = {.family = 4, .length = 32};
	struct lease_writer writer;
	uint8_t *data;
	size_t size;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		lease_writer_init(&writer, &wanted_clock);
		assert_int_equal(lease_writer_hold(&writer, sets[i], "o", &m, 1), -EINVAL);
		assert_int_equal(lease_writer_release(&writer, "s", "o", &m), -EINVAL);
		assert_int_equal(lease_writer_finish(&writer, &data, &size), -EINVAL);
		lease_writer_deinit(&writer);
	}
	lease_writer_init(&writer, &wanted_clock);
	for (unsigned int i = 0; i <= LEASE_SETS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", i);
		assert_int_equal(lease_writer_hold(&writer, name, "o", &m, 1),
			i == LEASE_SETS ? -ENOSPC : 0);
	}
	lease_writer_deinit(&writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_short_anywhere),
		cmocka_unit_test(test_any_bit_flipped),
		cmocka_unit_test(test_wrong_entries),
		cmocka_unit_test(test_names_that_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
