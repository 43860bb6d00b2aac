/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The published rule sets and their traces, oracle against decider: every header, 0 mismatches. */
#include "cmocka_all.h"

#include <stdio.h>

#include "tests/lib/amount.h"
#include "classbench.h"
#include "decider.h"

#define POLICIES 1024u  /* more than the largest set has */
#define RANDOM   20000u /* packets beside the trace's */
#define TRIES    100u   /* for each rule that the trace does not reach */

static struct differential decider;

static void try_trace(const char *name)
{
	_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset rules = {0};
	_cleanup_(classbench_trace_deinit) struct classbench_trace trace = {0};
	struct differential_result of_trace = {0}, of_all = {0};
	struct differential_case c = {.ruleset = &rules, .name = name, .seed = 1};
	_cleanup_error_ struct error err = ERROR_INIT;

	if (classbench_published(name, &rules, &trace, &err))
		fail_msg("%s", error_message(&err));
	c.packets = trace.packets;
	c.packet_count = trace.count;
	assert_int_equal(differential_try(&decider, &c, &of_trace), 0);
	decider_tell_cost(name, rules.count);
	differential_print(&of_trace, stdout);
	assert_int_equal(of_trace.rulesets, 1);
	assert_int_equal(of_trace.decisions, 2000);
	assert_int_equal(of_trace.hits, 2000);
	c.packet_count = 0;
	c.random = amount(RANDOM);
	c.tries = TRIES;
	assert_int_equal(differential_try(&decider, &c, &of_all), 0);
	differential_print(&of_all, stdout);
	assert_true(of_all.hits >= of_all.decisions / 2);
}

static void test_acl(void **state)
{
	(void)state;
	try_trace("acl");
}

static void test_fw(void **state)
{
	(void)state;
	try_trace("fw");
}

static void test_ipc(void **state)
{
	(void)state;
	try_trace("ipc");
}

static int setup(void **state)
{
	(void)state;
	decider = decider_begin(POLICIES);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	decider_end();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_acl),
		cmocka_unit_test(test_fw),
		cmocka_unit_test(test_ipc),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
