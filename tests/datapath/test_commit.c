/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One store of the generation is the instant of a commit; nothing is judged by a mixture. */
#include "cmocka_all.h"

#include <pthread.h>
#include <string.h>

#include <linux/bpf.h>

#include "fixture.h"
#include "frame.h"

#define FRAMES 400000u

static struct fixture fixture;

static void go_to(uint64_t generation)
{
	__atomic_store_n(&fixture.config->generation, generation, __ATOMIC_RELEASE);
}

static struct pep_rule rule_for(
	enum pep_action action, const char *name, uint64_t born, uint64_t dies)
{
	struct pep_rule rule = fixture_rule(name, 0, action);

	rule.born = born;
	rule.dies = dies;
	return rule;
}

static int verdict_in(uint64_t generation)
{
	go_to(generation);
	return fixture_run_text(&fixture, "ip4 tcp");
}

static void test_versions(void **state)
{
	struct pep_policy_key key = fixture_key(PEP_RUNG_SRC, FRAME_GOOD4, NULL, 0, 0, 0);
	struct pep_policy policy = {.version = {rule_for(PEP_ACTION_BLOCK, "old", 3, 5),
					    rule_for(PEP_ACTION_BLOCK, "new", 6, 8)}};

	(void)state;
	fixture_put(&fixture, &key, &policy);
	assert_int_equal(verdict_in(2), XDP_PASS); /* not born */
	assert_int_equal(verdict_in(3), XDP_DROP);
	assert_int_equal(verdict_in(4), XDP_DROP);
	assert_int_equal(verdict_in(5), XDP_PASS); /* between the two */
	assert_int_equal(verdict_in(6), XDP_DROP);
	assert_int_equal(verdict_in(7), XDP_DROP);
	assert_int_equal(verdict_in(8), XDP_PASS); /* dead */
}

static void test_version_decides_all(void **state)
{
	struct pep_policy_key key = fixture_key(PEP_RUNG_SRC, FRAME_GOOD4, NULL, 0, 0, 0);
	struct pep_policy policy = {.version = {rule_for(PEP_ACTION_BLOCK, "old", 1, 2),
					    rule_for(PEP_ACTION_BLOCK, "new", 2, 3)}};

	(void)state;
	fixture_put(&fixture, &key, &policy);
	fixture.config->ruleset[1].revision = 11;
	fixture.config->ruleset[0].revision = 12;
	fixture_events(&fixture);
	verdict_in(1);
	assert_int_equal(fixture_events(&fixture), 1);
	assert_string_equal(fixture.last.policy, "old");
	assert_int_equal(fixture.last.revision, 11);
	verdict_in(2);
	assert_int_equal(fixture_events(&fixture), 1);
	assert_string_equal(fixture.last.policy, "new");
	assert_int_equal(fixture.last.revision, 12);
}

static void *send_frames(void *argument)
{
	static struct frame frame;

	frame_build(&frame, "ip4 tcp");
	fixture_run(&fixture, frame.data, frame.size, FRAMES, NULL);
	__atomic_store_n((int *)argument, 1, __ATOMIC_RELEASE);
	return NULL;
}

/*
 * Odd generations: a policy blocks, the default allows. Even ones: no policy,
 * the default blocks. Only a mixture of the two could let a packet pass.
 */
static void test_no_mixture(void **state)
{
	struct pep_policy_key key = fixture_key(PEP_RUNG_SRC, FRAME_GOOD4, NULL, 0, 0, 0);
	struct pep_policy policy = {.version = {rule_for(PEP_ACTION_BLOCK, "odd", 1, 2)}};
	struct pep_stats before = fixture_stats(&fixture, 0);
	struct pep_stats after;
	pthread_t thread;
	uint64_t flips = 0;
	int done = 0;

	(void)state;
	fixture_put(&fixture, &key, &policy);
	memset(fixture.config->ruleset[1].default_block, 0, PEP_IFACES_MAX);
	memset(fixture.config->ruleset[0].default_block, 1, PEP_IFACES_MAX);
	go_to(1);
	assert_int_equal(pthread_create(&thread, NULL, send_frames, &done), 0);
	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE))
		go_to(1 + flips++ % 2);
	pthread_join(thread, NULL);
	after = fixture_stats(&fixture, 0);
	assert_int_equal(after.tally[PEP_TALLY_ALLOW_DEFAULT].packets,
		before.tally[PEP_TALLY_ALLOW_DEFAULT].packets);
	assert_int_equal(after.tally[PEP_TALLY_BLOCK_DEFAULT].packets +
				 after.tally[PEP_TALLY_BLOCK_POLICY].packets -
				 before.tally[PEP_TALLY_BLOCK_DEFAULT].packets -
				 before.tally[PEP_TALLY_BLOCK_POLICY].packets,
		FRAMES);
	print_message("%llu commits meanwhile, %llu frames by the policy\n",
		(unsigned long long)flips,
		(unsigned long long)(after.tally[PEP_TALLY_BLOCK_POLICY].packets -
				     before.tally[PEP_TALLY_BLOCK_POLICY].packets));
}

static int setup(void **state)
{
	(void)state;
	fixture_init(&fixture, 0);
	fixture.config->ruleset[0] = fixture.config->ruleset[1];
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_deinit(&fixture);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_version_decides_all),
		cmocka_unit_test(test_no_mixture),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
