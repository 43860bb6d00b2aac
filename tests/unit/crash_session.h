/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sessions of transactions, first on a disk that works, which tells what is there after each step,
 * then on one that fails, with the process killed or the power lost.
 *
 * A step is transactions that become one write, separated by '|', each a verb and its words:
 *	put, create, all TEXT   statements of a policy file, separated by ';'; all replaces everything
 *	wait TEXT               put, to be confirmed within 67 minutes
 *	drop, flush             a policy, all of them
 *	add, take, swap SET M   members of a set; fill SET N has N of them
 *	unset SET, default IFACE, detach IFACE
 *	back N                  to N revisions ago
 *	confirm
 *	hold, cut, ban, mine SET OWNER HOURS M, let SET OWNER M, free SET OWNER   leases
 * or one of these alone:
 *	sleep HOURS, nap MINUTES   in which one time at most is over
 *	again N                    step N once more, whose transactions have the same ids
 * With '#' before the verb it has a request id; with '+' before the step the journal is long.
 */
#ifndef PEP_TESTS_CRASH_SESSION_H
#define PEP_TESTS_CRASH_SESSION_H

#include "crash_fs.h"

#define SESSION_STEPS 48u

struct crash_session {
	const char *const *steps;
	unsigned int count;
	/* Learned on the disk that works: */
	char *contents[SESSION_STEPS + 1]; /* owned */
	/* Bits of the step's transactions that change something, are refused, answered as before. */
	unsigned int changing[SESSION_STEPS], refused[SESSION_STEPS], repeated[SESSION_STEPS];
	unsigned int calls[SESSION_STEPS + 1]; /* of the disk, up to there */
	bool may_refuse; /* steps; else all of them are right */
};

/* Where the process may be ended though it lives: after a step that was refused. */
struct crash_plan {
	bool power; /* is lost; else it is killed */
	bool reboots; /* maybe, when it is lost */
	bool at_once;
	/* Each time the store is opened or a step begins, NULL = never: may call crash_fs_fault(). */
	void (*begins)(struct crash_plan *plan);
	unsigned int forgot; /* sessions that ended when there was no history */
};

void session_learn(struct crash_session *s, uint32_t seed);
/*
 * With the fault that is set; told to crash_trace.h. Fails the test when anything is lost, halved, or
 * no longer works.
 */
void session_run(const struct crash_session *s, struct crash_plan *plan, uint32_t seed);
void session_forget(struct crash_session *s);

#endif
