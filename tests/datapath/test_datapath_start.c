/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * server/datapath on a real veth: starts of every kind, and what survives a restart. Frames are sent
 * for real and counted.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "cmocka_all.h"
#include "datapath_world.h"

static void test_restart_adopts(void **state)
{
	struct policy p;
	struct world w;

	(void)state;
	open_world(&w, 100);
	assert_int_equal(w.start, DATAPATH_FRESH);
	assert_int_equal(datapath_attach(w.dp, "in0", ATTACH_NATIVE, false, NULL), 0);
	policy_on(&p, "dns", 53);
	commit(&w, NULL, &p);
	sandbox_send("ip4 udp dport=53", 5);
	close_world(&w);
	sandbox_send("ip4 udp dport=53", 4); /* nobody runs, the filter does */

	open_world(&w, 100);
	assert_int_equal(w.start, DATAPATH_ADOPTED);
	assert_int_equal(w.revision, 1);
	assert_int_equal(classifier_count(w.classifier), 1);
	assert_string_equal(w.adopted.name, "dns");
	assert_string_equal(w.adopted.line, LINE);
	assert_int_equal(blocked(&w), 9);
	assert_int_equal(datapath_iface_by_name(w.dp, "in0")->mode, ATTACH_NATIVE);
	commit(&w, &p, NULL);
	sandbox_send("ip4 udp dport=53", 4);
	assert_int_equal(blocked(&w), 9);
	datapath_remove(w.dp);
	close_world(&w);
}

static void commit_all(struct world *w, const struct policy *policies, size_t count)
{
	struct classifier_edit edits[3];

	for (size_t i = 0; i < count; i++)
		edits[i] = edit_of(NULL, &policies[i]);
	commit_change(w, &(struct classifier_change){.edits = edits, .edit_count = count});
}

/* Sizes change: until the policies are there again and activated, the former program filters. */
static void test_other_sizes(void **state)
{
	static const uint32_t sizes[] = {200, 3};
	struct error err = ERROR_INIT;
	struct datapath_figures row;
	struct policy p[3];
	struct world w;

	(void)state;
	open_world(&w, 100);
	assert_int_equal(datapath_attach(w.dp, "in0", ATTACH_NATIVE, false, NULL), 0);
	policy_on(&p[0], "a", 1);
	policy_on(&p[1], "b", 2);
	policy_on(&p[2], "c", 3);
	for (size_t i = 0; i < 3; i++)
		commit(&w, NULL, &p[i]);
	sandbox_send("ip4 udp dport=3", 5);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		close_world(&w);
		open_only(&w, sizes[i]);
		assert_int_equal(w.start, DATAPATH_REBUILT);
		assert_int_equal(classifier_count(w.classifier), 0);
		commit_all(&w, p, 3);
		activate(&w);
		sandbox_send("ip4 udp dport=3", 1);
		assert_int_equal(blocked(&w), 6 + i);
		datapath_policy_stats(w.dp, classifier_slot(w.classifier, "c"), &row);
		assert_int_equal(row.packets, 6 + i);
	}
	close_world(&w);
	open_world(&w, 3);
	assert_int_equal(w.start, DATAPATH_ADOPTED);
	assert_int_equal(classifier_count(w.classifier), 3);
	sandbox_send("ip4 udp dport=3", 1);
	assert_int_equal(blocked(&w), 8);
	close_world(&w);
	open_only(&w, 2);
	{
		struct classifier_edit edits[] = {
			edit_of(NULL, &p[0]), edit_of(NULL, &p[1]), edit_of(NULL, &p[2])};
		struct classifier_plan *plan = NULL;
		int r = try_prepare(&w, &(struct classifier_change){edits, 3, NULL, 0}, &plan, &err);

		expect(r, &err, ERROR_LIMIT, "POLICIES_FULL");
	}
	close_world(&w); /* not activated: the pins are still the former ones */
	open_world(&w, 3);
	assert_int_equal(w.start, DATAPATH_ADOPTED);
	sandbox_send("ip4 udp dport=3", 1);
	assert_int_equal(blocked(&w), 9);
	datapath_remove(w.dp);
	close_world(&w);
}

/* What another build would have written at the head of the pinned configuration, whatever its
 * layout. */
static void pins_of_another_build(uint32_t abi, uint32_t carry)
{
	struct pep_config config;
	int fd = bpf_obj_get(PINS "/maps/config_map");
	uint32_t zero = 0;

	assert_true(fd >= 0);
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &config), 0);
	config.abi = abi;
	config.carry = carry;
	assert_int_equal(bpf_map_update_elem(fd, &zero, &config, BPF_ANY), 0);
	close(fd);
}

/* Its ruleset cannot be read, its counters can, unless it says that they mean something else or
 * lacks some. */
