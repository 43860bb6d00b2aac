/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Every message that a client gets is decoded and checked against all that it got before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <pepctl.pb-c.h>

#include "server/event_hub.h"

#define CPUS 4

struct client {
	struct hub *hub;
	struct hub_subscriber *s;
	size_t room;      /* bytes; SIZE_MAX = without end */
	int error;        /* what send() returns */
	unsigned int leave_after; /* unsubscribes itself in that message */
	struct client *cancels;   /* cancelled by the next message of this one */
	bool pumps;       /* in send() */
	bool resubscribes; /* in ended() */
	unsigned int messages, markers, losses, packets, changes, replayed, lost_changes;
	uint64_t last_seq;
	uint64_t lost, suppressed, ring_full; /* told since the first marker */
	uint64_t missing;                     /* told before it */
	struct hub_accounting marker;         /* the last one */
	unsigned int ended;
	enum error_kind kind;
	char last; /* kind of the last message: p c l m */
};

static uint64_t random_state = 88172645463325252;

static uint32_t chance(uint32_t below)
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

static void subscribe(struct client *c, struct hub *hub, struct hub_options options)
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

/* ------------------------------------------------------------ the kernel */

struct kernel {
	struct pep_event_state cpus[CPUS];
	struct pep_event ring[256];
	size_t head, tail;
};

static const char *const names[] = { "", "web", "dns", "ban" };

static struct pep_event record(const struct pep_event_state *state, uint32_t cpu)
{
	struct pep_event e = { .number = state->numbered, .suppressed = state->suppressed,
		.ring_full = state->ring_full, .cpu = cpu, .family = 4, .vlan = PEP_VLAN_NONE,
		.proto = chance(2) ? 6 : 17, .action = (uint8_t)chance(PEP_ACTION_MAX) };

	e.src[0] = htonl(0xc0000200 + chance(256));
	e.dport = htons((uint16_t)(1 + chance(4)));
	strcpy(e.policy, names[chance(ARRAY_SIZE(names))]);
	e.captured = (uint16_t)chance(PEP_CAPTURE_MAX + 1);
	return e;
}

static void decide(struct kernel *k, uint32_t cpu, bool suppress)
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

static void drain(struct kernel *k, struct hub *hub, size_t count)
{
	for (; count && k->head < k->tail; count--) {
		struct hub_packet packet = { &k->ring[k->head++ % ARRAY_SIZE(k->ring)],
			chance(2) ? "eth0" : "eth1", 1000 };

		hub_packet(hub, &packet);
	}
}

static void settle(struct kernel *k, struct hub *hub)
{
	for (unsigned int cpu = 0; cpu < CPUS; cpu++)
		hub_settle(hub, cpu, &k->cpus[cpu]);
}

static uint64_t numbered(const struct kernel *k)
{
	uint64_t sum = 0;

	for (unsigned int cpu = 0; cpu < CPUS; cpu++)
		sum += k->cpus[cpu].numbered;
	return sum;
}

static void send_events(struct kernel *k, struct hub *hub, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		decide(k, chance(CPUS), false);
		drain(k, hub, 1);
	}
}

static struct hub *new_hub(void)
{
	struct hub *hub = NULL;

	assert_int_equal(hub_new(CPUS, &hub), 0);
	return hub;
}

/* A change of about `size` bytes. */
static void publish(struct hub *hub, size_t size)
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

/* ------------------------------------------------------------- the tests */

static void test_first_marker(void **state)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	struct client c = { .room = SIZE_MAX };
	struct kernel k = { 0 };

	(void)state;
	send_events(&k, hub, 5);
	subscribe(&c, hub, (struct hub_options){ 0 });
	assert_int_equal(c.messages, 1);
	assert_int_equal(c.markers, 1);
	assert_int_equal(c.marker.decisions, 0);
	send_events(&k, hub, 3);
	assert_int_equal(c.packets, 3);
	assert_int_equal(c.last_seq, 8);
	assert_int_equal(hub_totals(hub).received, 8);
	assert_int_equal(hub_accounting(c.s).decisions, 3);
}

