/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/event_queue.h"

#include <errno.h>

#define CHUNK_SIZE (16u << 10)

struct event_queue_chunk {
	struct event_queue_chunk *next;
	size_t size; /* of data */
	size_t head; /* oldest message */
	size_t tail; /* free from here */
	uint8_t data[] __attribute__((aligned(sizeof(size_t))));
};

void event_queue_deinit(struct event_queue *queue)
{
	struct event_queue_chunk *next;

	for (struct event_queue_chunk *chunk = queue->first; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	*queue = (struct event_queue){ 0 };
}

static int append_chunk(struct event_queue *queue, size_t cost)
{
	size_t size = MAX(cost, CHUNK_SIZE - sizeof(struct event_queue_chunk));
	struct event_queue_chunk *chunk = malloc(sizeof(*chunk) + size);

	if (!chunk)
		return -ENOMEM;
	*chunk = (struct event_queue_chunk){ .size = size };
	if (queue->last)
		queue->last->next = chunk;
	else
		queue->first = chunk;
	queue->last = chunk;
	return 0;
}

int event_queue_push(struct event_queue *queue, const void *bytes, size_t size)
{
	size_t cost = event_queue_cost(size);
	struct event_queue_chunk *chunk = queue->last;

	if (!chunk || chunk->size - chunk->tail < cost) {
		if (append_chunk(queue, cost) < 0)
			return -ENOMEM;
		chunk = queue->last;
	}
	memcpy(chunk->data + chunk->tail, &size, sizeof(size));
	memcpy(chunk->data + chunk->tail + sizeof(size), bytes, size);
	chunk->tail += cost;
	queue->bytes += cost;
	queue->count++;
	return 0;
}

/* The first chunk may be empty when the only message did not fit behind what it held. */
static struct event_queue_chunk *oldest_chunk(const struct event_queue *queue)
{
	struct event_queue_chunk *chunk = queue->first;

	return chunk && chunk->head == chunk->tail ? chunk->next : chunk;
}

const void *event_queue_peek(const struct event_queue *queue, size_t *ret_size)
{
	const struct event_queue_chunk *chunk = oldest_chunk(queue);

	if (!chunk)
		return NULL;
	memcpy(ret_size, chunk->data + chunk->head, sizeof(*ret_size));
	return chunk->data + chunk->head + sizeof(*ret_size);
}

static void drop_chunk(struct event_queue *queue)
{
	struct event_queue_chunk *chunk = queue->first;

	queue->first = chunk->next;
	if (!queue->first)
		queue->last = NULL;
	free(chunk);
}

/* The last chunk stays for the next message, unless one large message made it large. */
void event_queue_pop(struct event_queue *queue)
{
	size_t size, cost;
	struct event_queue_chunk *chunk;

	if (!event_queue_peek(queue, &size))
		return;
	if (queue->first->head == queue->first->tail)
		drop_chunk(queue);
	chunk = queue->first;
	cost = event_queue_cost(size);
	chunk->head += cost;
	queue->bytes -= cost;
	queue->count--;
	if (chunk->head < chunk->tail)
		return;
	chunk->head = chunk->tail = 0;
	if (chunk->next || chunk->size > CHUNK_SIZE)
		drop_chunk(queue);
}
