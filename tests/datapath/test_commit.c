/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One store of the generation is the instant of a commit; nothing is judged by a mixture. */
#include "cmocka_all.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <linux/bpf.h>

#include "tests/lib/amount.h"
#include "fixture.h"
#include "frame.h"

#define FRAMES 200000u /* at a time, or an amount() of them */

static struct fixture fixture;

static void go_to(uint64_t generation)
{
	__atomic_store_n(&fixture.config->generation, generation, __ATOMIC_RELEASE);
}

/* A policy on the source that is alive from `born` until `dies`. */
static void add(const char *name, uint64_t born, uint64_t dies)
{
	struct pep_entry *entry;
	char line[64];

	snprintf(line, sizeof(line), "%s block src " FRAME_GOOD4, name);
	fixture_policy(&fixture, line);
	entry = fixture_entry(&fixture, name);
	entry->born = pep_stamp(born);
	entry->dies = pep_stamp(dies);
}

static int verdict_in(uint64_t generation)
{
	go_to(generation);
	return fixture_run_text(&fixture, "ip4 tcp");
}

static void test_versions(void **state)
{
	(void)state;
	add("old", 3, 5);
	add("new", 6, 8);
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
	(void)state;
	add("old", 1, 2);
	add("new", 2, 3);
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

struct sender {
	uint32_t frames; /* at a time */
	int stop;
	uint64_t sent;
};

static void *send_frames(void *argument)
{
	static struct frame frame;
	struct sender *sender = argument;

	frame_build(&frame, "ip4 tcp");
	while (!__atomic_load_n(&sender->stop, __ATOMIC_ACQUIRE)) {
		fixture_run(&fixture, frame.data, frame.size, sender->frames, NULL);
		__atomic_add_fetch(&sender->sent, sender->frames, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* How much a tally has grown since, in packets. */
static uint64_t grown(const struct pep_stats *before, enum pep_tally tally)
{
	return fixture_stats(&fixture, 0).tally[tally].packets - before->tally[tally].packets;
}

static bool both_decide(const struct pep_stats *before)
{
	return grown(before, PEP_TALLY_BLOCK_POLICY) && grown(before, PEP_TALLY_BLOCK_DEFAULT);
}

/* Of the tallies that may grow: all that was sent, but none by the default allow. */
static void check_sent(const struct pep_stats *before, uint64_t sent, uint64_t rounds)
{
	uint64_t policy = grown(before, PEP_TALLY_BLOCK_POLICY);

	assert_int_equal(grown(before, PEP_TALLY_ALLOW_DEFAULT), 0);
	assert_int_equal(policy + grown(before, PEP_TALLY_BLOCK_DEFAULT), sent);
	assert_in_range(policy, 1, sent - 1);
	print_message("%llu commits meanwhile, %llu frames, %llu by the policy\n",
		(unsigned long long)rounds, (unsigned long long)sent, (unsigned long long)policy);
}

/* Sends frames while `change` is called so often or more, until both have decided some of them: on
   processors that others use, a slice of time is many frames between two changes. */
static void send_during(void (*change)(uint64_t round), uint64_t rounds)
{
	struct pep_stats before = fixture_stats(&fixture, 0);
	struct sender sender = {.frames = (uint32_t)amount(FRAMES)};
	uint64_t i = 0;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, send_frames, &sender), 0);
	while (i < rounds || __atomic_load_n(&sender.sent, __ATOMIC_ACQUIRE) < 2 * sender.frames ||
		!both_decide(&before))
		change(i++);
	__atomic_store_n(&sender.stop, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	check_sent(&before, sender.sent, i);
}

static void flip(uint64_t round)
{
	go_to(1 + round % 2);
}

/*
 * Odd generations: a policy blocks, the default allows. Even ones: no policy,
 * the default blocks. Only a mixture of the two could let a packet pass.
 */
static void test_no_mixture(void **state)
{
	(void)state;
	add("odd", 1, 2);
	memset(fixture.config->ruleset[1].default_block, 0, PEP_IFACES_MAX);
	memset(fixture.config->ruleset[0].default_block, 1, PEP_IFACES_MAX);
	go_to(1);
	send_during(flip, amount(1000000));
}

/* --- the same by commits of the classifier, with grace periods */

static void (*fixture_prepared)(void *data, const struct classifier_plan *plan);
static bool allow_next; /* the default of the next generation */

static void prepared(void *data, const struct classifier_plan *plan)
{
	fixture_prepared(data, plan);
	memset(fixture.config->ruleset[plan->generation & 1].default_block, !allow_next,
		PEP_IFACES_MAX);
}

static void begin_commits(void)
{
	fixture_prepared = fixture.engine.prepared;
	fixture.engine.prepared = prepared;
	fixture.engine.grace = fixture_grace;
	allow_next = false;
}

static void come_and_go(uint64_t round)
{
	allow_next = round % 2 == 0;
	if (allow_next)
		fixture_policy(&fixture, "ban block src " FRAME_GOOD4);
	else
		engine_remove(&fixture.engine, "ban");
}

static void test_no_mixture_of_commits(void **state)
{
	(void)state;
	begin_commits();
	fixture_policy(&fixture, "other allow src " FRAME_BAD4);
	send_during(come_and_go, amount(100));
}

/* The policy stays, what moves is the member; each of a length of its own now and then. */
static void join_and_leave(uint64_t round)
{
	static const char *const members[] = {FRAME_GOOD4, "192.0.2.0/24", "192.0.0.0/13", "192.0.2.0/31"};
	const char *member = members[round / 2 % 4];

	allow_next = round % 2 == 0;
	if (allow_next)
		engine_join(&fixture.engine, "banned", member);
	else
		engine_leave(&fixture.engine, "banned", member);
}

static void test_no_mixture_of_members(void **state)
{
	(void)state;
	begin_commits();
	fixture_policy(&fixture, "ban block src @banned");
	engine_join(&fixture.engine, "banned", FRAME_BAD4);
	send_during(join_and_leave, amount(100));
}

static int setup(void **state)
{
	(void)state;
	fixture_init(&fixture, 0, 0);
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
		cmocka_unit_test_setup_teardown(test_versions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_version_decides_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_mixture, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_mixture_of_commits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_mixture_of_members, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
