/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the store does by itself: commits that nobody confirmed are undone, policies end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "store_drive.h"

/* --- commits that wait to be confirmed */

static void test_undoes_itself(void **state)
{
	struct answer a;
	struct world w;
	uint64_t waiting;

	(void)state;
	begin_waiting(&w, &a);
	assert_int_equal(store_confirm_left(w.store, &waiting), 500);
	assert_int_equal(waiting, 2);
	commit_text(&w, "policy c block src 10.0.0.3\n", &a);
	assert_string_equal(a.reason, "CONFIRM_PENDING");
	commit_text(&w, "policy a block src 10.0.0.1\n", &a); /* which changes nothing */
	assert_int_equal(a.kind, ERROR_NONE);
	w.alarm = 0;
	w.boottime = 1499;
	ring(&w);
	assert_int_equal(store_revision(w.store), 2);
	assert_int_equal(w.alarm, 1500); /* too early: once more */
	w.boottime = 1500;
	ring(&w);
	assert_int_equal(store_revision(w.store), 3);
	assert_content(&w, "default allow\npolicy a block src 10.0.0.1\n");
	assert_int_equal(store_confirm_left(w.store, &waiting) + (int64_t)waiting, 0);
	commit_text(&w, "policy c block src 10.0.0.3\n", &a);
	assert_int_equal(a.revision, 4);
	world_deinit(&w);
}

static void test_is_confirmed(void **state)
{
	struct store_tx confirm = {.kind = STORE_CONFIRM, .target = 1};
	struct world w, again;
	struct answer a;

	(void)state;
	begin_waiting(&w, &a);
	commit_tx(&w, confirm, &a);
	assert_string_equal(a.reason, "REVISION_DIFFERS");
	confirm.target = 2;
	commit_tx(&w, confirm, &a);
	assert_int_equal(a.kind, ERROR_NONE);
	assert_int_equal(a.revision, 2);
	commit_tx(&w, confirm, &a);
	assert_string_equal(a.reason, "NOTHING_TO_CONFIRM");
	w.boottime = 9999;
	ring(&w);
	assert_int_equal(store_revision(w.store), 2);
	world_reopen(&again, &w);
	assert_int_equal(store_revision(again.store), 2);
	world_deinit(&again);
	w.is_long = true; /* the same from a new journal */
	commit_text(&w, "policy c block src 10.0.0.3\n", &a);
	world_reopen(&again, &w);
	assert_int_equal(store_revision(again.store), 3);
	world_deinit(&again);
	world_deinit(&w);
}

static void test_is_undone_by_hand(void **state)
{
	struct answer a;
	struct world w;

	(void)state;
	begin_waiting(&w, &a);
	go_back(&w, 0, &a);
	assert_string_equal(a.reason, "CONFIRM_PENDING");
	go_back(&w, 1, &a);
	assert_int_equal(a.revision, 3);
	commit_text(&w, "policy c block src 10.0.0.3\n", &a);
	assert_int_equal(a.revision, 4);
	assert_int_equal(store_policy_find(w.store, "a")->changed_revision, 1);
	world_deinit(&w);
}

/* The confirmation is on its way to the disk when the time comes: what was confirmed stays. */
static void test_confirmed_at_the_last_moment(void **state)
{
	struct store_tx confirm = {.kind = STORE_CONFIRM, .target = 2, .comment = ""};
	struct answer a;
	struct world w;

	(void)state;
	begin_waiting(&w, &a);
	submit_tx(&w, &confirm, &a);
	w.boottime = 1500;
	store_alarm(w.store);
	while (store_busy(w.store))
		finish(&w);
	assert_int_equal(a.kind, ERROR_NONE);
	assert_int_equal(store_revision(w.store), 2);
	ring(&w);
	assert_int_equal(store_revision(w.store), 2);
	world_deinit(&w);
}

/* The time comes twice before the undo is done, and a change waits in between: it stays. */
static void test_undone_once(void **state)
{
	struct store_tx dry = tx_of("policy z block src 10.0.0.9\n", CHANGE_PUT_POLICY), tx;
	struct answer a, b, c;
	struct world w;

	(void)state;
	begin_waiting(&w, &a);
	w.boottime = 1500;
	store_alarm(w.store);
	tx = tx_of("policy c block src 10.0.0.3\n", CHANGE_PUT_POLICY);
	submit_tx(&w, &tx, &b);
	dry.validate_only = true;
	submit_tx(&w, &dry, &c);
	store_alarm(w.store);
	while (store_busy(w.store))
		finish(&w);
	assert_int_equal(b.revision, 4);
	assert_non_null(store_policy_find(w.store, "c"));
	ring(&w);
	assert_int_equal(store_revision(w.store), 4);
	world_deinit(&w);
}

