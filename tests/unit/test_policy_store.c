/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Transactions over a backend that only remembers: what is enforced, when, and what is taken back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "store_world.h"

static void test_a_commit(void **state)
{
	struct answer a;
	struct world w;

	(void)state;
	world_init(&w, 10, NULL);
	submit(&w, "policy a block proto udp dport 53\ndefault block\ninterface eth0\n", &a);
	assert_false(a.done);
	assert_int_equal(store_policy_count(w.store), 0); /* not before it is durable */
	finish(&w);
	assert_true(a.done);
	assert_int_equal(a.revision, 1);
	assert_int_equal(a.effect, STORE_CREATED);
	assert_int_equal(w.flipped, 2); /* the start's, and this one */
	assert_int_equal(w.attached, 1);
	assert_int_equal(w.line_total, 4); /* the policy, - and + of the default, the interface */
	assert_true(store_config(w.store)->block);
	assert_int_equal(w.journal_count, 1);
	submit(&w, "policy a block proto udp dport 53\n", &a);
	assert_true(a.done); /* nothing changes: no revision, no write */
	assert_int_equal(a.revision, 1);
	assert_int_equal(w.persisted, 1);
	world_deinit(&w);
}

static void test_refusals_leave_no_trace(void **state)
{
	struct store_tx tx;
	struct answer a;
	struct world w;

	(void)state;
	world_init(&w, 2, NULL);
	submit(&w, "policy a block proto udp dport 53\n", &a);
	finish(&w);
	tx = tx_of("policy b allow proto tcp\npolicy a block proto udp dport 1\n", CHANGE_CREATE_POLICY);
	a = (struct answer){0};
	store_submit(w.store, &tx, on_done, &a);
	assert_int_equal(a.kind, ERROR_EXISTS);
	assert_string_equal(a.field, "operations[1].create_policy");
	assert_null(store_policy_find(w.store, "b"));
	submit(&w, "policy b rate-limit 1B/s burst 1000000000 proto udp dport 53\n", &a);
	assert_int_equal(a.kind, ERROR_UNIMPLEMENTED);
	assert_string_equal(a.reason, "POLICY_UNSUPPORTED");
	submit(&w, "policy b block proto udp\npolicy c block proto tcp\n", &a);
	assert_string_equal(a.reason, "POLICIES_FULL");
	w.refuse_prepare = true;
	submit(&w, "policy b block proto udp\n", &a);
	assert_string_equal(a.reason, "KERNEL");
	w.refuse_prepare = false;
	w.refuse_attach = true;
	submit(&w, "policy b block proto udp\ninterface eth0\n", &a);
	assert_string_equal(a.reason, "NO_INTERFACE");
	assert_int_equal(store_revision(w.store), 1);
	assert_int_equal(classifier_count(w.engine.classifier), 1);
	w.refuse_attach = false;
	submit(&w, "policy b block proto udp\ninterface eth0\n", &a);
	finish(&w);
	assert_int_equal(a.revision, 2);
	world_deinit(&w);
}

/* What attaches an interface that the ruleset has is no change, and yet puts the interface back. */
static void test_attached_again(void **state)
{
	struct answer a;
	struct world w;

	(void)state;
	world_init(&w, 10, NULL);
	submit(&w, "interface eth0\ninterface eth1\n", &a);
	finish(&w);
	assert_int_equal(w.attached, 2);
	submit(&w, "interface eth1\n", &a);
	assert_true(a.done);
	assert_int_equal(a.revision, 1);
	assert_int_equal(a.effect, STORE_UNCHANGED);
	assert_int_equal(w.attached, 3); /* that one only */
	w.refuse_attach = true; /* the ruleset has one that is absent, and that is no fault of it */
	submit(&w, "interface eth1\n", &a);
	assert_int_equal(a.kind, 0);
	submit(&w, "interface eth1\ninterface eth2\n", &a);
	assert_string_equal(a.reason, "NO_INTERFACE");
	w.refuse_attach = false;
	w.attached = 0;
	submit(&w, "interface eth1\ndefault block\n", &a); /* beside a change too */
	finish(&w);
	assert_int_equal(a.revision, 2);
	assert_int_equal(w.attached, 1);
	assert_int_equal(w.detached, 0);
	world_deinit(&w);
}

