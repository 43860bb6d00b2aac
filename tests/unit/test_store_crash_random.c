/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * test_store_crash_random [SESSIONS [SEED]]: as test_store_crash.c, with random changes, and with
 * faults at random calls, again and again: what is there after each step, refusal and restart is
 * what there is where no disk fails. A session that goes wrong tells what happened; its seed alone
 * makes it once more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "crash_random.h"
#include "crash_trace.h"

static unsigned long sessions = SESSIONS;
static uint32_t first = 20261130;
static unsigned long starts, faults, forgot;

/* Each start and each step of some sessions. */
static void begins(struct crash_plan *plan)
{
	starts++;
	plan->power = crash_fs_random(2);
	plan->at_once = crash_fs_random(2);
	if (crash_fs_random(3))
		return;
	faults++;
	crash_fs_fault(1 + crash_fs_random(crash_fs_random(3) ? 6 : 25),
		crash_fs_random(CRASH_FS_FAULTS), crash_fs_random(4) ? 0 : crash_fs_random(4));
	if (crash_fs_random(4) == 0)
		crash_fs_then(1 + crash_fs_random(8), crash_fs_random(CRASH_FS_FAULTS));
}

static void session(uint32_t seed)
{
	struct crash_plan plan = {.reboots = true, .begins = begins};
	struct crash_session s;

	crash_random(seed, &s);
	session_learn(&s, seed);
	crash_fs_begin(seed);
	session_run(&s, &plan, seed);
	forgot += plan.forgot;
	session_forget(&s);
}

static void test_random_sessions(void **state)
{
	(void)state;
	print_message("%lu sessions from seed %u\n", sessions, first);
	for (uint32_t i = 0; i < sessions; i++)
		session(first + i);
	if (sessions == 1)
		fputs(trace_text(), stdout);
	print_message("%lu starts and steps, %lu plans of faults, %lu histories forgotten, 0 "
		      "differences\n",
		starts, faults, forgot);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_sessions)};
	const char *stride = getenv("PEP_STRIDE"); /* under valgrind, which is slow */

	if (argc > 1)
		sessions = strtoul(argv[1], NULL, 10);
	else if (stride)
		sessions = 1 + sessions / strtoul(stride, NULL, 10);
	if (argc > 2)
		first = (uint32_t)strtoul(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
