/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/crc32c.h"

#include <endian.h>
#include <string.h>

/* Polynomials over GF(2) with the lowest power in the highest bit. */
#define POLYNOMIAL 0x82f63b78u
#define X0         0x80000000u
#define X8         0x00800000u

static uint32_t table[8][256]; /* of a byte that so many others follow */
static uint32_t power[4]
		     [256]; /* x^(8 i 256^j), by j and i: what i 256^j bytes that follow come to */
static uint32_t (*best)(uint32_t crc, const void *data, size_t size) = crc32c_portable;

static uint32_t times_x(uint32_t a)
{
	return a >> 1 ^ (a & 1 ? POLYNOMIAL : 0);
}

static uint32_t times(uint32_t a, uint32_t b)
{
	uint32_t product = 0;

	for (; a; a <<= 1) {
		if (a & X0)
			product ^= b;
		b = times_x(b);
	}
	return product;
}

/* Eight bytes at a time: each has a table of its own, so none waits for another. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint64_t word;

	crc = ~crc;
	for (; size >= sizeof(word); bytes += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		word = le64toh(word) ^ crc;
		crc = 0;
		for (unsigned int i = 0; i < 8; i++)
			crc ^= table[7 - i][word >> 8 * i & 255];
	}
	for (; size; bytes++, size--)
		crc = crc >> 8 ^ table[0][(crc ^ *bytes) & 255];
	return ~crc;
}

uint32_t crc32c_shift(uint32_t crc, size_t size)
{
	for (size_t j = 0; j < 4; j++)
		if (size >> 8 * j & 255)
			crc = times(crc, power[j][size >> 8 * j & 255]);
	return crc;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t size)
{
	return best(crc, data, size);
}

#ifdef __x86_64__

__attribute__((target("sse4.2"))) static uint32_t by_instruction(
	uint32_t crc, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint64_t word, sum = ~crc;

	for (; size >= sizeof(word); bytes += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		sum = __builtin_ia32_crc32di(sum, word);
	}
	for (; size; bytes++, size--)
		sum = __builtin_ia32_crc32qi((uint32_t)sum, *bytes);
	return ~(uint32_t)sum;
}

static void choose(void)
{
	__builtin_cpu_init();
	if (__builtin_cpu_supports("sse4.2"))
		best = by_instruction;
}

#else

static void choose(void)
{
}

#endif

/* Before main(), and so before there are threads. */
__attribute__((constructor)) static void make_tables(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = times_x(crc);
		for (size_t j = 0; j < 8; j++) {
			table[j][i] = crc;
			crc = times(crc, X8);
		}
	}
	for (size_t j = 0; j < 4; j++) {
		uint32_t step = j ? times(power[j - 1][255], power[j - 1][1]) : X8;

		power[j][0] = X0;
		for (size_t i = 1; i < 256; i++)
			power[j][i] = times(power[j][i - 1], step);
	}
	choose();
}
