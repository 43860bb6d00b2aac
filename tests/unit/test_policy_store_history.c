/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The journal's records: done once more after a restart, undone by a rollback or in their time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "journal.pb-c.h"
#include "random_policy.h"
#include "store_world.h"

static void commit(struct world *w, const char *text, struct answer *ret)
{
	submit(w, text, ret);
	while (store_busy(w->store))
		finish(w);
}

static void send(struct world *w, struct store_tx tx, struct answer *ret)
{
	submit_tx(w, &tx, ret);
	while (store_busy(w->store))
		finish(w);
}

static void go_back(struct world *w, uint64_t target, struct answer *ret)
{
	send(w, (struct store_tx){.kind = STORE_ROLLBACK, .target = target, .comment = ""}, ret);
}

/* All of the ruleset but its revisions, or the whole state file. */
static char *content(struct world *w, bool whole)
{
	struct state state = {0};
	char *text, *from, *to;

	assert_int_equal(store_render(w->store, &state), 0);
	text = state.text;
	state.text = NULL;
	state_deinit(&state);
	for (from = to = text; !whole && *from;) {
		size_t line = strcspn(from, "\n") + 1;

		if (strncmp(from, "#@", 2) != 0) {
			memmove(to, from, line);
			to += line;
		}
		from += line;
	}
	if (!whole)
		*to = 0;
	return text;
}

static void assert_content(struct world *w, const char *wanted)
{
	char *text = content(w, false);

	assert_string_equal(text, wanted);
	free(text);
}

static void assert_same(struct world *a, struct world *b)
{
	char *one = content(a, true), *other = content(b, true);

	assert_string_equal(one, other);
	free(one);
	free(other);
}

/* --- restarts */

static void test_goes_on_after_a_kill(void **state)
{
	struct world w, again;
	struct answer a;

	(void)state;
	world_init(&w, 10, NULL);
	commit(&w, "policy b block src 10.0.0.1\ndefault block iface eth1\nsetting fragments drop\n"
		   "set s bannable max-ttl 1h { 10.0.0.0/8 ::1 }\ninterface eth0 mode generic\n", &a);
	commit(&w, "policy a allow src @s proto tcp comment \"x # y\"\nset s { 10.0.0.0/8 10.1.0.0/16 }\n", &a);
	commit(&w, "default allow\npolicy b allow src 10.0.0.1\n", &a);
	world_reopen(&again, &w);
	assert_int_equal(store_revision(again.store), 3);
	assert_same(&again, &w);
	assert_int_equal(store_policy_find(again.store, "b")->created_revision, 1);
	assert_int_equal(store_policy_find(again.store, "b")->changed_revision, 3);
	assert_int_equal(again.attached, 1);
	go_back(&again, 1, &a);
	assert_int_equal(a.revision, 4);
	assert_null(store_policy_find(again.store, "a"));
	commit(&again, "policy z block src 10.0.0.9\n", &a);
	commit(&again, "policy b block src 10.0.0.1 priority 9\n", &a);
	commit(&again, "policy b block src 10.0.0.1\n", &a);
	go_back(&again, 5, &a);
	assert_string_equal(a.lines, ""); /* what is as it was is no change */
	go_back(&again, 4, &a);
	assert_string_equal(a.lines, "- policy z block src 10.0.0.9\n");
	world_deinit(&again);
	world_deinit(&w);
}

/* The state file has a part of the journal, which stays for the history. */
static void test_state_and_journal(void **state)
{
	struct world w, again;
	struct answer a;

	(void)state;
	world_init(&w, 10, NULL);
	commit(&w, "policy a block src 10.0.0.1\n", &a);
	w.is_long = true;
	commit(&w, "policy b block src 10.0.0.2\n", &a);
	assert_int_equal(w.rewritten, 1);
	assert_int_equal(w.journal_count, 2);
	commit(&w, "policy c block src 10.0.0.3\n", &a);
	world_reopen(&again, &w);
	assert_same(&again, &w);
	go_back(&again, 1, &a);
	assert_content(&again, "default allow\npolicy a block src 10.0.0.1\n");
	world_deinit(&again);
	world_deinit(&w);
}

