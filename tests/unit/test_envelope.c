/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "common/envelope.h"

#define BYTES(text) ((struct envelope_bytes){(const uint8_t *)(text), sizeof(text) - 1})

static void assert_bytes(struct envelope_bytes bytes, const char *text)
{
	assert_int_equal(bytes.size, strlen(text));
	if (bytes.size)
		assert_memory_equal(bytes.data, text, bytes.size);
}

static void test_request_bytes(void **state)
{
	static const char wire[] = "\x0a\x01s\x12\x02me\x1a\x01p\x20\xe8\x07";
	struct envelope_request request = {
		BYTES("s"), BYTES("me"), BYTES("p"), .has_timeout = true, .timeout = 1000};
	struct envelope_request back;
	uint8_t bytes[32];

	(void)state;
	assert_int_equal(envelope_request_size(&request), sizeof(wire) - 1);
	assert_ptr_equal(envelope_request_encode(&request, bytes), bytes + sizeof(wire) - 1);
	assert_memory_equal(bytes, wire, sizeof(wire) - 1);
	assert_int_equal(envelope_request_decode(bytes, sizeof(wire) - 1, &back), 0);
	assert_bytes(back.service, "s");
	assert_bytes(back.method, "me");
	assert_bytes(back.payload, "p");
	assert_true(back.has_timeout);
	assert_int_equal(back.timeout, 1000);
}

static void test_negative_and_zero_timeouts_are_present(void **state)
{
	static const int64_t timeouts[] = {0, -1, INT64_MIN, INT64_MAX};
	struct envelope_request request = {BYTES("s"), .has_timeout = true}, back;
	uint8_t bytes[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(timeouts); i++) {
		request.timeout = timeouts[i];
		envelope_request_encode(&request, bytes);
		assert_int_equal(
			envelope_request_decode(bytes, envelope_request_size(&request), &back), 0);
		assert_true(back.has_timeout);
		assert_true(back.timeout == timeouts[i]);
	}
}

static void test_unknown_fields_and_metadata_are_skipped(void **state)
{
	static const char wire[] = "\x2a\x04\x0a\x02kv\x30\x01\x39"
				   "12345678\x45"
				   "1234\x0a\x01s\x0a\x01t";
	struct envelope_request back;

	(void)state;
	assert_int_equal(envelope_request_decode(wire, sizeof(wire) - 1, &back), 0);
	assert_bytes(back.service, "t"); /* the last one counts */
	assert_false(back.has_timeout);
}

static void test_every_cut_is_refused_or_shorter(void **state)
{
	struct envelope_request request = {
		BYTES("service"), BYTES("method"), BYTES("payload"), .has_timeout = true, .timeout = -1};
	struct envelope_request back = {.timeout = 7};
	uint8_t bytes[64];
	size_t size = envelope_request_size(&request), whole = 0;

	(void)state;
	envelope_request_encode(&request, bytes);
	for (size_t cut = 0; cut < size; cut++) {
		uint8_t *exact = malloc(cut + 1); /* so that a sanitizer sees a byte too far */

		assert_non_null(exact);
		memcpy(exact, bytes, cut);
		if (envelope_request_decode(exact, cut, &back) == 0)
			whole++;
		free(exact);
	}
	assert_int_equal(whole, 4); /* only between fields */
}

static void test_garbage_is_refused(void **state)
{
	static const struct envelope_bytes garbage[] = {
		BYTES("\x00"), BYTES("\x0b"), BYTES("\x0c"), BYTES("\x0a\xff"),
		BYTES("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
		BYTES("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
		BYTES("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
		BYTES("\x08\x01"), BYTES("\x22\x01x"), BYTES("\x39\x01"),
	};
	struct envelope_response response;
	struct envelope_request request;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++)
		assert_int_equal(
			envelope_request_decode(garbage[i].data, garbage[i].size, &request), -EBADMSG);
	assert_int_equal(envelope_response_decode("\x08\x01", 2, &response), -EBADMSG);
}

static void test_response(void **state)
{
	struct envelope_response response = {BYTES("st"), BYTES("payload")}, back;
	uint8_t bytes[32];

	(void)state;
	envelope_response_encode(&response, bytes);
	assert_int_equal(
		envelope_response_decode(bytes, envelope_response_size(&response), &back), 0);
	assert_bytes(back.status, "st");
	assert_bytes(back.payload, "payload");
	assert_int_equal(envelope_response_size(&(struct envelope_response){0}), 0);
	assert_int_equal(envelope_response_decode(NULL, 0, &back), 0);
	assert_bytes(back.payload, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_bytes),
		cmocka_unit_test(test_negative_and_zero_timeouts_are_present),
		cmocka_unit_test(test_unknown_fields_and_metadata_are_skipped),
		cmocka_unit_test(test_every_cut_is_refused_or_shorter),
		cmocka_unit_test(test_garbage_is_refused),
		cmocka_unit_test(test_response),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
