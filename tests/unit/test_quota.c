/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/quota.h"

static void test_each_user_has_the_limit(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct quota q = {.limit = 3 << 20};

	(void)state;
	assert_int_equal(quota_charge(&q, 0, 2 << 20, NULL), 0);
	assert_int_equal(quota_charge(&q, 7, 3 << 20, NULL), 0);
	assert_int_equal(quota_charge(&q, 0, 1 << 20, NULL), 0);
	assert_true(quota_charge(&q, 0, 1, &err) < 0);
	assert_int_equal(err.kind, ERROR_LIMIT);
	assert_string_equal(err.reason, "QUOTA_FULL");
	assert_non_null(strstr(err.message, "3 MiB"));
	assert_true(quota_charge(&q, 9, SIZE_MAX, NULL) < 0);
	quota_release(&q, 0, 2 << 20);
	assert_int_equal(quota_charge(&q, 0, 2 << 20, NULL), 0);
	assert_true(quota_charge(&q, 7, 1, NULL) < 0);
	quota_release(&q, 0, 3 << 20);
	quota_release(&q, 7, 3 << 20);
	assert_null(q.users);
}

/* What was refused holds nothing. */
static void test_refusals_hold_nothing(void **state)
{
	struct quota q = {.limit = 10};

	(void)state;
	assert_true(quota_charge(&q, 1, 11, NULL) < 0);
	assert_null(q.users);
	assert_int_equal(quota_charge(&q, 1, 10, NULL), 0);
	assert_true(quota_charge(&q, 1, 1, NULL) < 0);
	quota_release(&q, 1, 10);
	assert_null(q.users);
	quota_release(&q, 1, 0);
	assert_int_equal(quota_charge(&q, 1, 0, NULL), 0);
	assert_null(q.users);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_user_has_the_limit),
		cmocka_unit_test(test_refusals_hold_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