/* What was suppressed before an event is told before it, and a marker follows. */
static void test_suppressed_in_line(void **state)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	struct client c = { .room = SIZE_MAX };
	struct kernel k = { 0 };

	(void)state;
	subscribe(&c, hub, (struct hub_options){ 0 });
	for (unsigned int i = 0; i < 9; i++)
		decide(&k, 1, true);
	send_events(&k, hub, 20);
	assert_int_equal(c.losses, 1);
	assert_int_equal(c.suppressed, 9);
	assert_int_equal(c.markers, 2);
	assert_int_equal(hub_accounting(c.s).decisions, 29);
}

static void test_baseline_and_settle(void **state)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	struct pep_event_state old = { .numbered = 1000, .suppressed = 300, .ring_full = 20 };
	struct client c = { .room = SIZE_MAX };
	struct kernel k = { .cpus = { old, old, old, old } };

	(void)state;
	for (unsigned int cpu = 0; cpu < CPUS; cpu++)
		hub_baseline(hub, cpu, &old);
	subscribe(&c, hub, (struct hub_options){ 0 });
	send_events(&k, hub, 10);
	settle(&k, hub);
	assert_int_equal(c.markers, 1);
	decide(&k, 2, true);
	settle(&k, hub);
	assert_int_equal(c.markers, 2);
	assert_int_equal(c.marker.decisions, 11);
	assert_int_equal(hub_totals(hub).numbered, 11);
	hub_settle(hub, CPUS, &old);
	hub_baseline(hub, CPUS, &old);
}

/* The state may be read while a record is on its way, with what came after it. */
static void test_settle_overtakes_record(void **state)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	struct client c = { .room = SIZE_MAX };
	struct kernel k = { 0 };

	(void)state;
	subscribe(&c, hub, (struct hub_options){ 0 });
	decide(&k, 0, false);
	decide(&k, 0, true);
	settle(&k, hub);
	assert_int_equal(c.marker.decisions, 1);
	drain(&k, hub, 1);
	decide(&k, 0, false);
	drain(&k, hub, 1);
	settle(&k, hub);
	settle(&k, hub);
	assert_int_equal(hub_totals(hub).numbered, numbered(&k));
	assert_int_equal(hub_totals(hub).ring_full, 0);
	assert_int_equal(hub_totals(hub).suppressed, 1);
}

/* A record that never comes: known at the next one, or when two looks agree. */
static void test_unexplained(void **state)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	struct client c = { .room = SIZE_MAX };
	struct kernel k = { 0 };

	(void)state;
	subscribe(&c, hub, (struct hub_options){ 0 });
	k.cpus[0].numbered = 4;
	decide(&k, 0, false);
	drain(&k, hub, 1);
	assert_int_equal(c.ring_full, 4);
	k.cpus[0].numbered += 2;
	settle(&k, hub);
	assert_int_equal(c.ring_full, 4);
	settle(&k, hub);
	assert_int_equal(c.ring_full, 6);
	settle(&k, hub);
	assert_int_equal(c.marker.decisions, 7);
	assert_int_equal(hub_totals(hub).numbered, numbered(&k));
}

static void test_foreign_cpu(void **state)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	struct client c = { .room = SIZE_MAX };
	struct pep_event e = { .cpu = CPUS, .number = 77, .suppressed = 5 };

	(void)state;
	subscribe(&c, hub, (struct hub_options){ 0 });
	hub_packet(hub, &(struct hub_packet){ &e, "", 0 });
	assert_int_equal(c.packets, 1);
	assert_int_equal(hub_accounting(c.s).decisions, 1);
}

/* One loss of many, exactly before the event that follows it. */
static void test_slow_client(void **state)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	struct client c = { .room = 0 };
	struct kernel k = { 0 };

	(void)state;
	subscribe(&c, hub, (struct hub_options){ .queue_bytes = 2048 });
	assert_int_equal(c.messages, 0);
	send_events(&k, hub, 200);
	c.room = SIZE_MAX;
	hub_pump(c.s);
	assert_int_equal(c.losses, 1);
	assert_int_equal(c.last, 'm');
	assert_int_equal(c.packets + c.lost, 200);
	assert_true(c.packets > 5 && c.packets < 40);
	assert_int_equal(c.marker.decisions, 200);
	send_events(&k, hub, 10);
	assert_int_equal(c.losses, 1);
	assert_int_equal(hub_accounting(c.s).delivered, c.packets);
}

