/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Threads that send packets through the loaded program while the ruleset is
 * changed, and a judge who sees nothing but verdicts: before the store of the
 * generation only the old ruleset's, after the grace period only the new one's,
 * between the two either, and never any other.
 */
#ifndef PEP_TESTS_CHURN_H
#define PEP_TESTS_CHURN_H

#include <stdbool.h>

#include "churn_rows.h"
#include "engine.h"

#define CHURN_POLICIES 2048u

/* Flows: FRAME_GOOD4 and FRAME_BAD4 to tcp/80, FRAME_GOOD6 and FRAME_BAD6 to udp/53. */
enum churn_flow { CHURN_GOOD4, CHURN_BAD4, CHURN_GOOD6, CHURN_BAD6 };

struct churn {
	uint64_t packets; /* judged */
	uint64_t commits;
	uint64_t aborts;
	uint64_t mixtures;
	uint64_t seen[CHURN_FLOWS][CHURN_VERDICTS]; /* packets */
};

/* Loads the program and starts to send; the ruleset is empty and allows. */
void churn_begin(void);
/* Ends sending; returns what was counted. */
struct churn churn_end(void);
/* What has been counted so far. */
struct churn churn_now(void);
/* Until each thread has sent packets of every flow. */
void churn_wait(void);

struct engine *churn_engine(void);

/* A change, and what the packets of each flow may come to before and after it. */
struct churn_step {
	struct classifier_change change;
	bool block; /* the default action after it */
	int before[CHURN_FLOWS];
	int after[CHURN_FLOWS];
};
/* As a commit. */
void churn_commit(const struct churn_step *step);
/* Planned and undone; `failing` chunks_make from now on fails, 0 = none: then it may be refused. */
void churn_abort(const struct churn_step *step, unsigned int failing);

#endif
