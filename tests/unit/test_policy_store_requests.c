/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Requests with an id that are asked again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "store_drive.h"

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
	commit_text(&w, "default block\n", &a);
	world_reopen(&again, &w);
	commit_tx(&again, with_id(policy, "one", 7), &a);
	assert_true(a.repeated);
	assert_int_equal(a.revision, 1);
	assert_int_equal(a.effect, STORE_CREATED);
	assert_int_equal(a.policies.created, 1);
	commit_tx(&again, with_id(policy, "one", 8), &a);
	assert_string_equal(a.field, "request_id");
	tx = with_id(policy, "one", 8);
	tx.author.uid = 6; /* another user's id is another one */
	commit_tx(&again, tx, &a);
	assert_string_equal(a.reason, "POLICY_EXISTS");
	again.is_long = true; /* the commits may go, the ids stay */
	for (unsigned int i = 0; i < STORE_HISTORY_MAX + 2; i++)
		commit_text(&again, i % 2 ? "default block\n" : "default allow\n", &a);
	again.is_long = true;
	commit_text(&again, "setting event-rate 9\n", &a);
	world_reopen(&third, &again);
	commit_tx(&third, with_id(policy, "one", 7), &a);
	assert_true(a.repeated);
	third.time += 86400ll * 1000000000;
	commit_tx(&third, with_id(policy, "one", 7), &a);
	assert_string_equal(a.reason, "POLICY_EXISTS"); /* after a day it is a new one */
	world_deinit(&third);
	world_deinit(&again);
	world_deinit(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_asked_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
