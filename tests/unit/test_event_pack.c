/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The hand-written bytes against the generated code: what it decodes, and what it packs of that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pepctl.pb-c.h>

#include "server/event_pack.h"

#define RANDOM_EVENTS 20000

static uint64_t random_state = 0x9e3779b97f4a7c15;

/* Small and large, zero and all ones alike: half of the varint lengths are rare otherwise. */
static uint64_t random_number(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state * 0x2545f4914f6cdd1d >>
	       (random_state >> 3) % 65 % 64 * (random_state >> 9 & 1);
}

static void random_text(char *text, size_t size)
{
	size_t length = random_number() % size;

	memset(text, 0, size);
	for (size_t i = 0; i < length; i++)
		text[i] = (char)('a' + random_number() % 26);
}

static void random_event(struct pep_event *e)
{
	static const uint8_t families[] = { 0, 4, 4, 6, 6 };

	for (size_t i = 0; i < sizeof(*e); i++)
		((uint8_t *)e)[i] = (uint8_t)random_number();
	e->time = random_number();
	e->number = random_number();
	e->revision = random_number();
	e->family = families[random_number() % ARRAY_SIZE(families)];
	for (unsigned int i = 0; i < 4; i++)
		e->src[i] = random_number() & 1 ? (__be32)random_number() : 0;
	if (random_number() % 8 == 0)
		memset(e->dst, 0, 10), memset((uint8_t *)e->dst + 10, 0xff, 2); /* ::ffff:a.b.c.d */
	e->action = (uint8_t)(random_number() % PEP_ACTION_MAX);
	e->reason = (uint8_t)(random_number() % PEP_REASON_MAX);
	e->parse_error = (uint8_t)(random_number() % PEP_PARSE_MAX);
	e->vlan = random_number() & 1 ? PEP_VLAN_NONE : (uint16_t)(random_number() % 4095);
	e->captured = (uint16_t)(random_number() % (PEP_CAPTURE_MAX + 1));
	random_text(e->policy, sizeof(e->policy));
}

static Pepctl__V1__Event *unpack(const uint8_t *bytes, size_t size)
{
	Pepctl__V1__Event *event = pepctl__v1__event__unpack(NULL, size, bytes);
	uint8_t again[EVENT_PACK_MAX];

	assert_non_null(event);
	assert_int_equal(event->base.n_unknown_fields, 0);
	assert_int_equal(pepctl__v1__event__get_packed_size(event), size);
	pepctl__v1__event__pack(event, again);
	assert_memory_equal(again, bytes, size);
	return event;
}

static void check_address(const char *text, uint8_t family, const __be32 *address)
{
	char expected[INET6_ADDRSTRLEN] = "";

	if (family)
		assert_non_null(inet_ntop(
			family == 4 ? AF_INET : AF_INET6, address, expected, sizeof(expected)));
	assert_string_equal(text, expected);
}

static void check_flow(const Pepctl__V1__PacketEvent *p, const struct pep_event *e)
{
	check_address(p->src, e->family, e->src);
	check_address(p->dst, e->family, e->dst);
	assert_int_equal(p->sport, ntohs(e->sport));
	assert_int_equal(p->dport, ntohs(e->dport));
	assert_int_equal(p->proto, e->proto);
	assert_int_equal(p->icmp_type, e->icmp_type);
	assert_int_equal(p->icmp_code, e->icmp_code);
	assert_int_equal(p->tcp_flags, e->tcp_flags);
	assert_int_equal(p->vlan_present_case == PEPCTL__V1__PACKET_EVENT__VLAN_PRESENT_VLAN,
		e->vlan != PEP_VLAN_NONE);
	if (e->vlan != PEP_VLAN_NONE)
		assert_int_equal(p->vlan, e->vlan);
}

static void check_packet(const Pepctl__V1__PacketEvent *p, const struct hub_packet *packet)
{
	const struct pep_event *e = packet->event;

	check_flow(p, e);
	assert_true((uint64_t)p->kernel_time == e->time);
	assert_true(p->cpu_number == e->number);
	assert_true(p->revision == e->revision);
	assert_int_equal(p->cpu, e->cpu);
	assert_int_equal(p->ifindex, e->ifindex);
	assert_int_equal(p->length, e->length);
	assert_int_equal(p->action, e->action);
	assert_int_equal(p->reason, e->reason);
	assert_string_equal(p->iface, packet->iface);
	assert_string_equal(p->policy, e->policy);
	assert_string_equal(p->parse_error, event_parse_error_name(e->parse_error));
	assert_int_equal(p->captured.len, e->captured);
	if (e->captured)
		assert_memory_equal(p->captured.data, e->data, e->captured);
}

static void check_event(uint64_t seq, const struct hub_packet *packet)
{
	uint8_t bytes[EVENT_PACK_MAX];
	Pepctl__V1__Event *event = unpack(bytes, event_pack(seq, packet, bytes));

	assert_true(event->seq == seq);
	assert_true(event->time == packet->wall_time);
	assert_int_equal(event->event_case, PEPCTL__V1__EVENT__EVENT_PACKET);
	check_packet(event->packet, packet);
	pepctl__v1__event__free_unpacked(event, NULL);
}

