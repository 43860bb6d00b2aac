/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * bpf/answer.h in user space under the sanitizers: the same table and the same bytes as of the
 * loaded program, then frames cut and changed anywhere, of which nothing is wanted but that what
 * is answered was for one host and from one, and that the answer is sound. Every other has the IPv4
 * checksum right again, without which few would be answered.
 */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "bpf/answer.h"
#include "common/macros.h"

#include "answer_rows.h"

static struct frame frame;
static uint8_t out[FRAME_MAX], wanted[FRAME_MAX];
static struct pep_answer answer;

/* As reject.h does with the frame. Returns the answer's length, 0 = none. */
static size_t make(const uint8_t *data, size_t size, struct pep_packet *ret_packet)
{
	uint8_t *copy = malloc(size ? size : 1); /* its end is the frame's, for ASan */
	pep_source source = {.data = copy, .length = (__u32)size};
	struct pep_frame parsed;
	size_t length = 0;

	assert_non_null(copy);
	memcpy(copy, data, size);
	pep_frame_init(&parsed, &source);
	pep_parse(&parsed, ret_packet);
	ret_packet->length = (__u32)size;
	memset(&answer, 0xa5, sizeof(answer));
	if (pep_answer_begin(&source, ret_packet, &answer) &&
		!pep_answer_make(&source, ret_packet, &answer)) {
		length = answer.headers + answer.quoted;
		memcpy(out, (uint8_t *)answer.head + PEP_ANSWER_IP - answer.l2,
			MAX(answer.headers, 60u));
		memcpy(out + answer.headers, copy + answer.l2, answer.quoted);
		length = MAX(length, MIN(size, 60u));
		assert_true(answer.quoted <= size - answer.l2);
	}
	free(copy);
	return length;
}

static int check_row(const struct answer_row *row)
{
	struct pep_packet packet;
	size_t size;

	answer_question(row, &frame);
	size = row->kind ? answer_wanted(&frame, row->kind, wanted) : 0;
	if (make(frame.data, frame.size, &packet) == size && !memcmp(out, wanted, size))
		return 0;
	print_error("\"%s\" %s\n", row->text, row->bytes);
	return 1;
}

static void test_every_row(void **state)
{
	int faults = 0;

	(void)state;
	for (size_t i = 0; i < answer_row_count; i++)
		faults += check_row(&answer_rows[i]);
	assert_int_equal(faults, 0);
}

static void test_every_truncation(void **state)
{
	struct pep_packet packet;

	(void)state;
	for (size_t i = 0; i < answer_row_count; i++) {
		answer_question(&answer_rows[i], &frame);
		for (size_t size = 0; size < MIN(frame.size, 300u); size++)
			if (make(frame.data, size, &packet))
				assert_int_equal(
					packet.error, PEP_PARSE_OK); /* only padding is gone */
	}
}

static void change_bytes(void)
{
	for (int count = rand() % 4; count >= 0; count--)
		frame.data[(size_t)rand() % MIN(frame.size, 120u)] ^= (uint8_t)(1u << rand() % 8);
}

static void check_sound(size_t size, const struct pep_packet *packet)
{
	struct pep_packet back;
	struct pep_frame parsed;
	pep_source source = {.data = out, .length = (__u32)size};

	pep_frame_init(&parsed, &source);
	pep_parse(&parsed, &back);
	assert_int_equal(back.error, PEP_PARSE_OK);
	assert_int_equal(back.family, packet->family);
	assert_memory_equal(back.src, packet->dst, sizeof(back.src));
	assert_memory_equal(back.dst, packet->src, sizeof(back.dst));
	assert_false((out[0] | out[6]) & 1);
	assert_false(pep_answer_wanted(&back)); /* no answer is answered */
	assert_true(size <= packet->length + 48);
}

static void test_changed_frames(void **state)
{
	struct pep_packet packet;
	size_t size, answered = 0;

	(void)state;
	srand(1);
	for (int round = 0; round < 300; round++)
		for (size_t i = 0; i < answer_row_count; i++) {
			answer_question(&answer_rows[i], &frame);
			change_bytes();
			if (round % 2)
				frame_seal(&frame);
			size = make(frame.data, frame.size, &packet);
			if (size)
				check_sound(size, &packet);
			answered += size > 0;
		}
	assert_true(answered > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_changed_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
