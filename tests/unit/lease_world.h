/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A store whose leases are looked at, beside the members that its classifier was told. */
#ifndef PEP_TESTS_LEASE_WORLD_H
#define PEP_TESTS_LEASE_WORLD_H

#include "store_world.h"

#define SECOND 1000000000ll

void lease_start(struct world *w);
void lease_restart(struct world *w, struct world *ret); /* from what `w` has written, which goes */
/* Until the store has nothing to do. */
void lease_finish(struct world *w);
void lease_commit(struct world *w, const char *text);
void lease_send(struct world *w, struct store_tx tx, struct answer *ret);
void lease_hold(struct world *w, const char *set, const char *owner, const char *members, int64_t ttl,
	struct answer *ret);
void lease_ring(struct world *w); /* the alarm */

struct store_tx lease_tx(enum store_lease_kind kind, const char *set, const char *owner, const char *members,
	int64_t ttl);

/* By what the classifier was told up to the last flip that was looked at. */
bool kernel_has(struct world *w, const char *set, const char *member);
void take_told(const struct world *w);
void forget_told(void);
void lease_forget_pending(void); /* what it was told came to nothing */

#endif