/* A pattern that got another mode in a transaction that fails has the former one again. */
static void test_mode_of_a_refused_one(void **state)
{
	struct answer a;
	struct world w;

	(void)state;
	world_init(&w, 10, NULL);
	submit(&w, "interface veth* mode generic\n", &a);
	finish(&w);
	submit(&w, "interface veth* mode native\ninterface missing\n", &a);
	assert_string_equal(a.reason, "NO_INTERFACE");
	assert_int_equal(w.mode, ATTACH_GENERIC);
	assert_int_equal(w.detached, 0);
	world_deinit(&w);
}

static void test_disk_refuses(void **state)
{
	struct error err = ERROR_INIT;
	struct answer a;
	struct world w;

	(void)state;
	world_init(&w, 10, NULL);
	submit(&w, "policy a block proto udp dport 53\ndefault block\ninterface eth0\n", &a);
	error_set(&err, ERROR_PRECONDITION, "NOT_DURABLE", "disk");
	store_persisted(w.store, &err);
	assert_string_equal(a.reason, "NOT_DURABLE");
	assert_int_equal(w.aborted, 1);
	assert_int_equal(w.detached, 1);
	assert_int_equal(classifier_count(w.engine.classifier), 0);
	assert_false(store_config(w.store)->block);
	submit(&w, "policy a block proto udp dport 53\n", &a);
	finish(&w);
	assert_int_equal(a.revision, 1);
	world_deinit(&w);
}

static void sync_fails(struct world *w)
{
	error_set(&w->error, ERROR_UNKNOWN, "DURABILITY_UNKNOWN", "sync");
	store_persisted(w->store, &w->error);
}

/* Nobody knows what the disk has: nothing is committed before it has what is in force. */
static void test_sync_fails(void **state)
{
	struct store_tx dry;
	struct answer a, b, c;
	struct world w;

	(void)state;
	world_init(&w, 10, NULL);
	submit(&w, "policy a block proto udp dport 1\n", &a);
	finish(&w);
	submit(&w, "policy b block proto udp dport 2\n", &b);
	submit(&w, "policy c block proto udp dport 3\n", &c);
	sync_fails(&w);
	assert_int_equal(b.kind, ERROR_UNKNOWN);
	assert_true(store_busy(w.store)); /* at once what is in force is written anew */
	assert_int_equal(w.journal_count, 1); /* the first alone */
	assert_null(strstr(w.state.text, "policy b"));
	assert_non_null(strstr(w.state.text, "policy a"));
	assert_false(c.done);
	sync_fails(&w);
	assert_int_equal(c.kind, ERROR_UNAVAILABLE);
	assert_string_equal(c.reason, "DURABILITY_UNKNOWN");
	dry = tx_of("policy c block proto udp dport 3\n", CHANGE_PUT_POLICY);
	dry.validate_only = true;
	c = (struct answer){0};
	store_submit(w.store, &dry, on_done, &c);
	assert_int_equal(c.effect, STORE_CREATED);
	submit(&w, "policy c block proto udp dport 3\n", &c);
	assert_null(strstr(w.state.text, "policy c")); /* each change tries again */
	assert_int_equal(w.rewritten, 2);
	assert_int_equal(w.flipped, 2);
	store_persisted(w.store, NULL);
	assert_int_equal(w.journal_count, 2);
	finish(&w);
	assert_int_equal(c.revision, 2);
	assert_null(store_policy_find(w.store, "b"));
	assert_false(store_busy(w.store));
	world_deinit(&w);
}

