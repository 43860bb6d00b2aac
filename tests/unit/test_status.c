/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "common/status.h"

static void test_there_and_back(void **state)
{
	struct error out = ERROR_INIT, back = ERROR_INIT;
	struct envelope_bytes bytes;
	struct arena arena;

	(void)state;
	arena_init(&arena, ARENA_BUDGET_DEFAULT);
	for (int kind = ERROR_NONE + 1; kind < ERROR_MAX; kind++) {
		error_set(&out, (enum error_kind)kind, "SOME_REASON", "what happened");
		error_violation(&out, "policy.name", "is missing");
		error_violation(&out, "policy.match", "is odd");
		assert_int_equal(status_encode(&out, &arena, &bytes), 0);
		assert_int_equal(status_decode(bytes.data, bytes.size, &back), 0);
		assert_int_equal(back.kind, kind);
		assert_string_equal(error_reason(&back), "SOME_REASON");
		assert_string_equal(error_message(&back), "what happened");
		assert_int_equal(back.violation_count, 2);
		assert_string_equal(back.violations[1].field, "policy.match");
		assert_string_equal(back.violations[1].description, "is odd");
		error_deinit(&out);
		error_deinit(&back);
	}
	arena_deinit(&arena);
}

static void test_quotes_are_text(void **state)
{
	struct error out = ERROR_INIT, back = ERROR_INIT;
	struct envelope_bytes bytes;
	struct arena arena;

	(void)state;
	arena_init(&arena, ARENA_BUDGET_DEFAULT);
	error_set(&out, ERROR_INVALID, NULL, "a\xff\xc3\xa4\xe2\x82");
	assert_int_equal(status_encode(&out, &arena, &bytes), 0);
	assert_int_equal(status_decode(bytes.data, bytes.size, &back), 0);
	assert_string_equal(error_message(&back), "a?\xc3\xa4??");
	arena_deinit(&arena);
	error_deinit(&out);
	error_deinit(&back);
}

static void test_refuses(void **state)
{
	struct error err = ERROR_INIT, out = ERROR_INIT;
	struct envelope_bytes bytes;
	struct arena tiny;

	(void)state;
	assert_int_equal(status_decode("\x12\x7f", 2, &err), -EBADMSG);
	assert_false(error_is_set(&err));
	assert_int_equal(status_decode("\x08\x63", 2, &err), 0);
	assert_int_equal(err.kind, ERROR_UNKNOWN);
	error_deinit(&err);
	error_set(&out, ERROR_INTERNAL, NULL, "x");
	arena_init(&tiny, 64);
	assert_int_equal(status_encode(&out, &tiny, &bytes), -ENOMEM);
	arena_deinit(&tiny);
	error_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_quotes_are_text),
		cmocka_unit_test(test_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
