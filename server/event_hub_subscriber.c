/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One subscriber's messages in their order. Once a message is queued or sent it
 * counts as delivered, for nothing is ever taken out of the queue again: so a
 * marker is true at its place in the stream, however late it is read.
 *
 * The limit of the queue is for events. A loss and its marker may go beyond it,
 * but only once: beyond it nothing is queued but the end's marker.
 */
#include "server/event_hub_internal.h"

#include <errno.h>
#include <time.h>

int64_t hub_wall_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct hub_accounting hub_accounting(const struct hub_subscriber *s)
{
	const struct hub_totals *now = s->ending ? &s->end : &s->hub->totals;

	return (struct hub_accounting){
		/* While an event is fanned out, those whose turn is still to come do not count it.
		 */
		.decisions = now->numbered - s->base.numbered - (now->received - s->seen),
		.delivered = s->delivered,
		.filtered = s->filtered,
		.lost = s->lost,
		.suppressed = now->suppressed - s->base.suppressed,
		.ring_full = now->ring_full - s->base.ring_full,
	};
}

void hub_subscriber_free(struct hub_subscriber *s)
{
	event_queue_deinit(&s->queue);
	hub_filter_deinit(&s->options.filter);
	free(s);
}

void hub_subscriber_finish(struct hub_subscriber *s, struct error *err)
{
	if (s->dead)
		return;
	s->dead = true;
	s->hub->has_dead = true;
	s->hub->totals.subscriptions--;
	s->sink.ended(s->sink.data, err);
}

static void finish_broken(struct hub_subscriber *s, int r)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	error_set(&err, ERROR_UNAVAILABLE, "SUBSCRIPTION_BROKEN",
		"subscription %s cannot be sent: %s", s->id, strerror(-r));
	hub_subscriber_finish(s, &err);
}

static void finish_overflow(struct hub_subscriber *s)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	error_set(&err, ERROR_LIMIT, "SUBSCRIPTION_OVERFLOW",
		"the queue of subscription %s is full at %zu bytes", s->id, s->options.queue_bytes);
	hub_subscriber_finish(s, &err);
}

static bool can_send(const struct hub_subscriber *s, size_t size)
{
	return !s->queue.count && s->sink.room(s->sink.data) >= size;
}

/*
 * Sends or queues, whatever the limit. False when there is no memory. A broken
 * sink shows at the next pump while hub_subscribe() may not call ended().
 */
bool hub_subscriber_emit(struct hub_subscriber *s, const void *bytes, size_t size)
{
	int r = -EAGAIN;

	if (can_send(s, size))
		r = s->sink.send(s->sink.data, bytes, size);
	if (r == -EAGAIN || (r < 0 && s->starting))
		return event_queue_push(&s->queue, bytes, size) == 0;
	if (r < 0)
		finish_broken(s, r);
	return true;
}

static bool emit_marker(struct hub_subscriber *s)
{
	uint8_t bytes[EVENT_PACK_CONTROL_MAX];
	struct hub_accounting accounting = hub_accounting(s);

	return hub_subscriber_emit(
		s, bytes, event_pack_marker(hub_wall_time(), &accounting, s->id, bytes));
}

bool hub_subscriber_is_choked(struct hub_subscriber *s)
{
	if (s->losing && s->queue.bytes <= s->options.queue_bytes / 2)
		s->losing = false;
	return s->losing || s->queue.bytes > s->options.queue_bytes;
}

static bool emit_lost(
	struct hub_subscriber *s, uint64_t count, uint64_t suppressed, uint64_t ring_full)
{
	uint8_t bytes[EVENT_PACK_CONTROL_MAX];

	return hub_subscriber_emit(
		s, bytes, event_pack_lost(hub_wall_time(), count, suppressed, ring_full, bytes));
}

