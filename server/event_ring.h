/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The one reader of the ring buffer, on the loop: a seam between uv and the
 * datapath. Records go to the hub (and the block log) in batches of a
 * millisecond; when they stop, the CPUs' counters are compared until nothing is
 * left unexplained. Without traffic nothing wakes.
 */
#ifndef PEP_SERVER_EVENT_RING_H
#define PEP_SERVER_EVENT_RING_H

#include <uv.h>

#include "server/datapath.h"
#include "server/event_hub.h"

struct event_ring;

/* `seen` is called with each record, before the hub; may be NULL. */
int event_ring_new(uv_loop_t *loop, struct datapath *datapath, struct hub *hub,
	void (*seen)(void *data, const struct pep_event *event), void *data, struct event_ring **ret);
/* Starts closing; the memory goes when the loop has run. */
void event_ring_close(struct event_ring *ring);

/* The hub's next marker may be due earlier than it was: after a subscription. */
void event_ring_rearm(struct event_ring *ring);

#endif
