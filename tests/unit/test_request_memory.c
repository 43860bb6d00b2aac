/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "server/request_memory.h"

#define HOUR (3600ll * 1000000000ll)

static void add(struct request_memory *m, uint32_t uid, const char *id, int64_t time, size_t effects)
{
	struct request request = {.uid = uid, .time = time, .revision = (uint64_t)time, .effect_count = effects};

	snprintf(request.id, sizeof(request.id), "%s", id);
	request.effects = calloc(effects + 1, 1);
	assert_int_equal(request_memory_add(m, &request), 0);
}

static int count_one(void *data, const struct request *request)
{
	(void)request;
	++*(size_t *)data;
	return 0;
}

static size_t count(const struct request_memory *m)
{
	size_t all = 0;

	assert_int_equal(request_memory_each(m, count_one, &all), 0);
	return all;
}

static void test_is_found_for_a_day(void **state)
{
	struct request_memory m = {0};

	(void)state;
	add(&m, 1, "a", 100, 0);
	assert_int_equal(request_memory_find(&m, 1, "a", 200)->revision, 100);
	assert_null(request_memory_find(&m, 2, "a", 200)); /* another user's is another one */
	assert_null(request_memory_find(&m, 1, "b", 200));
	assert_non_null(request_memory_find(&m, 1, "a", 99 + 24 * HOUR));
	assert_null(request_memory_find(&m, 1, "a", 100 + 24 * HOUR));
	add(&m, 1, "b", 100 + 24 * HOUR, 0); /* which ends the first */
	assert_int_equal(count(&m), 1);
	request_memory_deinit(&m);
}

static void test_the_same_id_again(void **state)
{
	struct request_memory m = {0};

	(void)state;
	add(&m, 1, "a", 100, 3);
	add(&m, 1, "a", 200, 4);
	assert_int_equal(request_memory_find(&m, 1, "a", 300)->revision, 200);
	assert_int_equal(count(&m), 1);
	request_memory_deinit(&m);
}

static void test_limits(void **state)
{
	struct request_memory m = {0};
	char id[20];

	(void)state;
	add(&m, 2, "other", 1, 0);
	for (unsigned int i = 0; i < REQUESTS_USER + 5; i++) {
		snprintf(id, sizeof(id), "%u", i);
		add(&m, 1, id, 10 + i, 0);
	}
	assert_int_equal(count(&m), REQUESTS_USER + 1);
	assert_null(request_memory_find(&m, 1, "4", 20));
	assert_non_null(request_memory_find(&m, 1, "5", 20));
	assert_non_null(request_memory_find(&m, 2, "other", 20));
	add(&m, 1, "large", 30000, REQUESTS_BYTES + 1); /* alone too large: it is the last to go */
	assert_int_equal(count(&m), 2);
	add(&m, 1, "small", 30001, 1);
	assert_int_equal(count(&m), 2);
	request_memory_deinit(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_found_for_a_day),
		cmocka_unit_test(test_the_same_id_again),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
