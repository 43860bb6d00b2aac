/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/event_hub_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

int hub_new(unsigned int cpus, struct hub **ret)
{
	_cleanup_(hub_freep) struct hub *hub = calloc(1, sizeof(*hub));

	if (!hub)
		return -ENOMEM;
	hub->cpus = calloc(cpus, sizeof(*hub->cpus));
	hub->cpu_count = cpus;
	if (!hub->cpus || hub_backlog_init(&hub->backlog) < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(hub);
	return 0;
}

static void unlink_subscriber(struct hub_subscriber *s)
{
	struct hub *hub = s->hub;

	*(s->prev ? &s->prev->next : &hub->first) = s->next;
	*(s->next ? &s->next->prev : &hub->last) = s->prev;
}

void hub_free(struct hub *hub)
{
	if (!hub)
		return;
	for (struct hub_subscriber *s = hub->first, *next; s; s = next) {
		next = s->next;
		hub_subscriber_free(s);
	}
	hub_backlog_deinit(&hub->backlog);
	free(hub->cpus);
	free(hub);
}

void hub_enter(struct hub *hub)
{
	hub->depth++;
}

void hub_leave(struct hub *hub)
{
	if (--hub->depth || !hub->has_dead)
		return;
	hub->has_dead = false;
	for (struct hub_subscriber *s = hub->first, *next; s; s = next) {
		next = s->next;
		if (s->dead) {
			unlink_subscriber(s);
			hub_subscriber_free(s);
		}
	}
}

/* ------------------------------------------------------------- counting */

/* How far a counter rose; one that was read earlier than the last is no step back. */
static uint64_t advance(uint64_t *counter, uint64_t now)
{
	uint64_t step = now > *counter ? now - *counter : 0;

	*counter += step;
	return step;
}

static void count_gap(struct hub *hub, struct hub_cpu *cpu, uint64_t suppressed, uint64_t ring_full)
{
	cpu->numbered += suppressed + ring_full;
	hub->totals.numbered += suppressed + ring_full;
	hub->totals.suppressed += suppressed;
	hub->totals.ring_full += ring_full;
}

static void count_explained(
	struct hub *hub, struct hub_cpu *cpu, uint64_t suppressed, uint64_t ring_full)
{
	count_gap(hub, cpu, advance(&cpu->suppressed, suppressed),
		advance(&cpu->ring_full, ring_full));
}

/*
 * What happened on the CPU before this record, then the record itself. A record
 * may come after a hub_settle() that knew of it and of later losses already:
 * then there is no gap before it, and numbers fit again afterwards.
 */
static void count_record(struct hub *hub, const struct pep_event *event)
{
	if (event->cpu < hub->cpu_count) {
		struct hub_cpu *cpu = &hub->cpus[event->cpu];

		count_explained(hub, cpu, event->suppressed, event->ring_full);
		cpu->numbered++;
		if (event->number > cpu->numbered)
			count_gap(hub, cpu, 0, event->number - cpu->numbered);
		cpu->settled = 0;
	}
	hub->totals.numbered++;
	hub->totals.received++;
}

void hub_baseline(struct hub *hub, unsigned int cpu, const struct pep_event_state *state)
{
	if (cpu < hub->cpu_count)
		hub->cpus[cpu] = (struct hub_cpu){
			.numbered = state->numbered,
			.suppressed = state->suppressed,
			.ring_full = state->ring_full,
		};
}

void hub_settle(struct hub *hub, unsigned int cpu, const struct pep_event_state *state)
{
	struct hub_cpu *known;

	if (cpu >= hub->cpu_count)
		return;
	known = &hub->cpus[cpu];
	count_explained(hub, known, state->suppressed, state->ring_full);
	if (known->settled == state->numbered && state->numbered > known->numbered)
		count_gap(hub, known, 0, state->numbered - known->numbered);
	known->settled = state->numbered;
	hub_enter(hub);
	for (struct hub_subscriber *s = hub->first; s; s = s->next)
		if (hub_subscriber_is_live(s))
			hub_subscriber_tell_losses(s);
	hub_leave(hub);
}

struct hub_totals hub_totals(const struct hub *hub)
{
	return hub->totals;
}

/* -------------------------------------------------------------- fan-out */

/* New subscribers go to the front of the list: those who come in a callback do not get the
 * event that is under way, which their base counts already. */
void hub_packet(struct hub *hub, const struct hub_packet *packet)
{
	uint8_t bytes[EVENT_PACK_MAX];
	size_t size = 0;

	hub_enter(hub);
	count_record(hub, packet->event);
	hub_backlog_add_packet(&hub->backlog, ++hub->seq, packet);
	for (struct hub_subscriber *s = hub->first; s; s = s->next) {
		if (!hub_subscriber_is_live(s))
			continue;
		if (!hub_filter_packet(&s->options.filter, packet)) {
			s->filtered++;
			s->seen = hub->totals.received;
			continue;
		}
		if (!size && !hub_subscriber_is_choked(s)) /* else it is lost anyway */
			size = event_pack(hub->seq, packet, bytes);
		hub_subscriber_offer_packet(s, bytes, size);
	}
	hub_leave(hub);
}

/* Without memory the change is lost for all; its seq is used up, so that the gap shows. */
void hub_publish(struct hub *hub, const void *body, size_t size, int64_t wall_time)
{
	uint8_t *message = malloc(EVENT_PACK_HEAD_MAX + size);
	size_t head;

	hub->seq++;
	if (!message)
		return;
	head = event_pack_head(hub->seq, wall_time, message);
	memcpy(message + head, body, size);
	hub_backlog_add_message(&hub->backlog, hub->seq, message, head + size);
	hub_enter(hub);
	for (struct hub_subscriber *s = hub->first; s; s = s->next)
		if (hub_subscriber_is_live(s) && !s->options.filter.no_changes)
			hub_subscriber_offer_change(s, message, head + size);
	hub_leave(hub);
}

/* ---------------------------------------------------------- subscribers */

static struct hub_subscriber *subscriber_new(struct hub *hub, struct hub_options *options,
	const struct hub_sink *sink)
{
	struct hub_subscriber *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->since_time = hub_wall_time();
	s->hub = hub;
	s->sink = *sink;
	s->options = *options;
	options->filter = (struct hub_filter){ 0 };
	if (!s->options.queue_bytes)
		s->options.queue_bytes = HUB_QUEUE_DEFAULT;
	s->base = hub->totals;
	s->seen = hub->totals.received;
	s->told_suppressed = hub->totals.suppressed;
	s->told_ring_full = hub->totals.ring_full;
	snprintf(s->id, sizeof(s->id), "s%" PRIu64, ++hub->next_id);
	return s;
}

static void link_subscriber(struct hub *hub, struct hub_subscriber *s)
{
	s->next = hub->first;
	*(s->next ? &s->next->prev : &hub->last) = s;
	hub->first = s;
	hub->totals.subscriptions++;
}

int hub_subscribe(struct hub *hub, struct hub_options *options, const struct hub_sink *sink,
		  struct error *err, struct hub_subscriber **ret)
{
	struct hub_subscriber *s = subscriber_new(hub, options, sink);

	if (!s)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	link_subscriber(hub, s);
	*ret = s;
	hub_enter(hub);
	hub_subscriber_start(s);
	hub_leave(hub);
	return 0;
}

void hub_unsubscribe(struct hub_subscriber *s)
{
	struct hub *hub = s->hub;

	if (s->dead)
		return;
	hub_enter(hub);
	s->dead = true;
	hub->has_dead = true;
	hub->totals.subscriptions--;
	hub_leave(hub);
}

const char *hub_subscriber_id(const struct hub_subscriber *s)
{
	return s->id;
}

int hub_cancel(struct hub *hub, const char *id, struct error *err)
{
	_cleanup_error_ struct error why = ERROR_INIT;

	for (struct hub_subscriber *s = hub->first; s; s = s->next) {
		if (s->dead || !streq(s->id, id))
			continue;
		error_set(&why, ERROR_CANCELLED, "SUBSCRIPTION_CANCELLED",
			"subscription %s was cancelled", id);
		hub_enter(hub);
		hub_subscriber_finish(s, &why);
		hub_leave(hub);
		return 0;
	}
	return error_set(
		err, ERROR_NOT_FOUND, "SUBSCRIPTION_NOT_FOUND", "there is no subscription %s", id);
}

static int64_t after(int64_t now, uint64_t interval)
{
	return interval < (uint64_t)(INT64_MAX - now) ? now + (int64_t)interval : INT64_MAX;
}

/* When this subscriber is due next. */
static int64_t tick_subscriber(struct hub_subscriber *s, int64_t now)
{
	uint64_t interval = s->options.marker_interval;

	if (s->ending && !s->queue.count)
		hub_subscriber_finish(s, NULL);
	if (!hub_subscriber_is_live(s) || !interval)
		return INT64_MAX;
	if (s->next_marker && now >= s->next_marker)
		hub_subscriber_mark(s);
	if (!s->next_marker || now >= s->next_marker)
		s->next_marker = after(now, interval);
	return s->dead ? INT64_MAX : s->next_marker;
}

int64_t hub_tick(struct hub *hub, int64_t now_monotonic_ns)
{
	int64_t due = INT64_MAX;

	hub_enter(hub);
	for (struct hub_subscriber *s = hub->first; s; s = s->next)
		due = MIN(due, tick_subscriber(s, now_monotonic_ns));
	hub_leave(hub);
	return due;
}

void hub_each(struct hub *hub, void (*cb)(const struct hub_subscription_info *info, void *data),
	      void *data)
{
	hub_enter(hub);
	for (struct hub_subscriber *s = hub->last; s; s = s->prev) {
		struct hub_subscription_info info = {
			.id = s->id,
			.name = s->options.name,
			.uid = s->options.uid,
			.pid = s->options.pid,
			.command = s->options.command,
			.since_time = s->since_time,
			.accounting = hub_accounting(s),
			.queued_bytes = s->queue.bytes,
			.queue_limit = s->options.queue_bytes,
			.lag = s->queue.count,
		};

		if (!s->dead)
			cb(&info, data);
	}
	hub_leave(hub);
}