static void test_cancel_on_overflow(void **state)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	struct client c = { .room = 0 }, other = { .room = SIZE_MAX };
	struct kernel k = { 0 };

	(void)state;
	subscribe(&c, hub, (struct hub_options){ .queue_bytes = 1024, .cancel_on_overflow = true });
	subscribe(&other, hub, (struct hub_options){ 0 });
	send_events(&k, hub, 100);
	assert_int_equal(c.ended, 1);
	assert_int_equal(c.kind, ERROR_LIMIT);
	assert_int_equal(other.packets, 100);
	assert_int_equal(hub_totals(hub).subscriptions, 1);
}

static void test_broken_sink(void **state)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	struct client c = { .room = SIZE_MAX, .error = -EPIPE }, busy = { .room = SIZE_MAX };
	struct kernel k = { 0 };

	(void)state;
	subscribe(&c, hub, (struct hub_options){ 0 });
	assert_int_equal(c.ended, 0);
	hub_pump(c.s);
	assert_int_equal(c.ended, 1);
	assert_int_equal(c.kind, ERROR_UNAVAILABLE);
	subscribe(&busy, hub, (struct hub_options){ 0 });
	busy.error = -EAGAIN;
	send_events(&k, hub, 4);
	assert_int_equal(busy.ended, 0);
	busy.error = 0;
	hub_pump(busy.s);
	assert_int_equal(busy.packets, 4);
	busy.error = -ECONNRESET;
	send_events(&k, hub, 4);
	assert_int_equal(busy.ended, 1);
}

static void test_count(void **state)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	struct client fast = { .room = SIZE_MAX }, slow = { .room = 0 };
	struct kernel k = { 0 };

	(void)state;
	subscribe(&fast, hub, (struct hub_options){ .count = 3 });
	subscribe(&slow, hub, (struct hub_options){ .count = 3 });
	send_events(&k, hub, 10);
	assert_int_equal(fast.ended, 1);
	assert_int_equal(fast.kind, ERROR_NONE);
	assert_int_equal(fast.packets, 3);
	assert_int_equal(fast.last, 'm');
	assert_int_equal(fast.marker.decisions, 3);
	assert_int_equal(slow.ended, 0);
	assert_int_equal(hub_accounting(slow.s).decisions, 3);
	slow.room = SIZE_MAX;
	hub_pump(slow.s);
	assert_int_equal(slow.ended, 1);
	assert_int_equal(slow.packets, 3);
	assert_int_equal(slow.marker.decisions, 3);
}

static void test_since(void **state)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	struct client all = {.room = SIZE_MAX}, late = {.room = SIZE_MAX}, old = {.room = SIZE_MAX};
	struct client future = { .room = SIZE_MAX }, none = { .room = SIZE_MAX };
	struct kernel k = { 0 };

	(void)state;
	send_events(&k, hub, 10);
	subscribe(&late, hub, (struct hub_options){ .has_since = true, .since = 6 });
	assert_int_equal(late.replayed, 4);
	assert_int_equal(late.last, 'm');
	send_events(&k, hub, HUB_BACKLOG_EVENTS);
	assert_int_equal(late.packets, HUB_BACKLOG_EVENTS);
	subscribe(&old, hub, (struct hub_options){ .has_since = true, .since = 3 });
	assert_int_equal(old.missing, 7);
	assert_int_equal(old.replayed, HUB_BACKLOG_EVENTS);
	subscribe(&all, hub, (struct hub_options){ .has_since = true });
	assert_int_equal(all.missing, 10);
	subscribe(&none, hub,
		(struct hub_options){.has_since = true, .since = 10 + HUB_BACKLOG_EVENTS});
	assert_int_equal(none.messages, 1);
	subscribe(&future, hub, (struct hub_options){ .has_since = true, .since = 999999 });
	assert_int_equal(future.missing, 0);
	assert_int_equal(future.replayed, HUB_BACKLOG_EVENTS);
}

