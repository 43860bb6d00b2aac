/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <time.h>

#include "server/crc32c.h"

#define BIG (16u << 20)

static uint8_t bytes[BIG];

static uint32_t bit_by_bit(uint32_t crc, const uint8_t *data, size_t size)
{
	crc = ~crc;
	for (size_t i = 0; i < size; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static void check(const void *data, size_t size, uint32_t wanted)
{
	assert_int_equal(crc32c(0, data, size), wanted);
	assert_int_equal(crc32c_portable(0, data, size), wanted);
}

/* RFC 3720, B.4. */
static void test_published(void **state)
{
	static const uint8_t read_pdu[48] = {0x01,
		0xc0, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18, [32] = 0x28, [40] = 0x02};
	uint8_t data[32] = {0};

	(void)state;
	check(data, 32, 0x8a9136aa);
	memset(data, 0xff, 32);
	check(data, 32, 0x62a8ab43);
	for (uint8_t i = 0; i < 32; i++)
		data[i] = i;
	check(data, 32, 0x46dd794e);
	for (uint8_t i = 0; i < 32; i++)
		data[i] = (uint8_t)(31 - i);
	check(data, 32, 0x113fdb5c);
	check(read_pdu, 48, 0xd9963a56);
	check("123456789", 9, 0xe3069283);
}

/* At every alignment and of every length around the words, in one piece and in two. */
static void test_same_by_all_ways(void **state)
{
	(void)state;
	for (size_t at = 0; at < 16; at++)
		for (size_t size = 0; size < 80; size++) {
			const uint8_t *data = bytes + at;
			uint32_t wanted = bit_by_bit(0, data, size);

			check(data, size, wanted);
			for (size_t cut = 0; cut <= size; cut += 7) {
				uint32_t begin = crc32c(0, data, cut);

				assert_int_equal(crc32c(begin, data + cut, size - cut), wanted);
				assert_int_equal(
					crc32c_portable(begin, data + cut, size - cut), wanted);
			}
		}
}

static void test_joined(void **state)
{
	static const size_t sizes[] = {0, 1, 7, 255, 256, 257, 4096, 65535, 65536, 65537, 16777213};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t before = crc32c(0, bytes, 3), after = crc32c(0, bytes + 3, sizes[i]);

		assert_int_equal(
			crc32c_shift(before, sizes[i]) ^ after, crc32c(0, bytes, sizes[i] + 3));
	}
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint32_t tell_speed(const char *name, uint32_t (*crc)(uint32_t, const void *, size_t))
{
	double begin = seconds();
	uint32_t value = crc(0, bytes, BIG);

	print_message("%s: %.0f MB/s\n", name, BIG / (seconds() - begin) / 1e6);
	return value;
}

static void test_big(void **state)
{
	(void)state;
	assert_int_equal(tell_speed("best", crc32c), tell_speed("by tables", crc32c_portable));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_same_by_all_ways),
		cmocka_unit_test(test_joined),
		cmocka_unit_test(test_big),
	};

	for (uint32_t i = 0; i < BIG; i++)
		bytes[i] = (uint8_t)((i * 2654435761u) >> 24);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
