/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a look at a dry run sees, and that nothing is left of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "store_world.h"

struct seen {
	struct answer answer;
	struct world *world;
	unsigned int looks;
	uint64_t revision;
	char order[200]; /* names */
	bool covers[4], blocks[2];
};

static void read_view(struct store_view *view, struct seen *ret)
{
	static const uint8_t addresses[4][4] = {
		{10, 0, 0, 1}, {10, 0, 0, 2}, {192, 0, 2, 1}, {9, 9, 9, 9}};
	const struct store_policy *const *order;
	size_t count;

	ret->revision = store_view_revision(view);
	*ret->order = 0;
	assert_int_equal(store_view_policies(view, &order, &count), 0);
	for (size_t i = 0; i < count; i++) {
		snprintf(ret->order + strlen(ret->order), sizeof(ret->order) - strlen(ret->order),
			"%s ", order[i]->policy.name);
		assert_ptr_equal(store_view_find(view, order[i]->policy.name), order[i]);
	}
	for (size_t i = 0; i < 4; i++)
		ret->covers[i] = store_view_covers(view, "s", 4, addresses[i]);
	ret->blocks[0] = store_view_default(view, "");
	ret->blocks[1] = store_view_default(view, "eth1");
}

static void on_look(void *data, struct store_view *view)
{
	struct seen *seen = data;

	seen->looks++;
	assert_int_equal(seen->world->prepared, seen->world->aborted + seen->world->flipped + 1);
	read_view(view, seen);
}

static void on_looked(void *data, const struct store_result *result, struct error *err)
{
	on_done(&((struct seen *)data)->answer, result, err);
}

static void look(struct world *w, const char *text, enum store_mode mode, struct seen *ret)
{
	struct store_tx tx = tx_of(text, CHANGE_PUT_POLICY);

	*ret = (struct seen){.world = w};
	tx.mode = mode;
	tx.validate_only = true;
	tx.look = on_look;
	store_submit(w->store, &tx, on_looked, ret);
	assert_true(ret->answer.done);
	assert_false(store_busy(w->store));
}

static void check_in_force(struct world *w)
{
	struct store_view view = {.store = w->store};
	struct seen now = {0};

	read_view(&view, &now);
	assert_string_equal(now.order, "b a ");
	assert_int_equal(now.revision, 1);
	assert_true(now.covers[0] && now.covers[1] && !now.covers[2] && !now.covers[3]);
	assert_true(now.blocks[0] && !now.blocks[1]);
	assert_int_equal(w->persisted, 1);
	assert_int_equal(w->committed, 1);
	assert_int_equal(w->prepared, w->aborted + w->flipped);
	store_view_deinit(&view);
}

static void begin(struct world *w)
{
	struct answer a;

	world_init(w, 10, NULL);
	submit(w,
		"set s { 10.0.0.0/24 }\ndefault block\ndefault allow iface eth1\npolicy a block "
		"src @s\n"
		"policy b allow dport 80\n",
		&a);
	finish(w);
	assert_int_equal(a.revision, 1);
}

static void test_a_merge(void **state)
{
	struct seen seen;
	struct world w;

	(void)state;
	begin(&w);
	look(&w,
		"policy c block dport 22 priority 1\npolicy b allow priority 2000\ndefault allow\n",
		STORE_MERGE, &seen);
	assert_int_equal(seen.looks, 1);
	assert_string_equal(seen.order, "c a b ");
	assert_int_equal(seen.revision, 2);
	assert_true(seen.covers[0] && !seen.covers[2] && !seen.blocks[0] && !seen.blocks[1]);
	assert_int_equal(seen.answer.revision, 1);
	check_in_force(&w);
	look(&w, "", STORE_MERGE, &seen); /* nothing changes: what is in force, prepared */
	assert_int_equal(seen.looks, 1);
	assert_string_equal(seen.order, "b a ");
	assert_int_equal(seen.revision, 1);
	check_in_force(&w);
	world_deinit(&w);
}

static void test_a_replacement(void **state)
{
	struct seen seen;
	struct world w;

	(void)state;
	begin(&w);
	look(&w, "set s { 10.0.0.2 192.0.2.1/32 }\npolicy z reflect dst @s\n", STORE_REPLACE_ALL,
		&seen);
	assert_string_equal(seen.order, "z ");
	assert_true(!seen.covers[0] && seen.covers[1] && seen.covers[2] && !seen.covers[3]);
	assert_true(!seen.blocks[0] && !seen.blocks[1]);
	check_in_force(&w);
	look(&w, "", STORE_REPLACE_ALL, &seen);
	assert_string_equal(seen.order, "");
	assert_true(!seen.covers[0] && !seen.covers[1]);
	check_in_force(&w);
	world_deinit(&w);
}

static void test_refused_ones_are_not_looked_at(void **state)
{
	struct seen seen;
	struct world w;

	(void)state;
	begin(&w);
	look(&w, "policy c block src @none\n", STORE_MERGE, &seen);
	assert_int_equal(seen.looks, 0);
	assert_string_equal(seen.answer.reason, "NO_SET");
	check_in_force(&w);
	look(&w, "policy c rate-limit 1B/s burst 1000000000 proto tcp\n", STORE_MERGE, &seen);
	assert_int_equal(seen.looks, 0);
	assert_int_equal(seen.answer.kind, ERROR_UNIMPLEMENTED);
	check_in_force(&w);
	w.refuse_prepare = true;
	look(&w, "policy c block\n", STORE_MERGE, &seen);
	assert_int_equal(seen.looks, 0);
	assert_int_equal(seen.answer.kind, ERROR_PRECONDITION);
	w.prepared--; /* it undid itself */
	check_in_force(&w);
	world_deinit(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_merge),
		cmocka_unit_test(test_a_replacement),
		cmocka_unit_test(test_refused_ones_are_not_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
