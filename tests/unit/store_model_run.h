/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A store on its way beside its model: a disk that fails, clocks that jump, restarts. */
#ifndef PEP_TESTS_STORE_MODEL_RUN_H
#define PEP_TESTS_STORE_MODEL_RUN_H

#include "store_model.h"
#include "store_world.h"

enum fault { FAULT_NONE, FAULT_REFUSED, FAULT_UNKNOWN, FAULT_KILLED };

struct run {
	struct world worlds[2];
	unsigned int in; /* which of them */
	struct model m;  /* what is in force */
	struct model other; /* that may stand on the disk in its place */
	struct model_ruleset other_past; /* the revision before that */
	bool has_other, unsure;
	enum fault fault; /* of the coming persist() */
	unsigned int fault_in; /* so many until then; 0 = none comes */
	bool keeps; /* what is not acknowledged stands on the disk nevertheless */
	bool stands; /* so it does */
	bool failed, rewrite_failed, killed; /* in this turn */
	int64_t late; /* until then expiries may be, after a failure */
	struct model_op bodies[MODEL_UIDS][MODEL_IDS]; /* by their ids */
	struct model_op again; /* whose answer was lost, and that is asked once more */
	bool asks_again;
	unsigned long operations, restarts, boots, failures, expired, ended;
	unsigned long told_from; /* what happens from that operation on is told */
	uint32_t seed;
};

static inline struct world *run_world(struct run *r)
{
	return &r->worlds[r->in];
}
bool run_is_told(const struct run *r);
/* Ends the test. */
void run_differs(const struct run *r, const char *what);
void run_set_clocks(struct run *r, int64_t boottime, int64_t wall_ahead);

/* Until nothing is under way, or the daemon is killed. */
void run_drive(struct run *r);
/* A while, with all that ends in it. */
void run_pass_time(struct run *r);
void run_restart(struct run *r);

#endif