/* The disk refuses when the time has come: it is tried again. */
static void test_undo_is_tried_again(void **state)
{
	struct error err = ERROR_INIT;
	struct answer a;
	struct world w;

	(void)state;
	begin_waiting(&w, &a);
	w.boottime = 1500;
	store_alarm(w.store);
	error_set(&err, ERROR_PRECONDITION, "NOT_DURABLE", "disk");
	store_persisted(w.store, &err);
	assert_int_equal(store_revision(w.store), 2);
	assert_int_equal(w.alarm, 1500 + STORE_AGAIN);
	w.boottime = w.alarm;
	ring(&w);
	assert_int_equal(store_revision(w.store), 3);
	world_deinit(&w);
}

static void test_timer_survives(void **state)
{
	struct world w, again;
	struct answer a;

	(void)state;
	begin_waiting(&w, &a);
	restart_later(&w, "first", 1499, 1, &again); /* whatever the wall says */
	assert_int_equal(store_revision(again.store), 2);
	assert_int_equal(again.alarm, 1500);
	again.boottime = 1500;
	ring(&again);
	assert_int_equal(store_revision(again.store), 3);
	world_deinit(&again);
	restart_later(&w, "second", 10, 5400, &again); /* 100 are left after a reboot */
	assert_int_equal(store_revision(again.store), 2);
	assert_int_equal(again.alarm, 110);
	world_deinit(&again);
	restart_later(&w, "first", 1500, 1, &again); /* it ran out: the former content comes up */
	assert_int_equal(store_revision(again.store), 3);
	assert_content(&again, "default allow\npolicy a block src 10.0.0.1\n");
	assert_int_equal(again.flipped, 1);
	assert_true(store_unwritten(again.store));
	world_move_disk(&again, &w); /* the store writes it down before the next commit */
	commit_text(&again, "policy d block src 10.0.0.4\n", &a);
	assert_int_equal(a.revision, 4);
	assert_int_equal(again.rewritten, 1);
	world_deinit(&w);
	world_reopen(&w, &again);
	assert_int_equal(store_revision(w.store), 4);
	world_deinit(&again);
	world_deinit(&w);
	begin_waiting(&w, &a);
	restart_later(&w, "second", 10, 5500, &again);
	assert_int_equal(store_revision(again.store), 3);
	world_deinit(&again);
	world_deinit(&w);
}

/* A crash between the state file that has the undo and the journal that has not: it is done once. */
static void test_undone_at_two_starts(void **state)
{
	struct world w, again, third;
	uint64_t waiting;
	struct answer a;
	size_t size;

	(void)state;
	begin_waiting(&w, &a);
	restart_later(&w, "first", 1500, 1, &again);
	commit_text(&again, "policy c block src 10.0.0.3\n", &a);
	state_deinit(&w.state);
	w.state = again.state;
	again.state = (struct state){0};
	restart_later(&w, "first", 1500, 1, &third);
	assert_int_equal(store_revision(third.store), 3);
	assert_content(&third, "default allow\npolicy a block src 10.0.0.1\n");
	assert_int_equal(store_confirm_left(third.store, &waiting) + (int64_t)waiting, 0);
	assert_null(store_commit_at(third.store, 0, &size)); /* the history is the price */
	world_deinit(&third);
	world_deinit(&again);
	world_deinit(&w);
}

/* --- policies that end */

static void test_policies_end(void **state)
{
	struct world w, again;
	struct answer a;

	(void)state;
	world_init(&w, 10, NULL);
	commit_text(&w, "policy a block src 10.0.0.1 ttl 1s\npolicy b block src 10.0.0.2 ttl 1h\n", &a);
	assert_int_equal(w.alarm, 1000 + 1000000000);
	w.boottime = 600000000;
	commit_text(&w, "policy a block src 10.0.0.1 ttl 1s\n", &a); /* as it is: its time runs on */
	assert_int_equal(a.revision, 1);
	commit_text(&w, "policy c block src 10.0.0.3 ttl 1s\n", &a);
	w.boottime = w.alarm;
	ring(&w);
	assert_int_equal(store_revision(w.store), 3);
	assert_string_equal(w.described, "- policy a block src 10.0.0.1 ttl 1s\n");
	assert_int_equal(w.expired, 0); /* that is told of leases */
	assert_int_equal(w.alarm, 1600000000);
	assert_int_equal(store_policy_left(w.store, store_policy_find(w.store, "c")), 1600000000 - w.boottime);
	w.is_long = true; /* in the state file, and beside it in the journal */
	commit_text(&w, "policy c block src 10.0.0.3 ttl 2s\n", &a);
	commit_text(&w, "policy d block src 10.0.0.4 ttl 2s\n", &a);
	world_reopen(&again, &w);
	assert_same(&again, &w);
	assert_int_equal(again.alarm, w.alarm);
	world_deinit(&again);
	restart_later(&w, "second", 50, w.time + 2100000000, &again); /* over by the wall */
	assert_null(store_policy_find(again.store, "c"));
	assert_null(store_policy_find(again.store, "d"));
	assert_non_null(store_policy_find(again.store, "b"));
	assert_int_equal(again.flipped, 1);
	assert_true(store_unwritten(again.store));
	world_deinit(&again);
	world_deinit(&w);
}