static void test_since_small_queue_and_count(void **state)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	struct client small = { .room = 0 }, few = { .room = SIZE_MAX };
	struct kernel k = { 0 };

	(void)state;
	send_events(&k, hub, 100);
	subscribe(&small, hub, (struct hub_options){ .has_since = true, .queue_bytes = 4096 });
	send_events(&k, hub, 50);
	small.room = SIZE_MAX;
	hub_pump(small.s);
	assert_int_equal(small.missing + small.replayed, 100);
	assert_true(small.replayed >= 10);
	assert_int_equal(small.packets + small.lost, 50);
	subscribe(&few, hub, (struct hub_options){ .has_since = true, .count = 5 });
	assert_int_equal(few.ended, 0);
	assert_int_equal(hub_tick(hub, 1), INT64_MAX);
	assert_int_equal(few.ended, 1);
	assert_int_equal(few.replayed, 5);
	assert_int_equal(few.markers, 1);
}

static void test_changes(void **state)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	struct client c = {.room = SIZE_MAX}, deaf = {.room = SIZE_MAX}, late = {.room = SIZE_MAX};
	struct client slow = { .room = 0 };
	struct kernel k = { 0 };

	(void)state;
	subscribe(&c, hub, (struct hub_options){ .filter.no_packets = true });
	subscribe(&deaf, hub, (struct hub_options){ .filter.no_changes = true });
	subscribe(&slow, hub, (struct hub_options){ .queue_bytes = 1024 });
	send_events(&k, hub, 3);
	publish(hub, 20);
	publish(hub, 50000);
	send_events(&k, hub, 1);
	assert_int_equal(c.changes, 2);
	assert_int_equal(c.packets, 0);
	assert_int_equal(hub_accounting(c.s).filtered, 4);
	assert_int_equal(deaf.changes, 0);
	assert_int_equal(deaf.packets, 4);
	assert_int_equal(deaf.last_seq, 6);
	slow.room = SIZE_MAX;
	slow.lost_changes = 1;
	hub_pump(slow.s);
	assert_int_equal(slow.changes, 1);
	subscribe(&late, hub, (struct hub_options){ .has_since = true });
	assert_int_equal(late.changes, 2);
	assert_int_equal(late.replayed, 4);
	for (unsigned int i = 0; i < 10; i++)
		publish(hub, 60000);
	assert_int_equal(c.changes, 12);
}

static void test_intervals(void **state)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	struct client slow = {.room = SIZE_MAX}, fast = {.room = SIZE_MAX},
		      silent = {.room = SIZE_MAX};

	(void)state;
	assert_int_equal(hub_tick(hub, 5), INT64_MAX);
	subscribe(&silent, hub, (struct hub_options){ 0 });
	assert_int_equal(hub_tick(hub, 5), INT64_MAX);
	subscribe(&slow, hub, (struct hub_options){ .marker_interval = 100 });
	subscribe(&fast, hub, (struct hub_options){ .marker_interval = 30 });
	assert_int_equal(hub_tick(hub, 1000), 1030);
	assert_int_equal(hub_tick(hub, 1029), 1030);
	assert_int_equal(fast.markers, 1);
	assert_int_equal(hub_tick(hub, 1035), 1065);
	assert_int_equal(fast.markers, 2);
	assert_int_equal(slow.markers, 1);
	assert_int_equal(hub_tick(hub, 1100), 1130);
	assert_int_equal(slow.markers, 2);
	hub_unsubscribe(fast.s);
	assert_int_equal(hub_tick(hub, 1131), 1200);
	assert_int_equal(silent.markers, 1);
	hub_unsubscribe(slow.s);
	subscribe(&fast, hub, (struct hub_options){ .marker_interval = UINT64_MAX });
	assert_int_equal(hub_tick(hub, 1200), INT64_MAX);
}

/* Nobody reads: markers and told losses must not fill memory. */
static void test_markers_do_not_pile_up(void **state)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	struct client c = { .room = 0 };
	struct kernel k = { 0 };

	(void)state;
	subscribe(&c, hub, (struct hub_options){ .marker_interval = 1, .queue_bytes = 1000 });
	for (int64_t now = 1; now < 1000; now++) {
		decide(&k, 0, true);
		settle(&k, hub);
		hub_tick(hub, now);
	}
	c.room = SIZE_MAX;
	hub_pump(c.s);
	assert_true(c.messages < 60);
	assert_int_equal(c.marker.decisions, 999);
	assert_int_equal(c.marker.suppressed, 999);
}

