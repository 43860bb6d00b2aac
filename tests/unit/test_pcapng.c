/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Files read block by block, as draft-ietf-opsawg-pcapng has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/pcapng.h"

#define BLOCKS_MAX 8

struct world {
	struct pcapng w;
	FILE *file;
	char *bytes;
	size_t size;
	const char *blocks[BLOCKS_MAX]; /* where each begins */
	size_t n_blocks;
};

static uint32_t word_at(const char *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* Lengths in front and behind agree, and all of the file is blocks. */
static void read_blocks(struct world *w)
{
	fflush(w->file);
	w->n_blocks = 0;
	for (size_t at = 0; at < w->size;) {
		uint32_t size = word_at(w->bytes + at + 4);

		assert_true(size >= 12 && size % 4 == 0 && size <= w->size - at);
		assert_int_equal(word_at(w->bytes + at + size - 4), size);
		assert_true(w->n_blocks < BLOCKS_MAX);
		w->blocks[w->n_blocks++] = w->bytes + at;
		at += size;
	}
}

/* The value of an option behind `from` bytes of the block; its length, -1 = it has none. */
static int option(const char *block, size_t from, unsigned int code, const char **ret)
{
	const char *end = block + word_at(block + 4) - 4;

	for (const char *at = block + from; at < end;) {
		uint16_t head[2];

		memcpy(head, at, sizeof(head));
		if (head[0] == code) {
			*ret = at + sizeof(head);
			return head[1];
		}
		assert_true(head[0] != 0 || at + sizeof(head) == end);
		at += sizeof(head) + (head[1] + 3u) / 4 * 4;
	}
	return -1;
}

static struct pcapng_packet a_packet(void)
{
	static const uint8_t data[PCAPNG_DATA_MAX] = "a frame";

	return (struct pcapng_packet){.iface = "eth0", .time = 0x123456789abcdef0, .data = data,
		.captured = 7, .length = 1000, .id = 42, .verdict = 1, .comment = "block"};
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->file = open_memstream(&w->bytes, &w->size);
	pcapng_begin(&w->w, w->file, "a test");
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	pcapng_end(&w->w);
	fclose(w->file);
	free(w->bytes);
	free(w);
	return 0;
}

static void test_section(void **state)
{
	struct world *w = *state;
	const char *value;

	read_blocks(w);
	assert_int_equal(w->n_blocks, 1);
	assert_int_equal(word_at(w->blocks[0]), 0x0a0d0d0a);
	assert_int_equal(word_at(w->blocks[0] + 8), 0x1a2b3c4d);
	assert_int_equal(option(w->blocks[0], 24, 4, &value), 6);
	assert_memory_equal(value, "a test", 6);
}

static void test_packet(void **state)
{
	struct world *w = *state;
	struct pcapng_packet p = a_packet();
	const char *b, *value;

	assert_true(pcapng_packet(&w->w, &p));
	read_blocks(w);
	assert_int_equal(w->n_blocks, 3);
	assert_int_equal(word_at(w->blocks[1]), 1);
	assert_int_equal(option(w->blocks[1], 16, 2, &value), 4);
	assert_memory_equal(value, "eth0", 4);
	assert_int_equal(option(w->blocks[1], 16, 9, &value), 1);
	assert_int_equal(*value, 9);
	b = w->blocks[2];
	assert_int_equal(word_at(b), 6);
	assert_int_equal(word_at(b + 8), 0);
	assert_int_equal(word_at(b + 12), 0x12345678);
	assert_int_equal(word_at(b + 16), 0x9abcdef0);
	assert_int_equal(word_at(b + 20), 7);
	assert_int_equal(word_at(b + 24), 1000);
	assert_memory_equal(b + 28, "a frame\0", 8);
	assert_int_equal(option(b, 36, 1, &value), 5);
	assert_memory_equal(value, "block", 5);
	assert_int_equal(option(b, 36, 5, &value), 8);
	assert_int_equal(word_at(value), 42);
	assert_int_equal(option(b, 36, 7, &value), 9);
	assert_memory_equal(value, "\2\1\0\0\0\0\0\0\0", 9);
	assert_int_equal(option(b, 36, 4, &value), -1);
}

/* An interface is described once, before its first packet. */
static void test_interfaces(void **state)
{
	static const char *const ifaces[] = {"eth0", "eth1", "eth0"};
	static const uint32_t blocks[] = {0x0a0d0d0a, 1, 6, 1, 6, 6};
	struct world *w = *state;
	struct pcapng_packet p = a_packet();

	for (size_t i = 0; i < 3; i++) {
		p.iface = ifaces[i];
		assert_true(pcapng_packet(&w->w, &p));
	}
	read_blocks(w);
	assert_int_equal(w->n_blocks, 6);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(word_at(w->blocks[i]), blocks[i]);
	assert_int_equal(word_at(w->blocks[2] + 8), 0);
	assert_int_equal(word_at(w->blocks[4] + 8), 1);
	assert_int_equal(word_at(w->blocks[5] + 8), 0);
}

/* Nothing captured, nothing told; and as much as there is room for. */
static void test_ends(void **state)
{
	struct world *w = *state;
	struct pcapng_packet p = a_packet();
	char comment[2 * PCAPNG_TEXT_MAX];
	const char *value;

	p.data = NULL;
	p.captured = 0;
	p.verdict = -1;
	p.comment = "";
	p.lost = UINT64_MAX;
	assert_true(pcapng_packet(&w->w, &p));
	p = a_packet();
	memset(comment, 'x', sizeof(comment));
	comment[sizeof(comment) - 1] = '\0';
	p.comment = comment;
	p.captured = PCAPNG_DATA_MAX + 1;
	p.length = 1;
	p.lost = 1;
	assert_true(pcapng_packet(&w->w, &p));
	read_blocks(w);
	assert_int_equal(option(w->blocks[2], 28, 1, &value), -1);
	assert_int_equal(option(w->blocks[2], 28, 7, &value), -1);
	assert_int_equal(option(w->blocks[2], 28, 4, &value), 8);
	assert_memory_equal(value, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	assert_int_equal(word_at(w->blocks[3] + 20), PCAPNG_DATA_MAX);
	assert_int_equal(word_at(w->blocks[3] + 24), PCAPNG_DATA_MAX);
	assert_int_equal(option(w->blocks[3], 28 + PCAPNG_DATA_MAX, 1, &value), PCAPNG_TEXT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_section, setup, teardown),
		cmocka_unit_test_setup_teardown(test_packet, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interfaces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ends, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
