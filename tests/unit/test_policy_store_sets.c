/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Sets in transactions: what changes, what is told, what is refused, what survives. */
#include "told_world.h"

#include <errno.h>
#include <stdio.h>

static void test_members_come_and_go(void **state)
{
	struct answer a;
	struct world w;

	(void)state;
	told_start(&w, NULL);
	told_change(&w, CHANGE_CREATE_SET, "bad", "192.0.2.1 ::1 10.0.0.0/8", &a);
	assert_int_equal(a.effect, STORE_CREATED);
	assert_string_equal(w.described, "+ set bad\n+ 3 members of set bad\n");
	assert_int_equal(told_count(&w, "bad"), 3);
	assert_int_equal(store_member_count(w.store), 3);
	told_change(&w, CHANGE_CREATE_SET, "bad", "", &a);
	assert_string_equal(a.reason, "SET_EXISTS");
	told_change(&w, CHANGE_ADD_MEMBERS, "bad", "192.0.2.1 10.0.0.0/9", &a);
	assert_int_equal(a.effect, STORE_CHANGED);
	assert_int_equal(told_changes, 1);
	assert_string_equal(w.described, "+ 1 member of set bad\n");
	told_change(&w, CHANGE_ADD_MEMBERS, "bad", "192.0.2.1", &a);
	assert_int_equal(a.effect, STORE_UNCHANGED);
	assert_int_equal(a.revision, 2);
	told_change(&w, CHANGE_REMOVE_MEMBERS, "bad", "192.0.2.1 192.0.2.77", &a);
	assert_int_equal(a.revision, 3);
	assert_int_equal(told_count(&w, "bad"), 3);
	told_change(&w, CHANGE_REPLACE_MEMBERS, "bad", "::1 ::2 10.0.0.0/8", &a);
	assert_int_equal(told_changes, 2);
	assert_string_equal(w.described, "- 1 member of set bad\n+ 1 member of set bad\n");
	told_change(&w, CHANGE_REPLACE_MEMBERS, "bad", "10.0.0.0/8 ::2 ::1 ::1", &a);
	assert_int_equal(a.effect, STORE_UNCHANGED);
	told_change(&w, CHANGE_DELETE_SET, "bad", "", &a);
	assert_int_equal(a.effect, STORE_DELETED);
	assert_string_equal(w.described, "- 3 members of set bad\n- set bad\n");
	assert_int_equal(told_count(&w, "bad"), SIZE_MAX);
	assert_int_equal(store_member_count(w.store) + store_set_count(w.store), 0);
	told_end(&w);
}

/* What comes and goes in one transaction is not told. */
static void test_described_by_what_is_left(void **state)
{
	struct store_tx tx = {0};
	struct answer a;
	struct world w;

	(void)state;
	told_start(&w, NULL);
	told_change(&w, CHANGE_CREATE_SET, "bad", "::1 ::2", &a);
	told_add_change(&tx, CHANGE_ADD_MEMBERS, "bad", "::3 ::4 ::5", false);
	told_add_change(&tx, CHANGE_REMOVE_MEMBERS, "bad", "::2 ::3 ::4", false);
	told_add_change(&tx, CHANGE_ADD_MEMBERS, "bad", "::4", false);
	submit_tx(&w, &tx, &a);
	finish(&w);
	assert_string_equal(w.described, "- 1 member of set bad\n+ 2 members of set bad\n");
	assert_int_equal(told_count(&w, "bad"), 3);
	told_end(&w);
}