/* Told first, sent then: a send() that pumps must not tell the same again. */
bool hub_subscriber_tell_losses(struct hub_subscriber *s)
{
	const struct hub_totals *totals = &s->hub->totals;
	uint64_t count = s->untold_lost;
	uint64_t suppressed = totals->suppressed - s->told_suppressed;
	uint64_t ring_full = totals->ring_full - s->told_ring_full;

	if (!(count | suppressed | ring_full))
		return true;
	if (hub_subscriber_is_choked(s))
		return false;
	s->untold_lost = 0;
	s->told_suppressed += suppressed;
	s->told_ring_full += ring_full;
	if (emit_lost(s, count, suppressed, ring_full))
		return s->dead || emit_marker(s);
	s->untold_lost = count;
	s->told_suppressed -= suppressed;
	s->told_ring_full -= ring_full;
	return false;
}

void hub_subscriber_mark(struct hub_subscriber *s)
{
	if (!hub_subscriber_is_choked(s) && hub_subscriber_tell_losses(s) && !s->dead)
		emit_marker(s);
}

bool hub_subscriber_is_complete(const struct hub_subscriber *s)
{
	return s->options.count && s->delivered + s->replayed >= s->options.count;
}

/* Count reached: the last marker, then the end once all is sent. */
static void complete(struct hub_subscriber *s)
{
	emit_marker(s);
	s->end = s->hub->totals;
	s->ending = true;
	if (!s->queue.count && !s->starting)
		hub_subscriber_finish(s, NULL);
}

static bool has_room(struct hub_subscriber *s, size_t size)
{
	if (hub_subscriber_is_choked(s))
		return false;
	return s->queue.bytes + event_queue_cost(size) <= s->options.queue_bytes ||
	       can_send(s, size);
}

/* False = lost. The subscriber may be dead afterwards. */
static bool offer(struct hub_subscriber *s, const void *bytes, size_t size)
{
	if (!has_room(s, size) || !hub_subscriber_tell_losses(s))
		return false;
	return s->dead || hub_subscriber_emit(s, bytes, size);
}

static void lose(struct hub_subscriber *s)
{
	s->untold_lost++;
	s->losing = true;
	if (s->options.cancel_on_overflow)
		finish_overflow(s);
}

void hub_subscriber_offer_packet(struct hub_subscriber *s, const void *bytes, size_t size)
{
	bool delivered = offer(s, bytes, size);

	s->seen = s->hub->totals.received;
	if (s->dead)
		return;
	if (delivered) {
		s->delivered++;
		if (hub_subscriber_is_complete(s))
			complete(s);
	} else {
		s->lost++;
		lose(s);
	}
}

void hub_subscriber_offer_change(struct hub_subscriber *s, const void *bytes, size_t size)
{
	if (!offer(s, bytes, size) && !s->dead)
		lose(s);
}

/* What it gets before anything happens. */
void hub_subscriber_start(struct hub_subscriber *s)
{
	s->starting = true;
	if (s->options.has_since)
		hub_subscriber_replay(s);
	if (hub_subscriber_is_complete(s))
		complete(s);
	else
		hub_subscriber_mark(s);
	s->starting = false;
}

/* True when all was sent. */
static bool drain(struct hub_subscriber *s)
{
	const void *bytes;
	size_t size;
	int r = 0;

	while (!s->dead && r == 0 && (bytes = event_queue_peek(&s->queue, &size))) {
		if (s->sink.room(s->sink.data) < size)
			return false;
		r = s->sink.send(s->sink.data, bytes, size);
		if (r == 0)
			event_queue_pop(&s->queue);
	}
	if (r < 0 && r != -EAGAIN)
		finish_broken(s, r);
	return r == 0;
}

void hub_pump(struct hub_subscriber *s)
{
	bool drained;

	if (s->dead || s->pumping)
		return;
	hub_enter(s->hub);
	s->pumping = true;
	drained = drain(s);
	s->pumping = false;
	if (hub_subscriber_is_live(s))
		hub_subscriber_tell_losses(s);
	else if (drained && !s->starting)
		hub_subscriber_finish(s, NULL);
	hub_leave(s->hub);
}
