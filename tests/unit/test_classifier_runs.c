/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* How many policies stand in tuples and runs: growth, narrowing, what is too many. */
#include "classifier_world.h"

#include <stdio.h>

#include "bpf/hash.h"
#include "tests/lib/amount.h"

static struct classifier_info info_of(const struct world *w)
{
	struct classifier_info info;

	classifier_info(w->engine.classifier, &info);
	return info;
}

static const char *line_of(char line[static 128], const char *format, unsigned int i)
{
	static const char *const protos[] = {"tcp", "udp"};

	switch (format[0]) {
	case '/':
		snprintf(line, 128, "p%u block src 10.%u.%u.0/24 proto %s", i, i / 256 % 256,
			i % 256, protos[i % 2]);
		break;
	case '6':
		snprintf(line, 128, "p%u block src 2001:db8:%x::/48 dport %u", i, i, i % 3 + 80);
		break;
	case '-':
		snprintf(line, 128, "p%u block dport %u-%u", i, i, 10000 + i);
		break;
	default:
		snprintf(line, 128, "p%u block vlan %u priority %u", i, 7 + i, i);
		break;
	}
	return line;
}

/* Edits on policies [first, end) of a format. */
static void edit_all(
	struct world *w, const char *format, unsigned int first, unsigned int end, bool add)
{
	static char lines[8192][128];

	for (unsigned int i = first; i < end; i++) {
		const char *line = line_of(lines[i], format, i);

		world_edit(w, add ? NULL : line, add ? line : NULL);
	}
}

static void check_decider(const struct world *w, unsigned int i, bool there)
{
	char src[32], name[16];

	snprintf(src, sizeof(src), "10.%u.%u.7", i / 256 % 256, i % 256);
	snprintf(name, sizeof(name), "p%u", i);
	assert_string_equal(
		world_decider(w, src, "192.0.2.1", 80), there && i % 2 == 0 ? name : "");
}

static void test_thousands(void **state)
{
	struct world *w = world_new(4000);
	struct classifier_info info;

	(void)state;
	edit_all(w, "/", 0, 4000, true);
	world_commit(w);
	for (unsigned int i = 0; i < 4000; i++)
		check_decider(w, i, true);
	info = info_of(w);
	assert_int_equal(info.entries, 4000);
	assert_in_range(info.tuples, 1, 4);
	assert_in_range(info.longest_run, 1, 16);
	edit_all(w, "/", 0, 3990, false);
	world_commit(w);
	for (unsigned int i = 0; i < 4000; i++)
		check_decider(w, i, i >= 3990);
	edit_all(w, "/", 3990, 4000, false);
	world_commit(w);
	assert_int_equal(info_of(w).tuples, 0); /* narrowed, and free again */
	assert_string_equal(world_decider(w, "10.0.0.7", "192.0.2.1", 80), "");
	world_free(w);
}

static void test_thousands_of_ip6(void **state)
{
	struct world *w = world_new(4000);
	char src[40], name[16];

	(void)state;
	edit_all(w, "6", 0, 4000, true);
	world_commit(w);
	assert_in_range(info_of(w).longest_run, 1, 16);
	for (unsigned int i = 0; i < 4000; i++) {
		snprintf(src, sizeof(src), "2001:db8:%x::1", i);
		snprintf(name, sizeof(name), "p%u", i);
		assert_string_equal(
			world_decider(w, src, "2001:db8::1", (uint16_t)(i % 3 + 80)), name);
		assert_string_equal(world_decider(w, src, "2001:db8::1", 83), "");
	}
	world_free(w);
}

/* Added one by one and removed one by one: a run of 8 is enough to make another tuple. */
static void test_runs_make_tuples(void **state)
{
	struct world *w = world_new(300);
	char line[128];

	(void)state;
	for (unsigned int i = 0; i < 300; i++) {
		world_put(w, NULL, line_of(line, "/", i));
		assert_in_range(info_of(w).longest_run, 1, 8);
	}
	assert_in_range(info_of(w).tuples, 2, 4);
	for (unsigned int i = 0; i < 300; i++) {
		world_put(w, line_of(line, "/", i), NULL);
		check_decider(w, i, false);
		if (i < 298)
			check_decider(w, 298, true);
		assert_int_equal(info_of(w).entries, 299 - i);
	}
	assert_int_equal(info_of(w).tuples, 0);
	world_free(w);
}

static uint32_t spare_buckets(const struct world *w)
{
	const struct pep_tables *t = w->engine.tables;
	uint32_t count = 0;

	for (uint32_t at = t->config->roots.spare; at; at = t->buckets[at].more)
		count++;
	return count;
}

