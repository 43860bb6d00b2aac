/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/event_ring.h"

#include <errno.h>
#include <time.h>

#define BATCH       4096u /* records a turn of the loop: about a millisecond's work */
#define DRAIN_MS    1u
#define SETTLE_MS   250u  /* while CPUs still count what they do not send */

struct event_ring {
	uv_poll_t poll;
	uv_timer_t drain;  /* while records come */
	uv_idle_t again;   /* while they fill batches */
	uv_timer_t marker; /* for the hub */
	unsigned int open; /* handles */
	struct datapath *datapath;
	struct hub *hub;
	void (*seen)(void *data, const struct pep_event *event);
	void *data;
	uint32_t named; /* whose name is `iface`; 0 = none yet in this batch */
	const char *iface;
	int64_t wall_offset; /* wall clock - CLOCK_MONOTONIC */
	struct pep_event_state *states, *settled; /* of each CPU, now and at the last comparison */
	unsigned int quiet; /* comparisons without a difference */
};

static int64_t now_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

/* Looked up once for a run of records of one interface: an index without a name costs a walk. */
static const char *iface_of(struct event_ring *ring, uint32_t ifindex)
{
	if (ring->named != ifindex || !ifindex) {
		ring->named = ifindex;
		ring->iface = datapath_iface_name(ring->datapath, ifindex);
	}
	return ring->iface;
}

static void on_event(void *data, const struct pep_event *event)
{
	struct event_ring *ring = data;
	struct hub_packet packet = {
		.event = event,
		.iface = iface_of(ring, event->ifindex),
		.wall_time = (int64_t)event->time + ring->wall_offset,
	};

	if (ring->seen)
		ring->seen(ring->data, event);
	hub_packet(ring->hub, &packet);
}

static void on_poll(uv_poll_t *poll, int status, int events);
static void on_drain(uv_timer_t *timer);
static void on_again(uv_idle_t *idle);

static void watch(struct event_ring *ring)
{
	uv_poll_start(&ring->poll, UV_READABLE, on_poll);
}

/* Tells the hub what the CPUs have counted; true when nothing has changed since the last time. */
static bool settle(struct event_ring *ring)
{
	size_t size = datapath_cpus(ring->datapath) * sizeof(*ring->states);
	bool same;

	if (datapath_event_state(ring->datapath, ring->states) < 0)
		return true;
	for (unsigned int cpu = 0; cpu < datapath_cpus(ring->datapath); cpu++)
		hub_settle(ring->hub, cpu, &ring->states[cpu]);
	same = memcmp(ring->states, ring->settled, size) == 0;
	memcpy(ring->settled, ring->states, size);
	return same;
}

static void drain(struct event_ring *ring)
{
	int taken;

	ring->named = 0;
	ring->wall_offset = now_of(CLOCK_REALTIME) - now_of(CLOCK_MONOTONIC);
	taken = datapath_ring_consume(ring->datapath, BATCH, on_event, ring);
	event_ring_rearm(ring);
	if (taken > 0) {
		ring->quiet = 0;
		if (taken == (int)BATCH)
			uv_idle_start(&ring->again, on_again);
		else
			uv_timer_start(&ring->drain, on_drain, DRAIN_MS, 0);
		return;
	}
	ring->quiet = settle(ring) ? ring->quiet + 1 : 0;
	event_ring_rearm(ring);
	if (ring->quiet < 2)
		uv_timer_start(&ring->drain, on_drain, ring->quiet ? DRAIN_MS : SETTLE_MS, 0);
	watch(ring);
}

static void on_drain(uv_timer_t *timer)
{
	drain(CONTAINER_OF(timer, struct event_ring, drain));
}

/*
 * Once in a turn of the loop, sockets in between. A timer of 0 ms is no way to come back: before
 * libuv 1.45 one that is started in a timer's callback runs again in the same turn, and for as
 * long as records fill batches nobody else is served.
 */
static void on_again(uv_idle_t *idle)
{
	uv_idle_stop(idle);
	drain(CONTAINER_OF(idle, struct event_ring, again));
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct event_ring *ring = CONTAINER_OF(poll, struct event_ring, poll);

	(void)status;
	(void)events;
	uv_poll_stop(poll);
	drain(ring);
}

/* --- the hub's clock */

static void on_marker(uv_timer_t *timer)
{
	event_ring_rearm(CONTAINER_OF(timer, struct event_ring, marker));
}

void event_ring_rearm(struct event_ring *ring)
{
	int64_t now = now_of(CLOCK_MONOTONIC);
	int64_t next = hub_tick(ring->hub, now);

	if (next == INT64_MAX)
		uv_timer_stop(&ring->marker);
	else
		uv_timer_start(&ring->marker, on_marker, next > now ? (uint64_t)(next - now) / 1000000 + 1 : 1, 0);
}

/* --- coming and going */

int event_ring_new(uv_loop_t *loop, struct datapath *datapath, struct hub *hub,
	void (*seen)(void *data, const struct pep_event *event), void *data, struct event_ring **ret)
{
	struct event_ring *ring = calloc(1, sizeof(*ring));
	unsigned int cpus = datapath_cpus(datapath);
	int fd = datapath_ring_fd(datapath);

	if (!ring || fd < 0) {
		free(ring);
		return fd < 0 ? fd : -ENOMEM;
	}
	ring->datapath = datapath;
	ring->hub = hub;
	ring->seen = seen;
	ring->data = data;
	ring->states = calloc(cpus, sizeof(*ring->states));
	ring->settled = calloc(cpus, sizeof(*ring->settled));
	if (!ring->states || !ring->settled || uv_poll_init(loop, &ring->poll, fd) < 0) {
		free(ring->states);
		free(ring->settled);
		free(ring);
		return -ENOMEM;
	}
	uv_timer_init(loop, &ring->drain);
	uv_timer_init(loop, &ring->marker);
	uv_idle_init(loop, &ring->again);
	ring->open = 4;
	if (!datapath_event_state(datapath, ring->settled))
		for (unsigned int cpu = 0; cpu < cpus; cpu++)
			hub_baseline(hub, cpu, &ring->settled[cpu]);
	watch(ring);
	*ret = ring;
	return 0;
}

static void closed(struct event_ring *ring)
{
	if (--ring->open)
		return;
	free(ring->states);
	free(ring->settled);
	free(ring);
}

static void on_poll_closed(uv_handle_t *handle)
{
	closed(CONTAINER_OF(handle, struct event_ring, poll));
}

static void on_drain_closed(uv_handle_t *handle)
{
	closed(CONTAINER_OF(handle, struct event_ring, drain));
}

static void on_again_closed(uv_handle_t *handle)
{
	closed(CONTAINER_OF(handle, struct event_ring, again));
}

static void on_marker_closed(uv_handle_t *handle)
{
	closed(CONTAINER_OF(handle, struct event_ring, marker));
}

void event_ring_close(struct event_ring *ring)
{
	uv_close((uv_handle_t *)&ring->poll, on_poll_closed);
	uv_close((uv_handle_t *)&ring->drain, on_drain_closed);
	uv_close((uv_handle_t *)&ring->marker, on_marker_closed);
	uv_close((uv_handle_t *)&ring->again, on_again_closed);
}
