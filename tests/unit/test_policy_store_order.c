/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Both orders of policies after every commit, few and many changes at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "store_world.h"

#define NAMES  200u
#define ROUNDS 400u

static uint32_t next_random(void)
{
	static uint32_t seed = 20261129;

	seed ^= seed << 13;
	seed ^= seed >> 17;
	return seed ^= seed << 5;
}

/* Sorted, each once, each found at its place: how it came about does not matter. */
static void check(struct world *w)
{
	size_t count = store_policy_count(w->store), places = 0;

	for (size_t i = 0; i < count; i++) {
		const struct store_policy *p = store_policy_at(w->store, i), *former = NULL;

		assert_non_null(p);
		assert_ptr_equal(store_policy_find(w->store, p->policy.name), p);
		places += store_policy_position(w->store, p);
		if (i)
			former = store_policy_at(w->store, i - 1);
		if (former)
			assert_true(policy_rank_compare(policy_rank(&former->policy, (uint32_t)former->position),
					    policy_rank(&p->policy, (uint32_t)p->position)) < 0);
	}
	assert_null(store_policy_at(w->store, count));
	assert_int_equal(places, count * (count + 1) / 2);
}

/* Deleted, or now acting otherwise, or deciding elsewhere. */
static void change_random(struct change *change)
{
	uint32_t choice = next_random() % 4;
	struct policy *p = &change->policy;

	if (choice == 0) {
		change->kind = CHANGE_DELETE_POLICY;
		change->allow_missing = true;
		memcpy(change->name, p->name, sizeof(change->name));
	} else if (choice == 1) {
		p->action.kind = POLICY_ALLOW;
	} else {
		p->priority = next_random() % 5;
		p->match.dport = (struct policy_ports){1, (uint16_t)(1 + next_random() % 3)};
	}
}

static void change_some(struct world *w, uint32_t count)
{
	char text[NAMES * 40], *at = text;
	struct store_tx tx;
	struct answer a;

	for (uint32_t i = 0; i < count; i++)
		at += sprintf(at, "policy p%u block dport 80\n", (i * 7 + next_random() % 7) % NAMES);
	tx = tx_of(text, CHANGE_PUT_POLICY);
	for (uint32_t i = 0; i < count; i++)
		change_random(&tx.changes.items[i]);
	submit_tx(w, &tx, &a);
	assert_int_equal(a.violations, 0);
	finish(w);
	assert_true(a.done);
}

static void test_random_changes(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, NAMES, NULL);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		change_some(&w, round % 20 ? 1 + next_random() % 5 : 25);
		check(&w);
	}
	world_deinit(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
