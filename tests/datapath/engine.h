/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The real classifier over tables in this process's memory, or over those of a
 * loaded program, and commits without a daemon. What fails ends the test.
 */
#ifndef PEP_TESTS_ENGINE_H
#define PEP_TESTS_ENGINE_H

#include "server/classifier.h"

struct engine {
	struct classifier *classifier;
	struct pep_tables own;    /* engine_init() without tables */
	struct pep_tables *tables;
	struct policy *policies;  /* in force, owned */
	size_t count;
	uint32_t max_policies;
	uint32_t position;        /* last given out */
	char (*ifaces)[IFACE_NAME_SIZE]; /* slot n is of ifaces[n - 1] */
	size_t iface_count;
	char (*sets)[POLICY_NAME_MAX + 1]; /* set n is sets[n] */
	uint8_t set_count;
	/* May be set after engine_init(): */
	void (*prepared)(void *data, const struct classifier_plan *plan); /* before each flip */
	int (*chunks_make)(void *data, uint32_t first, uint32_t count); /* NULL = own memory */
	void (*chunks_drop)(void *data, uint32_t first, uint32_t count);
	void (*grace)(void *data);
	void *data;
	unsigned int chunks_fail; /* the so-manieth chunks_make from now on has no memory; 0 = none */
};

/* tables NULL = own memory. The tables of a program must be mapped, its generation 1. */
void engine_init(struct engine *e, uint32_t max_policies, struct pep_tables *tables);
void engine_deinit(struct engine *e);

/* Adds the policy of the line, "NAME ACTION ...", as a commit. Returns its slot. */
uint32_t engine_add(struct engine *e, const char *line);
void engine_remove(struct engine *e, const char *name);
/* Makes copies of these, in this order, the whole ruleset, as one commit. 0, or what was refused. */
int engine_replace(struct engine *e, const struct policy *policies, size_t count, struct error *err);
void engine_clear(struct engine *e);

/* Id of the set, made if needed. */
uint8_t engine_set(struct engine *e, const char *name);
/* An address or prefix that comes into the set or leaves it. */
struct classifier_member engine_member(struct engine *e, const char *set, const char *prefix, bool add);
/* As a commit. */
void engine_join(struct engine *e, const char *set, const char *prefix);
void engine_leave(struct engine *e, const char *set, const char *prefix);

/* The policy of a line, which must be right. */
void engine_read(const char *line, struct policy *ret);

/* The steps of a commit: all but the flip, 0 or what was refused; the flip and what follows; undoing. */
int engine_plan(struct engine *e, const struct classifier_change *change, struct error *err,
	struct classifier_plan **ret);
void engine_flip(struct engine *e, struct classifier_plan *plan);
void engine_abort(struct engine *e, struct classifier_plan *plan);
/* A change as one commit; 0, or what was refused. */
int engine_change(struct engine *e, const struct classifier_change *change, struct error *err);

/* The ruleset half in force; what is changed in it stays over commits. */
struct pep_ruleset *engine_ruleset(struct engine *e);
/* Slot of the interface's name, made if needed. */
uint32_t engine_iface(struct engine *e, const char *name);
/* Entry of the policy in force, 0 = there is none. */
uint32_t engine_entry(const struct engine *e, const char *name);
/* Name of the policy in force with the entry, "" = none. */
const char *engine_name(const struct engine *e, uint32_t entry);

#endif