static void test_missing_sets(void **state)
{
	struct store_tx tx = {0};
	struct answer a;
	struct world w;

	(void)state;
	told_start(&w, NULL);
	for (enum change_kind kind = CHANGE_DELETE_SET; kind <= CHANGE_REPLACE_MEMBERS; kind++) {
		told_change(&w, kind, "none", "::1", &a);
		assert_int_equal(a.kind, ERROR_NOT_FOUND);
		assert_string_equal(a.reason, "NO_SET");
	}
	assert_string_equal(a.field, "operations[0].replace_members");
	told_add_change(&tx, CHANGE_DELETE_SET, "none", "", true);
	told_add_change(&tx, CHANGE_REMOVE_MEMBERS, "none", "::1", true);
	told_add_change(&tx, CHANGE_ADD_MEMBERS, "new", "::1", true);
	told_add_change(&tx, CHANGE_REPLACE_MEMBERS, "newer", "::1 ::2", true);
	submit_tx(&w, &tx, &a);
	finish(&w);
	assert_int_equal(a.effects[0] | a.effects[1], STORE_UNCHANGED);
	assert_int_equal(a.effects[2] & a.effects[3], STORE_CREATED);
	assert_int_equal(told_count(&w, "new") + told_count(&w, "newer"), 3);
	told_end(&w);
}

static void test_failure_leaves_no_trace(void **state)
{
	struct store_tx tx = {0};
	struct answer a;
	struct world w;

	(void)state;
	told_start(&w, NULL);
	told_change(&w, CHANGE_PUT_SET, "a", "::1 ::2 192.0.2.1", &a);
	told_add_change(&tx, CHANGE_REPLACE_MEMBERS, "a", "::2 ::3 192.0.2.2", false);
	told_add_change(&tx, CHANGE_DELETE_SET, "a", "", false);
	told_add_change(&tx, CHANGE_PUT_SET, "a", "::4", false);
	told_add_change(&tx, CHANGE_CREATE_SET, "b", "::4", false);
	told_add_change(&tx, CHANGE_REMOVE_MEMBERS, "none", "::4", false);
	submit_tx(&w, &tx, &a);
	assert_string_equal(a.field, "operations[4].remove_members");
	assert_int_equal(store_set_count(w.store), 1);
	assert_int_equal(store_member_count(w.store), 3);
	w.refuse_prepare = true;
	told_change(&w, CHANGE_ADD_MEMBERS, "a", "::3", &a);
	assert_string_equal(a.reason, "KERNEL");
	told_forget(); /* that plan came to nothing */
	w.refuse_prepare = false;
	assert_int_equal(told_count(&w, "a"), 3);
	told_change(&w, CHANGE_ADD_MEMBERS, "a", "::3", &a);
	assert_int_equal(told_changes, 1);
	assert_int_equal(a.revision, 2);
	told_end(&w);
}

static void test_policies_name_sets_that_exist(void **state)
{
	struct store_tx tx = {0};
	struct answer a;
	struct world w;

	(void)state;
	told_start(&w, NULL);
	submit(&w, "policy p block src @bad dst @good\n", &a);
	assert_int_equal(a.kind, ERROR_NOT_FOUND);
	assert_string_equal(a.field, "operations[0].put_policy.match.src");
	assert_int_equal(a.violations, 2);
	submit(&w, "policy p block src @bad\nset good\n", &a);
	assert_string_equal(a.reason, "NO_SET");
	tx = tx_of("set bad\npolicy p block src @bad\n", CHANGE_PUT_POLICY);
	told_add_change(&tx, CHANGE_DELETE_SET, "bad", "", false);
	submit_tx(&w, &tx, &a);
	assert_string_equal(a.field, "operations[1].put_policy.match.src");
	told_end(&w);
}

