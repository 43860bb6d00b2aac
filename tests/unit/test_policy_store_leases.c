/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Members that owners hold: what is answered, what survives, what ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "lease_world.h"

static void test_held_until_all_let_go(void **state)
{
	struct world w;
	struct answer a;
	uint8_t id;

	(void)state;
	lease_start(&w);
	lease_commit(&w, "set s { 10.0.0.1 }\n");
	lease_hold(&w, "s", "x", "10.0.0.1 10.0.0.2 ::1 10.0.0.2", 0, &a);
	assert_int_equal(a.leases.added, 3);
	assert_int_equal(a.leases.unchanged, 1);
	assert_int_equal(a.revision, 1); /* no revision */
	assert_true(kernel_has(&w, "s", "10.0.0.2"));
	lease_hold(&w, "s", "y", "10.0.0.2", 0, &a);
	assert_int_equal(a.leases.added, 1);
	lease_send(&w, lease_tx(STORE_RELEASE, "s", "x", "10.0.0.1 10.0.0.2 10.0.0.9", 0), &a);
	assert_int_equal(a.leases.released, 2);
	assert_int_equal(a.leases.missing, 1);
	assert_true(kernel_has(&w, "s", "10.0.0.2")); /* y's */
	assert_true(kernel_has(&w, "s", "10.0.0.1")); /* the ruleset's */
	lease_commit(&w, "set s { }\n");
	assert_false(kernel_has(&w, "s", "10.0.0.1"));
	assert_true(kernel_has(&w, "s", "10.0.0.2"));
	store_set_find(w.store, "s", &id);
	assert_int_equal(member_set_count(store_set_members(w.store, id)), 0);
	assert_int_equal(store_lease_count(w.store, id), 2);
	lease_send(&w, lease_tx(STORE_RELEASE_ALL, "", "y", "", 0), &a);
	assert_int_equal(a.leases.released, 1);
	assert_false(kernel_has(&w, "s", "10.0.0.2"));
	world_deinit(&w);
}

static void test_never_shortened_silently(void **state)
{
	struct store_tx tx;
	struct world w;
	struct answer a;

	(void)state;
	lease_start(&w);
	lease_commit(&w, "set s\n");
	lease_hold(&w, "s", "x", "10.0.0.1", 10 * SECOND, &a);
	lease_hold(&w, "s", "x", "10.0.0.1 10.0.0.2", 5 * SECOND, &a);
	assert_int_equal(a.leases.unchanged, 1);
	assert_int_equal(a.leases.kept, 1);
	assert_int_equal(a.note.at, 0);
	assert_null(a.note.reason);
	lease_hold(&w, "s", "x", "10.0.0.1", 20 * SECOND, &a);
	assert_int_equal(a.leases.refreshed, 1);
	tx = lease_tx(STORE_HOLD, "s", "x", "10.0.0.1", 5 * SECOND);
	tx.lease->shorten = true;
	lease_send(&w, tx, &a);
	assert_int_equal(a.leases.refreshed, 1);
	lease_hold(&w, "s", "x", "10.0.0.1", 0, &a); /* for ever is later */
	assert_int_equal(a.leases.refreshed, 1);
	lease_hold(&w, "s", "x", "10.0.0.1", 50 * SECOND, &a);
	assert_int_equal(a.leases.kept, 1);
	world_deinit(&w);
}

static void test_expires(void **state)
{
	struct world w;
	struct answer a;

	(void)state;
	lease_start(&w);
	lease_commit(&w, "set s { 10.0.0.3 }\n");
	lease_hold(&w, "s", "x", "10.0.0.1 10.0.0.3", 10 * SECOND, &a);
	lease_hold(&w, "s", "y", "10.0.0.1 10.0.0.2", 20 * SECOND, &a);
	assert_in_range(w.alarm, 10 * SECOND, 10 * SECOND + SECOND);
	w.boottime = w.alarm;
	lease_ring(&w);
	assert_true(kernel_has(&w, "s", "10.0.0.1"));
	assert_true(kernel_has(&w, "s", "10.0.0.3"));
	assert_in_range(w.alarm, 20 * SECOND, 20 * SECOND + SECOND);
	w.boottime = w.alarm;
	lease_ring(&w);
	assert_false(kernel_has(&w, "s", "10.0.0.1"));
	assert_false(kernel_has(&w, "s", "10.0.0.2"));
	assert_true(kernel_has(&w, "s", "10.0.0.3"));
	assert_int_equal(w.line_total, 2);
	assert_int_equal(w.expired, 2);
	assert_non_null(strstr(w.described, "- 10.0.0.2 of set s, held by y\n"));
	assert_int_equal(w.leased, 2);
	assert_int_equal(w.journal_count, 3); /* an end in time needs no record */
	world_deinit(&w);
}