static void test_gap(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct world w, again;
	struct answer a;

	(void)state;
	world_init(&w, 10, NULL);
	commit(&w, "policy a block src 10.0.0.1\n", &a);
	commit(&w, "policy b block src 10.0.0.2\n", &a);
	world_init(&again, 10, NULL);
	again.disk = &w;
	assert_true(world_restore(&again, "#@ pepctl state 2 revision 0 sequence 1\n#@ end 0\n", &err) < 0);
	assert_string_equal(error_reason(&err), "STATE_OLD");
	assert_int_equal(store_policy_count(again.store), 0);
	world_deinit(&again);
	world_deinit(&w);
}

/* --- rollback */

static void test_rollback_gives_the_former_content(void **state)
{
	static const char *const steps[] = {
		"policy a block src 10.0.0.1\npolicy b block src 10.0.0.2\n",
		"policy a allow src 10.0.0.1 priority 5\nset s { 10.0.0.0/8 }\n",
		"policy c block src @s\nset s { 10.0.0.0/8 ::1 }\ndefault block\n",
		"interface eth0\nsetting event-rate 5\n",
	};
	char *texts[ARRAY_SIZE(steps) + 1];
	struct world w;
	struct answer a;

	(void)state;
	world_init(&w, 10, NULL);
	texts[0] = content(&w, false);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		commit(&w, steps[i], &a);
		texts[i + 1] = content(&w, false);
	}
	for (size_t i = 0; i <= ARRAY_SIZE(steps); i++) {
		go_back(&w, i, &a);
		assert_int_equal(a.kind, ERROR_NONE);
		assert_content(&w, texts[i]);
	}
	assert_int_equal(a.revision, store_revision(w.store));
	go_back(&w, a.revision, &a); /* where it is */
	assert_int_equal(a.revision, store_revision(w.store));
	commit(&w, "set t { 10.0.0.1 }\n", &a);
	commit(&w, "set t { 10.0.0.2 }\n", &a);
	commit(&w, "set t { 10.0.0.1 }\n", &a);
	go_back(&w, a.revision - 2, &a); /* whose content is that of now */
	assert_int_equal(a.revision, store_revision(w.store));
	assert_string_equal(a.lines, "");
	go_back(&w, 1000, &a);
	assert_string_equal(a.reason, "NO_REVISION");
	for (size_t i = 0; i <= ARRAY_SIZE(steps); i++)
		free(texts[i]);
	world_deinit(&w);
}

static void test_history_has_an_end(void **state)
{
	struct world w;
	struct answer a;
	size_t size;

	(void)state;
	world_init(&w, 10, NULL);
	for (unsigned int i = 0; i < STORE_HISTORY_MAX + 7; i++)
		commit(&w, i % 2 ? "default allow\n" : "default block\n", &a);
	assert_int_equal(store_oldest(w.store), 7);
	assert_non_null(store_commit_at(w.store, STORE_HISTORY_MAX - 1, &size));
	assert_null(store_commit_at(w.store, STORE_HISTORY_MAX, &size));
	go_back(&w, 6, &a);
	assert_string_equal(a.reason, "NO_REVISION");
	go_back(&w, 7, &a);
	assert_int_equal(a.kind, ERROR_NONE);
	assert_content(&w, "default block\n");
	world_deinit(&w);
}

static void test_who_and_what(void **state)
{
	struct store_tx tx = tx_of("policy a block src 10.0.0.1\n", CHANGE_PUT_POLICY);
	Pepctl__Journal__Commit *m;
	const uint8_t *bytes;
	struct answer a;
	struct world w;
	size_t size;

	(void)state;
	world_init(&w, 10, NULL);
	tx.author = (struct store_author){.uid = 7, .pid = 9, .command = "bash"};
	tx.comment = "ticket 5";
	send(&w, tx, &a);
	bytes = store_commit_at(w.store, 0, &size);
	m = pepctl__journal__commit__unpack(NULL, size, bytes);
	assert_non_null(m);
	assert_int_equal(m->uid, 7);
	assert_int_equal(m->pid, 9);
	assert_int_equal(m->time, 5000);
	assert_string_equal(m->command, "bash");
	assert_string_equal(m->comment, "ticket 5");
	assert_int_equal(m->n_changes, 1);
	assert_string_equal(m->changes[0], "+ policy a block src 10.0.0.1");
	pepctl__journal__commit__free_unpacked(m, NULL);
	world_deinit(&w);
}