static void test_waiting_ones_commit_together(void **state)
{
	struct answer first, a[4];
	struct world w;

	(void)state;
	world_init(&w, 10, NULL);
	submit(&w, "policy z block proto udp dport 53\n", &first);
	submit(&w, "policy a block proto udp dport 1\n", &a[0]);
	submit(&w, "policy b block proto udp dport 2\n", &a[1]);
	submit(&w, "policy c rate-limit 1B/s burst 1000000000 proto udp dport 1\n", &a[2]); /* alone at fault */
	submit(&w, "policy d block proto udp dport 4\n", &a[3]);
	finish(&w);
	assert_int_equal(w.persisted, 2);
	for (int i = 0; i < 3 && store_busy(w.store); i++)
		finish(&w);
	assert_int_equal(first.revision, 1);
	assert_int_equal(a[0].revision, 2);
	assert_int_equal(a[1].revision, 3);
	assert_string_equal(a[2].reason, "POLICY_UNSUPPORTED");
	assert_int_equal(a[3].revision, 4);
	assert_int_equal(w.committed, 4);
	assert_int_equal(store_policy_count(w.store), 4);
	submit(&w, "policy a block proto udp dport 11\n", &a[0]);
	submit(&w, "policy b block proto udp dport 12\n", &a[1]);
	submit(&w, "policy d block proto udp dport 14\n", &a[3]);
	finish(&w);
	finish(&w);
	assert_int_equal(a[3].revision, 7);
	assert_false(store_busy(w.store));
	world_deinit(&w);
}

static void test_conditions(void **state)
{
	struct store_tx tx = tx_of("policy a block proto udp\n", CHANGE_PUT_POLICY);
	struct answer a = {0};
	struct world w;

	(void)state;
	world_init(&w, 10, NULL);
	tx.has_expected = true;
	tx.expected = 7;
	store_submit(w.store, &tx, on_done, &a);
	assert_string_equal(a.reason, "REVISION_DIFFERS");
	tx = tx_of("policy a block proto udp\n", CHANGE_PUT_POLICY);
	tx.deadline = 999; /* it is 1000 */
	a = (struct answer){0};
	store_submit(w.store, &tx, on_done, &a);
	assert_int_equal(a.kind, ERROR_DEADLINE);
	tx = tx_of("policy a block proto udp\n", CHANGE_PUT_POLICY);
	tx.validate_only = true;
	a = (struct answer){0};
	store_submit(w.store, &tx, on_done, &a);
	assert_int_equal(a.effect, STORE_CREATED);
	assert_int_equal(a.revision, 0);
	assert_int_equal(store_policy_count(w.store) + w.persisted, 0);
	world_deinit(&w);
}

static void test_replace_all(void **state)
{
	struct answer a = {0};
	struct store_tx tx;
	struct world w;

	(void)state;
	world_init(&w, 10, NULL);
	submit(&w, "policy a block proto udp dport 1\npolicy b block proto udp dport 2\ndefault block\n"
		   "setting capture 64\ninterface eth0\n", &a);
	finish(&w);
	tx = tx_of("policy b block proto udp dport 2\npolicy c block proto udp dport 3\ninterface eth0\n",
		CHANGE_PUT_POLICY);
	tx.mode = STORE_REPLACE_ALL;
	a = (struct answer){0};
	store_submit(w.store, &tx, on_done, &a);
	finish(&w);
	assert_int_equal(a.revision, 2);
	assert_int_equal(a.effect, STORE_UNCHANGED);
	assert_null(store_policy_find(w.store, "a"));
	assert_int_equal(store_policy_position(w.store, store_policy_find(w.store, "c")), 2);
	assert_false(store_config(w.store)->block);
	assert_int_equal(store_config(w.store)->settings[SETTING_CAPTURE], 0);
	assert_int_equal(w.attached, 2); /* the one that stays is looked after again */
	tx = tx_of("policy c block proto udp dport 3\npolicy b block proto udp dport 2\ninterface eth0\n",
		CHANGE_PUT_POLICY);
	tx.mode = STORE_REPLACE_ALL;
	a = (struct answer){0};
	store_submit(w.store, &tx, on_done, &a);
	finish(&w);
	assert_int_equal(store_policy_position(w.store, store_policy_find(w.store, "c")), 1);
	world_deinit(&w);
}

