/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What policy_store*.c share of sets. Only policy_store_internal.h includes this. */
#ifndef PEP_SERVER_POLICY_STORE_SETS_H
#define PEP_SERVER_POLICY_STORE_SETS_H

#include <sys/types.h>

#include "server/policy_store.h"

struct apply;

/* (w) What the transactions under way make of a set: the members that differ. */
struct set_work {
	struct store_set next; /* "" = there is none; equal to what is in force between batches */
	uint64_t serial;       /* of the last transaction that put it */
	struct member_set added, removed; /* against what is in force */
	struct member_set whole; /* with swap: takes the place of what is in force */
	bool swap;
	struct member_set held_added, held_removed; /* that owners hold now and did not, or the reverse */
	unsigned int passes; /* over the members, by the transaction being applied */
};

/* --- policy_store_sets.c: the working state of sets; ids are those of s->work */

#define NO_SET CLASSIFIER_NO_SET
uint8_t sets_find(const struct store *s, const char *name); /* NO_SET = none */
uint8_t sets_create(struct store *s, const char *name);     /* empty; NO_SET = all ids are taken */
/* How many members changed, or -ENOMEM. */
ssize_t sets_add(struct store *s, uint8_t id, const struct member_list *list);
ssize_t sets_remove(struct store *s, uint8_t id, const struct member_list *list);
ssize_t sets_replace(struct store *s, uint8_t id, const struct member_list *const lists[],
	size_t count);
int sets_drop(struct store *s, uint8_t id); /* with its members; 0 or -ENOMEM */
size_t sets_count(const struct store *s, uint8_t id);
/* Members that the transaction being applied has added and removed. 0 or -ENOMEM. */
int sets_toggled(const struct store *s, uint8_t id, struct member_list *ret_added,
	struct member_list *ret_removed);
/* How many these are: removed, added. */
int sets_toggled_count(const struct store *s, uint8_t id, size_t ret[static 2]);
int sets_list(const struct store *s, uint8_t id, struct member_list *ret); /* its members */
/* By the transaction being applied: one of them, any of them. */
bool sets_differs(const struct store *s, uint8_t id);
bool sets_changed(const struct store *s);
/* What was undone and done again is no change of a set. */
void sets_condense(struct store *s);
void sets_begin(struct store *s);         /* a transaction */
void sets_undo(struct store *s);
void sets_end(struct store *s); /* all transactions of a batch are applied */
/* All differences of the batch, malloc'ed. */
int sets_members(const struct store *s, struct classifier_member **ret, size_t *ret_count);
/* Builds what takes the place of sets that differ in much. */
int sets_build(struct store *s);
void sets_commit(struct store *s);
void sets_abort(struct store *s);
void sets_free(struct store *s);

/* --- policy_store_apply_sets.c: the rules of sets */

/* One change, or several that belong together; returns how many it took. */
size_t apply_set(struct apply *a, enum store_effect *effects);
int apply_replace_sets(struct apply *a);  /* what the transaction did not put goes */
void apply_check_sets(struct apply *a);   /* names of sets, when all is applied */

#endif
