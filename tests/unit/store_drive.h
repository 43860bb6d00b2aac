/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Whole transactions on a store, and what it holds, as text. */
#ifndef PEP_TESTS_STORE_DRIVE_H
#define PEP_TESTS_STORE_DRIVE_H

#include "store_world.h"

/* Until the store has nothing to do. */
void commit_text(struct world *w, const char *text, struct answer *ret);
void commit_tx(struct world *w, struct store_tx tx, struct answer *ret);
void go_back(struct world *w, uint64_t target, struct answer *ret);
void ring(struct world *w); /* the alarm */

/* All of the ruleset but its revisions, or the whole state file; malloc'ed. */
char *content(struct world *w, bool whole);
void assert_content(struct world *w, const char *wanted);
void assert_same(struct world *a, struct world *b);

/* Revision 2 of policies a and b waits to be confirmed, until boot time 1500. */
void begin_waiting(struct world *w, struct answer *ret);
/* Another store that starts from what this one has written, with other clocks. */
void restart_later(const struct world *from, const char *boot_id, int64_t boottime, int64_t time,
	struct world *ret);

#endif