static void test_replacing_all(void **state)
{
	struct store_tx tx;
	struct answer a;
	struct world w;

	(void)state;
	told_start(&w, NULL);
	submit(&w, "set a { 192.0.2.1 192.0.2.2 }\nset b bannable max-ttl 1h { ::1 }\n", &a);
	finish(&w);
	tx = tx_of("set b bannable max-ttl 1h { ::1 }\nset c { ::2 }\n", CHANGE_PUT_POLICY);
	tx.mode = STORE_REPLACE_ALL;
	submit_tx(&w, &tx, &a);
	finish(&w);
	assert_int_equal(a.effects[0], STORE_UNCHANGED);
	assert_int_equal(a.effects[1], STORE_CREATED);
	assert_string_equal(
		w.described, "- 2 members of set a\n- set a\n+ set c\n+ 1 member of set c\n");
	assert_int_equal(told_count(&w, "a"), SIZE_MAX);
	/* A large set comes in pieces, and is the same set. */
	tx = tx_of("set b bannable max-ttl 1h\nset c { ::2 }\n", CHANGE_PUT_POLICY);
	tx.mode = STORE_REPLACE_ALL;
	tx.changes.count = 1;
	change_deinit(&tx.changes.items[1]);
	told_add_change(&tx, CHANGE_ADD_MEMBERS, "b", "::1", false);
	told_add_change(&tx, CHANGE_PUT_SET, "c", "", false);
	told_add_change(&tx, CHANGE_ADD_MEMBERS, "c", "::2", false);
	submit_tx(&w, &tx, &a);
	assert_true(a.done);
	assert_int_equal(a.revision, 2);
	/* Without being put first, what it had is not meant. */
	tx = (struct store_tx){.mode = STORE_REPLACE_ALL};
	told_add_change(&tx, CHANGE_ADD_MEMBERS, "b", "::9", false);
	submit_tx(&w, &tx, &a);
	assert_string_equal(a.reason, "NO_SET");
	told_end(&w);
}

static void test_limits(void **state)
{
	struct store_tx tx = {0};
	struct answer a;
	struct world w;
	char name[8];

	(void)state;
	told_start(&w, NULL);
	told_change(&w, CHANGE_PUT_SET, "big", "10.0.0.1-10.255.255.254", &a); /* 46 prefixes */
	assert_int_equal(store_member_count(w.store), 46);
	told_add_change(&tx, CHANGE_ADD_MEMBERS, "big", "", false);
	for (unsigned int i = 0; i < 4955; i++)
		member_list_push4(&tx.changes.items[0].members,
			(uint8_t[4]){192, 0, (uint8_t)(i >> 8), (uint8_t)i}, 32);
	submit_tx(&w, &tx, &a);
	assert_string_equal(a.reason, "MEMBERS_FULL");
	assert_int_equal(store_member_count(w.store), 46);
	for (unsigned int i = 1; i < STORE_SETS_MAX; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		told_change(&w, CHANGE_CREATE_SET, name, "::1", &a);
		assert_int_equal(a.effect, STORE_CREATED);
	}
	told_change(&w, CHANGE_CREATE_SET, "more", "", &a);
	assert_string_equal(a.reason, "SETS_FULL");
	told_end(&w);
}

/* An id is given out again only when no packet can have it from before. */
static void test_ids_rest_until_settled(void **state)
{
	struct store_tx tx = {0};
	uint8_t first, second, third;
	struct answer a, b;
	struct world w;

	(void)state;
	told_start(&w, NULL);
	told_change(&w, CHANGE_CREATE_SET, "a", "::1", &a);
	assert_non_null(store_set_find(w.store, "a", &first));
	told_add_change(&tx, CHANGE_DELETE_SET, "a", "", false);
	told_add_change(&tx, CHANGE_CREATE_SET, "b", "::1", false);
	submit_tx(&w, &tx, &a);
	finish(&w);
	assert_non_null(store_set_find(w.store, "b", &second));
	assert_int_not_equal(first, second);
	tx = (struct store_tx){0};
	told_add_change(&tx, CHANGE_CREATE_SET, "c", "::1", false);
	submit_tx(&w, &tx, &b);
	finish(&w);
	assert_non_null(store_set_find(w.store, "c", &third));
	assert_int_equal(third, first);
	/* Deleted and made again in one step it is the same set. */
	tx = (struct store_tx){0};
	told_add_change(&tx, CHANGE_DELETE_SET, "c", "", false);
	told_add_change(&tx, CHANGE_CREATE_SET, "c", "::1 ::2", false);
	submit_tx(&w, &tx, &b);
	finish(&w);
	assert_int_equal(told_changes, 1);
	assert_non_null(store_set_find(w.store, "c", &third));
	assert_int_equal(third, first);
	told_end(&w);
}

/* `count` members from 10.0.0.0 on. */
static void add_many(struct store_tx *tx, const char *name, unsigned int count)
{
	told_add_change(tx, CHANGE_ADD_MEMBERS, name, "", true);
	for (unsigned int i = 0; i < count; i++)
		member_list_push4(&tx->changes.items[tx->changes.count - 1].members,
			(uint8_t[4]){10, 0, (uint8_t)(i >> 8), (uint8_t)i}, 32);
}