static void test_another_build(void **state)
{
	static const struct {
		uint32_t abi, carry;
		const char *missing;
		uint64_t kept;
	} rows[] = {
		{PEP_ABI + 1, PEP_CARRY, "", 5},
		{PEP_ABI + 1, PEP_CARRY, "bucket_map", 6},
		{PEP_ABI - 1, PEP_CARRY, "", 7},
		{PEP_ABI + 1, PEP_CARRY + 1, "", 0},
		{PEP_ABI + 1, PEP_CARRY, "stats_map", 0},
		{PEP_ABI - 1, 0, "", 0},
	};
	struct datapath_figures row;
	struct datapath_info info;
	struct policy p;
	struct world w;

	(void)state;
	open_world(&w, 100);
	assert_int_equal(datapath_attach(w.dp, "in0", ATTACH_NATIVE, false, NULL), 0);
	policy_on(&p, "dns", 53);
	commit(&w, NULL, &p);
	sandbox_send("ip4 udp dport=53", 5);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		close_world(&w);
		pins_of_another_build(rows[i].abi, rows[i].carry);
		if (rows[i].missing[0]) {
			char path[128];

			snprintf(path, sizeof(path), PINS "/maps/%s", rows[i].missing);
			assert_int_equal(unlink(path), 0);
		}
		open_only(&w, 100);
		assert_int_equal(w.start, DATAPATH_REBUILT);
		assert_true(datapath_unreadable(w.dp));
		assert_int_equal(w.revision, 0);
		commit(&w, NULL, &p);
		activate(&w);
		datapath_info(w.dp, &info);
		assert_true(!strstr(info.adopted, "begin anew") == (rows[i].kept != 0));
		sandbox_send("ip4 udp dport=53", 1);
		assert_int_equal(blocked(&w), rows[i].kept + 1);
		datapath_policy_stats(w.dp, classifier_slot(w.classifier, "dns"), &row);
		assert_int_equal(row.packets, rows[i].kept + 1);
		assert_int_equal(datapath_iface_by_name(w.dp, "in0")->state, DATAPATH_ATTACHED);
	}
	datapath_remove(w.dp);
	close_world(&w);
}

/* A daemon that ended between prepare and flip: the next flip must not bring its commit to life. */
static void test_ended_amid_commit(void **state)
{
	struct classifier_plan *plan = NULL;
	struct classifier_edit edits[2];
	struct policy a, b;
	struct world w;

	(void)state;
	open_world(&w, 100);
	assert_int_equal(datapath_attach(w.dp, "in0", ATTACH_NATIVE, false, NULL), 0);
	policy_on(&a, "a", 1);
	commit(&w, NULL, &a);
	policy_on(&b, "b", 2);
	edits[0] = edit_of(&a, NULL);
	edits[1] = edit_of(NULL, &b);
	assert_int_equal(
		try_prepare(&w, &(struct classifier_change){edits, 2, NULL, 0}, &plan, NULL), 0);
	classifier_abort(w.classifier, plan);
	close_world(&w);
	open_world(&w, 100);
	assert_int_equal(classifier_count(w.classifier), 1);
	policy_on(&b, "c", 3);
	commit(&w, NULL, &b);
	sandbox_send("ip4 udp dport=1", 4);
	sandbox_send("ip4 udp dport=2", 8);
	assert_int_equal(blocked(&w), 4);
	datapath_remove(w.dp);
	close_world(&w);
}

/* A start that was cut off while it replaced the pins. */
static void test_cut_off(void **state)
{
	struct policy p;
	struct world w;

	(void)state;
	open_world(&w, 100);
	policy_on(&p, "dns", 53);
	commit(&w, NULL, &p);
	close_world(&w);
	assert_int_equal(mkdir(PINS "/maps-next", 0700), 0);
	open_world(&w, 100);
	assert_int_equal(classifier_count(w.classifier), 1);
	close_world(&w);
	assert_int_equal(rename(PINS "/maps", PINS "/maps-next"), 0);
	assert_int_equal(mkdir(PINS "/maps-old", 0700), 0);
	open_world(&w, 100);
	assert_int_equal(w.start, DATAPATH_ADOPTED);
	assert_int_equal(classifier_count(w.classifier), 1);
	assert_true(access(PINS "/maps-old", F_OK) < 0);
	datapath_remove(w.dp);
	close_world(&w);
}

static void test_folder(void **state)
{
	struct datapath_options options = {
		.pin_dir = "/tmp", .max_policies = 1, .max_buckets = 1, .ring_size = 4096};
	struct error err = ERROR_INIT;
	struct world w, second;
	int r;

	(void)state;
	r = datapath_open(&options, &err, &second.dp, &second.start);
	expect(r, &err, ERROR_PRECONDITION, "NO_BPFFS");
	open_world(&w, 100);
	expect(try_open(&second, 100, &err), &err, ERROR_PRECONDITION, "PIN_DIR_IN_USE");
	datapath_remove(w.dp);
	close_world(&w);
	assert_true(access(PINS, F_OK) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_restart_adopts, clean),
		cmocka_unit_test_setup(test_other_sizes, clean),
		cmocka_unit_test_setup(test_another_build, clean),
		cmocka_unit_test_setup(test_ended_amid_commit, clean),
		cmocka_unit_test_setup(test_cut_off, clean),
		cmocka_unit_test_setup(test_folder, clean),
	};

	sandbox_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
