/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Another classifier takes the tables over, in whatever state the one before left them. */
#include "classifier_world.h"

#include <errno.h>
#include <stdio.h>

#define SRC "192.0.2.1"
#define DST "198.51.100.1"

/* A world over the tables of the first, which is only asked for names from now on. */
static struct world *successor(struct world *first)
{
	struct world *w = world_over(WORLD_POLICIES, first->engine.tables);

	w->engine.position = first->engine.position;
	return w;
}

static int adopt(struct world *w, const struct world *first, uint32_t entry, const char *redirect)
{
	snprintf(w->names[entry], PEP_NAME_SIZE, "%s", first->names[entry]);
	return classifier_adopt(
		w->engine.classifier, world_generation(w), entry, w->names[entry], redirect);
}

/* All entries that ever had a name; returns how many were alive. */
static size_t adopt_all(struct world *w, const struct world *first)
{
	size_t alive = 0;

	for (uint32_t entry = 1; entry < classifier_entries(WORLD_POLICIES); entry++) {
		int r = *first->names[entry] ? adopt(w, first, entry, "eth0") : 1;

		assert_in_range(r, 0, 1);
		alive += r == 0;
	}
	assert_int_equal(classifier_adopt_end(w->engine.classifier), 0);
	return alive;
}

static void test_the_same_goes_on(void **state)
{
	struct world *first = *state, *w;
	uint64_t rulings;

	world_put(first, NULL, "gone block");
	world_put(first, NULL, "a block dport 80 proto tcp");
	world_put(first, NULL, "b redirect eth0 src " SRC " dport 80 proto tcp");
	world_put(first, "gone block", NULL);
	rulings = world_rulings(first, world_generation(first));
	w = successor(first);
	assert_int_equal(adopt_all(w, first), 2);
	assert_true(world_rulings(w, world_generation(w)) == rulings);
	assert_int_equal(classifier_count(w->engine.classifier), 2);
	assert_int_equal(classifier_slot(w->engine.classifier, "a"),
		classifier_slot(first->engine.classifier, "a"));
	assert_int_equal(classifier_position(w->engine.classifier, engine_entry(&w->engine, "a")), 2);
	assert_string_equal(classifier_redirect(w->engine.classifier, 0), "eth0");
	world_put(w, "b redirect eth0 src " SRC " dport 80 proto tcp", NULL);
	assert_string_equal(world_decider(w, SRC, DST, 80), "a");
	for (unsigned int round = 0; round < 50; round++) {
		world_put(w, NULL, "c block src " SRC " dport 80");
		assert_string_equal(world_decider(w, SRC, DST, 80), "c");
		world_put(w, "c block src " SRC " dport 80", NULL);
	}
	world_put(w, "a block dport 80 proto tcp", NULL);
	assert_string_equal(world_decider(w, SRC, DST, 80), "");
	world_free(w);
}

/* Ended between plan and flip: the next commit must not bring that plan to life. */
static void test_ended_amid_commit(void **state)
{
	struct world *first = *state, *w;
	struct classifier_plan *plan;

	world_put(first, NULL, "a block dport 80");
	world_edit(first, "a block dport 80", NULL);
	world_edit(first, NULL, "b block dport 443");
	plan = world_plan(first);
	w = successor(first);
	assert_int_equal(adopt_all(w, first), 1);
	world_put(w, NULL, "c block dport 22");
	assert_string_equal(world_decider(w, SRC, DST, 80), "a");
	assert_string_equal(world_decider(w, SRC, DST, 443), "");
	assert_string_equal(world_decider(w, SRC, DST, 22), "c");
	world_free(w);
	engine_abort(&first->engine, plan);
}

/* Ended between flip and settle: what died is still in its run. */
static void test_ended_before_settle(void **state)
{
	struct world *first = *state, *w;

	world_put(first, NULL, "a block dport 80");
	world_edit(first, "a block dport 80", "a block dport 443");
	classifier_commit(first->engine.classifier, world_plan(first));
	first->engine.tables->config->generation++;
	w = successor(first);
	assert_int_equal(adopt_all(w, first), 1);
	for (unsigned int i = 0; i < 3; i++) {
		assert_string_equal(world_decider(w, SRC, DST, 80), "");
		assert_string_equal(world_decider(w, SRC, DST, 443), "a");
		world_put(w, NULL, "c block dport 22");
		world_put(w, "c block dport 22", NULL);
	}
	world_free(w);
}

