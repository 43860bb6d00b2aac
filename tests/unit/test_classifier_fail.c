/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Every kind of change, with each allocation of it failing once. What fails
 * before the flip leaves decisions, slots, costs, targets and tables as they
 * were, and the same change succeeds afterwards; what fails after the flip
 * changes no decision.
 */
#include "classifier_world.h"

#include <errno.h>
#include <stdio.h>

#include "common/table.h"
#include "failing_memory.h"
#include "tests/lib/amount.h"

#define POLICIES 64u
#define MANY     60000u /* more than the least of tables takes */

/* --- what there is before each change */

static const char *const standing[] = {"keep block src 192.0.2.1 dport 80-90",
	"goes block dport 10 proto tcp", "turns allow src 10.0.0.0/8",
	"limit rate-limit 1Mbit dport 20-30", "away redirect eth1 dport 40", "in block src @a",
	"out allow dst @b dport 50-60"};
static const char *const members[][2] = {{"a", "203.0.113.0/24"}, {"a", "2001:db8::/64"},
	{"b", "10.3.2.1"}, {"b", "198.51.100.0/26"}};

static void stand(struct world *w)
{
	for (size_t i = 0; i < ARRAY_SIZE(standing); i++)
		world_edit(w, NULL, standing[i]);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		world_member(w, members[i][0], members[i][1], true);
	world_commit(w);
}

/* --- the changes; `back` undoes them */

static void edit(struct world *w, const char *before, const char *after, bool back)
{
	world_edit(w, back ? after : before, back ? before : after);
}

static void add(struct world *w, bool back)
{
	edit(w, NULL, "n1 block src 192.0.2.0/24 dport 81 priority 3", back);
	edit(w, NULL, "n2 redirect eth2 dport 100-200", back);
	edit(w, NULL, "n3 allow src 2001:db8::1 dst 2001:db8:2::/48", back);
}

static void delete (struct world *w, bool back)
{
	edit(w, standing[0], NULL, back);
	edit(w, standing[1], NULL, back);
	edit(w, standing[4], NULL, back);
}

static void change(struct world *w, bool back)
{
	edit(w, standing[2], "turns block src 10.1.0.0/16 dst 10.3.2.1", back);
	edit(w, standing[3], "limit rate-limit 2Mbit dport 20-30", back);
	edit(w, standing[4], "away redirect eth3 dport 41 proto tcp", back);
}

static void replace(struct world *w, bool back)
{
	static const char *const next[] = {"r0 block dport 1-9", "r1 allow src 192.0.2.0/25",
		"r2 reflect src 2001:db8::/56", "r3 redirect eth9", "r4 block dst @c"};

	for (size_t i = 0; i < ARRAY_SIZE(standing); i++)
		edit(w, standing[i], NULL, back);
	for (size_t i = 0; i < ARRAY_SIZE(next); i++)
		edit(w, NULL, next[i], back);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		world_member(w, members[i][0], members[i][1], back);
	world_member(w, "c", "192.0.2.9", !back);
}

static void create_set(struct world *w, bool back)
{
	edit(w, NULL, "set block src @new dport 61-70", back);
	world_member(w, "new", "192.0.2.0/27", !back);
	world_member(w, "new", "10.1.2.3", !back);
	world_member(w, "new", "2001:db8::/33", !back);
}

static void join(struct world *w, bool back)
{
	world_member(w, "a", "192.0.2.1", !back);
	world_member(w, "b", "203.0.113.0/24", !back); /* in both */
	world_member(w, "a", "128.0.0.0/3", !back);
}

static void leave(struct world *w, bool back)
{
	for (size_t i = 0; i < 3; i++)
		world_member(w, members[i][0], members[i][1], back);
}

static void swap(struct world *w, bool back)
{
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		world_member(w, members[i][0], members[i][1], back);
		world_member(w, *members[i][0] == 'a' ? "b" : "a", members[i][1], !back);
	}
}

static void grow(struct world *w, bool back)
{
	char prefix[64];

	for (unsigned int i = 0; i < MANY; i++) {
		snprintf(prefix, sizeof(prefix), i % 2 ? "10.9.%u.%u" : "2001:db8:9::%x:%x",
			i / 256, i % 256);
		world_member(w, "a", prefix, !back);
	}
	world_member(w, "b", "192.0.2.8/29", !back);
	world_member(w, "b", "192.0.2.8/30", !back);
}

static const struct kind {
	const char *name;
	void (*make)(struct world *w, bool back);
} kinds[] = {{"add", add}, {"delete", delete}, {"change", change}, {"replace all", replace},
	{"create a set", create_set}, {"join", join}, {"leave", leave}, {"swap", swap},
	{"grow", grow}};

/* --- memory for members that can fail, too */

static void chunks_drop(void *data, uint32_t first, uint32_t count)
{
	struct world *w = data;

	for (uint32_t i = first; i < first + count; i++)
		free(TAKE_PTR(w->engine.tables->chunks[i]));
}

static int chunks_make(void *data, uint32_t first, uint32_t count)
{
	struct world *w = data;

	for (uint32_t i = first; i < first + count; i++) {
		w->engine.tables->chunks[i] = calloc(PEP_CHUNK_LINES, sizeof(struct pep_line));
		if (!w->engine.tables->chunks[i]) {
			chunks_drop(data, first, i - first);
			return -ENOMEM;
		}
	}
	return 0;
}

/* --- what must not change */

struct snapshot {
	uint64_t rulings, slots, redirects;
	struct classifier_info info;
	size_t count, chunks;
};

