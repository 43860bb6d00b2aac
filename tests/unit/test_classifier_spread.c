/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Redirects to several interfaces: the shares, who stays when one leaves, and whose the tables are.
 */
#include "classifier_world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bpf/hash.h"

#define FLOWS 1000000

static const struct pep_spread *spread_of(const struct world *w, const char *name)
{
	uint32_t entry = engine_entry(&w->engine, name);
	const struct pep_rule *rule = &w->engine.tables->rules[entry];

	assert_true(entry && rule->spread && rule->spread < PEP_SPREADS_MAX);
	assert_int_equal(rule->redirect, PEP_REDIRECTS_MAX);
	return &w->engine.tables->spreads[rule->spread];
}

/* The name of a slot's choice of the given rank. */
static const char *choice(const struct pep_spread *s, uint32_t slot, unsigned int rank)
{
	return s->name[s->order[slot] >> 4 * rank & 15];
}

static void check_permutation(const struct pep_spread *s, uint32_t slot)
{
	unsigned int seen = 0;

	for (unsigned int rank = 0; rank < s->count; rank++)
		seen |= 1u << (s->order[slot] >> 4 * rank & 15);
	assert_int_equal(seen, (1u << s->count) - 1);
}

static double share_of(const struct pep_spread *s, const char *name, unsigned int rank)
{
	unsigned int count = 0;

	for (uint32_t slot = 0; slot < PEP_SPREAD_SLOTS; slot++)
		count += strcmp(choice(s, slot, rank), name) == 0;
	return (double)count / PEP_SPREAD_SLOTS;
}

static void test_every_target_has_its_place(void **state)
{
	struct world *w = *state;
	const struct pep_spread *s;

	world_put(w, NULL,
		"a redirect e0,e1*2,e2*3,e3*4,e4,e5,e6,e7,e8,e9,e10,e11,e12,e13,e14,e15*255");
	s = spread_of(w, "a");
	assert_int_equal(s->count, 16);
	for (uint32_t slot = 0; slot < PEP_SPREAD_SLOTS; slot++)
		check_permutation(s, slot);
	for (uint32_t i = 0; i < s->count; i++)
		assert_string_equal(
			classifier_redirect(w->engine.classifier, s->target[i]), s->name[i]);
}

/* A slot is one of 4096: a share is right to about a hundredth of all flows. */
static void test_shares_follow_the_weights(void **state)
{
	static const struct {
		const char *line, *name;
		double share;
	} rows[] = {
		{"a redirect e0,e1", "e0", 0.5},
		{"a redirect e0*3,e1*1", "e0", 0.75},
		{"a redirect e0*3,e1*1", "e1", 0.25},
		{"a redirect e0*10,e1*30,e2*60", "e2", 0.6},
		{"a redirect e0*10,e1*30,e2*60", "e0", 0.1},
		{"a redirect e0*255,e1", "e0", 255.0 / 256},
		{"a redirect e0,e1,e2,e3,e4,e5,e6,e7", "e7", 0.125},
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		double share;

		world_put(w, NULL, rows[i].line);
		share = share_of(spread_of(w, "a"), rows[i].name, 0);
		if (share < rows[i].share - 0.03 || share > rows[i].share + 0.03)
			fail_msg("%s: %s has %f", rows[i].line, rows[i].name, share);
		world_put(w, rows[i].line, NULL);
	}
}

/* Whose first choice leaves goes to the others by their weights, and nobody else moves. */
static void test_only_the_flows_of_who_leaves_move(void **state)
{
	struct world *w = *state;
	struct pep_spread before;
	const struct pep_spread *after;
	double share;

	world_put(w, NULL, "a redirect e0*10,e1*30,e2*60,e3*100");
	before = *spread_of(w, "a");
	world_put(w, "a redirect e0*10,e1*30,e2*60,e3*100", "a redirect e2*60,e0*10,e1*30");
	after = spread_of(w, "a");
	for (uint32_t slot = 0; slot < PEP_SPREAD_SLOTS; slot++) {
		bool was = !strcmp(choice(&before, slot, 0), "e3");

		assert_string_equal(choice(after, slot, 0), choice(&before, slot, was));
	}
	share = share_of(after, "e2", 0);
	assert_true(share > 0.57 && share < 0.63);
}