/* A dry run says the same as the commit, and each policy is told once. */
static void test_what_changed(void **state)
{
	static const char *const lines =
		"- default block\n+ default allow\n- policy b block proto udp dport 2\n"
		"+ policy b block proto udp dport 22\n+ policy c block proto udp dport 3\n"
		"- policy a block proto udp dport 1\n";
	struct answer a = {0};
	struct world w;

	(void)state;
	world_init(&w, 10, NULL);
	submit(&w, "policy a block proto udp dport 1\npolicy b block proto udp dport 2\ndefault block\n",
		&a);
	finish(&w);
	assert_int_equal(a.policies.created, 2);
	for (int commit = 0; commit < 2; commit++) {
		struct store_tx tx = tx_of("policy b block proto udp dport 21\n"
					   "policy c block proto udp dport 3\n", CHANGE_PUT_POLICY);
		struct change again;

		assert_int_equal(change_copy(&tx.changes.items[0], &again), 0);
		again.policy.match.dport = (struct policy_ports){22, 22};
		assert_int_equal(change_list_push(&tx.changes, &again), 0);
		tx.mode = STORE_REPLACE_ALL;
		tx.validate_only = !commit;
		a = (struct answer){0};
		store_submit(w.store, &tx, on_done, &a);
		if (commit)
			finish(&w);
		assert_string_equal(a.lines, lines);
		assert_int_equal(a.policies.created, 1);
		assert_int_equal(a.policies.changed, 1);
		assert_int_equal(a.policies.deleted, 1);
	}
	assert_int_equal(w.line_total, 6);
	world_deinit(&w);
}

/* The journal is long, which the next commit finds out. */
static void write_state(struct world *w)
{
	struct answer a;

	w->is_long = true;
	submit(w, "setting event-rate 77\n", &a);
	finish(w);
	store_persisted(w->store, NULL);
	assert_false(store_busy(w->store));
	assert_int_equal(w->rewritten, 1);
}

static void test_written_state_restores(void **state)
{
	struct store_config config;
	struct world w, again;
	struct answer a;

	(void)state;
	world_init(&w, 10, NULL);
	submit(&w, "policy b block src 10.0.0.1\ndefault block iface eth1\nsetting fragments drop\n", &a);
	finish(&w);
	submit(&w, "policy a rate-limit 10Mbit proto udp dport 1 comment \"x # y\"\n", &a);
	finish(&w);
	world_reopen(&again, &w);
	assert_int_equal(store_revision(again.store), 2);
	assert_int_equal(store_policy_find(again.store, "a")->created_revision, 2);
	assert_int_equal(store_policy_position(again.store, store_policy_find(again.store, "b")), 1);
	assert_string_equal(store_policy_find(again.store, "a")->line, store_policy_find(w.store, "a")->line);
	assert_memory_equal(store_config(again.store), store_config(w.store), sizeof(config));
	write_state(&w);
	for (size_t cut = 0; cut < strlen(w.state.text) - 1; cut++) {
		struct world broken;

		world_init(&broken, 10, NULL);
		store_config_init(&config);
		assert_true(store_restore(broken.store, w.state.text, cut, 2, &config, 0, false, NULL) < 0);
		assert_int_equal(store_policy_count(broken.store), 0);
		world_deinit(&broken);
	}
	world_deinit(&w);
	world_deinit(&again);
}

static void test_end_answers_all(void **state)
{
	struct answer a, b;
	struct world w;

	(void)state;
	world_init(&w, 10, NULL);
	submit(&w, "policy a block proto udp\n", &a);
	submit(&w, "policy b block proto tcp\n", &b);
	world_deinit(&w);
	assert_int_equal(a.kind, ERROR_UNKNOWN);
	assert_int_equal(b.kind, ERROR_UNAVAILABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_commit),
		cmocka_unit_test(test_refusals_leave_no_trace),
		cmocka_unit_test(test_attached_again),
		cmocka_unit_test(test_mode_of_a_refused_one),
		cmocka_unit_test(test_disk_refuses),
		cmocka_unit_test(test_sync_fails),
		cmocka_unit_test(test_waiting_ones_commit_together),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_replace_all),
		cmocka_unit_test(test_what_changed),
		cmocka_unit_test(test_written_state_restores),
		cmocka_unit_test(test_end_answers_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
