/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Commits and attachments in the real kernel, with each allocation and each call
 * into the kernel failing once, alone or with all that follow. What failed leaves
 * everything that can be read back as it was and frames on the wire judged as before, and
 * succeeds when it is tried again.
 */
#include <errno.h>
#include <stdio.h>

#include "../unit/failing_memory.h"
#include "cmocka_all.h"
#include "engine.h"
#include "sandbox.h"
#include "snapshot.h"
#include "server/datapath.h"

#define POLICIES 64u
#define MANY     30000u /* more than the least of tables takes */

/* --- the world */

static struct datapath *dp;
static struct classifier *classifier;
static uint64_t revision;
static bool more; /* all calls fail after the first that does */

struct wanted {
	struct policy policies[16]; /* before and after, owned */
	struct classifier_edit edits[16];
	size_t edit_count;
	struct classifier_member members[MANY + 8];
	size_t member_count;
	bool block; /* the default action */
	uint64_t capture;
};
static struct wanted change;

static void edit(const char *before, const char *after)
{
	static uint32_t position;
	struct policy *p = &change.policies[2 * change.edit_count];
	struct classifier_edit *e = &change.edits[change.edit_count++];

	*e = (struct classifier_edit){.path = "",
		.line = after,
		.position = ++position,
		.src_set = 0,
		.dst_set = CLASSIFIER_NO_SET};
	if (before) {
		engine_read(before, &p[0]);
		e->before = &p[0];
	}
	if (after) {
		engine_read(after, &p[1]);
		e->after = &p[1];
	}
}