static struct hub_filter filter_of(const char *policy, const char *iface)
{
	struct hub_filter filter = { .policy_count = policy != NULL, .iface_count = iface != NULL };

	if (policy) {
		filter.policies = calloc(1, sizeof(*filter.policies));
		assert_non_null(filter.policies);
		strcpy(filter.policies[0], policy);
	}
	if (iface) {
		filter.ifaces = calloc(1, sizeof(*filter.ifaces));
		assert_non_null(filter.ifaces);
		strcpy(filter.ifaces[0], iface);
	}
	return filter;
}

static unsigned int filtered_in(struct hub_filter filter)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	struct client c = { .room = SIZE_MAX };
	struct pep_event e = { .number = 1, .family = 4, .proto = 6, .action = PEP_ACTION_BLOCK,
		.dport = htons(443), .src = { htonl(0xc0000281) }, .policy = "web" };

	subscribe(&c, hub, (struct hub_options){ .filter = filter });
	hub_packet(hub, &(struct hub_packet){ &e, "eth0", 0 });
	assert_int_equal(hub_accounting(c.s).filtered + c.packets, 1);
	return c.packets;
}

static struct policy_address prefix(uint8_t family, uint8_t length, const char *text)
{
	struct policy_address address = {.kind = POLICY_PREFIX, .family = family, .length = length};

	assert_int_equal(inet_pton(family == 4 ? AF_INET : AF_INET6, text, address.bytes), 1);
	return address;
}

static void test_filter_words(void **state)
{
	(void)state;
	assert_true(filtered_in(filter_of(NULL, NULL)));
	assert_true(filtered_in(filter_of("web", NULL)));
	assert_false(filtered_in(filter_of("we", NULL)));
	assert_false(filtered_in(filter_of("", NULL)));
	assert_true(filtered_in(filter_of("web", "eth0")));
	assert_false(filtered_in(filter_of("web", "eth1")));
	assert_false(filtered_in(filter_of("dns", "eth0")));
	assert_true(filtered_in((struct hub_filter){ .no_changes = true }));
	assert_false(filtered_in((struct hub_filter){ .no_packets = true }));
}

static void test_filter_numbers(void **state)
{
	(void)state;
	assert_true(filtered_in((struct hub_filter){ .actions = 1u << PEP_ACTION_BLOCK }));
	assert_false(filtered_in((struct hub_filter){ .actions = 1u << PEP_ACTION_ALLOW }));
	assert_true(filtered_in((struct hub_filter){ .has_proto = true, .proto = 6 }));
	assert_false(filtered_in((struct hub_filter){ .has_proto = true }));
	assert_true(filtered_in((struct hub_filter){ .dport = { 0, 65535 } }));
	assert_true(filtered_in((struct hub_filter){ .dport = { 443, 443 } }));
	assert_false(filtered_in((struct hub_filter){ .dport = { 444, 500 } }));
	assert_false(filtered_in((struct hub_filter){ .dport = { 1, 442 } }));
	assert_true(filtered_in((struct hub_filter){ .src = prefix(4, 32, "192.0.2.129") }));
	assert_true(filtered_in((struct hub_filter){ .src = prefix(4, 25, "192.0.2.128") }));
	assert_false(filtered_in((struct hub_filter){ .src = prefix(4, 25, "192.0.2.0") }));
	assert_true(filtered_in((struct hub_filter){ .src = prefix(4, 0, "0.0.0.0") }));
	assert_false(filtered_in((struct hub_filter){ .src = prefix(6, 0, "::") }));
	assert_false(filtered_in((struct hub_filter){ .dst = prefix(4, 24, "192.0.2.0") }));
}