/* --- commits that wait to be confirmed */

static void begin_waiting(struct world *w, struct answer *ret)
{
	struct store_tx tx = tx_of("policy b block src 10.0.0.2\ndefault block\n", CHANGE_PUT_POLICY);

	world_init(w, 10, NULL);
	commit(w, "policy a block src 10.0.0.1\n", ret);
	tx.confirm_timeout = 500;
	send(w, tx, ret);
	assert_int_equal(ret->revision, 2);
	assert_int_equal(w->alarm, 1500);
}

static void ring(struct world *w)
{
	store_alarm(w->store);
	while (store_busy(w->store))
		finish(w);
}

static void test_undoes_itself(void **state)
{
	struct answer a;
	struct world w;
	uint64_t waiting;

	(void)state;
	begin_waiting(&w, &a);
	assert_int_equal(store_confirm_left(w.store, &waiting), 500);
	assert_int_equal(waiting, 2);
	commit(&w, "policy c block src 10.0.0.3\n", &a);
	assert_string_equal(a.reason, "CONFIRM_PENDING");
	commit(&w, "policy a block src 10.0.0.1\n", &a); /* which changes nothing */
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
	commit(&w, "policy c block src 10.0.0.3\n", &a);
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
	send(&w, confirm, &a);
	assert_string_equal(a.reason, "REVISION_DIFFERS");
	confirm.target = 2;
	send(&w, confirm, &a);
	assert_int_equal(a.kind, ERROR_NONE);
	assert_int_equal(a.revision, 2);
	send(&w, confirm, &a);
	assert_string_equal(a.reason, "NOTHING_TO_CONFIRM");
	w.boottime = 9999;
	ring(&w);
	assert_int_equal(store_revision(w.store), 2);
	world_reopen(&again, &w);
	assert_int_equal(store_revision(again.store), 2);
	world_deinit(&again);
	w.is_long = true; /* the same from a new journal */
	commit(&w, "policy c block src 10.0.0.3\n", &a);
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
	commit(&w, "policy c block src 10.0.0.3\n", &a);
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

static void restart_later(const struct world *from, const char *boot_id, int64_t boottime, int64_t time,
	struct world *ret)
{
	struct world now = *from;

	now.boot_id = boot_id;
	now.boottime = boottime;
	now.time = time;
	world_reopen(ret, &now);
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
	commit(&again, "policy d block src 10.0.0.4\n", &a);
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

/* --- policies that end */

static void test_policies_end(void **state)
{
	struct world w, again;
	struct answer a;

	(void)state;
	world_init(&w, 10, NULL);
	commit(&w, "policy a block src 10.0.0.1 ttl 1s\npolicy b block src 10.0.0.2 ttl 1h\n", &a);
	assert_int_equal(w.alarm, 1000 + 1000000000);
	w.boottime = 600000000;
	commit(&w, "policy a block src 10.0.0.1 ttl 1s\n", &a); /* as it is: its time runs on */
	assert_int_equal(a.revision, 1);
	commit(&w, "policy c block src 10.0.0.3 ttl 1s\n", &a);
	w.boottime = w.alarm;
	ring(&w);
	assert_int_equal(store_revision(w.store), 3);
	assert_string_equal(w.described, "- policy a block src 10.0.0.1 ttl 1s\n");
	assert_int_equal(w.expired, 0); /* that is told of leases */
	assert_int_equal(w.alarm, 1600000000);
	assert_int_equal(store_policy_left(w.store, store_policy_find(w.store, "c")), 1600000000 - w.boottime);
	w.is_long = true; /* in the state file, and beside it in the journal */
	commit(&w, "policy c block src 10.0.0.3 ttl 2s\n", &a);
	commit(&w, "policy d block src 10.0.0.4 ttl 2s\n", &a);
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

/* They end also while a commit waits, which goes on waiting. */
static void test_policies_end_meanwhile(void **state)
{
	struct store_tx tx = tx_of("policy b block src 10.0.0.2\n", CHANGE_PUT_POLICY);
	struct world w, again;
	struct answer a;
	uint64_t waiting;

	(void)state;
	world_init(&w, 10, NULL);
	commit(&w, "policy a block src 10.0.0.1 ttl 1s\n", &a);
	tx.confirm_timeout = 5000000000;
	send(&w, tx, &a);
	w.boottime = w.alarm;
	ring(&w);
	assert_int_equal(store_revision(w.store), 3);
	world_reopen(&again, &w);
	assert_int_equal(store_confirm_left(again.store, &waiting), 4000000000);
	assert_int_equal(waiting, 2);
	send(&again, (struct store_tx){.kind = STORE_CONFIRM, .target = 2}, &a);
	assert_int_equal(a.kind, ERROR_NONE);
	world_move_disk(&again, &w);
	world_deinit(&w);
	again.is_long = true;
	commit(&again, "policy z block src 10.0.0.9\n", &a);
	world_reopen(&w, &again);
	store_confirm_left(w.store, &waiting);
	assert_int_equal(waiting, 0);
	assert_non_null(store_policy_find(w.store, "b"));
	world_deinit(&w);
	world_deinit(&again);
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
	commit(&again, "policy c block src 10.0.0.3\n", &a);
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

/* --- requests with an id */

static struct store_tx with_id(const char *text, const char *id, uint64_t hash)
{
	struct store_tx tx = tx_of(text, CHANGE_CREATE_POLICY);

	tx.request_id = id;
	tx.request_hash = hash;
	tx.author.uid = 5;
	return tx;
}

static void test_asked_again(void **state)
{
	static const char policy[] = "policy a block src 10.0.0.1\n";
	struct world w, again, third;
	struct answer a, b, c;
	struct store_tx tx;

	(void)state;
	world_init(&w, 10, NULL);
	tx = with_id(policy, "one", 7);
	submit_tx(&w, &tx, &a); /* on its way to the disk */
	tx = with_id(policy, "one", 7);
	submit_tx(&w, &tx, &b);
	while (store_busy(w.store))
		finish(&w);
	assert_int_equal(a.revision, 1);
	assert_int_equal(b.revision, 1);
	assert_int_equal(b.effect, STORE_CREATED);
	assert_true(b.repeated);
	tx = with_id("policy z block src 10.0.0.9\n", "two", 1);
	submit_tx(&w, &tx, &c); /* the next two wait together */
	tx = with_id(policy, "three", 7);
	tx.changes.items[0].kind = CHANGE_PUT_POLICY;
	submit_tx(&w, &tx, &a);
	tx = with_id(policy, "three", 7);
	tx.changes.items[0].kind = CHANGE_PUT_POLICY;
	submit_tx(&w, &tx, &b);
	while (store_busy(w.store))
		finish(&w);
	assert_true(b.repeated);
	commit(&w, "default block\n", &a);
	world_reopen(&again, &w);
	send(&again, with_id(policy, "one", 7), &a);
	assert_true(a.repeated);
	assert_int_equal(a.revision, 1);
	assert_int_equal(a.effect, STORE_CREATED);
	assert_int_equal(a.policies.created, 1);
	send(&again, with_id(policy, "one", 8), &a);
	assert_string_equal(a.field, "request_id");
	tx = with_id(policy, "one", 8);
	tx.author.uid = 6; /* another user's id is another one */
	send(&again, tx, &a);
	assert_string_equal(a.reason, "POLICY_EXISTS");
	again.is_long = true; /* the commits may go, the ids stay */
	for (unsigned int i = 0; i < STORE_HISTORY_MAX + 2; i++)
		commit(&again, i % 2 ? "default block\n" : "default allow\n", &a);
	again.is_long = true;
	commit(&again, "setting event-rate 9\n", &a);
	world_reopen(&third, &again);
	send(&third, with_id(policy, "one", 7), &a);
	assert_true(a.repeated);
	third.time += 86400ll * 1000000000;
	send(&third, with_id(policy, "one", 7), &a);
	assert_string_equal(a.reason, "POLICY_EXISTS"); /* after a day it is a new one */
	world_deinit(&third);
	world_deinit(&again);
	world_deinit(&w);
}

/* --- random transactions, restarts and rollbacks beside the texts that there were */

#define TURNS 4000u

static void random_text(char *ret, size_t size)
{
	FILE *out = fmemopen(ret, size, "w");
	unsigned int lines = 1 + random_below(3);

	assert_non_null(out);
	fprintf(out, "set s%u {", random_below(3));
	for (unsigned int n = random_below(6); n; n--)
		fprintf(out, " 10.0.%u.%u", random_below(2), random_below(5));
	fprintf(out, " }\n");
	for (unsigned int i = 0; i < lines; i++)
		fprintf(out, "policy p%u %s src 192.0.2.%u%s\n", 2 * i + random_below(2),
			random_below(2) ? "block" : "allow", i * 50 + random_below(50),
			random_below(3) ? "" : " priority 7");
	if (!random_below(3))
		fprintf(out, "default %s iface eth%u\n", random_below(2) ? "block" : "allow", random_below(3));
	if (!random_below(3))
		fprintf(out, "setting event-rate %u\n", random_below(3));
	fclose(out);
}

static struct store_tx random_tx(struct world *w)
{
	char text[600];
	struct store_tx tx;

	random_text(text, sizeof(text));
	tx = tx_of(text, CHANGE_PUT_POLICY);
	tx.mode = random_below(3) ? STORE_MERGE : STORE_REPLACE_ALL;
	w->is_long = !random_below(20);
	return tx;
}

static void test_random(void **state)
{
	static char *texts[TURNS + 1]; /* by revision */
	struct world w[2];
	struct answer a;
	unsigned int in = 0;

	(void)state;
	random_policy_seed(20261129);
	world_init(&w[0], 20, NULL);
	texts[0] = content(&w[0], false);
	for (unsigned int turn = 0; turn < TURNS; turn++) {
		uint64_t before = store_revision(w[in].store), target = before;

		if (random_below(8) == 0) {
			target = store_oldest(w[in].store) +
				 random_below((uint32_t)(before - store_oldest(w[in].store)) + 1);
			go_back(&w[in], target, &a);
			assert_int_equal(a.kind, ERROR_NONE);
			assert_content(&w[in], texts[target]);
		} else {
			send(&w[in], random_tx(&w[in]), &a);
		}
		if (store_revision(w[in].store) != before)
			texts[before + 1] = content(&w[in], false);
		if (random_below(10))
			continue;
		world_reopen(&w[!in], &w[in]);
		assert_same(&w[!in], &w[in]);
		world_move_disk(&w[!in], &w[in]);
		world_deinit(&w[in]);
		in = !in;
	}
	print_message("revision %llu after %u turns\n", (unsigned long long)store_revision(w[in].store), TURNS);
	world_deinit(&w[in]);
	for (unsigned int i = 0; i <= TURNS; i++)
		free(texts[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_goes_on_after_a_kill),
		cmocka_unit_test(test_state_and_journal),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_rollback_gives_the_former_content),
		cmocka_unit_test(test_history_has_an_end),
		cmocka_unit_test(test_who_and_what),
		cmocka_unit_test(test_undoes_itself),
		cmocka_unit_test(test_is_confirmed),
		cmocka_unit_test(test_is_undone_by_hand),
		cmocka_unit_test(test_confirmed_at_the_last_moment),
		cmocka_unit_test(test_undone_once),
		cmocka_unit_test(test_undo_is_tried_again),
		cmocka_unit_test(test_timer_survives),
		cmocka_unit_test(test_policies_end),
		cmocka_unit_test(test_policies_end_meanwhile),
		cmocka_unit_test(test_undone_at_two_starts),
		cmocka_unit_test(test_asked_again),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
