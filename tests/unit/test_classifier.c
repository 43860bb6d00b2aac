/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Plans of policies: what shows before the flip and after, what is refused, what is kept. */
#include "classifier_world.h"

#include <stdio.h>

#define SRC "192.0.2.1"
#define DST "198.51.100.1"

static const char *decider(const struct world *w, uint16_t dport)
{
	return world_decider(w, SRC, DST, dport);
}

static void test_each_rung_beats_the_next(void **state)
{
	static const char *const lines[] = {
		("five block src " SRC " dst " DST " sport 1000 dport 80 proto tcp"),
		("src-dport block src " SRC " dport 80 proto tcp"),
		("dst-dport block dst " DST " dport 80 proto tcp"),
		"dport block dport 80 proto tcp",
		("src block src " SRC),
		"proto block proto tcp",
	};
	static const char *const names[] = {"five", "src-dport", "dst-dport", "dport", "src", "proto"};

	for (size_t i = ARRAY_SIZE(lines); i-- > 0;) {
		world_put(*state, NULL, lines[i]);
		assert_string_equal(decider(*state, 80), names[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		assert_string_equal(decider(*state, 80), names[i]);
		world_put(*state, lines[i], NULL);
	}
	assert_string_equal(decider(*state, 80), "");
}

/* Two policies trade their ports. */
static void test_nothing_shows_before_the_flip(void **state)
{
	struct world *w = *state;
	struct classifier_plan *plan;
	uint32_t slot;

	world_put(w, NULL, "a block dport 80 proto tcp");
	world_put(w, NULL, "b block dport 443 proto tcp");
	slot = classifier_slot(w->engine.classifier, "a");
	for (int round = 0; round < 6; round++) {
		world_edit(w, "a block dport 80 proto tcp", "a block dport 443 proto tcp");
		world_edit(w, "b block dport 443 proto tcp", "b block dport 80 proto tcp");
		plan = world_plan(w);
		assert_string_equal(decider(w, 80), "a");
		assert_string_equal(decider(w, 443), "b");
		assert_string_equal(
			world_decider_in(w, world_generation(w) + 1, SRC, DST, 80), "b");
		assert_int_equal(plan->fresh_slot_count, 0);
		if (round == 5)
			break;
		engine_abort(&w->engine, plan);
		assert_string_equal(decider(w, 80), "a");
		assert_string_equal(decider(w, 443), "b");
	}
	engine_flip(&w->engine, plan);
	assert_string_equal(decider(w, 80), "b");
	assert_string_equal(decider(w, 443), "a");
	assert_int_equal(classifier_slot(w->engine.classifier, "a"), slot);
}

/* More aborts than there are entries, slots and redirects. */
static void test_abort_leaves_no_trace(void **state)
{
	struct world *w = *state;
	uint64_t rulings;
	char line[128];

	world_put(w, NULL, "stays block dport 80 proto tcp");
	world_put(w, NULL, "goes block src " SRC);
	rulings = world_rulings(w, world_generation(w));
	for (unsigned int round = 0; round < 200; round++) {
		world_edit(w, "goes block src " SRC, NULL);
		for (unsigned int i = 0; i < WORLD_POLICIES - 1; i++) {
			snprintf(line, sizeof(line), "n%u redirect eth%u dport %u-%u priority %u",
				round * 10 + i, round * 10 + i, round + i, round + 2 * i, round % 5);
			world_edit(w, NULL, line);
		}
		world_member(w, "set", "192.0.2.0/24", true);
		engine_abort(&w->engine, world_plan(w));
		assert_true(world_rulings(w, world_generation(w)) == rulings);
		assert_int_equal(classifier_count(w->engine.classifier), 2);
		assert_string_equal(classifier_redirect(w->engine.classifier, 0), "");
	}
	world_put(w, "goes block src " SRC, NULL);
	assert_string_equal(decider(w, 81), "");
}

static void test_a_full_table_can_be_replaced_whole(void **state)
{
	struct world *w = *state;
	struct classifier_plan *plan;
	char old[64], new[64];

	for (int round = 0; round < 20; round++) {
		for (unsigned int i = 0; i < WORLD_POLICIES; i++) {
			snprintf(old, sizeof(old), "p%d-%u block dport %u proto tcp", round - 1, i, 100 + i);
			snprintf(new, sizeof(new), "p%d-%u block dport %u proto tcp", round, i, 100 + i);
			if (round)
				world_edit(w, old, NULL);
			world_edit(w, NULL, new);
		}
		plan = world_plan(w);
		assert_int_equal(plan->fresh_slot_count, WORLD_POLICIES);
		engine_flip(&w->engine, plan);
		assert_int_equal(classifier_count(w->engine.classifier), WORLD_POLICIES);
		snprintf(new, sizeof(new), "p%d-7", round);
		assert_string_equal(decider(w, 107), new);
		world_edit(w, NULL, "more block dport 999");
		world_refused(w, ERROR_LIMIT, "POLICIES_FULL", NULL);
	}
}

static void refused(struct world *w, const char *line, const char *field)
{
	world_edit(w, NULL, line);
	world_refused(w, ERROR_UNIMPLEMENTED, "POLICY_UNSUPPORTED", field);
}

static void test_refusals_name_the_field(void **state)
{
	struct world *w = *state;

	world_put(w, NULL, "p block dport 80");
	world_edit(w, NULL, "p block dport 81");
	world_refused(w, ERROR_EXISTS, "POLICY_EXISTS", NULL);
	world_edit(w, NULL, "q block dport 81");
	world_edit(w, NULL, "q block dport 82");
	world_refused(w, ERROR_EXISTS, "POLICY_EXISTS", NULL);
	world_edit(w, "unknown block", NULL);
	world_edit(w, NULL, "q block dport 81");
	world_refused(w, ERROR_INTERNAL, "TABLES_DIFFER", NULL);
	world_edit(w, "p block", NULL);
	world_edit(w, "p block", "p allow");
	world_refused(w, ERROR_INTERNAL, "TABLES_DIFFER", NULL);
	refused(w, "q rate-limit 1B/s burst 1000000000", "policy.action.rate_limit.burst");
	assert_string_equal(decider(w, 80), "p");
}

static void test_limiter_is_kept_unless_the_rate_changes(void **state)
{
	static const char *const slow = "l rate-limit 1000pps src " SRC;
	static const struct {
		const char *after;
		size_t fresh;
	} changes[] = {
		{"l rate-limit 1000pps src " SRC " log 1/10", 0},
		{"l rate-limit 1000pps dport 80", 0},
		{"l rate-limit 2000pps src " SRC, 1},
		{"l rate-limit 1000B/s src " SRC, 1},
		{"l rate-limit 1000pps burst 7 src " SRC, 1},
	};
	struct world *w = *state;
	struct classifier_plan *plan;

	world_put(w, NULL, slow);
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		world_edit(w, slow, changes[i].after);
		plan = world_plan(w);
		assert_int_equal(plan->fresh_limiter_count, changes[i].fresh);
		if (changes[i].fresh)
			assert_int_equal(plan->fresh_limiters[0],
				classifier_slot(w->engine.classifier, "l"));
		engine_abort(&w->engine, plan);
	}
}

static uint32_t limit_id(const struct world *w, const char *name)
{
	return w->engine.tables->rules[engine_entry(&w->engine, name)].limit_id;
}

/* Buckets of sources are found by limit_id: it stays as long as they do, and ends when they do. */
static void test_limits_end_with_what_they_limit(void **state)
{
	static const struct {
		const char *after;
		bool ends;
	} changes[] = {
		{"l rate-limit 9pps per src dport 80", true}, /* another id, nothing ends */
		{"l rate-limit 9pps per src dport 81 log", false},
		{"l rate-limit 9pps per src/32 dport 81", true},
		{"l rate-limit 9pps per src/24 dport 81", true},
		{"l rate-limit 9pps per dst", true},
		{"l rate-limit 9pps per flow", true},
		{"l rate-limit 9pps", true},
		{"l rate-limit 9pps per src", true},
		{"l block", true},
		{"l rate-limit 9pps per src", true},
	};
	const char *before = "l rate-limit 9pps dport 80";
	struct world *w = *state;
	struct classifier_plan *plan;
	bool scoped = false;

	world_put(w, NULL, before);
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		uint32_t id = limit_id(w, "l");

		assert_int_equal(id / 2, classifier_slot(w->engine.classifier, "l"));
		for (int round = 0; round < 2; round++) {
			world_edit(w, before, changes[i].after);
			plan = world_plan(w);
			assert_int_equal(plan->ended_limit_count, scoped && changes[i].ends);
			if (plan->ended_limit_count)
				assert_int_equal(plan->ended_limits[0], id);
			if (!round)
				engine_abort(&w->engine, plan);
		}
		engine_flip(&w->engine, plan);
		assert_true((limit_id(w, "l") != id) == changes[i].ends);
		before = changes[i].after;
		scoped = strstr(before, " per ") != NULL;
	}
	world_edit(w, before, NULL);
	plan = world_plan(w);
	assert_int_equal(plan->ended_limit_count, 1);
	engine_flip(&w->engine, plan);
}