/* Revision 2 waits for 5 s, beside a policy that ends in one. */
static void wait_beside(struct world *w)
{
	struct store_tx tx = tx_of("policy b block src 10.0.0.2\n", CHANGE_PUT_POLICY);
	struct answer a;

	world_init(w, 10, NULL);
	commit_text(w, "policy a block src 10.0.0.1 ttl 1s\n", &a);
	tx.confirm_timeout = 5000000000;
	commit_tx(w, tx, &a);
}

/* They end also while a commit waits, which goes on waiting. */
static void test_policies_end_meanwhile(void **state)
{
	struct world w, again;
	struct answer a;
	uint64_t waiting;

	(void)state;
	wait_beside(&w);
	w.boottime = w.alarm;
	ring(&w);
	assert_int_equal(store_revision(w.store), 3);
	world_reopen(&again, &w);
	assert_int_equal(store_confirm_left(again.store, &waiting), 4000000000);
	assert_int_equal(waiting, 2);
	commit_tx(&again, (struct store_tx){.kind = STORE_CONFIRM, .target = 2}, &a);
	assert_int_equal(a.kind, ERROR_NONE);
	world_move_disk(&again, &w);
	world_deinit(&w);
	again.is_long = true;
	commit_text(&again, "policy z block src 10.0.0.9\n", &a);
	world_reopen(&w, &again);
	store_confirm_left(w.store, &waiting);
	assert_int_equal(waiting, 0);
	assert_non_null(store_policy_find(w.store, "b"));
	world_deinit(&w);
	world_deinit(&again);
}

/* The wall is set while a commit waits: the end of a policy puts its deadline down by that. */
static void test_wait_by_the_latest_wall(void **state)
{
	struct world w, again;
	uint64_t waiting;

	(void)state;
	wait_beside(&w);
	w.time += 3600000000000;
	w.boottime = w.alarm;
	ring(&w);
	restart_later(&w, "second", 10, w.time + 1000000000, &again);
	assert_int_equal(store_confirm_left(again.store, &waiting), 3000000000);
	assert_int_equal(waiting, 2);
	world_deinit(&again);
	world_deinit(&w);
}

/* Changed there and back, a policy's time has begun anew: back further, it is the former one. */
static void test_former_end(void **state)
{
	struct world w;
	struct answer a;

	(void)state;
	world_init(&w, 10, NULL);
	commit_text(&w, "policy a block src 10.0.0.1 ttl 5s\n", &a);
	w.boottime += 1000000000;
	commit_text(&w, "policy a allow src 10.0.0.1 ttl 5s\n", &a);
	commit_text(&w, "policy a block src 10.0.0.1 ttl 5s\n", &a);
	assert_int_equal(store_policy_left(w.store, store_policy_find(w.store, "a")), 5000000000);
	go_back(&w, 1, &a);
	assert_int_equal(a.policies.changed, 1);
	assert_int_equal(store_policy_left(w.store, store_policy_find(w.store, "a")), 4000000000);
	assert_int_equal(w.alarm, 1000 + 5000000000);
	world_deinit(&w);
}

static void expect_undone(struct world *w, uint64_t revision)
{
	uint64_t waiting;

	assert_int_equal(store_revision(w->store), revision);
	store_confirm_left(w->store, &waiting);
	assert_int_equal(waiting, 0);
}

/* All that a commit brought is gone before its time is over, with which it ends nevertheless. */
static void test_nothing_left_to_undo(void **state)
{
	struct store_tx tx = tx_of("policy b block src 10.0.0.2 ttl 1s\n", CHANGE_PUT_POLICY);
	struct world w, again;
	struct answer a;

	(void)state;
	world_init(&w, 10, NULL);
	tx.confirm_timeout = 5000000000;
	commit_tx(&w, tx, &a);
	w.boottime = w.alarm;
	ring(&w);
	assert_int_equal(store_revision(w.store), 2);
	w.boottime = w.alarm;
	assert_int_equal(w.boottime, 1000 + 5000000000);
	world_reopen(&again, &w); /* the start does what the alarm would have */
	expect_undone(&again, 3);
	assert_true(store_unwritten(again.store));
	world_deinit(&again);
	w.alarm = 0;
	ring(&w);
	expect_undone(&w, 3);
	assert_string_equal(w.described, "");
	assert_int_equal(w.alarm, 0); /* which would come again at once */
	world_reopen(&again, &w);
	expect_undone(&again, 3);
	world_deinit(&again);
	world_deinit(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_undoes_itself),
		cmocka_unit_test(test_is_confirmed),
		cmocka_unit_test(test_is_undone_by_hand),
		cmocka_unit_test(test_confirmed_at_the_last_moment),
		cmocka_unit_test(test_undone_once),
		cmocka_unit_test(test_undo_is_tried_again),
		cmocka_unit_test(test_timer_survives),
		cmocka_unit_test(test_undone_at_two_starts),
		cmocka_unit_test(test_policies_end),
		cmocka_unit_test(test_policies_end_meanwhile),
		cmocka_unit_test(test_wait_by_the_latest_wall),
		cmocka_unit_test(test_former_end),
		cmocka_unit_test(test_nothing_left_to_undo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