static void test_cancel(void **state)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	_cleanup_error_ struct error err = ERROR_INIT;
	struct client a = { .room = SIZE_MAX }, b = { .room = SIZE_MAX }, c = { .room = SIZE_MAX };
	struct kernel k = { 0 };

	(void)state;
	subscribe(&a, hub, (struct hub_options){ 0 });
	subscribe(&b, hub, (struct hub_options){ 0 });
	subscribe(&c, hub, (struct hub_options){ 0 });
	assert_int_equal(hub_cancel(hub, "s99", &err), -ENOENT);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_int_equal(hub_cancel(hub, "s2", NULL), 0);
	assert_int_equal(b.ended, 1);
	assert_int_equal(b.kind, ERROR_CANCELLED);
	a.cancels = &c;
	c.resubscribes = true;
	send_events(&k, hub, 5);
	assert_int_equal(a.packets, 5);
	assert_int_equal(hub_totals(hub).subscriptions, 2);
	assert_int_equal(hub_accounting(c.s).delivered, c.packets);
	assert_int_equal(hub_accounting(c.s).decisions, c.packets);
}

static void test_leave_in_send(void **state)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	struct client clients[8] = { 0 };
	struct kernel k = { 0 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(clients); i++) {
		clients[i] = (struct client){
			.room = i & 1 ? SIZE_MAX : 0, .leave_after = 2 + i, .pumps = true};
		subscribe(&clients[i], hub, (struct hub_options){ 0 });
	}
	for (unsigned int round = 0; round < 12; round++) {
		send_events(&k, hub, 1);
		for (unsigned int i = 0; i < ARRAY_SIZE(clients); i += 2) {
			clients[i].room = 1000;
			if (clients[i].messages < clients[i].leave_after)
				hub_pump(clients[i].s);
		}
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(clients); i++)
		assert_int_equal(clients[i].messages, clients[i].leave_after);
	assert_int_equal(hub_totals(hub).subscriptions, 0);
}

static void count_info(const struct hub_subscription_info *info, void *data)
{
	unsigned int *count = data;

	assert_string_equal(info->id, ++*count == 1 ? "s1" : "s3");
	assert_string_equal(info->name, *count == 1 ? "one" : "three");
	assert_string_equal(info->command, "test");
	assert_int_equal(info->uid, 7);
	assert_int_equal(info->pid, 8);
	assert_true(info->since_time > 0);
	assert_int_equal(info->queue_limit, HUB_QUEUE_DEFAULT);
	assert_int_equal(info->lag, *count == 1 ? 0 : 6);
	assert_int_equal(info->queued_bytes > 0, *count != 1);
	assert_int_equal(info->accounting.decisions, 5);
}

static void test_each(void **state)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	struct client clients[3] = { { .room = SIZE_MAX }, { .room = SIZE_MAX }, { .room = 0 } };
	struct kernel k = { 0 };
	unsigned int count = 0;

	(void)state;
	subscribe(&clients[0], hub,
		(struct hub_options){.name = "one", .uid = 7, .pid = 8, .command = "test"});
	subscribe(&clients[1], hub, (struct hub_options){ 0 });
	subscribe(&clients[2], hub,
		(struct hub_options){.name = "three", .uid = 7, .pid = 8, .command = "test"});
	hub_unsubscribe(clients[1].s);
	send_events(&k, hub, 5);
	hub_each(hub, count_info, &count);
	assert_int_equal(count, 2);
}

/* ---------------------------------------------------------- random tests */

static struct hub_options random_options(void)
{
	struct hub_options options = { .queue_bytes = 1 + chance(1u << (4 + chance(12))),
		.marker_interval = chance(2) ? 1 + chance(50) : 0 };

	if (chance(2))
		options.filter =
			filter_of(chance(2) ? names[chance(4)] : NULL, chance(3) ? NULL : "eth0");
	if (chance(3) == 0)
		options.filter.actions = 1 + chance(63);
	if (chance(3) == 0)
		options.filter.dport = (struct policy_ports){ 2, (uint16_t)(2 + chance(3)) };
	return options;
}

/* As the daemon does it: the ring first, then the states, which run ahead meanwhile. */
static void settle_drained(struct kernel *k, struct hub *hub)
{
	drain(k, hub, SIZE_MAX);
	for (uint32_t i = chance(4); i > 0; i--)
		decide(k, chance(CPUS), chance(3) == 0);
	settle(k, hub);
}