/* Counters of a name that has gone are not handed on at once, where they could be mistaken. */
static void test_slots_go_around(void **state)
{
	struct world *w = *state;
	uint32_t before = PEP_SLOT_NONE, slot;

	for (int i = 0; i < 100; i++) {
		world_put(w, NULL, "p block dport 80");
		slot = classifier_slot(w->engine.classifier, "p");
		assert_in_range(slot, 0, classifier_room(WORLD_POLICIES) - 1);
		assert_int_not_equal(slot, before);
		before = slot;
		world_put(w, "p block dport 80", "p allow dport 81");
		assert_int_equal(classifier_slot(w->engine.classifier, "p"), slot);
		world_put(w, "p allow dport 81", NULL);
		assert_int_equal(classifier_slot(w->engine.classifier, "p"), PEP_SLOT_NONE);
	}
}

static void test_redirect_targets_are_counted(void **state)
{
	struct world *w = *state;

	world_put(w, NULL, "r redirect eth9 src " SRC);
	world_put(w, NULL, "s redirect eth9 dst " DST);
	assert_string_equal(classifier_redirect(w->engine.classifier, 0), "eth9");
	world_put(w, "r redirect eth9 src " SRC, "r redirect eth8");
	assert_string_equal(classifier_redirect(w->engine.classifier, 0), "eth9");
	assert_string_equal(classifier_redirect(w->engine.classifier, 1), "eth8");
	world_put(w, "s redirect eth9 dst " DST, NULL);
	assert_string_equal(classifier_redirect(w->engine.classifier, 0), "");
}

