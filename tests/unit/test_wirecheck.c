/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "common/wirecheck.h"
#include "pepctl.pb-c.h"

#define APPLY  pepctl__v1__apply_changes_request__descriptor
#define CREATE pepctl__v1__create_policy_request__descriptor

/* `path` NULL = accepted. */
static void check(const ProtobufCMessageDescriptor *descriptor, const void *data, size_t size,
	bool refuse_unknown, const char *path)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	int r = wirecheck(descriptor, data, size, refuse_unknown, 0, &err);

	assert_int_equal(r, path ? -EINVAL : 0);
	if (path)
		assert_string_equal(err.violations[0].field, path);
}

#define CHECK(descriptor, text, refuse, path) \
	check(&(descriptor), text, sizeof(text) - 1, refuse, path)

static void test_accepts(void **state)
{
	(void)state;
	CHECK(CREATE, "", true, NULL);
	CHECK(CREATE, "\x0a\x03\x0a\x01" "a", true, NULL);
	CHECK(CREATE, "\x12\x02\xc3\xa4", true, NULL);
}

static void test_names_the_field(void **state)
{
	(void)state;
	CHECK(CREATE, "\x0a\x03\x0a\x01\xff", true, "policy.name");
	CHECK(CREATE, "\x0a\x04\x0a\x02" "a\0", true, "policy.name");
	CHECK(CREATE, "\x0a\x02\x08\x01", true, "policy.name");
	CHECK(CREATE, "\x0a\x05\x0a", true, "");
	CHECK(CREATE, "\x0a\x01\x0a", true, "policy");
	/* The second operation: put_policy with a broken name. */
	CHECK(APPLY, "\x0a\x00\x0a\x05\x12\x03\x0a\x01\xff", true, "operations[1].put_policy.name");
}

/* A later message of a stream: its operations count on, what is inside of them does not. */
static void test_counts_from(void **state)
{
	static const char message[] = "\x0a\x00\x0a\x0b\x12\x09\x1a\x07\x32\x01" "a" "\x32\x02\xff\xff";
	_cleanup_error_ struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(wirecheck(&pepctl__v1__apply_stream_request__descriptor, message,
				 sizeof(message) - 1, true, 1000, &err), -EINVAL);
	assert_string_equal(err.violations[0].field, "operations[1001].put_policy.match.iface[1]");
}

static void test_unknown_fields(void **state)
{
	(void)state;
	CHECK(CREATE, "\xf8\x07\x01", false, NULL);
	CHECK(CREATE, "\xf8\x07\x01", true, "127");
	CHECK(CREATE, "\x0a\x03\xf8\x07\x01", true, "policy.127");
}

static void test_utf8(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		bool valid;
	} rows[] = {
		{"abc", 3, true}, {"\xc3\xa4", 2, true}, {"\xe2\x82\xac", 3, true},
		{"\xf0\x9f\x92\xa9", 4, true}, {"\xf4\x8f\xbf\xbf", 4, true},
		{"\xf4\x90\x80\x80", 4, false}, /* beyond U+10FFFF */
		{"\xed\xa0\x80", 3, false},     /* a surrogate */
		{"\xc0\x80", 2, false},         /* overlong */
		{"\xe0\x80\xaf", 3, false}, {"\xc3", 1, false}, {"\x80", 1, false},
		{"\xff", 1, false}, {"a\0b", 3, false}, {"\xe2\x82", 2, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(wirecheck_utf8((const uint8_t *)rows[i].bytes, rows[i].size),
			rows[i].valid);
}

static void test_control(void **state)
{
	(void)state;
	assert_false(wirecheck_has_control(""));
	assert_false(wirecheck_has_control("plain ~ \xc2\xa0 \xc3\x9b \xe2\x82\xac"));
	assert_true(wirecheck_has_control("a\nb"));
	assert_true(wirecheck_has_control("\x1b[31m"));
	assert_true(wirecheck_has_control("\x7f"));
	assert_true(wirecheck_has_control("x\xc2\x9b" "31m")); /* CSI in one character */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_names_the_field),
		cmocka_unit_test(test_counts_from),
		cmocka_unit_test(test_unknown_fields),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
