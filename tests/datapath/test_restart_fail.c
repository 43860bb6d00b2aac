/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Starts over a ruleset in force that fail: the program is refused, maps, pins and the move of the
 * links fail. The former ruleset goes on judging what is sent, nothing of the attempt is left, the
 * message says what and where, and the next start succeeds.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "tests/lib/amount.h"
#include "cmocka_all.h"
#include "engine.h"
#include "failing_bpf.h"
#include "sandbox.h"
#include "server/datapath.h"

#define PINS    SANDBOX_BPFFS "/pepctl"
#define DROPPED "ip4 udp dport=53"
#define PASSES  "ip4 udp dport=99"

struct world {
	struct datapath *dp;
	struct classifier *classifier;
	enum datapath_start start;
	struct error err;
};

static const char dns[] = "dns block dport 53 proto udp";
static uint32_t size = 100;

static int adopt(void *data, uint32_t entry, const struct pep_policy *value, const char *redirect)
{
	struct world *w = data;

	return classifier_adopt(
		w->classifier, datapath_generation(w->dp), entry, value->name, redirect);
}

static int try_open(struct world *w)
{
	struct datapath_options options = {
		.pin_dir = PINS, .max_policies = size, .max_buckets = 1000, .ring_size = 65536};
	struct classifier_memory memory;
	int r;

	*w = (struct world){.err = ERROR_INIT};
	r = datapath_open(&options, &w->err, &w->dp, &w->start);
	if (r)
		return r;
	memory = datapath_memory(w->dp);
	assert_int_equal(classifier_new(size, &memory, &w->classifier), 0);
	assert_int_equal(datapath_walk(w->dp, adopt, w), 0);
	return classifier_adopt_end(w->classifier);
}

static void end(struct world *w)
{
	if (w->classifier)
		classifier_free(w->classifier);
	datapath_free(w->dp);
	error_deinit(&w->err);
}

/* The policy that a fresh start and one with other sizes have to bring back. */
static void commit(struct world *w)
{
	struct policy policy;
	struct classifier_edit edit = {.after = &policy,
		.path = "",
		.line = dns,
		.position = 1,
		.src_set = CLASSIFIER_NO_SET,
		.dst_set = CLASSIFIER_NO_SET};
	struct classifier_change change = {.edits = &edit, .edit_count = 1};
	struct datapath_default all = {.block = false};
	struct datapath_ruleset ruleset = {.revision = datapath_revision(w->dp) + 1,
		.settings = {[SETTING_EVENT_RATE] = 1000000},
		.defaults = &all,
		.default_count = 1};
	struct classifier_plan *plan;

	engine_read(dns, &policy);
	assert_int_equal(classifier_plan(w->classifier, datapath_generation(w->dp) + 1, &change,
				 NULL, &plan), 0);
	assert_int_equal(datapath_prepare(w->dp, w->classifier, plan, &ruleset, NULL), 0);
	datapath_flip(w->dp);
	classifier_commit(w->classifier, plan);
	datapath_grace();
	classifier_settle(w->classifier);
	datapath_settle(w->dp);
	policy_deinit(&policy);
}

static void check_packets(void)
{
	assert_false(sandbox_passes(DROPPED));
	assert_true(sandbox_passes(PASSES));
}

/* 0 also when there is no such folder. */
static size_t names_in(const char *path)
{
	DIR *dir = opendir(path);
	size_t all = 0;

	if (!dir)
		return 0;
	while (readdir(dir))
		all++;
	closedir(dir);
	return all;
}

struct traces {
	size_t root, maps, links, next, old, open;
};

static struct traces traces(void)
{
	return (struct traces){names_in(PINS), names_in(PINS "/maps"), names_in(PINS "/links"),
		names_in(PINS "/maps-next"), names_in(PINS "/maps-old"), names_in("/proc/self/fd")};
}

/* --- what fails */

