/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/frame.h"

static void test_bytes_are_those_of_the_protocol(void **state)
{
	const uint8_t expected[] = {0x00, 0x01, 0x02, 0x03, 0xff, 0xfe, 0xfd, 0xfc, 3, 5};
	struct frame frame = {0x010203, 0xfffefdfc, FRAME_DATA, FRAME_REMOTE_CLOSED | FRAME_NO_DATA};
	uint8_t bytes[FRAME_HEADER_SIZE];
	struct frame back;

	(void)state;
	frame_encode(&frame, bytes);
	assert_memory_equal(bytes, expected, sizeof(expected));
	frame_decode(bytes, &back);
	assert_memory_equal(&back, &frame, offsetof(struct frame, flags) + 1);
}

static void test_lengths_at_the_limits(void **state)
{
	static const struct {
		uint32_t length;
		enum frame_verdict verdict;
	} cases[] = {
		{0, FRAME_ACCEPT},
		{4194304, FRAME_ACCEPT},
		{4194305, FRAME_DISCARD},
		{16777216, FRAME_DISCARD},
		{16777217, FRAME_CLOSE},
		{UINT32_MAX, FRAME_CLOSE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(frame_judge(&(struct frame){.length = cases[i].length}),
			cases[i].verdict);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_are_those_of_the_protocol),
		cmocka_unit_test(test_lengths_at_the_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
