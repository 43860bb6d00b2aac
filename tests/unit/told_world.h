/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A store whose sets are followed twice: in the store, and as the classifier is told of them. */
#ifndef PEP_TESTS_TOLD_WORLD_H
#define PEP_TESTS_TOLD_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_world.h"

/* What the classifier was told, by id, kept from plan to plan. */
extern struct member_set told_sets[STORE_SETS_MAX];
extern size_t told_changes; /* members of the last plan */

void told_forget(void);

void told_start(struct world *w, const char *text); /* as world_init() */
void told_end(struct world *w);

/* `members` are words; "" = none. */
void told_add_change(struct store_tx *tx, enum change_kind kind, const char *name, const char *members,
	bool allow_missing);
/* A transaction of one such change, to its end. */
void told_change(struct world *w, enum change_kind kind, const char *name, const char *members,
	struct answer *ret);
size_t told_count(struct world *w, const char *name); /* of its members; SIZE_MAX = there is no such set */

#endif
