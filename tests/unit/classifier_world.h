/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The classifier over tables in memory, changed by lines of text and asked by
 * the packet program's own classify.h, in whichever generation.
 */
#ifndef PEP_TESTS_CLASSIFIER_WORLD_H
#define PEP_TESTS_CLASSIFIER_WORLD_H

#include "../datapath/cmocka_all.h"
#include "../datapath/engine.h"

struct world {
	struct engine engine;
	char (*names)[PEP_NAME_SIZE]; /* by entry */
	struct policy *policies;      /* of the change that is being made, owned */
	struct classifier_edit *edits;
	size_t edit_count;
	struct classifier_member *members;
	size_t member_count;
};

/* As cmocka's setup and teardown, with room for WORLD_POLICIES. */
#define WORLD_POLICIES 8u
int world_setup(void **state);
int world_teardown(void **state);
struct world *world_new(uint32_t max_policies);
/* Over tables that there are. */
struct world *world_over(uint32_t max_policies, struct pep_tables *tables);
void world_free(struct world *w);

/* Parts of the next change: a policy goes (before), comes (after), or changes; "NAME ACTION ...". */
void world_edit(struct world *w, const char *before, const char *after);
void world_member(struct world *w, const char *set, const char *prefix, bool add);
/* The change, planned, or what refused it (NULL); the parts are gone. */
struct classifier_plan *world_try(struct world *w, struct error *err);
/* The same where nothing may refuse it. */
struct classifier_plan *world_plan(struct world *w);
/* The change must be refused so, and leave no trace. */
void world_refused(struct world *w, enum error_kind kind, const char *reason, const char *field);
/* The change as a commit. */
void world_commit(struct world *w);
/* The change of one policy as a commit. */
void world_put(struct world *w, const char *before, const char *after);

uint64_t world_generation(const struct world *w);

/* Who decides on tcp from src:1000 to dst:dport, "" = the default. In force, or in a generation. */
const char *world_decider(const struct world *w, const char *src, const char *dst, uint16_t dport);
const char *world_decider_in(const struct world *w, uint64_t generation, const char *src,
	const char *dst, uint16_t dport);

/* What is decided on some thousand packets in a generation; equal when the rulings are. */
uint64_t world_rulings(const struct world *w, uint64_t generation);

#endif