static void test_reconciles(void **state)
{
	struct world w;
	struct answer a;

	(void)state;
	lease_start(&w);
	lease_commit(&w, "set s\n");
	lease_hold(&w, "s", "x", "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5", 0, &a);
	lease_hold(&w, "s", "y", "10.0.0.1", 0, &a);
	lease_send(&w, lease_tx(STORE_RECONCILE, "s", "x", "10.0.0.3 10.0.0.9", 0), &a);
	assert_int_equal(a.leases.released, 4);
	assert_int_equal(a.leases.added, 1);
	assert_int_equal(a.leases.unchanged, 1);
	assert_true(kernel_has(&w, "s", "10.0.0.1"));
	assert_false(kernel_has(&w, "s", "10.0.0.2"));
	assert_true(kernel_has(&w, "s", "10.0.0.9"));
	lease_send(&w, lease_tx(STORE_RECONCILE, "s", "x", "", 0), &a);
	assert_int_equal(a.leases.released, 2);
	world_deinit(&w);
}

/* --- beside the ruleset */

static void test_ruleset_leaves_leases_alone(void **state)
{
	struct store_tx tx;
	struct world w;
	struct answer a;

	(void)state;
	lease_start(&w);
	lease_commit(&w, "policy a block src 10.9.0.1\n");
	lease_commit(&w, "set s { 10.0.0.1 }\npolicy p block src @s\n");
	lease_hold(&w, "s", "x", "10.0.0.2", 0, &a);
	tx = tx_of("set s { 10.0.0.1 }\n", CHANGE_DELETE_SET);
	tx.changes.items[0].kind = CHANGE_DELETE_SET;
	lease_send(&w, tx, &a);
	assert_string_equal(a.reason, "SET_HAS_LEASES");
	tx = tx_of("policy b block src 10.9.0.2\n", CHANGE_PUT_POLICY);
	tx.mode = STORE_REPLACE_ALL;
	lease_send(&w, tx, &a);
	assert_false(kernel_has(&w, "s", "10.0.0.1"));
	assert_true(kernel_has(&w, "s", "10.0.0.2"));
	tx = tx_of("policy b block src 10.9.0.2\n", CHANGE_PUT_POLICY);
	tx.mode = STORE_REPLACE_ALL;
	lease_send(&w, tx, &a);
	assert_int_equal(a.revision, 3); /* the same file changes nothing */
	lease_send(&w, (struct store_tx){.kind = STORE_ROLLBACK, .target = 1, .comment = ""}, &a);
	assert_true(kernel_has(&w, "s", "10.0.0.2"));
	lease_send(&w, (struct store_tx){.kind = STORE_ROLLBACK, .target = 2, .comment = ""}, &a);
	assert_true(kernel_has(&w, "s", "10.0.0.1"));
	lease_send(&w, lease_tx(STORE_RELEASE_ALL, "s", "x", "", 0), &a);
	tx = tx_of("policy b block src 10.9.0.2\n", CHANGE_PUT_POLICY);
	tx.mode = STORE_REPLACE_ALL;
	lease_send(&w, tx, &a);
	assert_null(store_set_find(w.store, "s", NULL));
	world_deinit(&w);
}

static void test_count_to_the_limit(void **state)
{
	struct world w;
	struct answer a;
	uint8_t id;

	(void)state;
	lease_start(&w);
	lease_commit(&w, "set s\n");
	lease_hold(&w, "s", "x", "10.0.0.0-10.0.19.136", 0, &a); /* as prefixes these are few */
	assert_int_equal(a.kind, ERROR_NONE);
	for (unsigned int i = 0; i < 70; i++) {
		char owner[16];

		snprintf(owner, sizeof(owner), "o%u", i);
		lease_hold(&w, "s", owner, "192.0.2.1", 0, &a);
		assert_int_equal(a.leases.added, i < STORE_HOLDERS_MAX);
		assert_int_equal(a.leases.rejected, i >= STORE_HOLDERS_MAX);
	}
	store_set_find(w.store, "s", &id);
	assert_true(store_lease_count(w.store, id) > STORE_HOLDERS_MAX);
	world_deinit(&w);
}

/* --- failures and restarts */

static void test_disk_refuses(void **state)
{
	struct error err = ERROR_INIT;
	struct store_tx tx;
	struct world w;
	struct answer a;
	uint8_t id;

	(void)state;
	lease_start(&w);
	lease_commit(&w, "set s\n");
	lease_hold(&w, "s", "x", "10.0.0.1 10.0.0.2", 5 * SECOND, &a);
	tx = lease_tx(STORE_RECONCILE, "s", "x", "10.0.0.2 10.0.0.3", 9 * SECOND);
	submit_tx(&w, &tx, &a);
	error_set(&err, ERROR_PRECONDITION, "NOT_DURABLE", "disk");
	store_persisted(w.store, &err);
	assert_string_equal(a.reason, "NOT_DURABLE");
	store_set_find(w.store, "s", &id);
	assert_int_equal(store_lease_count(w.store, id), 2);
	lease_hold(&w, "s", "x", "10.0.0.1 10.0.0.2", 5 * SECOND, &a);
	assert_int_equal(a.leases.unchanged, 2);
	assert_true(kernel_has(&w, "s", "10.0.0.1"));
	assert_false(kernel_has(&w, "s", "10.0.0.3"));
	world_deinit(&w);
}

