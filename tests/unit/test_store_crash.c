/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The store, its journal and its state file on a disk that fails, with the process killed or the
 * power lost at any call: what is there afterwards is what was acknowledged, and at most the one
 * write that was under way, whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "common/macros.h"
#include "crash_session.h"

static unsigned int stride; /* calls between those that fail */

static const char *const script[] = {
	"put policy a block src 10.0.0.1;policy b allow src 10.0.0.2;default block iface eth1",
	"#create policy c block src @s;set s bannable max-ttl 9h { 10.9.0.0/16 ::1 }",
	"#put policy d block src 10.0.0.4|#drop a|#put policy a allow src 10.0.0.9 priority 5",
	"put setting event-rate 7;interface eth0 mode generic;interface veth*;default block",
	"fill big 1200",
	"hold s fail2ban 5 192.0.2.1 192.0.2.2 ::7",
	"+add s 10.8.0.0/16 ::9",
	"take s ::1 10.9.0.0/16",
	"hold s other 0 192.0.2.1",
	"#put policy e block src @big|#add s ::8|#put default allow iface eth1",
	"add big 172.16.0.0/12 ::5",
	"+put policy f block dst 10.0.0.6",
	"mine s fail2ban 7 192.0.2.1 192.0.2.3",
	"fill big 1100",
	"let s other 192.0.2.1",
	"#all policy z block src @s;policy y allow;set s bannable { 10.7.0.0/16 }",
	"#back 1",
	"sleep 1",
	"+wait default allow;policy w block src 10.0.0.7",
	"hold s fail2ban 20 192.0.2.9",
	"confirm",
	"#wait policy v block src 10.0.0.8;set t { 10.3.0.1 }",
	"sleep 2",
	"swap s 10.1.0.1 10.1.0.2",
	"put set big { 10.0.0.1 }",
	"sleep 6",
	"#default eth1|#detach eth0|#flush",
	"+unset big",
	"free s fail2ban",
	"unset s",
	"#create policy a block src 10.0.0.1",
};

static struct crash_session scripted = {.steps = script, .count = ARRAY_SIZE(script)};

static void run_with(unsigned int nth, enum crash_fault fault, unsigned int variant)
{
	struct crash_plan plan = {.power = variant & 1, .at_once = variant & 2};
	uint32_t seed = nth * 100 + (uint32_t)fault * 10 + variant;

	crash_fs_begin(seed);
	crash_fs_fault(nth, fault, nth & 1 ? 3 : 0);
	session_run(&scripted, &plan, seed);
}

static void test_each_call(void **state)
{
	unsigned int calls, sessions = 0;

	(void)state;
	session_learn(&scripted, 1);
	calls = scripted.calls[scripted.count];
	for (unsigned int nth = 1; nth <= calls; nth += stride)
		for (unsigned int i = 0; i < 4 * CRASH_FS_FAULTS; i++) {
			if (i / 4 >= CRASH_FS_DIE && i & 2) /* the dead are not ended */
				continue;
			run_with(nth, i / 4, i % 4);
			sessions++;
		}
	print_message("%u sessions: every fault at each of %u calls of %u steps\n", sessions, calls,
		scripted.count);
	session_forget(&scripted);
}

/* What is not certain after a failure has to be, however long it takes to make it so. */
static void test_failed_then_dead(void **state)
{
	unsigned int sessions = 0;

	(void)state;
	session_learn(&scripted, 1);
	for (unsigned int nth = 1; nth <= scripted.calls[scripted.count]; nth += stride)
		for (unsigned int then = 1; then <= 16; then++) {
			struct crash_plan plan = {.power = (nth + then) & 1};
			uint32_t seed = nth * 100 + then;

			crash_fs_begin(seed);
			crash_fs_fault(nth, CRASH_FS_FAIL, 0);
			crash_fs_then(then, CRASH_FS_DIE);
			session_run(&scripted, &plan, seed);
			sessions++;
		}
	print_message("%u sessions: a call fails, one of the next 16 is the last\n", sessions);
	session_forget(&scripted);
}

int main(void)
{
	const char *wanted = getenv("PEP_STRIDE"); /* under valgrind, which is slow */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_call),
		cmocka_unit_test(test_failed_then_dead),
	};

	stride = wanted ? (unsigned int)strtoul(wanted, NULL, 10) : STRIDE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
