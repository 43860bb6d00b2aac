/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A subscriber's messages that wait: first in, first out, each in one piece. In
 * chunks, so that memory follows what is queued (an idle queue holds none or
 * one) and no message needs an allocation of its own. The limit is the caller's.
 */
#ifndef PEP_SERVER_EVENT_QUEUE_H
#define PEP_SERVER_EVENT_QUEUE_H

#include "common/macros.h"

struct event_queue_chunk;

struct event_queue { /* zero-initialised is empty */
	struct event_queue_chunk *first, *last; /* owned */
	size_t bytes; /* queued, each message with its 8 bytes of length */
	size_t count;
};

void event_queue_deinit(struct event_queue *queue);

static inline size_t event_queue_cost(size_t size)
{
	return (size + 2 * sizeof(size_t) - 1) & ~(sizeof(size_t) - 1);
}

/* 0 or -ENOMEM. */
int event_queue_push(struct event_queue *queue, const void *bytes, size_t size);
/* The oldest message, valid until it is popped; NULL = none. */
const void *event_queue_peek(const struct event_queue *queue, size_t *ret_size);
void event_queue_pop(struct event_queue *queue);

#endif