static void test_redirects_full(void **state)
{
	struct world *w = world_new(100);
	char line[64];

	(void)state;
	for (unsigned int i = 0; i <= PEP_REDIRECTS_MAX; i++) {
		snprintf(line, sizeof(line), "r%u redirect eth%u dport %u", i, i, i);
		world_edit(w, NULL, line);
	}
	world_refused(w, ERROR_LIMIT, "REDIRECTS_FULL", NULL);
	assert_string_equal(classifier_redirect(w->engine.classifier, 0), "");
	world_free(w);
}

static void test_interfaces_full(void **state)
{
	struct world *w = *state;
	char name[IFACE_NAME_SIZE];

	world_put(w, NULL, "a block iface eth0");
	for (unsigned int i = 0; i < PEP_IFACES_MAX - 1; i++) {
		snprintf(name, sizeof(name), "eth%u", i);
		engine_iface(&w->engine, name);
	}
	world_edit(w, "a block iface eth0", NULL);
	world_edit(w, NULL, "b block dport 80 iface eth1");
	world_edit(w, NULL, "c block iface other");
	world_refused(w, ERROR_LIMIT, "INTERFACES_FULL", NULL);
	world_put(w, NULL, "b block iface eth62");
}

/* Of equal matches the first in place decides, however they came. */
static void test_equal_matches(void **state)
{
	struct world *w = *state;

	world_put(w, NULL, "a block dport 80");
	world_put(w, NULL, "b allow dport 80");
	world_put(w, NULL, "c block dport 80 shadow");
	assert_string_equal(decider(w, 80), "a");
	world_put(w, "a block dport 80", "a block dport 80"); /* to the end */
	assert_string_equal(decider(w, 80), "b");
	world_put(w, "b allow dport 80", NULL);
	assert_string_equal(decider(w, 80), "a");
	world_put(w, NULL, "d allow dport 80 priority 1");
	assert_string_equal(decider(w, 80), "d");
}

#define CLASSIFIER_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLASSIFIER_TEST(test_each_rung_beats_the_next),
		CLASSIFIER_TEST(test_nothing_shows_before_the_flip),
		CLASSIFIER_TEST(test_abort_leaves_no_trace),
		CLASSIFIER_TEST(test_a_full_table_can_be_replaced_whole),
		CLASSIFIER_TEST(test_refusals_name_the_field),
		CLASSIFIER_TEST(test_limiter_is_kept_unless_the_rate_changes),
		CLASSIFIER_TEST(test_limits_end_with_what_they_limit),
		CLASSIFIER_TEST(test_slots_go_around),
		CLASSIFIER_TEST(test_redirect_targets_are_counted),
		CLASSIFIER_TEST(test_redirects_full),
		CLASSIFIER_TEST(test_interfaces_full),
		CLASSIFIER_TEST(test_equal_matches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
