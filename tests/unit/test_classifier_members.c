/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Members of sets: what shows when, growth, limits, and failures that must leave no trace. */
#include "classifier_world.h"
#include "tests/lib/amount.h"

#include <stdio.h>

#define DST "198.51.100.1"

static const char *decider(const struct world *w, const char *src)
{
	return world_decider(w, src, strchr(src, ':') ? "2001:db8::1" : DST, 80);
}

static const char *decider_next(const struct world *w, const char *src)
{
	return world_decider_in(w, world_generation(w) + 1, src,
		strchr(src, ':') ? "2001:db8::1" : DST, 80);
}

static void test_add_and_remove(void **state)
{
	static const struct {
		const char *member, *inside, *outside;
	} members[] = {
		{"192.0.2.1", "192.0.2.1", "192.0.2.0"},
		{"192.0.2.0/31", "192.0.2.1", "192.0.2.2"},
		{"192.0.2.0/24", "192.0.2.255", "192.0.3.0"},
		{"192.0.0.0/15", "192.1.255.255", "192.2.0.0"},
		{"192.0.0.0/3", "223.255.255.255", "224.0.0.0"},
		{"128.0.0.0/1", "255.255.255.255", "127.255.255.255"},
		{"0.0.0.0/0", "0.0.0.0", "2001:db8::1"},
		{"0.0.0.0", "0.0.0.0", "0.0.0.1"},
		{"255.255.255.255", "255.255.255.255", "255.255.255.254"},
		{"2001:db8::1", "2001:db8::1", "2001:db8::2"},
		{"2001:db8::/127", "2001:db8::1", "2001:db8::2"},
		{"2001:db8:0:1::/64", "2001:db8:0:1:ffff::", "2001:db8::1"},
		{"2001:db8::/32", "2001:db8:ffff::", "2001:db9::"},
		{"2000::/3", "3fff::1", "4000::"},
		{"::/0", "::1", "192.0.2.1"},
		{"::", "::", "::1"},
	};
	struct world *w = *state;

	world_put(w, NULL, "p block src @set");
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		assert_string_equal(decider(w, members[i].inside), "");
		world_member(w, "set", members[i].member, true);
		world_commit(w);
		assert_string_equal(decider(w, members[i].inside), "p");
		assert_string_equal(decider(w, members[i].outside), "");
		world_member(w, "set", members[i].member, false);
		world_commit(w);
		assert_string_equal(decider(w, members[i].inside), "");
	}
}

/* A member goes over to another set, one leaves, one comes: all of it with the flip. */
static void test_nothing_shows_before_the_flip(void **state)
{
	struct world *w = *state;
	struct classifier_plan *plan;

	world_put(w, NULL, "a block src @a");
	world_put(w, NULL, "b block src @b");
	engine_join(&w->engine, "a", "192.0.2.1");
	engine_join(&w->engine, "b", "192.0.2.2");
	for (int round = 0; round < 5; round++) {
		world_member(w, "a", "192.0.2.1", false);
		world_member(w, "b", "192.0.2.1", true);
		world_member(w, "b", "192.0.2.2", false);
		world_member(w, "a", "2001:db8::/48", true);
		plan = world_plan(w);
		assert_string_equal(decider(w, "192.0.2.1"), "a");
		assert_string_equal(decider(w, "192.0.2.2"), "b");
		assert_string_equal(decider(w, "2001:db8::1"), "");
		assert_string_equal(decider_next(w, "192.0.2.1"), "b");
		assert_string_equal(decider_next(w, "192.0.2.2"), "");
		assert_string_equal(decider_next(w, "2001:db8::1"), "a");
		if (round == 4)
			break;
		engine_abort(&w->engine, plan);
		assert_string_equal(decider(w, "192.0.2.1"), "a");
		assert_string_equal(decider(w, "2001:db8::1"), "");
	}
	engine_flip(&w->engine, plan);
	assert_string_equal(decider(w, "192.0.2.1"), "b");
	assert_string_equal(decider(w, "192.0.2.2"), "");
	assert_string_equal(decider(w, "2001:db8::1"), "a");
}

/* The same member in many sets, and prefixes of others over it. */
static void test_overlapping(void **state)
{
	struct world *w = *state;

	world_put(w, NULL, "a block src @a dport 80");
	world_put(w, NULL, "b block src @b priority 1");
	world_put(w, NULL, "c block src @c priority 2");
	engine_join(&w->engine, "a", "192.0.2.1");
	engine_join(&w->engine, "b", "192.0.2.1");
	engine_join(&w->engine, "c", "192.0.2.0/24");
	assert_string_equal(decider(w, "192.0.2.1"), "b");
	assert_string_equal(decider(w, "192.0.2.2"), "c");
	engine_leave(&w->engine, "b", "192.0.2.1");
	assert_string_equal(decider(w, "192.0.2.1"), "c");
	engine_join(&w->engine, "b", "192.0.0.0/9");
	assert_string_equal(decider(w, "192.0.2.2"), "b");
	engine_leave(&w->engine, "c", "192.0.2.0/24");
	engine_leave(&w->engine, "b", "192.0.0.0/9");
	assert_string_equal(decider(w, "192.0.2.1"), "a");
	engine_leave(&w->engine, "a", "192.0.2.1");
	assert_string_equal(decider(w, "192.0.2.1"), "");
}

