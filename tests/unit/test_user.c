/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One account a uid; root's has no limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/user.h"

static void test_one_account_a_uid(void **state)
{
	struct users all = {0};
	struct user *a = user_ref(&all, 7), *b = user_ref(&all, 8);

	(void)state;
	assert_ptr_equal(user_ref(&all, 7), a);
	assert_ptr_not_equal(a, b);
	user_charge(a, 5);
	user_unref(a);
	assert_ptr_equal(user_ref(&all, 7), a);
	assert_int_equal(a->bytes, 5);
	user_release(a, 5);
	user_unref(a);
	user_unref(a);
	assert_ptr_equal(all.first, b);
	user_unref(b);
	assert_null(all.first);
}

static void test_limit(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct users all = {0};
	struct user *user = user_ref(&all, 7);

	(void)state;
	assert_int_equal(user_take(user, USER_BYTES_MAX, &err), 0);
	assert_true(user_has_room(user, 0));
	assert_true(user_take(user, 1, &err) < 0);
	assert_int_equal(err.kind, ERROR_LIMIT);
	assert_string_equal(error_reason(&err), "USER_BYTES");
	assert_int_equal(user->bytes, USER_BYTES_MAX);
	user_charge(user, 1);
	assert_false(user_has_room(user, 0));
	assert_false(user_has_room(user, SIZE_MAX));
	user_release(user, USER_BYTES_MAX + 1);
	assert_false(user_has_room(user, SIZE_MAX));
	assert_true(user_has_room(user, USER_BYTES_MAX));
	user_unref(user);
}

static void test_without_limit(void **state)
{
	struct users all = {0};
	struct user *root = user_ref(&all, 0);

	(void)state;
	assert_int_equal(user_take(root, (size_t)USER_BYTES_MAX * 4, NULL), 0);
	assert_true(user_has_room(root, SIZE_MAX));
	user_unref(root);
	assert_int_equal(user_take(NULL, SIZE_MAX, NULL), 0);
	user_release(NULL, SIZE_MAX);
	user_unref(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_account_a_uid),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_without_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
