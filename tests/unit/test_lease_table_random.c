/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "failing_memory.h"
#include "server/lease_table.h"
#include "tests/lib/amount.h"

#define SETS    4u
#define MEMBERS 200u
#define OWNERS  6u
#define TURNS   300000u

static const uint8_t set_ids[SETS] = {0, 1, 17, 63};

/* What should be there, and one walk of each set that goes on beside the changes. */
struct model_lease {
	bool there, stays, seen;
	uint64_t expiry;
};
struct world {
	struct lease_table table;
	struct model_lease model[SETS][MEMBERS][OWNERS];
	uint32_t owners[OWNERS]; /* with a reference each */
	uint64_t cursors[SETS];
	size_t walks;
	uint64_t now;
};

/* Neighbours differ in one field only. */
static struct member member_of(unsigned int i)
{
	struct member m = {.family = i % 2 ? 6 : 4, .length = (uint8_t)(i % 3 ? 32 : 24)};

	m.bytes[0] = (uint8_t)(1 + i / 3 % 100);
	m.bytes[1] = (uint8_t)(i / 300);
	if (i % 5 == 0 && m.family == 6)
		m.bytes[15] = 1;
	return m;
}

static unsigned int below(unsigned int n)
{
	return (unsigned int)rand() % n;
}

static uint32_t name_owner(struct lease_table *table, unsigned int i)
{
	char name[16];
	int length = snprintf(name, sizeof(name), "owner-%u", i);
	uint32_t id;

	assert_int_equal(lease_table_ref_owner(table, name, (size_t)length, &id), 0);
	assert_string_equal(lease_table_owner_name(table, id), name);
	assert_int_equal(lease_table_find_owner(table, name, (size_t)length), id);
	return id;
}

static struct model_lease *model_of(struct world *w, const struct lease *lease)
{
	unsigned int set = 0, member = 0, owner = 0;
	struct member m = member_of(0);

	while (set_ids[set] != lease->set)
		assert_in_range(++set, 0, SETS - 1);
	while (memcmp(&m, &lease->member, sizeof(m)) != 0) {
		assert_in_range(++member, 0, MEMBERS - 1);
		m = member_of(member);
	}
	while (w->owners[owner] != lease->owner)
		assert_in_range(++owner, 0, OWNERS - 1);
	return &w->model[set][member][owner];
}

static void gone(struct model_lease *m)
{
	assert_true(m->there);
	m->there = m->stays = false;
}

/* --- what happens */

static uint64_t some_expiry(const struct world *w)
{
	unsigned int kind = below(8);

	return kind == 0 ? 0 : kind == 1 ? w->now + 1000 : w->now + 1 + below(60000);
}

static void put(struct world *w, unsigned int s, unsigned int i, unsigned int o)
{
	struct model_lease *m = &w->model[s][i][o];
	struct member member = member_of(i);
	uint64_t expiry = some_expiry(w);

	assert_int_equal(
		lease_table_put(&w->table, set_ids[s], &member, w->owners[o], expiry), !m->there);
	m->there = true;
	m->expiry = expiry;
}

static void take(struct world *w, unsigned int s, unsigned int i, unsigned int o)
{
	struct member member = member_of(i);

	assert_int_equal(lease_table_remove(&w->table, set_ids[s], &member, w->owners[o]),
		w->model[s][i][o].there);
	if (w->model[s][i][o].there)
		gone(&w->model[s][i][o]);
}

/* Some of what one owner holds in a set goes while it is walked; all the rest is seen once. */
static void reconcile(struct world *w, unsigned int s, unsigned int o, unsigned int keep)
{
	size_t left = lease_table_count_of(&w->table, set_ids[s], w->owners[o]);
	uint32_t id = lease_table_first_of(&w->table, set_ids[s], w->owners[o]);

	for (; id != LEASE_NONE; left--) {
		struct lease lease = lease_table_at(&w->table, id);

		assert_int_equal(lease.set, set_ids[s]);
		assert_int_equal(lease.owner, w->owners[o]);
		if (below(100) < keep) {
			id = lease_table_next_of(&w->table, id);
			continue;
		}
		gone(model_of(w, &lease));
		id = lease_table_remove_at(&w->table, id);
	}
	assert_int_equal(left, 0);
}

static void release_all_holders(struct world *w, unsigned int s, unsigned int i)
{
	struct member member = member_of(i);
	uint32_t id;

	while ((id = lease_table_first_holder(&w->table, set_ids[s], &member)) != LEASE_NONE) {
		struct lease lease = lease_table_at(&w->table, id);

		gone(model_of(w, &lease));
		lease_table_remove_at(&w->table, id);
	}
	assert_false(lease_table_held(&w->table, set_ids[s], &member));
}

static void drop(struct world *w, unsigned int s)
{
	uint32_t id;

	while ((id = lease_table_last(&w->table, set_ids[s])) != LEASE_NONE)
		lease_table_remove_at(&w->table, id);
	for (unsigned int i = 0; i < MEMBERS; i++)
		for (unsigned int o = 0; o < OWNERS; o++)
			if (w->model[s][i][o].there)
				gone(&w->model[s][i][o]);
}

static void expire(struct world *w)
{
	uint64_t before = 0;
	uint32_t id;

	while ((id = lease_table_expired(&w->table, w->now)) != LEASE_NONE) {
		struct lease lease = lease_table_at(&w->table, id);
		struct model_lease *m = model_of(w, &lease);

		assert_int_equal(m->expiry, lease.expiry);
		assert_int_equal(lease_table_next_expiry(&w->table), lease.expiry);
		assert_true(lease.expiry && lease.expiry <= w->now && lease.expiry >= before);
		before = lease.expiry;
		gone(m);
		lease_table_remove_at(&w->table, id);
	}
}

