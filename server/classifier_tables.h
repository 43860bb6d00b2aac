/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What classifier*.c share: the tables by key and by name, and the two kinds of
 * index that policies hold. Nobody else includes this.
 */
#ifndef PEP_SERVER_CLASSIFIER_TABLES_H
#define PEP_SERVER_CLASSIFIER_TABLES_H

#include "common/table.h"
#include "server/classifier.h"

/* One element of policy_map. */
struct cell {
	struct table_node node;
	struct pep_policy_key key;
	struct pep_policy value;
	uint32_t element; /* of the plan, NO_ELEMENT outside of one */
	bool fresh;       /* made by the plan */
};
#define NO_ELEMENT UINT32_MAX

struct name {
	struct table_node node;
	char name[PEP_NAME_SIZE];
	struct cell *cell; /* that decides for it */
	struct cell *next_cell; /* after the plan; NULL = the name goes */
	uint32_t slot;
	bool fresh;   /* made by the plan */
	bool planned; /* part of the plan */
};

struct redirect {
	char iface[IFACE_NAME_SIZE];
	uint32_t users; /* versions that point to it, in force or planned */
};

struct classifier {
	uint32_t max_policies;
	struct table cells;
	struct table names;
	uint32_t *free_slots; /* a queue: the slot freed longest ago is used first */
	uint32_t free_head, free_count;
	struct redirect redirects[PEP_REDIRECTS_MAX];
	uint32_t rung_counts[PEP_RUNG_MAX];
	struct name **planned; /* owned; the names of the plan */
	size_t planned_count;
};

uint32_t slot_take(struct classifier *c); /* one must be free */
void slot_give(struct classifier *c, uint32_t slot);
bool slot_claim(struct classifier *c, uint32_t slot);

/* An index for the interface, counted; -ENOSPC when all are in use. */
int redirect_take(struct classifier *c, const char *iface, uint32_t *ret);
void rule_release(struct classifier *c, const struct pep_rule *rule);

struct cell *cell_find(const struct classifier *c, const struct pep_policy_key *key);
struct cell *cell_add(struct classifier *c, const struct pep_policy_key *key); /* NULL: no memory */
void cell_drop(struct classifier *c, struct cell *cell);
struct name *name_find(const struct classifier *c, const char *text);
struct name *name_add(struct classifier *c, const char *text); /* NULL: no memory */
void name_drop(struct classifier *c, struct name *name);

/* The version in force in that generation, or NULL. */
struct pep_rule *rule_alive(struct pep_policy *value, uint64_t generation);

#endif
