/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Markers and the accounting: every decision is told once, in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub_world.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_marker),
		cmocka_unit_test(test_suppressed_in_line),
		cmocka_unit_test(test_baseline_and_settle),
		cmocka_unit_test(test_settle_overtakes_record),
		cmocka_unit_test(test_unexplained),
		cmocka_unit_test(test_foreign_cpu),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_intervals),
		cmocka_unit_test(test_markers_do_not_pile_up),
	};

	return cmocka_run_group_tests_name("event_hub", tests, NULL, NULL);
}
