/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sessions of transactions, first on a disk that works, which tells what is there after each step,
 * then on one that fails, with the process killed or the power lost.
 *
 * A step is transactions that become one write, separated by '|', each a verb and its words:
 *	put, create, all TEXT   statements of a policy file, separated by ';'; all replaces
 *everything wait TEXT               put, to be confirmed within an hour drop, flush             a
 *policy, all of them add, take, swap SET M   members of a set; fill SET N has N of them unset SET,
 *default IFACE, detach IFACE   go back N                  to N revisions ago confirm hold, mine SET
 *OWNER HOURS M, let SET OWNER M, free SET OWNER   leases sleep HOURS With '#' before the verb it
 *has a request id; with '+' before the step the journal is long.
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
	unsigned int
		changing[SESSION_STEPS]; /* bits of the step's transactions that change something */
	unsigned int calls[SESSION_STEPS + 1]; /* of the disk, up to there */
};

/* Where the process may be ended though it lives: after a step that was refused. */
struct crash_plan {
	bool power; /* is lost; else it is killed */
	bool at_once;
	/* Each time the store is opened or a step begins, NULL = never: may call crash_fs_fault().
	 */
	void (*begins)(void *data);
	void *data;
};

void session_learn(struct crash_session *s, uint32_t seed);
/* With the fault that is set. Fails the test when anything is lost, halved, or no longer works. */
void session_run(const struct crash_session *s, const struct crash_plan *plan, uint32_t seed);
void session_forget(struct crash_session *s);

#endif