/* --- many */

static const char *address_of(char text[static 48], unsigned int i, bool six)
{
	if (six)
		snprintf(text, 48, "2001:db8:%x:%x::%x", i >> 8, i & 0xff, i);
	else
		snprintf(text, 48, "10.%u.%u.%u", i >> 15, i >> 7 & 255, i << 1 & 255);
	return text;
}

/* Members [first, end); of IPv4 every other address. */
static void move_many(struct world *w, unsigned int first, unsigned int end, bool six, bool add)
{
	char text[48];

	for (unsigned int i = first; i < end; i++)
		world_member(w, "set", address_of(text, i, six), add);
}

static void check_many(const struct world *w, unsigned int first, unsigned int end, bool six,
	const char *name)
{
	char text[48];

	for (unsigned int i = first; i < end; i += 7) {
		assert_string_equal(decider(w, address_of(text, i, six)), name);
		text[strlen(text) - 1] ^= 1; /* a neighbour that is no member */
		if (!six)
			assert_string_equal(decider(w, text), "");
	}
}

static void check_growth(bool six, unsigned int count)
{
	struct world *w = world_new(WORLD_POLICIES);

	world_put(w, NULL, "p block src @set");
	move_many(w, 0, 10, six, true);
	world_commit(w);
	move_many(w, 10, count, six, true);
	engine_abort(&w->engine, world_plan(w)); /* having grown */
	check_many(w, 0, 10, six, "p");
	check_many(w, 10, count, six, "");
	move_many(w, 10, count, six, true);
	world_commit(w);
	check_many(w, 0, count, six, "p");
	move_many(w, 0, count / 2, six, false);
	world_commit(w);
	check_many(w, 0, count / 2, six, "");
	check_many(w, count / 2, count, six, "p");
	move_many(w, count / 2, count, six, false);
	move_many(w, 0, 100, six, true);
	world_commit(w);
	check_many(w, count / 2, count, six, "");
	check_many(w, 0, 100, six, "p");
	world_free(w);
}

static void test_growth(void **state)
{
	(void)state;
	check_growth(false, 120000);
	check_growth(true, 60000);
}

static unsigned int chunks_of(const struct world *w)
{
	unsigned int count = 0;

	for (size_t i = 0; i < PEP_CHUNKS_MAX; i++)
		count += w->engine.tables->chunks[i] != NULL;
	return count;
}

/*
 * Without larger tables: that a line is full is nothing rare. Lines of three fill up sooner: at two a line,
 * when they grow in any case, one seed in twelve has a member whose lines are all full.
 */
static void check_room(bool six, unsigned int count, unsigned int chunks)
{
	struct world *w = world_new(WORLD_POLICIES);

	world_put(w, NULL, "p block src @set");
	move_many(w, 0, count, six, true);
	world_commit(w);
	check_many(w, 0, count, six, "p");
	assert_int_equal(chunks_of(w), chunks);
	world_free(w);
}

static void test_room(void **state)
{
	(void)state;
	check_room(false, 4 * PEP_CHUNK_LINES * 8 - 8, 4 + 1); /* lines, filter */
	check_room(true, 8 * PEP_CHUNK_LINES * 3 / 2, 8 + 1);
}

/* Small plans over and over: places, combos and filter bits must not run out. */
static void test_coming_and_going(void **state)
{
	struct world *w = *state;
	unsigned int rounds = (unsigned int)amount(3000);

	world_put(w, NULL, "p block src @set");
	for (unsigned int i = 0; i < rounds; i++) {
		move_many(w, i * 16, i * 16 + 16, i & 1, true);
		if (i >= 4)
			move_many(w, (i - 4) * 16, (i - 4) * 16 + 16, i & 1, false);
		world_commit(w);
		check_many(w, i * 16, i * 16 + 16, i & 1, "p");
		if (i >= 4)
			check_many(w, (i - 4) * 16, (i - 4) * 16 + 16, i & 1, "");
	}
}

/* --- limits and failures */

static const char *prefix_of(char text[static 48], unsigned int length)
{
	unsigned int bits = length ? 0xffffu << (16 - length % 16) & 0xffffu : 0;

	if (length < 16)
		snprintf(text, 48, "%x::/%u", 0x2000u & bits, length);
	else
		snprintf(text, 48, "2001:db8:%x::/%u", 0u, length);
	return text;
}