/* By names: entries have other numbers each time. */
static uint64_t deciders(const struct world *w)
{
	static const char *const addresses[][2] = {{"192.0.2.1", "198.51.100.1"},
		{"10.1.2.3", "10.3.2.1"}, {"2001:db8::1", "2001:db8:2::1"},
		{"203.0.113.7", "192.0.2.9"}};
	uint64_t all = 0;

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		for (uint16_t dport = 0; dport < 210; dport++) {
			const char *name =
				world_decider(w, addresses[i][0], addresses[i][1], dport);

			all = all * 31 + table_hash(name, strlen(name));
		}
	return all;
}

static struct snapshot take(struct world *w)
{
	struct snapshot s = {.rulings = world_rulings(w, world_generation(w)),
		.count = classifier_count(w->engine.classifier)};
	char name[PEP_NAME_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(standing); i++) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(standing[i], " "), standing[i]);
		s.slots = s.slots * 31 + classifier_slot(w->engine.classifier, name);
	}
	for (uint32_t i = 0; i < PEP_REDIRECTS_MAX; i++) {
		const char *iface = classifier_redirect(w->engine.classifier, i);

		s.redirects = s.redirects * 31 + table_hash(iface, strlen(iface));
	}
	for (uint32_t i = 0; i < PEP_CHUNKS_MAX; i++)
		s.chunks += w->engine.tables->chunks[i] != NULL;
	classifier_info(w->engine.classifier, &s.info);
	return s;
}

static void check_same(
	const char *what, unsigned int nth, const struct snapshot *a, const struct snapshot *b)
{
	if (a->rulings != b->rulings || a->slots != b->slots || a->redirects != b->redirects ||
		a->count != b->count || a->chunks != b->chunks)
		fail_msg(
			"%s: allocation %u left decisions, slots, targets, names or chunks changed",
			what, nth);
	if (memcmp(&a->info, &b->info, sizeof(a->info)) != 0)
		fail_msg("%s: allocation %u: %u tuples, %u the longest run, %u steps, %u entries "
			 "became "
			 "%u, %u, %u, %u",
			what, nth, a->info.tuples, a->info.longest_run, a->info.most_steps,
			a->info.entries, b->info.tuples, b->info.longest_run, b->info.most_steps,
			b->info.entries);
}

static bool more; /* all allocations fail after the first that does */
static unsigned int stride = 1; /* from one that fails to the next */

/* Plans with each allocation failing until none does; returns that plan. */
static struct classifier_plan *plan_failing(
	struct world *w, const struct kind *kind, unsigned int *ret)
{
	struct snapshot before = take(w);
	bool failed = true;

	for (*ret = 1; failed; *ret += stride) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct classifier_plan *plan;
		struct snapshot after;

		kind->make(w, false);
		failing_memory_set(*ret, more);
		plan = world_try(w, &err);
		failed = failing_memory_end();
		if (plan && !failed)
			return plan;
		if (plan)
			engine_abort(&w->engine, plan);
		else
			assert_int_equal(err.kind, ERROR_LIMIT);
		after = take(w);
		check_same(kind->name, *ret, &before, &after);
	}
	fail_msg("%s: refused although nothing failed", kind->name);
	return NULL;
}

static void back(struct world *w, const struct kind *kind)
{
	kind->make(w, true);
	world_commit(w);
}

static void try_plans(struct world *w)
{
	uint64_t before = deciders(w);

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		unsigned int tries;
		struct classifier_plan *plan = plan_failing(w, &kinds[i], &tries);

		engine_flip(&w->engine, plan);
		print_message("%s: up to %u allocations\n", kinds[i].name, tries - 1);
		assert_true(tries > 4);
		assert_true(deciders(w) != before);
		back(w, &kinds[i]);
		assert_true(deciders(w) == before);
	}
}

static void test_plans(void **state)
{
	more = false;
	try_plans(*state);
	more = true;
	try_plans(*state);
}

/* Each allocation of committing and settling. */
static void try_commits(struct world *w)
{
	uint64_t before = deciders(w);

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		uint64_t after = 0;
		bool failed = true;

		for (unsigned int nth = 1; failed; nth += stride) {
			struct classifier_plan *plan;

			kinds[i].make(w, false);
			plan = world_plan(w);
			failing_memory_set(nth, more);
			engine_flip(&w->engine, plan);
			failed = failing_memory_end();
			after = nth == 1 ? deciders(w) : after;
			if (deciders(w) != after)
				fail_msg("%s: allocation %u of the commit", kinds[i].name, nth);
			back(w, &kinds[i]);
			assert_true(deciders(w) == before);
		}
	}
}

static void test_commits(void **state)
{
	more = false;
	try_commits(*state);
	more = true;
	try_commits(*state);
}

/* Many aborted plans leave the tables of whoever never planned them. */
static void test_aborts_leave_no_trace(void **state)
{
	struct world *w = *state;
	struct snapshot before = take(w), after;

	for (size_t round = amount(20); round; round--)
		for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
			kinds[i].make(w, false);
			engine_abort(&w->engine, world_plan(w));
			after = take(w);
			check_same(kinds[i].name, 0, &before, &after);
		}
}

static int setup(void **state)
{
	struct world *w = world_new(POLICIES);

	w->engine.chunks_make = chunks_make;
	w->engine.chunks_drop = chunks_drop;
	stand(w);
	*state = w;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_plans, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_commits, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_aborts_leave_no_trace, setup, world_teardown),
	};

	if (getenv("PEP_STRIDE")) /* under valgrind, which is slow */
		stride = (unsigned int)strtoul(getenv("PEP_STRIDE"), NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
