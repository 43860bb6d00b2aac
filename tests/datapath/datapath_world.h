/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* server/datapath and a classifier over its memory, as the daemon has them, without the daemon. */
#ifndef PEP_TESTS_DATAPATH_WORLD_H
#define PEP_TESTS_DATAPATH_WORLD_H

#include "sandbox.h"
#include "server/datapath.h"

#define PINS SANDBOX_BPFFS "/pepctl"
#define LINE "dns block dport 53" /* of whichever policy: only policy_map has it */

struct world {
	struct datapath *dp;
	struct classifier *classifier;
	enum datapath_start start;
	uint32_t max_policies;
	uint64_t revision;
	struct pep_policy adopted; /* the last one */
};

int try_open(struct world *w, uint32_t max_policies, struct error *err);
void open_only(struct world *w, uint32_t max_policies);
/* After a rebuild policies come again by a commit, as from the state file. */
void activate(struct world *w);
void open_world(struct world *w, uint32_t max_policies); /* both */
void close_world(struct world *w);
/* What a test left that failed: to know that there is nothing, no program has to be loaded. */
int clean(void **state);

/* Blocks UDP to the port. */
void policy_on(struct policy *p, const char *name, uint16_t dport);
struct classifier_edit edit_of(const struct policy *before, const struct policy *after);
int try_prepare(struct world *w, const struct classifier_change *change,
	struct classifier_plan **ret, struct error *err);
void commit_change(struct world *w, const struct classifier_change *change);
/* Commits one change; before and after may be NULL. */
void commit(struct world *w, const struct policy *before, const struct policy *after);

/* Packets, over all interfaces. */
uint64_t tally_of(struct world *w, enum pep_tally tally);
uint64_t blocked(struct world *w); /* by a policy */

/* It has failed, with that error, which is forgotten. */
void expect(int r, struct error *err, enum error_kind kind, const char *reason);

#endif