static void test_random_packets(void **state)
{
	struct pep_event event;
	char iface[IFACE_NAME_SIZE];

	(void)state;
	for (unsigned int i = 0; i < RANDOM_EVENTS; i++) {
		random_event(&event);
		random_text(iface, sizeof(iface));
		check_event(random_number(),
			&(struct hub_packet){&event, iface, (int64_t)random_number()});
	}
}

static void test_smallest_and_largest(void **state)
{
	struct pep_event event = { .vlan = PEP_VLAN_NONE };
	struct hub_packet packet = { &event, "", 0 };
	uint8_t bytes[EVENT_PACK_MAX];

	(void)state;
	check_event(0, &packet);
	assert_int_equal(event_pack(0, &packet, bytes), 2);
	memset(&event, 0xff, sizeof(event));
	event.family = 6;
	event.action = PEP_ACTION_REDIRECT;
	event.reason = PEP_REASON_FAILED;
	event.parse_error = PEP_PARSE_VLAN_SHORT;
	event.vlan = 4094;
	event.captured = PEP_CAPTURE_MAX;
	memset(event.policy, 'p', PEP_NAME_SIZE - 1);
	event.policy[PEP_NAME_SIZE - 1] = '\0';
	packet = (struct hub_packet){ &event, "fifteen-letters", -1 };
	check_event(UINT64_MAX, &packet);
}

/* Lengths around 127, where the length of the length changes. */
static void test_every_length(void **state)
{
	struct pep_event event = { .family = 4, .vlan = PEP_VLAN_NONE };

	(void)state;
	for (uint16_t policy = 0; policy < PEP_NAME_SIZE; policy++) {
		memset(event.policy, 'x', policy);
		for (event.captured = 0; event.captured <= PEP_CAPTURE_MAX; event.captured++)
			check_event(1, &(struct hub_packet){ &event, "", 0 });
	}
}

/* A record that is not what the packet program writes must not be read beyond its end. */
static void test_broken_record(void **state)
{
	struct pep_event event;
	uint8_t bytes[EVENT_PACK_MAX];
	size_t size;

	(void)state;
	memset(&event, 0xff, sizeof(event));
	memset(event.policy, 'p', sizeof(event.policy));
	size = event_pack(
		UINT64_MAX, &(struct hub_packet){&event, "longer-than-any-name", -1}, bytes);
	assert_true(size <= EVENT_PACK_MAX);
	pepctl__v1__event__free_unpacked(unpack(bytes, size), NULL);
}

static void test_lost(void **state)
{
	uint8_t bytes[EVENT_PACK_CONTROL_MAX];
	Pepctl__V1__Event *event;

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		uint64_t n[3] = { random_number(), random_number(), random_number() };

		event = unpack(bytes, event_pack_lost(-5, n[0], n[1], n[2], bytes));
		assert_true(event->seq == 0 && event->time == -5);
		assert_int_equal(event->event_case, PEPCTL__V1__EVENT__EVENT_LOST);
		assert_true(event->lost->count == n[0]);
		assert_true(event->lost->suppressed == n[1]);
		assert_true(event->lost->ring_full == n[2]);
		pepctl__v1__event__free_unpacked(event, NULL);
	}
}

static void check_marker(const struct hub_accounting *a, const char *id)
{
	uint8_t bytes[EVENT_PACK_CONTROL_MAX];
	size_t size = event_pack_marker(INT64_MIN, a, id, bytes);
	Pepctl__V1__Event *event = unpack(bytes, size);

	assert_true(size <= EVENT_PACK_CONTROL_MAX);
	assert_int_equal(event->event_case, PEPCTL__V1__EVENT__EVENT_MARKER);
	assert_true(event->marker->decisions == a->decisions);
	assert_true(event->marker->delivered == a->delivered);
	assert_true(event->marker->filtered == a->filtered);
	assert_true(event->marker->lost == a->lost);
	assert_true(event->marker->suppressed == a->suppressed);
	assert_true(event->marker->ring_full == a->ring_full);
	assert_string_equal(event->marker->subscription, id);
	pepctl__v1__event__free_unpacked(event, NULL);
}

static void test_marker(void **state)
{
	struct hub_accounting most;

	(void)state;
	for (unsigned int i = 0; i < 1000; i++)
		check_marker(
			&(struct hub_accounting){random_number(), random_number(), random_number(),
				random_number(), random_number(), random_number()},
			"s12");
	memset(&most, 0xff, sizeof(most));
	check_marker(&most, "thirty-one-characters-long-id-x");
	check_marker(&(struct hub_accounting){ 0 }, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_packets),
		cmocka_unit_test(test_smallest_and_largest),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_broken_record),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_marker),
	};

	return cmocka_run_group_tests_name("event_pack", tests, NULL, NULL);
}