/* Killed between two of the words that tell where a search may end. */
static void test_half_stored_ranks(void **state)
{
	struct world *first = *state, *w;
	struct pep_tables *t = first->engine.tables;
	uint64_t rest = UINT64_MAX, keyed[2] = {0};

	world_put(first, NULL, "a allow dport 80");
	world_put(first, NULL, "b block src @bad priority 2000");
	world_put(first, NULL, "c block dst @good priority 3000");
	t->tuples[2].best = t->tuples[2].rest = 0;
	t->tuples[0].rest = t->tuples[1].rest = UINT64_MAX;
	t->config->roots.src_keyed = t->config->roots.dst_keyed = 0;
	w = successor(first);
	adopt_all(w, first);
	for (uint32_t i = PEP_TUPLES_MAX; i-- > 0;) {
		const struct pep_tuple *tuple = &t->tuples[i];

		if (tuple->key)
			rest = MIN(rest, tuple->best);
		keyed[0] |= tuple->key & PEP_KEY_SRC_SET ? 1ull << i : 0;
		keyed[1] |= tuple->key & PEP_KEY_DST_SET ? 1ull << i : 0;
		assert_true(tuple->rest == rest);
	}
	assert_true(keyed[0] && keyed[1]);
	assert_true(t->config->roots.src_keyed == keyed[0]);
	assert_true(t->config->roots.dst_keyed == keyed[1]);
	world_free(w);
}

/* Entries that nobody names leave. */
static void test_nameless(void **state)
{
	struct world *first = *state, *w;

	world_put(first, NULL, "a block dport 80");
	world_put(first, NULL, "b block dport 443");
	w = successor(first);
	assert_int_equal(adopt(w, first, engine_entry(&first->engine, "b"), ""), 0);
	assert_int_equal(classifier_adopt_end(w->engine.classifier), 0);
	assert_string_equal(world_decider(w, SRC, DST, 80), "");
	assert_string_equal(world_decider(w, SRC, DST, 443), "b");
	world_free(w);
}

static void test_contradictions(void **state)
{
	struct world *first = *state, *w;
	uint32_t a, b, r;

	world_put(first, NULL, "a block dport 80");
	world_put(first, NULL, "b block dport 443");
	world_put(first, NULL, "r redirect eth0");
	a = engine_entry(&first->engine, "a");
	b = engine_entry(&first->engine, "b");
	r = engine_entry(&first->engine, "r");
	w = successor(first);
	assert_int_equal(adopt(w, first, 0, ""), -EINVAL);
	assert_int_equal(adopt(w, first, a, ""), 0);
	assert_int_equal(adopt(w, first, a, ""), -EINVAL);
	assert_int_equal(classifier_adopt(w->engine.classifier, world_generation(w), b, "a", ""), -EINVAL);
	assert_int_equal(adopt(w, first, r, ""), -EINVAL); /* to where? */
	w->engine.tables->entries[b].slot = classifier_room(WORLD_POLICIES);
	assert_int_equal(adopt(w, first, b, ""), -EINVAL);
	w->engine.tables->entries[b].slot = w->engine.tables->entries[a].slot;
	assert_int_equal(adopt(w, first, b, ""), -EINVAL);
	assert_int_equal(classifier_adopt(w->engine.classifier, world_generation(w),
				 classifier_entries(WORLD_POLICIES), "c", ""),
		-EINVAL);
	assert_int_equal(classifier_adopt_end(w->engine.classifier), 0);
	assert_string_equal(world_decider(w, SRC, DST, 80), "a");
	assert_string_equal(world_decider(w, SRC, DST, 443), "");
	world_free(w);
}

/* The members that are there serve until the first commit brings all that shall be. */
static void test_members(void **state)
{
	struct world *first = *state, *w;
	const char *p = "p block src @set";

	world_put(first, NULL, p);
	engine_join(&first->engine, "set", SRC);
	engine_join(&first->engine, "set", "192.0.2.128/25");
	engine_join(&first->engine, "set", "2001:db8::/32");
	w = successor(first);
	assert_int_equal(engine_set(&w->engine, "set"), 0);
	assert_int_equal(adopt_all(w, first), 1);
	for (int round = 0; round < 3; round++) {
		struct classifier_plan *plan;

		assert_string_equal(world_decider(w, SRC, DST, 80), "p");
		assert_string_equal(world_decider(w, "192.0.2.200", DST, 80), "p");
		assert_string_equal(world_decider(w, "2001:db8::1", "::1", 80), "p");
		world_member(w, "set", SRC, true);
		world_member(w, "set", "203.0.113.0/24", true);
		plan = world_plan(w);
		if (round < 2)
			engine_abort(&w->engine, plan);
		else
			engine_flip(&w->engine, plan);
	}
	assert_string_equal(world_decider(w, SRC, DST, 80), "p");
	assert_string_equal(world_decider(w, "203.0.113.7", DST, 80), "p");
	assert_string_equal(world_decider(w, "192.0.2.200", DST, 80), "");
	assert_string_equal(world_decider(w, "2001:db8::1", "::1", 80), "");
	engine_join(&w->engine, "set", "2001:db8::/48");
	assert_string_equal(world_decider(w, "2001:db8::1", "::1", 80), "p");
	world_free(w);
}

#define ADOPT_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ADOPT_TEST(test_the_same_goes_on),
		ADOPT_TEST(test_ended_amid_commit),
		ADOPT_TEST(test_ended_before_settle),
		ADOPT_TEST(test_half_stored_ranks),
		ADOPT_TEST(test_nameless),
		ADOPT_TEST(test_contradictions),
		ADOPT_TEST(test_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
