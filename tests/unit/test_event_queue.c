/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/event_queue.h"

static void push(struct event_queue *queue, size_t number, size_t size)
{
	_cleanup_free_ uint8_t *bytes = malloc(size);

	assert_non_null(bytes);
	memset(bytes, (int)(number & 0xff), size);
	assert_int_equal(event_queue_push(queue, bytes, size), 0);
}

static void pop(struct event_queue *queue, size_t number, size_t expected)
{
	size_t size;
	const uint8_t *bytes = event_queue_peek(queue, &size);

	assert_non_null(bytes);
	assert_int_equal(size, expected);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(bytes[i], number & 0xff);
	event_queue_pop(queue);
}

/* Sizes up to three chunks. */
static size_t size_of(size_t number)
{
	return 1 + (number * 2654435761u) % (number % 17 ? 400 : 50000);
}

static void test_order(void **state)
{
	_cleanup_(event_queue_deinit) struct event_queue queue = { 0 };
	size_t in = 0, out = 0;

	(void)state;
	for (size_t round = 0; round < 300; round++) {
		for (size_t i = 0; i < round * 7 % 23; i++, in++)
			push(&queue, in, size_of(in));
		for (size_t i = 0; i < round * 5 % 29 && out < in; i++, out++)
			pop(&queue, out, size_of(out));
		assert_int_equal(queue.count, in - out);
	}
	for (; out < in; out++)
		pop(&queue, out, size_of(out));
	assert_int_equal(queue.bytes, 0);
	assert_null(event_queue_peek(&queue, &in));
	event_queue_pop(&queue);
	assert_int_equal(queue.count, 0);
}

static void test_large_behind_empty(void **state)
{
	_cleanup_(event_queue_deinit) struct event_queue queue = { 0 };

	(void)state;
	push(&queue, 1, 10);
	pop(&queue, 1, 10);
	push(&queue, 2, 100000);
	push(&queue, 3, 10);
	assert_int_equal(queue.bytes, event_queue_cost(100000) + event_queue_cost(10));
	pop(&queue, 2, 100000);
	pop(&queue, 3, 10);
	push(&queue, 4, 20);
	pop(&queue, 4, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_large_behind_empty),
	};

	return cmocka_run_group_tests_name("event_queue", tests, NULL, NULL);
}