static void test_lengths_full(void **state)
{
	struct world *w = *state;
	char text[48];

	world_put(w, NULL, "p block src @set");
	for (unsigned int length = 65; length <= 128; length++)
		world_member(w, "set", prefix_of(text, length), true);
	world_commit(w);
	world_member(w, "set", prefix_of(text, 64), true);
	world_member(w, "set", "192.0.2.1", true);
	world_refused(w, ERROR_LIMIT, "LENGTHS_FULL", NULL);
	assert_string_equal(decider(w, "2001:db8::"), "p");
	assert_string_equal(decider(w, "192.0.2.1"), "");
	assert_string_equal(decider(w, "2001:db8:0:0:8000::"), "");
	/* A length that nobody uses any more makes room. */
	world_member(w, "set", prefix_of(text, 100), false);
	world_commit(w);
	world_member(w, "set", prefix_of(text, 64), true);
	world_commit(w);
	assert_string_equal(decider(w, "2001:db8:0:0:8000::"), "p");
	/* In one plan, too. */
	world_member(w, "set", prefix_of(text, 64), false);
	world_member(w, "set", prefix_of(text, 48), true);
	world_commit(w);
	assert_string_equal(decider(w, "2001:db8:0:1::"), "p");
	assert_string_equal(decider(w, "2001:db8:1::"), "");
}

/* Makes the change fail at each chunk of memory in turn; returns at how many it can. */
static unsigned int fail_each(struct world *w, unsigned int first, unsigned int end)
{
	static const char *const reason = "KERNEL_MEMORY";

	for (unsigned int n = 1;; n++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		uint64_t rulings = world_rulings(w, world_generation(w));
		struct classifier_plan *plan;

		move_many(w, first, end, false, true);
		move_many(w, first, end, true, true);
		world_member(w, "set", "172.16.0.0/12", true);
		world_member(w, "set", "172.16.0.0/13", true);
		w->engine.chunks_fail = n;
		plan = world_try(w, &err);
		w->engine.chunks_fail = 0;
		if (plan) {
			engine_abort(&w->engine, plan);
			assert_true(world_rulings(w, world_generation(w)) == rulings);
			return n - 1;
		}
		assert_int_equal(err.kind, ERROR_LIMIT);
		assert_string_equal(error_reason(&err), reason);
		assert_true(world_rulings(w, world_generation(w)) == rulings);
		check_many(w, 0, first, false, "p");
		check_many(w, 0, first, true, "p");
		check_many(w, first, end, false, "");
	}
}

static void test_no_memory(void **state)
{
	struct world *w = *state;

	world_put(w, NULL, "p block src @set");
	assert_in_range(fail_each(w, 0, 10), 4, 6); /* lines, filter, lengths of two families */
	move_many(w, 0, 10, false, true);
	move_many(w, 0, 10, true, true);
	world_commit(w);
	assert_in_range(fail_each(w, 10, 20000), 4, 40);
	move_many(w, 10, 40000, false, true);
	move_many(w, 10, 40000, true, true);
	world_commit(w);
	check_many(w, 0, 40000, false, "p");
	check_many(w, 0, 40000, true, "p");
}

/* Member i is in the sets that are the bits of i. */
static void join_by_bits(struct world *w, unsigned int first, unsigned int end)
{
	char set[8], text[48];

	for (unsigned int i = first; i < end; i++)
		for (unsigned int bit = 0; bit < 15; bit++) {
			if (!(i >> bit & 1))
				continue;
			snprintf(set, sizeof(set), "s%u", bit);
			world_member(w, set, address_of(text, i, false), true);
		}
}

static void test_combos_full(void **state)
{
	struct world *w = *state;
	char text[48];

	world_put(w, NULL, "p block src @s0");
	world_put(w, NULL, "q block src @s13 priority 1");
	join_by_bits(w, 1, 100);
	world_commit(w);
	for (int round = 0; round < 3; round++) {
		join_by_bits(w, 100, PEP_COMBOS_MAX + 100);
		world_refused(w, ERROR_LIMIT, "COMBOS_FULL", NULL);
		assert_string_equal(decider(w, address_of(text, 99, false)), "p");
		assert_string_equal(decider(w, address_of(text, 101, false)), "");
	}
	join_by_bits(w, 100, PEP_COMBOS_MAX - 300);
	world_commit(w);
	for (unsigned int i = 1; i < PEP_COMBOS_MAX - 300; i++)
		assert_string_equal(decider(w, address_of(text, i, false)),
			i >> 13 & 1 ? "q" : i & 1 ? "p" : "");
}

/* A member that is taken out without being there says that the tables are others. */
static void test_unknown_member(void **state)
{
	struct world *w = *state;

	world_put(w, NULL, "p block src @set");
	engine_join(&w->engine, "set", "192.0.2.1");
	world_member(w, "set", "192.0.2.7", true);
	world_member(w, "set", "192.0.2.2", false);
	world_refused(w, ERROR_INTERNAL, "TABLES_DIFFER", NULL);
	assert_string_equal(decider(w, "192.0.2.1"), "p");
	assert_string_equal(decider(w, "192.0.2.7"), "");
}

#define MEMBERS_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MEMBERS_TEST(test_add_and_remove),
		MEMBERS_TEST(test_nothing_shows_before_the_flip),
		MEMBERS_TEST(test_overlapping),
		MEMBERS_TEST(test_growth),
		MEMBERS_TEST(test_room),
		MEMBERS_TEST(test_coming_and_going),
		MEMBERS_TEST(test_lengths_full),
		MEMBERS_TEST(test_no_memory),
		MEMBERS_TEST(test_combos_full),
		MEMBERS_TEST(test_unknown_member),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
