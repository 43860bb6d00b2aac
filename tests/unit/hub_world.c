/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "hub_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <pepctl.pb-c.h>
#include <stdio.h>

static uint64_t random_state = 88172645463325252;

uint32_t chance(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % below;
}

static void got_marker(struct client *c, const Pepctl__V1__Marker *m)
{
	assert_true(m->delivered + m->filtered + m->lost + m->suppressed + m->ring_full ==
		    m->decisions);
	assert_true(m->delivered == c->packets);
	assert_true(m->lost + (c->lost ? c->lost_changes : 0) == c->lost);
	assert_true(m->suppressed == c->suppressed);
	assert_true(m->ring_full == c->ring_full);
	assert_true(m->decisions >= c->marker.decisions);
	assert_true(m->filtered >= c->marker.filtered);
	c->marker = (struct hub_accounting){ m->decisions, m->delivered, m->filtered, m->lost,
		m->suppressed, m->ring_full };
	c->markers++;
	c->last = 'm';
}

static void got_lost(struct client *c, const Pepctl__V1__Lost *l)
{
	assert_true(l->count || l->suppressed || l->ring_full);
	assert_int_not_equal(c->last, 'l');
	c->last = 'l';
	if (!c->markers) {
		c->missing += l->count;
		return;
	}
	c->losses++;
	c->lost += l->count;
	c->suppressed += l->suppressed;
	c->ring_full += l->ring_full;
}

static void got_event(struct client *c, const Pepctl__V1__Event *event)
{
	bool is_packet = event->event_case == PEPCTL__V1__EVENT__EVENT_PACKET;

	assert_true(event->seq > c->last_seq);
	c->last_seq = event->seq;
	c->last = is_packet ? 'p' : 'c';
	if (!is_packet)
		c->changes++;
	else if (c->markers)
		c->packets++;
	else
		c->replayed++;
}

static void got(struct client *c, const void *bytes, size_t size)
{
	Pepctl__V1__Event *event = pepctl__v1__event__unpack(NULL, size, bytes);

	assert_non_null(event);
	if (event->event_case == PEPCTL__V1__EVENT__EVENT_MARKER)
		got_marker(c, event->marker);
	else if (event->event_case == PEPCTL__V1__EVENT__EVENT_LOST)
		got_lost(c, event->lost);
	else
		got_event(c, event);
	pepctl__v1__event__free_unpacked(event, NULL);
}

static size_t client_room(void *data)
{
	return ((struct client *)data)->room;
}

static int client_send(void *data, const void *bytes, size_t size)
{
	struct client *c = data;

	assert_int_equal(c->ended, 0);
	assert_true(size <= c->room);
	if (c->error)
		return c->error;
	if (c->room != SIZE_MAX)
		c->room -= size;
	got(c, bytes, size);
	c->messages++;
	if (c->pumps && c->s)
		hub_pump(c->s);
	if (c->cancels) {
		assert_int_equal(hub_cancel(c->hub, hub_subscriber_id(c->cancels->s), NULL), 0);
		c->cancels = NULL;
	}
	if (c->messages == c->leave_after)
		hub_unsubscribe(c->s);
	return 0;
}

static void client_ended(void *data, struct error *err);

void subscribe(struct client *c, struct hub *hub, struct hub_options options)
{
	struct hub_sink sink = { client_room, client_send, client_ended, c };

	c->hub = hub;
	assert_int_equal(hub_subscribe(hub, &options, &sink, NULL, &c->s), 0);
}

static void client_ended(void *data, struct error *err)
{
	struct client *c = data;

	c->ended++;
	c->kind = err ? err->kind : ERROR_NONE;
	hub_unsubscribe(c->s);
	if (c->resubscribes) {
		c->resubscribes = false;
		c->ended = 0;
		c->markers = c->packets = 0;
		c->lost = c->suppressed = c->ring_full = 0;
		c->marker = (struct hub_accounting){ 0 };
		subscribe(c, c->hub, (struct hub_options){ 0 });
	}
}

/* --- the kernel */

const char *const hub_names[] = { "", "web", "dns", "ban" };

static struct pep_event record(const struct pep_event_state *state, uint32_t cpu)
{
	struct pep_event e = { .number = state->numbered, .suppressed = state->suppressed,
		.ring_full = state->ring_full, .cpu = cpu, .family = 4, .vlan = PEP_VLAN_NONE,
		.proto = chance(2) ? 6 : 17, .action = (uint8_t)chance(PEP_ACTION_MAX) };

	e.src[0] = htonl(0xc0000200 + chance(256));
	e.dport = htons((uint16_t)(1 + chance(4)));
	snprintf(e.policy, sizeof(e.policy), "%s", hub_names[chance(ARRAY_SIZE(hub_names))]);
	e.captured = (uint16_t)chance(PEP_CAPTURE_MAX + 1);
	return e;
}

void decide(struct kernel *k, uint32_t cpu, bool suppress)
{
	struct pep_event_state *state = &k->cpus[cpu];

	state->numbered++;
	if (suppress)
		state->suppressed++;
	else if (k->tail - k->head == ARRAY_SIZE(k->ring))
		state->ring_full++;
	else
		k->ring[k->tail++ % ARRAY_SIZE(k->ring)] = record(state, cpu);
}

void drain(struct kernel *k, struct hub *hub, size_t count)
{
	for (; count && k->head < k->tail; count--) {
		struct hub_packet packet = { &k->ring[k->head++ % ARRAY_SIZE(k->ring)],
			chance(2) ? "eth0" : "eth1", 1000 };

		hub_packet(hub, &packet);
	}
}

void settle(struct kernel *k, struct hub *hub)
{
	for (unsigned int cpu = 0; cpu < CPUS; cpu++)
		hub_settle(hub, cpu, &k->cpus[cpu]);
}

uint64_t numbered(const struct kernel *k)
{
	uint64_t sum = 0;

	for (unsigned int cpu = 0; cpu < CPUS; cpu++)
		sum += k->cpus[cpu].numbered;
	return sum;
}

void send_events(struct kernel *k, struct hub *hub, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		decide(k, chance(CPUS), false);
		drain(k, hub, 1);
	}
}

/* --- the hub */

struct hub *new_hub(void)
{
	struct hub *hub = NULL;

	assert_int_equal(hub_new(CPUS, &hub), 0);
	return hub;
}

void publish(struct hub *hub, size_t size)
{
	Pepctl__V1__Event event;
	Pepctl__V1__ChangeEvent change;
	_cleanup_free_ char *comment = calloc(1, size + 1);
	_cleanup_free_ uint8_t *body = malloc(size + 100);

	assert_true(comment && body);
	pepctl__v1__event__init(&event);
	pepctl__v1__change_event__init(&change);
	memset(comment, 'c', size);
	change.comment = comment;
	event.event_case = PEPCTL__V1__EVENT__EVENT_CHANGE;
	event.change = &change;
	hub_publish(hub, body, pepctl__v1__event__pack(&event, body), 77);
}

struct hub_filter filter_of(const char *policy, const char *iface)
{
	struct hub_filter filter = { .policy_count = policy != NULL, .iface_count = iface != NULL };

	if (policy) {
		filter.policies = calloc(1, sizeof(*filter.policies));
		assert_non_null(filter.policies);
		snprintf(filter.policies[0], sizeof(filter.policies[0]), "%s", policy);
	}
	if (iface) {
		filter.ifaces = calloc(1, sizeof(*filter.ifaces));
		assert_non_null(filter.ifaces);
		snprintf(filter.ifaces[0], sizeof(filter.ifaces[0]), "%s", iface);
	}
	return filter;
}