static void step(struct kernel *k, struct hub *hub)
{
	bool flood = chance(20) == 0;
	unsigned int decisions = chance(flood ? 600 : 10);

	for (unsigned int i = 0; i < decisions; i++)
		decide(k, chance(CPUS), chance(flood ? 2 : 50) == 0);
	drain(k, hub, chance(3) ? chance(64) : SIZE_MAX);
	if (chance(8) == 0)
		settle_drained(k, hub);
}

static void feed(struct client *c)
{
	if (chance(4) == 0)
		c->room = chance(1u << chance(14));
	if (chance(2))
		hub_pump(c->s);
}

static void check_end(struct client *c, const struct kernel *k, struct hub *hub, uint64_t begin)
{
	struct hub_accounting a;

	c->room = SIZE_MAX;
	hub_pump(c->s);
	a = hub_accounting(c->s);
	assert_true(a.decisions == numbered(k) - begin);
	assert_true(a.delivered == c->packets && a.lost == c->lost);
	assert_true(a.suppressed == c->suppressed && a.ring_full == c->ring_full);
	assert_true(a.delivered + a.filtered + a.lost + a.suppressed + a.ring_full == a.decisions);
	assert_true(hub_totals(hub).numbered == numbered(k));
}

static void run_random(void)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	struct client clients[6] = { 0 };
	uint64_t begin[ARRAY_SIZE(clients)];
	_cleanup_free_ struct kernel *k = calloc(1, sizeof(*k));

	assert_non_null(k);
	for (unsigned int i = 0; i < ARRAY_SIZE(clients); i++) {
		clients[i] = (struct client){.room = chance(2) ? SIZE_MAX : 0, .pumps = chance(2)};
		begin[i] = hub_totals(hub).numbered;
		subscribe(&clients[i], hub, random_options());
		step(k, hub);
	}
	for (int64_t now = 1; now < 400; now++) {
		step(k, hub);
		feed(&clients[chance(ARRAY_SIZE(clients))]);
		hub_tick(hub, now);
	}
	drain(k, hub, SIZE_MAX);
	settle(k, hub);
	for (unsigned int i = 0; i < ARRAY_SIZE(clients); i++)
		check_end(&clients[i], k, hub, begin[i]);
}

static void test_random(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 150; i++)
		run_random();
}

/* Subscribers come and go by every way out, in the midst of everything. */
static void test_random_turnover(void **state)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	_cleanup_free_ struct kernel *k = calloc(1, sizeof(*k));
	struct client clients[5] = { 0 };

	(void)state;
	assert_non_null(k);
	for (unsigned int i = 0; i < 20000; i++) {
		struct client *c = &clients[chance(ARRAY_SIZE(clients))];
		struct hub_options options;

		if (c->s && !c->ended && !(c->leave_after && c->messages >= c->leave_after)) {
			step(k, hub);
			if (c->ended || (c->leave_after && c->messages >= c->leave_after))
				continue;
			if (chance(30) == 0)
				hub_cancel(hub, hub_subscriber_id(c->s), NULL);
			else
				feed(c);
			continue;
		}
		*c = (struct client){.room = chance(2) ? SIZE_MAX : chance(2000),
			.pumps = chance(2),
			.leave_after = chance(4) ? 0 : 100 + chance(100)};
		options = random_options();
		options.cancel_on_overflow = chance(4) == 0;
		options.count = chance(3) ? 0 : 1 + chance(100);
		options.has_since = c->leave_after == 0 && chance(2);
		options.since = chance(20000);
		subscribe(c, hub, options);
		hub_tick(hub, i + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_marker),
		cmocka_unit_test(test_suppressed_in_line),
		cmocka_unit_test(test_baseline_and_settle),
		cmocka_unit_test(test_settle_overtakes_record),
		cmocka_unit_test(test_unexplained),
		cmocka_unit_test(test_foreign_cpu),
		cmocka_unit_test(test_slow_client),
		cmocka_unit_test(test_cancel_on_overflow),
		cmocka_unit_test(test_broken_sink),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_since),
		cmocka_unit_test(test_since_small_queue_and_count),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_intervals),
		cmocka_unit_test(test_markers_do_not_pile_up),
		cmocka_unit_test(test_filter_words),
		cmocka_unit_test(test_filter_numbers),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_leave_in_send),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_random_turnover),
	};

	return cmocka_run_group_tests_name("event_hub", tests, NULL, NULL);
}
