/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The journal's records: done once more after a restart, and undone by a rollback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "journal.pb-c.h"
#include "random_policy.h"
#include "store_drive.h"
#include "tests/lib/amount.h"

/* --- restarts */

static void test_goes_on_after_a_kill(void **state)
{
	struct world w, again;
	struct answer a;

	(void)state;
	world_init(&w, 10, NULL);
	commit_text(&w, "policy b block src 10.0.0.1\ndefault block iface eth1\nsetting fragments drop\n"
		   "set s bannable max-ttl 1h { 10.0.0.0/8 ::1 }\ninterface eth0 mode generic\n", &a);
	commit_text(&w, "policy a allow src @s proto tcp comment \"x # y\"\nset s { 10.0.0.0/8 10.1.0.0/16 }\n", &a);
	commit_text(&w, "default allow\npolicy b allow src 10.0.0.1\n", &a);
	world_reopen(&again, &w);
	assert_int_equal(store_revision(again.store), 3);
	assert_same(&again, &w);
	assert_int_equal(store_policy_find(again.store, "b")->created_revision, 1);
	assert_int_equal(store_policy_find(again.store, "b")->changed_revision, 3);
	assert_int_equal(again.attached, 1);
	go_back(&again, 1, &a);
	assert_int_equal(a.revision, 4);
	assert_null(store_policy_find(again.store, "a"));
	commit_text(&again, "policy z block src 10.0.0.9\n", &a);
	commit_text(&again, "policy b block src 10.0.0.1 priority 9\n", &a);
	commit_text(&again, "policy b block src 10.0.0.1\n", &a);
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
	commit_text(&w, "policy a block src 10.0.0.1\n", &a);
	w.is_long = true;
	commit_text(&w, "policy b block src 10.0.0.2\n", &a);
	assert_int_equal(w.rewritten, 1);
	assert_int_equal(w.journal_count, 2);
	commit_text(&w, "policy c block src 10.0.0.3\n", &a);
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
	commit_text(&w, "policy a block src 10.0.0.1\n", &a);
	commit_text(&w, "policy b block src 10.0.0.2\n", &a);
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
		commit_text(&w, steps[i], &a);
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
	commit_text(&w, "set t { 10.0.0.1 }\n", &a);
	commit_text(&w, "set t { 10.0.0.2 }\n", &a);
	commit_text(&w, "set t { 10.0.0.1 }\n", &a);
	go_back(&w, a.revision - 2, &a); /* whose content is that of now */
	assert_int_equal(a.revision, store_revision(w.store));
	assert_string_equal(a.lines, "");
	go_back(&w, 1000, &a);
	assert_string_equal(a.reason, "NO_REVISION");
	for (size_t i = 0; i <= ARRAY_SIZE(steps); i++)
		free(texts[i]);
	world_deinit(&w);
}

/* Also after a start with no policy that has one, a position is never given again. */
static void test_another_of_that_name(void **state)
{
	const struct store_policy *p;
	struct world w, again;
	struct answer a;

	(void)state;
	world_init(&w, 10, NULL);
	commit_text(&w, "policy a block src 10.0.0.1\n", &a);
	w.is_long = true;
	commit_tx(&w, (struct store_tx){.mode = STORE_REPLACE_ALL, .comment = ""}, &a);
	assert_int_equal(w.rewritten, 1);
	world_reopen(&again, &w);
	assert_same(&again, &w);
	commit_text(&again, "policy a block src 10.0.0.1\n", &a);
	assert_int_equal(store_policy_find(again.store, "a")->created_revision, 3);
	go_back(&again, 1, &a);
	p = store_policy_find(again.store, "a");
	assert_int_equal(p->created_revision, 1);
	assert_int_equal(p->changed_revision, 4);
	assert_int_equal(p->position, 1);
	assert_int_equal(a.policies.changed, 1);
	world_deinit(&again);
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
		commit_text(&w, i % 2 ? "default allow\n" : "default block\n", &a);
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
	commit_tx(&w, tx, &a);
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
	unsigned int turns = (unsigned int)amount(TURNS);
	struct world w[2];
	struct answer a;
	unsigned int in = 0;

	(void)state;
	random_policy_seed(20261129);
	world_init(&w[0], 20, NULL);
	texts[0] = content(&w[0], false);
	for (unsigned int turn = 0; turn < turns; turn++) {
		uint64_t before = store_revision(w[in].store), target = before;

		if (random_below(8) == 0) {
			target = store_oldest(w[in].store) +
				 random_below((uint32_t)(before - store_oldest(w[in].store)) + 1);
			go_back(&w[in], target, &a);
			assert_int_equal(a.kind, ERROR_NONE);
			assert_content(&w[in], texts[target]);
		} else {
			commit_tx(&w[in], random_tx(&w[in]), &a);
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
	print_message("revision %llu after %u turns\n",
		(unsigned long long)store_revision(w[in].store), turns);
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
		cmocka_unit_test(test_another_of_that_name),
		cmocka_unit_test(test_history_has_an_end),
		cmocka_unit_test(test_who_and_what),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
