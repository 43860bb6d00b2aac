/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Clients that are slow, come late, ask for so many, or go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "hub_world.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow_client),
		cmocka_unit_test(test_cancel_on_overflow),
		cmocka_unit_test(test_broken_sink),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_since),
		cmocka_unit_test(test_since_small_queue_and_count),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_leave_in_send),
		cmocka_unit_test(test_each),
	};

	return cmocka_run_group_tests_name("event_hub_clients", tests, NULL, NULL);
}