/* A batch after whose reserve no memory is needed, whatever goes meanwhile. */
static void batch(struct world *w, unsigned int s, unsigned int o)
{
	unsigned int count = 1 + below(50);

	assert_int_equal(lease_table_reserve(&w->table, set_ids[s], w->owners[o], count, count), 0);
	failing_memory_set(1, true);
	for (unsigned int i = 0; i < count; i++) {
		if (below(3) == 0)
			take(w, s, below(MEMBERS), o);
		put(w, s, below(MEMBERS), o);
	}
	assert_false(failing_memory_end());
}

/* A step of the walk of a set; at the end whatever was there all the time has been seen. */
static void walk(struct world *w, unsigned int s)
{
	struct model_lease *all = &w->model[s][0][0];
	uint32_t id;

	if (lease_table_next(&w->table, set_ids[s], &w->cursors[s], &id)) {
		struct lease lease = lease_table_at(&w->table, id);

		assert_int_equal(lease.set, set_ids[s]);
		model_of(w, &lease)->seen = true;
		return;
	}
	for (unsigned int i = 0; i < MEMBERS * OWNERS; i++) {
		assert_true(!all[i].stays || all[i].seen);
		all[i].stays = all[i].there;
		all[i].seen = false;
	}
	w->cursors[s] = 0;
	w->walks++;
}

static void step(struct world *w, unsigned int turn)
{
	unsigned int s = below(SETS), i = below(MEMBERS), o = below(OWNERS), what = below(10000);
	/* Full and empty by turns. */
	unsigned int adds = turn / 20000 % 2 ? 3500 : 6500;

	w->now += below(2);
	if (what < adds)
		put(w, s, i, o);
	else if (what < 9800)
		take(w, s, i, o);
	else if (what < 9900)
		batch(w, s, o);
	else if (what < 9950)
		release_all_holders(w, s, i);
	else if (what < 9980)
		expire(w);
	else if (what < 9990)
		reconcile(w, s, o, what % 2 ? 50 : 0);
	else if (what < 9998)
		lease_table_trim(&w->table);
	else
		drop(w, s);
	walk(w, below(SETS));
}

/* --- what should be */

static void check_lease(struct world *w, unsigned int s, unsigned int i, unsigned int o)
{
	struct model_lease *m = &w->model[s][i][o];
	struct member member = member_of(i);
	uint32_t id = lease_table_find(&w->table, set_ids[s], &member, w->owners[o]);
	struct lease lease;

	assert_int_equal(id != LEASE_NONE, m->there);
	if (!m->there)
		return;
	lease = lease_table_at(&w->table, id);
	assert_ptr_equal(model_of(w, &lease), m);
	assert_int_equal(lease.expiry, m->expiry);
}

static size_t check_member(struct world *w, unsigned int s, unsigned int i)
{
	struct member member = member_of(i);
	size_t held = 0, seen = 0;

	for (unsigned int o = 0; o < OWNERS; o++) {
		check_lease(w, s, i, o);
		held += w->model[s][i][o].there;
	}
	for (uint32_t id = lease_table_first_holder(&w->table, set_ids[s], &member);
		id != LEASE_NONE; id = lease_table_next_holder(&w->table, id))
		seen++;
	assert_int_equal(seen, held);
	assert_int_equal(lease_table_held(&w->table, set_ids[s], &member), held > 0);
	return held;
}

static void check_owner(struct world *w, unsigned int s, unsigned int o)
{
	size_t held = 0, seen = 0;

	for (unsigned int i = 0; i < MEMBERS; i++)
		held += w->model[s][i][o].there;
	for (uint32_t id = lease_table_first_of(&w->table, set_ids[s], w->owners[o]);
		id != LEASE_NONE; id = lease_table_next_of(&w->table, id))
		seen++;
	assert_int_equal(seen, held);
	assert_int_equal(lease_table_count_of(&w->table, set_ids[s], w->owners[o]), held);
}

static void check(struct world *w)
{
	struct model_lease *all = &w->model[0][0][0];
	uint64_t earliest = 0;

	for (unsigned int s = 0; s < SETS; s++) {
		size_t held = 0;

		for (unsigned int i = 0; i < MEMBERS; i++)
			held += check_member(w, s, i);
		assert_int_equal(lease_table_count(&w->table, set_ids[s]), held);
		for (unsigned int o = 0; o < OWNERS; o++)
			check_owner(w, s, o);
	}
	for (unsigned int i = 0; i < SETS * MEMBERS * OWNERS; i++)
		if (all[i].there && all[i].expiry && (!earliest || all[i].expiry < earliest))
			earliest = all[i].expiry;
	assert_int_equal(lease_table_next_expiry(&w->table), earliest);
}

static void test_against_an_array(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	unsigned int turns = (unsigned int)amount(TURNS);

	(void)state;
	assert_non_null(w);
	srand(4711);
	for (unsigned int o = 0; o < OWNERS; o++)
		w->owners[o] = name_owner(&w->table, o);
	for (unsigned int turn = 0; turn < turns; turn++) {
		step(w, turn);
		if (turn % 1000 == 0)
			check(w);
	}
	check(w);
	assert_true(w->walks > 10u);
	for (unsigned int s = 0; s < SETS; s++)
		drop(w, s);
	check(w);
	for (unsigned int o = 0; o < OWNERS; o++)
		lease_table_unref_owner(&w->table, w->owners[o]);
	assert_int_equal(lease_table_next_owner(&w->table, 0), LEASE_NONE);
	lease_table_deinit(&w->table);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