static void member(uint8_t set, uint32_t number, bool add)
{
	change.members[change.member_count++] = (struct classifier_member){.set = set,
		.add = add,
		.family = 4,
		.length = 32,
		.bytes = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

static void forget(void)
{
	for (size_t i = 0; i < 2 * change.edit_count; i++)
		policy_deinit(&change.policies[i]);
	memset(&change, 0, sizeof(change));
}

/* 0 = prepared. On failure nothing is under way. */
static int prepare(struct classifier_plan **ret, struct error *err)
{
	struct datapath_default all = {.block = change.block};
	struct datapath_ruleset ruleset = {.revision = revision + 1,
		.settings = {[SETTING_EVENT_RATE] = 1000000, [SETTING_CAPTURE] = change.capture},
		.defaults = &all,
		.default_count = 1};
	struct classifier_change parts = {
		change.edits, change.edit_count, change.members, change.member_count};
	int r = classifier_plan(classifier, datapath_generation(dp) + 1, &parts, err, ret);

	if (r)
		return r;
	r = datapath_prepare(dp, classifier, *ret, &ruleset, err);
	if (r)
		classifier_abort(classifier, *ret);
	return r;
}

static void flip(struct classifier_plan *plan)
{
	datapath_flip(dp);
	classifier_commit(classifier, plan);
	datapath_grace();
	classifier_settle(classifier);
	datapath_settle(dp);
	revision++;
}

static void commit(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct classifier_plan *plan;

	if (prepare(&plan, &err))
		fail_msg("%s", error_message(&err));
	flip(plan);
	forget();
}

/*
 * What the first ruleset makes of frames on the wire, judged by what comes through. None for
 * "away": what it sends to out0 comes back from there without end.
 */
static const struct {
	const char *frame;
	bool passes;
} on_the_wire[] = {
	{"ip4 tcp dport=80", false}, /* web */
	{"ip4 udp dport=53", true},  /* dns */
	{"ip4 gre", true},
	{"ip4 udp dport=99", true},
};

static void check_packets(const char *what, unsigned int nth)
{
	for (size_t i = 0; i < ARRAY_SIZE(on_the_wire); i++)
		if (sandbox_passes(on_the_wire[i].frame) != on_the_wire[i].passes)
			fail_msg("%s: call %u: \"%s\" %s", what, nth, on_the_wire[i].frame,
				on_the_wire[i].passes ? "is dropped" : "passes");
}

static void check_same(const char *what, unsigned int nth, const struct snapshot *a)
{
	struct snapshot b = snapshot_take(dp, classifier);

	if (memcmp(a, &b, sizeof(b)) != 0)
		fail_msg("%s: call %u: policies %d decisions %d counters %d redirects %d "
			 "generation %d "
			 "revision %d chunks %zu/%zu info %d",
			what, nth, a->policies == b.policies, a->decisions == b.decisions,
			a->counters == b.counters, a->redirects == b.redirects,
			a->generation == b.generation, a->revision == b.revision, a->chunks,
			b.chunks, memcmp(&a->info, &b.info, sizeof(b.info)) == 0);
}

/* --- the changes; `back` undoes them */

static const char web[] = "web block src 192.0.2.1 dport 80";
static const char dns[] = "dns rate-limit 1Mbit dport 53";
static const char away[] = "away redirect out0 src 198.51.100.0/24";
static const char set[] = "set block src @s dport 22";

static void swap(const char *before, const char *after, bool back)
{
	edit(back ? after : before, back ? before : after);
}

static void add(bool back)
{
	swap(NULL, "n1 block proto gre", back);
	swap(NULL, "n2 redirect in0 dport 22 proto tcp", back);
}

static void delete (bool back)
{
	swap(web, NULL, back);
	swap(away, NULL, back);
}

static void change_some(bool back)
{
	swap(web, "web allow src 192.0.2.0/24", back);
	swap(dns, "dns rate-limit 2Mbit dport 53", back);
	swap(away, "away redirect in0 src 198.51.100.0/24", back);
}

static void replace(bool back)
{
	delete (back);
	swap(dns, NULL, back);
	swap(set, NULL, back);
	swap(NULL, "r1 block", back);
	swap(NULL, "r2 redirect lo dport 80", back);
}

static void join(bool back)
{
	for (uint32_t i = 10; i < 20; i++)
		member(0, i, !back);
}

static void leave(bool back)
{
	for (uint32_t i = 0; i < 5; i++)
		member(0, i, back);
}

static void create(bool back)
{
	swap(NULL, "other block src @other", back);
	for (uint32_t i = 0; i < 9; i++)
		member(1, i, !back);
}

static void replace_set(bool back)
{
	for (uint32_t i = 0; i < 10; i++) {
		member(0, i, back);
		member(1, 5 + i, !back);
	}
}

static void grow(bool back)
{
	for (uint32_t i = 100; i < 100 + MANY; i++)
		member(0, i, !back);
}

static void set_default(bool back)
{
	change.block = !back;
	change.capture = back ? 0 : 64;
}

static const struct kind {
	const char *name;
	void (*make)(bool back);
} kinds[] = {{"add", add}, {"delete", delete}, {"change", change_some}, {"replace all", replace},
	{"create a set", create}, {"join", join}, {"leave", leave}, {"replace a set", replace_set},
	{"grow", grow}, {"default and setting", set_default}};

/* --- tests */

static void try_commit(const struct kind *kind)
{
	struct snapshot before = snapshot_take(dp, classifier);
	bool failed = true;
	unsigned int nth, refused = 0;

	for (nth = 1; failed; nth++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct classifier_plan *plan = NULL;
		int r;

		kind->make(false);
		failing_memory_set(nth, more);
		r = prepare(&plan, &err);
		failed = failing_memory_end();
		if (!r && failed) {
			datapath_abort(dp);
			classifier_abort(classifier, plan);
		} else if (!r) {
			flip(plan);
		} else {
			assert_true(failed);
			refused++;
		}
		forget();
		if (!failed)
			continue;
		check_same(kind->name, nth, &before);
		check_packets(kind->name, nth);
		before.counters = snapshot_take(dp, classifier).counters;
	}
	print_message("%s: %u calls, %u times refused\n", kind->name, nth - 2, refused);
	assert_true(refused > 3);
	assert_int_equal(datapath_generation(dp), before.generation + 1);
	kind->make(true);
	commit();
}

static void test_commits(void **state)
{
	(void)state;
	assert_int_equal(datapath_attach(dp, "in0", ATTACH_NATIVE, false, NULL), 0);
	check_packets("before", 0);
	for (int i = 0; i < 2; i++) {
		more = i;
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
			try_commit(&kinds[k]);
	}
	assert_int_equal(datapath_detach(dp, "in0", NULL), 0);
}

static void try_attach(void)
{
	struct snapshot before = snapshot_take(dp, classifier);
	bool failed = true;
	unsigned int nth;

	for (nth = 1; failed; nth++) {
		int r;

		failing_memory_set(nth, more);
		r = datapath_attach(dp, "in0", ATTACH_NATIVE, false, NULL);
		failed = failing_memory_end();
		if (r) {
			assert_true(failed);
			assert_false(datapath_in_place(dp, "in0"));
			check_same("attach", nth, &before);
			continue;
		}
		assert_true(datapath_in_place(dp, "in0"));
		assert_int_equal(datapath_detach(dp, "in0", NULL), 0);
	}
	assert_true(nth > 3);
}

static void test_attach(void **state)
{
	(void)state;
	more = false;
	try_attach();
	more = true;
	try_attach();
}

static int setup(void **state)
{
	struct datapath_options options = {.pin_dir = SNAPSHOT_PINS,
		.max_policies = POLICIES,
		.max_buckets = 1000,
		.ring_size = 65536};
	struct classifier_memory memory;
	enum datapath_start start;

	(void)state;
	sandbox_enter();
	assert_int_equal(datapath_open(&options, NULL, &dp, &start), 0);
	memory = datapath_memory(dp);
	assert_int_equal(classifier_new(POLICIES, &memory, &classifier), 0);
	assert_int_equal(classifier_adopt_end(classifier), 0);
	assert_int_equal(datapath_activate(dp, NULL), 0);
	edit(NULL, away);
	edit(NULL, web);
	edit(NULL, dns);
	edit(NULL, set);
	for (uint32_t i = 0; i < 10; i++)
		member(0, i, true);
	commit();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	datapath_remove(dp);
	classifier_free(classifier);
	datapath_free(dp);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commits),
		cmocka_unit_test(test_attach),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