static void test_survives_with_large_sets_apart(void **state)
{
	struct store_tx tx = {0};
	struct world w, again;
	struct state former;
	struct answer a;
	uint8_t id;

	(void)state;
	told_start(&w, NULL);
	submit(&w, "set small bannable max-ttl 1h { 192.0.2.1 ::1 10.0.0.0/8 }\n", &a);
	finish(&w);
	add_many(&tx, "large", 3000);
	submit_tx(&w, &tx, &a);
	w.is_long = true;
	finish(&w);
	store_persisted(w.store, NULL);
	assert_non_null(
		strstr(w.state.text, "set small bannable max-ttl 1h { 10.0.0.0/8 192.0.2.1 ::1 }"));
	assert_non_null(strstr(w.state.text, "set large file \"sets/large.2\""));
	assert_int_equal(w.state.part_count, 1);
	former = w.state;
	w.state = (struct state){0};
	submit(&w, "default block\n", &a);
	w.is_long = true;
	finish(&w);
	store_persisted(w.store, NULL);
	assert_string_equal(w.state.parts[0].name, "sets/large.2");
	assert_null(w.state.parts[0].text); /* it stands, and is not written again */
	told_forget();
	world_init(&again, 10, NULL);
	again.parts = &former;
	assert_int_equal(world_restore(&again, w.state.text, NULL), 0);
	assert_int_equal(told_count(&again, "large"), 3000);
	assert_int_equal(told_count(&again, "small"), 3);
	assert_int_equal(store_set_find(again.store, "small", &id)->max_ttl, 3600000000000);
	assert_int_equal(store_set_find(again.store, "large", &id)->members_revision, 2);
	assert_int_equal(store_revision(again.store), 3);
	again.is_long = true;
	told_change(&again, CHANGE_REMOVE_MEMBERS, "large", "10.0.0.9", &a);
	store_persisted(again.store, NULL);
	assert_string_equal(again.state.parts[0].name, "sets/large.4");
	assert_non_null(again.state.parts[0].text);
	state_deinit(&former);
	world_deinit(&again);
	told_end(&w);
}

static void test_damaged_parts(void **state)
{
	static const char text[] =
		"#@ pepctl state 1 revision 2\n#@ set 1 2 2 %u\nset large file \"sets/large.2\"\n"
		"#@ end 0\n";
	static char good[] = "192.0.2.1\n192.0.2.2\n", bad[] = "192.0.2.1\nrubbish\n";
	struct state_part part = {"sets/large.2", good, sizeof(good) - 1};
	struct state parts = {.parts = &part, .part_count = 1};
	char file[300];
	struct world w;

	(void)state;
	told_start(&w, NULL);
	w.parts = &parts;
	for (unsigned int i = 0; i < 3; i++) {
		static const char *const says[] = {
			"has 2 members and not 3", "line 2: \"rubbish\"", "no such file"};
		_cleanup_error_ struct error err = ERROR_INIT;

		snprintf(file, sizeof(file), text, 3 - i);
		part.text = i ? bad : good;
		part.size = i ? sizeof(bad) - 1 : sizeof(good) - 1;
		if (i == 2)
			parts.part_count = 0;
		assert_true(world_restore(&w, file, &err) < 0);
		assert_non_null(strstr(error_message(&err), "set large: "));
		assert_non_null(strstr(error_message(&err), says[i]));
		assert_int_equal(store_set_count(w.store), 0);
	}
	told_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members_come_and_go),
		cmocka_unit_test(test_described_by_what_is_left),
		cmocka_unit_test(test_missing_sets),
		cmocka_unit_test(test_failure_leaves_no_trace),
		cmocka_unit_test(test_policies_name_sets_that_exist),
		cmocka_unit_test(test_replacing_all),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_ids_rest_until_settled),
		cmocka_unit_test(test_survives_with_large_sets_apart),
		cmocka_unit_test(test_damaged_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