/* Its end comes while a dry run makes it longer, which is then taken back. */
static void test_ends_after_a_dry_run(void **state)
{
	struct store_tx tx;
	struct world w;
	struct answer a;

	(void)state;
	lease_start(&w);
	lease_commit(&w, "set s\n");
	lease_hold(&w, "s", "x", "10.0.0.1", 5 * SECOND, &a);
	w.alarm = 0;
	tx = lease_tx(STORE_HOLD, "s", "x", "10.0.0.1", 9 * SECOND);
	tx.validate_only = true;
	lease_send(&w, tx, &a);
	assert_in_range(w.alarm, 5 * SECOND, 6 * SECOND);
	world_deinit(&w);
}

/* What cannot end now is tried again in a second, not at once. */
static void test_end_that_fails(void **state)
{
	struct error err = ERROR_INIT;
	struct world w;
	struct answer a;

	(void)state;
	lease_start(&w);
	lease_commit(&w, "set s\npolicy p block src 10.9.0.1 ttl 5s\n");
	lease_hold(&w, "s", "x", "10.0.0.1", 5 * SECOND, &a);
	w.boottime = 7 * SECOND;
	store_alarm(w.store);
	world_answer(&w, NULL); /* that of a lease needs no disk, and waits for no policy */
	take_told(&w);
	world_answer(&w, NULL);
	assert_false(kernel_has(&w, "s", "10.0.0.1"));
	error_set(&err, ERROR_PRECONDITION, "NOT_DURABLE", "disk");
	store_persisted(w.store, &err);
	assert_non_null(store_policy_find(w.store, "p"));
	assert_int_equal(w.alarm, 7 * SECOND + STORE_AGAIN);
	store_alarm(w.store); /* for another reason */
	assert_false(store_busy(w.store));
	w.boottime = w.alarm;
	lease_ring(&w);
	assert_null(store_policy_find(w.store, "p"));
	world_deinit(&w);
}

static void test_survives(void **state)
{
	struct world w, again;
	struct answer a;

	(void)state;
	lease_start(&w);
	lease_commit(&w, "set s { 10.0.0.9 }\n");
	lease_hold(&w, "s", "x", "10.0.0.1", 10 * SECOND, &a);
	lease_hold(&w, "s", "x", "10.0.0.2", 0, &a);
	w.is_long = true; /* the rest is in the journal */
	lease_hold(&w, "s", "y", "10.0.0.3 10.0.0.4", 20 * SECOND, &a);
	assert_int_equal(w.rewritten, 1);
	lease_send(&w, lease_tx(STORE_RELEASE, "s", "y", "10.0.0.4", 0), &a);
	lease_restart(&w, &again);
	assert_true(kernel_has(&again, "s", "10.0.0.1"));
	assert_true(kernel_has(&again, "s", "10.0.0.9"));
	assert_false(kernel_has(&again, "s", "10.0.0.4"));
	assert_in_range(again.alarm, 10 * SECOND, 11 * SECOND);
	again.boottime = 15 * SECOND; /* meanwhile the daemon is down */
	again.time = 5000 + 15 * SECOND;
	lease_restart(&again, &w);
	assert_false(kernel_has(&w, "s", "10.0.0.1"));
	assert_true(kernel_has(&w, "s", "10.0.0.2"));
	assert_true(kernel_has(&w, "s", "10.0.0.3"));
	w.boot_id = "second"; /* a second later by the wall, whatever the clock of the new boot says */
	w.boottime = 77 * SECOND;
	w.time = 5000 + 16 * SECOND;
	lease_restart(&w, &again);
	assert_true(kernel_has(&again, "s", "10.0.0.3"));
	assert_in_range(again.alarm, (77 + 4) * SECOND, (77 + 5) * SECOND);
	world_deinit(&again);
	forget_told();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_held_until_all_let_go),
		cmocka_unit_test(test_never_shortened_silently),
		cmocka_unit_test(test_expires),
		cmocka_unit_test(test_reconciles),
		cmocka_unit_test(test_ruleset_leaves_leases_alone),
		cmocka_unit_test(test_count_to_the_limit),
		cmocka_unit_test(test_disk_refuses),
		cmocka_unit_test(test_ends_after_a_dry_run),
		cmocka_unit_test(test_end_that_fails),
		cmocka_unit_test(test_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
