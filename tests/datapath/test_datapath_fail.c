/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Commits and attachments in the real kernel, with each allocation and each call
 * into the kernel failing once, alone or with all that follow. What failed leaves
 * everything that can be read back as it was, and succeeds when it is tried again.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include "../unit/failing_memory.h"
#include "cmocka_all.h"
#include "common/table.h"
#include "engine.h"
#include "frame.h"
#include "sandbox.h"
#include "server/datapath.h"

#define PINS     SANDBOX_BPFFS "/pepctl"
#define POLICIES 64u
#define MANY     30000u /* more than the least of tables takes */

/* --- calls that fail in the same count as allocations */

#define FAILING(type, name, parameters, arguments, refusal)                                        \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		return failing_memory_now() ? (refusal) : __real_##name arguments;                 \
	}

FAILING(int, bpf_map_create,
	(enum bpf_map_type type, const char *name, __u32 key, __u32 value, __u32 entries,
		const struct bpf_map_create_opts *options),
	(type, name, key, value, entries, options), -1)
FAILING(int, bpf_map_update_batch,
	(int fd, const void *keys, const void *values, __u32 *count,
		const struct bpf_map_batch_opts *options),
	(fd, keys, values, count, options), (*count = 0, -1))
FAILING(int, bpf_map_update_elem, (int fd, const void *key, const void *value, __u64 flags),
	(fd, key, value, flags), -1)
FAILING(int, bpf_link_create,
	(int program, int target, enum bpf_attach_type type,
		const struct bpf_link_create_opts *options),
	(program, target, type, options), -1)
FAILING(int, bpf_obj_pin, (int fd, const char *path), (fd, path), -1)
FAILING(void *, mmap, (void *at, size_t size, int protection, int flags, int fd, off_t offset),
	(at, size, protection, flags, fd, offset), MAP_FAILED)

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

/* --- what can be read back */

struct snapshot {
	uint64_t policies, decisions, counters, redirects, generation, revision;
	size_t chunks, ifaces;
	struct classifier_info info;
};

static int pinned(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), PINS "/maps/%s", name);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	return fd;
}

static uint64_t policy_map(void)
{
	int fd = pinned("policy_map");
	struct pep_policy value;
	uint32_t key, *at = NULL;
	uint64_t all = 0;

	for (; !bpf_map_get_next_key(fd, at, &key); at = &key) {
		assert_int_equal(bpf_map_lookup_elem(fd, &key, &value), 0);
		all += table_hash(&value, sizeof(value)) ^ key; /* in any order */
	}
	close(fd);
	return all;
}

/* How many elements there are; with `ret`, what stands in them. */
static size_t elements(const char *name, uint32_t count, uint64_t *ret)
{
	int fd = pinned(name);
	size_t there = 0;
	uint32_t value;

	for (uint32_t i = 0; i < count; i++)
		if (!bpf_map_lookup_elem(fd, &i, &value)) {
			there++;
			if (ret)
				*ret += (i + 1) * (uint64_t)value;
		}
	close(fd);
	return there;
}

static uint64_t decisions(void)
{
	static const char *const texts[] = {"ip4 tcp dport=80", "bad4 tcp dport=80",
		"ip4 udp dport=53", "ip6 udp dport=53", "ip4 tcp dport=22", "ip4 gre"};
	static struct frame frame;
	uint64_t all = 0;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct pep_explain answer;

		frame_build(&frame, texts[i]);
		assert_int_equal(
			datapath_explain(dp, frame.data, frame.size, 0, "in0", &answer), 0);
		answer.ruling.parity = 0;
		all = all * 31 + table_hash(&answer.ruling, sizeof(answer.ruling));
	}
	return all;
}

static uint64_t counters(void)
{
	static const char *const names[] = {"web", "dns", "away", "set"};
	uint64_t all = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		uint32_t slot = classifier_slot(classifier, names[i]);
		struct pep_policy_stats row = {0};

		if (slot != PEP_SLOT_NONE)
			datapath_policy_stats(dp, slot, &row);
		all = all * 31 + slot;
		all = all * 31 + row.packets;
	}
	return all;
}

static struct snapshot take(void)
{
	struct snapshot s = {.policies = policy_map(),
		.decisions = decisions(),
		.counters = counters(),
		.generation = datapath_generation(dp),
		.revision = datapath_revision(dp),
		.chunks = elements("set_map", PEP_CHUNKS_MAX, NULL),
		.ifaces = datapath_iface_count(dp)};

	elements("redirect_map", 1, &s.redirects); /* of what stands; what was undone may stay */
	classifier_info(classifier, &s.info);
	return s;
}

static void check_same(const char *what, unsigned int nth, const struct snapshot *a)
{
	struct snapshot b = take();

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
	struct snapshot before = take();
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
		if (failed)
			check_same(kind->name, nth, &before);
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
	for (int i = 0; i < 2; i++) {
		more = i;
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
			try_commit(&kinds[k]);
	}
}

static void try_attach(void)
{
	struct snapshot before = take();
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
	struct datapath_options options = {
		.pin_dir = PINS, .max_policies = POLICIES, .ring_size = 65536};
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