/* Other tables, policies and processes: a name and a slot always come to the same. */
static void test_another_daemon_spreads_alike(void **state)
{
	struct world *w = *state, *other = world_new(50);

	world_put(w, NULL, "a redirect e0,e1*2");
	world_put(other, NULL, "x redirect e5,e6");
	world_put(other, NULL, "b redirect e0,e1*2 dport 5");
	for (uint32_t slot = 0; slot < PEP_SPREAD_SLOTS; slot++)
		assert_string_equal(
			choice(spread_of(w, "a"), slot, 0), choice(spread_of(other, "b"), slot, 0));
	world_free(other);
}

/* A plan makes a table of its own: that of the version in force is as it was until it is over. */
static void test_tables_belong_to_versions(void **state)
{
	struct world *w = *state;
	struct classifier_plan *plan;
	struct pep_spread before;

	world_put(w, NULL, "a redirect e0,e1");
	before = *spread_of(w, "a");
	for (int i = 0; i < 3 * (int)PEP_SPREADS_MAX; i++) {
		world_edit(w, "a redirect e0,e1", "a redirect e0,e2");
		plan = world_plan(w);
		assert_memory_equal(spread_of(w, "a"), &before, sizeof(before));
		classifier_abort(w->engine.classifier, plan);
		assert_memory_equal(spread_of(w, "a"), &before, sizeof(before));
	}
	assert_string_equal(classifier_redirect(w->engine.classifier, 2), "");
	for (int i = 0; i < (int)PEP_SPREADS_MAX; i++) {
		world_put(w, "a redirect e0,e1", "a redirect e0,e2");
		world_put(w, "a redirect e0,e2", "a redirect e0,e1");
	}
	world_put(w, "a redirect e0,e1", "a block");
	for (uint32_t i = 0; i < PEP_REDIRECTS_MAX; i++)
		assert_string_equal(classifier_redirect(w->engine.classifier, i), "");
}

static void test_full(void **state)
{
	struct world *w = world_new(100);
	char line[64];

	(void)state;
	for (unsigned int i = 0; i < PEP_SPREADS_MAX; i++) {
		snprintf(line, sizeof(line), "r%u redirect e0,e1 dport %u", i, i + 1);
		world_edit(w, NULL, line);
	}
	world_refused(w, ERROR_LIMIT, "SPREADS_FULL", NULL);
	for (unsigned int i = 0; i < 17; i++) {
		snprintf(line, sizeof(line), "r%u redirect a%u,b%u,c%u,d%u dport %u", i, i, i, i, i,
			i + 1);
		world_edit(w, NULL, line);
	}
	world_refused(w, ERROR_LIMIT, "REDIRECTS_FULL", NULL);
	for (uint32_t i = 0; i < PEP_REDIRECTS_MAX; i++)
		assert_string_equal(classifier_redirect(w->engine.classifier, i), "");
	world_free(w);
}

/* --- flows */

static struct pep_packet random_flow(void)
{
	struct pep_packet p = {.family = 4, .proto = rand() % 2 ? 6 : 17};

	p.src[0] = (__be32)rand();
	p.dst[0] = (__be32)rand();
	p.sport = (__be16)rand();
	p.dport = (__be16)rand();
	return p;
}

static struct pep_packet answer_of(const struct pep_packet *p)
{
	struct pep_packet back = *p;

	memcpy(back.src, p->dst, sizeof(back.src));
	memcpy(back.dst, p->src, sizeof(back.dst));
	back.sport = p->dport;
	back.dport = p->sport;
	return back;
}

static uint32_t slot_of(const struct pep_packet *p)
{
	return (uint32_t)(pep_flow_hash(p, PEP_SPREAD_SEED) >> PEP_SPREAD_SHIFT);
}