/* As many policies as there may be, replaced by as many others: twice the keys, in few buckets. */
static void test_all_others(void **state)
{
	(void)state;
	for (size_t seed = amount(8); seed; seed--) {
		struct world *w = world_new(4096);
		uint32_t spare = spare_buckets(w);

		edit_all(w, "/", 0, 4096, true);
		world_commit(w);
		for (unsigned int i = 0; i < 4; i++) {
			edit_all(w, i % 2 ? "6" : "/", 0, 4096, false);
			edit_all(w, i % 2 ? "/" : "6", 0, 4096, true);
			world_commit(w);
		}
		assert_int_equal(info_of(w).entries, 4096);
		for (unsigned int i = 0; i < 4096; i++)
			check_decider(w, i, true);
		edit_all(w, "/", 0, 4096, false);
		world_commit(w);
		assert_int_equal(spare_buckets(w), spare);
		world_free(w);
	}
}

/* Ranges cannot be hashed: the narrower ones decide, in one long run. */
static void test_overlapping_ranges(void **state)
{
	struct world *w = world_new(600);

	(void)state;
	edit_all(w, "-", 0, 500, true);
	world_commit(w);
	assert_in_range(info_of(w).longest_run, 500, 500);
	assert_string_equal(world_decider(w, "192.0.2.1", "192.0.2.2", 0), "p0");
	assert_string_equal(
		world_decider(w, "192.0.2.1", "192.0.2.2", 499), "p0"); /* equal widths: place */
	assert_string_equal(world_decider(w, "192.0.2.1", "192.0.2.2", 10400), "p400");
	assert_string_equal(world_decider(w, "192.0.2.1", "192.0.2.2", 10500), "");
	edit_all(w, "-", 0, 400, false);
	world_commit(w);
	assert_string_equal(world_decider(w, "192.0.2.1", "192.0.2.2", 450), "p400");
	world_free(w);
}

static void test_runs_full(void **state)
{
	struct world *w = world_new(2000);

	(void)state;
	edit_all(w, "v", 0, 1024, true);
	world_commit(w);
	edit_all(w, "v", 1024, 1025, true);
	world_refused(w, ERROR_LIMIT, "RUNS_FULL", NULL);
	edit_all(w, "v", 0, 1, false);
	world_commit(w);
	edit_all(w, "v", 1024, 1025, true);
	world_commit(w);
	world_free(w);
}

#define SHAPE_POLICIES 1000u

/* Policies that nothing but a VLAN tells apart, a thousand of each shape: each shape is a tuple. */
static void edit_shape(struct world *w, unsigned int shape)
{
	static const char *const shapes[] = {
		"", "proto tcp", "dport 80", "sport 1000", "src 192.0.2.1", "dst 198.51.100.1"};
	static char lines[SHAPE_POLICIES][128];

	for (unsigned int i = 0; i < SHAPE_POLICIES; i++) {
		snprintf(lines[i], 128, "s%u-%u block %s vlan %u priority 1", shape, i,
			shapes[shape % ARRAY_SIZE(shapes)], 10 + i);
		world_edit(w, NULL, lines[i]);
	}
}

/* A packet that walks every run there can be comes to the last one. */
static void test_steps_suffice(void **state)
{
	struct world *w = world_new(8000);

	(void)state;
	for (unsigned int shape = 0; shape < 6; shape++) {
		edit_shape(w, shape);
		world_commit(w);
	}
	world_put(
		w, NULL, "last block src 192.0.2.1 dst 198.51.100.1 sport 1000 dport 80 proto tcp");
	assert_in_range(info_of(w).most_steps, 6000, 7000);
	assert_string_equal(world_decider(w, "192.0.2.1", "198.51.100.1", 80), "last");
	world_free(w);
}

/* One that would have to walk farther than the program does is refused. */
static void test_steps_full(void **state)
{
	static char lines[64][64], line[255][64];
	struct world *w = world_new(8000);

	(void)state;
	for (unsigned int set = 0; set < 64; set++) {
		snprintf(lines[set], 64, "s%u block src @s%u", set, set);
		world_edit(w, NULL, lines[set]);
	}
	for (unsigned int i = 0; i < 255; i++) {
		snprintf(line[i], 64, "p%u block src @s0 vlan %u", i, i);
		world_edit(w, NULL, line[i]);
	}
	world_commit(w);
	assert_in_range(info_of(w).most_steps, 64 * 256, PEP_STEPS_MAX);
	world_edit(w, NULL, "one-more block src @s0 vlan 1000");
	world_refused(w, ERROR_LIMIT, "STEPS_FULL", NULL);
	world_put(w, "p7 block src @s0 vlan 7", NULL);
	world_put(w, NULL, "one-more block src @s0 vlan 1000");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_thousands),
		cmocka_unit_test(test_thousands_of_ip6),
		cmocka_unit_test(test_runs_make_tuples),
		cmocka_unit_test(test_all_others),
		cmocka_unit_test(test_overlapping_ranges),
		cmocka_unit_test(test_runs_full),
		cmocka_unit_test(test_steps_suffice),
		cmocka_unit_test(test_steps_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