static const struct kind {
	const char *what;
	struct failing_bpf fault;
	bool resized; /* with other sizes: new maps, which are empty until a commit */
	const char *reason;
	const char *says;
} kinds[] = {
	{"filter refused", {BPF_PROG_LOAD, "packet_filter", 0, 0}, false, "PROGRAM_REFUSED",
		"R9 !read_ok"},
	{"filter refused, other sizes", {BPF_PROG_LOAD, "packet_filter", 0, 0}, true,
		"PROGRAM_REFUSED", "R9 !read_ok"},
	{"explainer refused", {BPF_PROG_LOAD, "packet_explain", 0, 0}, false, "PROGRAM_REFUSED",
		"R9 !read_ok"},
	{"explainer refused, other sizes", {BPF_PROG_LOAD, "packet_explain", 0, 0}, true,
		"PROGRAM_REFUSED", "R9 !read_ok"},
	{"no right to load", {BPF_PROG_LOAD, "packet_filter", 0, EPERM}, false, "NOT_PERMITTED",
		"does not permit"},
	{"no memory for the program", {BPF_PROG_LOAD, "packet_filter", 0, ENOMEM}, false,
		"KERNEL_MEMORY", "no memory"},
	{"no memory for a map", {BPF_MAP_CREATE, "set_map", 0, ENOMEM}, true, "KERNEL_MEMORY",
		"--max-policies"},
	{"first link", {BPF_LINK_UPDATE, NULL, 1, ENOMEM}, false, "LINK", "in0"},
	{"second link", {BPF_LINK_UPDATE, NULL, 2, ENOMEM}, false, "LINK", "out0"},
	{"first link, other sizes", {BPF_LINK_UPDATE, NULL, 1, ENOMEM}, true, "LINK", "in0"},
	{"second link, other sizes", {BPF_LINK_UPDATE, NULL, 2, ENOMEM}, true, "LINK", "out0"},
	{"first pin", {BPF_OBJ_PIN, NULL, 1, ENOSPC}, true, "PIN_DIR", PINS},
	{"last pin", {BPF_OBJ_PIN, NULL, 20, ENOSPC}, true, "PIN_DIR", PINS},
};

static void fail_to_start(const struct kind *kind)
{
	struct world w;
	int r;

	failing_bpf_set(&kind->fault);
	r = try_open(&w);
	if (!r)
		r = datapath_activate(w.dp, &w.err);
	assert_true(failing_bpf_done());
	failing_bpf_set(NULL);
	assert_true(r < 0);
	print_message("%s: %s\n", kind->what, error_message(&w.err));
	assert_string_equal(error_reason(&w.err), kind->reason);
	assert_non_null(strstr(error_message(&w.err), kind->says));
	end(&w);
}

static void start(enum datapath_start expected)
{
	struct world w;

	if (try_open(&w))
		fail_msg("%s", error_message(&w.err));
	assert_int_equal(w.start, expected);
	if (expected == DATAPATH_REBUILT)
		commit(&w);
	assert_int_equal(datapath_activate(w.dp, NULL), 0);
	assert_true(datapath_in_place(w.dp, "in0"));
	assert_true(datapath_in_place(w.dp, "out0"));
	check_packets();
	end(&w);
}

/* That the next one succeeds is tried after each, or every fourth where amount() is less. */
static void test_failed_starts(void **state)
{
	size_t step = amount(ARRAY_SIZE(kinds)) < ARRAY_SIZE(kinds) ? 4 : 1, starts = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct traces before = traces(), after;

		check_packets();
		size += kinds[i].resized;
		fail_to_start(&kinds[i]);
		check_packets();
		after = traces();
		assert_memory_equal(&before, &after, sizeof(before));
		if (i % step == 0) {
			start(kinds[i].resized ? DATAPATH_REBUILT : DATAPATH_ADOPTED);
			starts++;
		} else {
			size -= kinds[i].resized;
		}
	}
	print_message("%zu starts failed, %zu followed that succeed\n", ARRAY_SIZE(kinds), starts);
}

/* A second interface that cannot be attached leaves the first one as it is. */
static void test_link_creation(void **state)
{
	static const struct failing_bpf fault = {BPF_LINK_CREATE, NULL, 1, ENOMEM};
	struct traces before;
	struct world w;

	(void)state;
	assert_int_equal(try_open(&w), 0);
	assert_int_equal(datapath_activate(w.dp, NULL), 0);
	assert_int_equal(datapath_detach(w.dp, "out0", NULL), 0);
	before = traces();
	failing_bpf_set(&fault);
	assert_true(datapath_attach(w.dp, "out0", ATTACH_NATIVE, false, &w.err) < 0);
	assert_true(failing_bpf_done());
	failing_bpf_set(NULL);
	assert_non_null(strstr(error_message(&w.err), "out0"));
	assert_int_equal(traces().links, before.links);
	assert_int_equal(traces().open, before.open);
	check_packets();
	assert_int_equal(datapath_attach(w.dp, "out0", ATTACH_NATIVE, false, NULL), 0);
	end(&w);
}

static int setup(void **state)
{
	struct world w;

	(void)state;
	sandbox_enter();
	assert_int_equal(try_open(&w), 0);
	commit(&w);
	assert_int_equal(datapath_activate(w.dp, NULL), 0);
	assert_int_equal(datapath_attach(w.dp, "in0", ATTACH_NATIVE, false, NULL), 0);
	assert_int_equal(datapath_attach(w.dp, "out0", ATTACH_NATIVE, false, NULL), 0);
	end(&w);
	return 0;
}

static int teardown(void **state)
{
	struct world w;

	(void)state;
	assert_int_equal(try_open(&w), 0);
	datapath_remove(w.dp);
	end(&w);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failed_starts),
		cmocka_unit_test(test_link_creation),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