static void test_flows_both_ways(void **state)
{
	static unsigned int hits[PEP_SPREAD_SLOTS];
	unsigned int first = 0;
	struct world *w = *state;

	world_put(w, NULL, "a redirect e0*3,e1");
	srand(1);
	for (int i = 0; i < FLOWS; i++) {
		struct pep_packet p = random_flow(), back = answer_of(&p);

		assert_true(slot_of(&p) < PEP_SPREAD_SLOTS);
		assert_int_equal(slot_of(&p), slot_of(&back));
		hits[slot_of(&p)]++;
		first += !strcmp(choice(spread_of(w, "a"), slot_of(&p), 0), "e0");
	}
	for (uint32_t slot = 0; slot < PEP_SPREAD_SLOTS; slot++)
		assert_in_range(
			hits[slot], FLOWS / PEP_SPREAD_SLOTS / 2, 2 * FLOWS / PEP_SPREAD_SLOTS);
	assert_in_range(first, FLOWS * 72 / 100, FLOWS * 78 / 100);
}

/* --- adoption */

static int adopt(struct world *w, const struct world *first, const char *name)
{
	return classifier_adopt(w->engine.classifier, world_generation(w),
		engine_entry(&first->engine, name), name, CLASSIFIER_UNKNOWN);
}

static void test_adopted(void **state)
{
	struct world *first = *state, *w;
	struct pep_spread before;
	uint32_t at;

	world_put(first, NULL, "a redirect e0,e1*2 dport 1");
	world_put(first, NULL, "gone redirect e0,e1*2 dport 2");
	world_put(first, NULL, "one redirect e1 dport 3");
	before = *spread_of(first, "a");
	at = first->engine.tables->rules[engine_entry(&first->engine, "a")].spread;
	w = world_over(WORLD_POLICIES, first->engine.tables);
	assert_int_equal(adopt(w, first, "one"), 0); /* whose interface is not there now */
	assert_int_equal(adopt(w, first, "a"), 0);
	assert_int_equal(classifier_adopt_end(w->engine.classifier), 0);
	assert_memory_equal(&w->engine.tables->spreads[at], &before, sizeof(before));
	assert_string_equal(classifier_redirect(w->engine.classifier, before.target[0]), "e0");
	assert_string_equal(classifier_redirect(w->engine.classifier, before.target[1]), "e1");
	world_put(w, NULL, "new redirect e4,e5 dport 4");
	assert_memory_equal(&w->engine.tables->spreads[at], &before, sizeof(before));
	world_free(w);
}

static void test_contradictions_are_not_adopted(void **state)
{
	struct world *first = *state, *w;
	struct pep_rule *rule;
	struct pep_spread *s;

	world_put(first, NULL, "a redirect e0,e1 dport 1");
	rule = &first->engine.tables->rules[engine_entry(&first->engine, "a")];
	s = &first->engine.tables->spreads[rule->spread];
	w = world_over(WORLD_POLICIES, first->engine.tables);
	s->count = PEP_SPREAD_TARGETS + 1;
	assert_int_equal(adopt(w, first, "a"), -EINVAL);
	s->count = 2;
	s->target[1] = PEP_REDIRECTS_MAX;
	assert_int_equal(adopt(w, first, "a"), -EINVAL);
	s->target[1] = s->target[0];
	assert_int_equal(adopt(w, first, "a"), -EINVAL);
	rule->spread = PEP_SPREADS_MAX;
	assert_int_equal(adopt(w, first, "a"), -EINVAL);
	assert_string_equal(classifier_redirect(w->engine.classifier, 0), "");
	world_free(w);
}

#define SPREAD_TEST(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPREAD_TEST(test_every_target_has_its_place),
		SPREAD_TEST(test_shares_follow_the_weights),
		SPREAD_TEST(test_only_the_flows_of_who_leaves_move),
		SPREAD_TEST(test_another_daemon_spreads_alike),
		SPREAD_TEST(test_tables_belong_to_versions),
		SPREAD_TEST(test_full),
		SPREAD_TEST(test_flows_both_ways),
		SPREAD_TEST(test_adopted),
		SPREAD_TEST(test_contradictions_are_not_adopted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
