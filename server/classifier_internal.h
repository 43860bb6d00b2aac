/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What classifier*.c share. Nobody else includes this. */
#ifndef PEP_SERVER_CLASSIFIER_INTERNAL_H
#define PEP_SERVER_CLASSIFIER_INTERNAL_H

#include "common/table.h"
#include "server/classifier.h"
#include "server/classifier_members.h"

#define RUN_SOFT 3u
#define RUN_MAX  1024u  /* entries of a run */

/* Numbers of entries; has room for all of them. */
struct pool {
	uint32_t *items;
	size_t count;
};

struct name {
	struct table_node node;
	char name[PEP_NAME_SIZE];
	uint32_t entry; /* in force, 0 = none yet */
	uint32_t next;  /* after the plan, 0 = the name goes */
	uint32_t slot;
	bool fresh;   /* made by the plan */
	bool planned; /* part of the plan */
};

struct redirect {
	char iface[IFACE_NAME_SIZE];
	uint32_t users; /* entries that point to it */
};

/* Of a tuple, what the program need not know. */
struct tuple {
	uint8_t src_length, dst_length;
	uint32_t count;   /* entries in runs */
	uint32_t removed; /* since the index was exact */
	uint32_t longest; /* entries of its longest run, or what that has been */
	struct range {
		uint32_t first, last;
		bool any; /* there is one */
	} ranges[2]; /* the widest of sport and dport that the index has whole */
};

struct classifier {
	uint32_t max_policies;
	struct classifier_memory memory;
	struct pep_tables *t;
	struct tuple tuples[PEP_TUPLES_MAX];
	struct pool free;  /* entries nobody refers to; the last is used first */
	struct pool limbo; /* out of their runs, but a packet may still be at them */
	struct pool dead;  /* of the last commit, still in their runs */
	struct pool born;  /* of the last commit, still with their stamps */
	struct classes *classes; /* of each dimension */
	uint64_t *staged; /* words to add to the index, NULL = none are collected */
	struct members members;
	struct table names;
	uint32_t *free_slots; /* a queue: the slot freed longest ago is used first */
	uint32_t free_head, free_count;
	struct redirect redirects[PEP_REDIRECTS_MAX];
	bool spreads[PEP_SPREADS_MAX]; /* in use */
	struct name **planned; /* owned; the names of the plan */
	size_t planned_count;
	bool *claimed; /* during adoption: entries with a name */
};

static inline bool entry_alive(const struct pep_entry *e, uint64_t generation)
{
	uint32_t stamp = pep_stamp(generation);

	return (!e->born || (int32_t)(stamp - e->born) >= 0) &&
	       (!e->dies || (int32_t)(e->dies - stamp) > 0);
}

/* --- classifier_names.c */
uint32_t slot_take(struct classifier *c); /* one must be free */
void slot_give(struct classifier *c, uint32_t slot);
bool slot_claim(struct classifier *c, uint32_t slot);
/* An index for the interface, counted; -ENOSPC when all are in use. */
int redirect_take(struct classifier *c, const char *iface, uint32_t *ret);
void redirect_give(struct classifier *c, uint32_t index);
/* The index of an adopted table, which is the interface's; false when it is another's. */
bool redirect_claim(struct classifier *c, uint32_t index, const char *iface);
void redirect_release(struct classifier *c, uint32_t entry);
struct name *name_find(const struct classifier *c, const char *text);
/* Whether a limiter goes on with its state when the one rule takes the other's place. */
bool same_limit(const struct classifier *c, uint32_t before, uint32_t after);
/* pep_rule.limit_id of an entry that is about to take the place of the name's. */
uint32_t limit_id_next(const struct classifier *c, const struct name *name, uint32_t entry);
/* Fills ended_limits, from the names of the plan. */
void limits_end(const struct classifier *c, struct classifier_plan *plan);
struct name *name_add(struct classifier *c, const char *text); /* NULL: no memory */
void name_drop(struct classifier *c, struct name *name);
void names_free(struct classifier *c);

/* --- classifier_spread.c */
/* Sets redirect, and spread when there are several. */
int targets_take(
	struct classifier *c, const struct policy *policy, struct pep_rule *rule, struct error *err);
void spread_release(struct classifier *c, uint32_t at);
/* Of an adopted entry; false when it contradicts itself or others. */
bool spread_claim(struct classifier *c, uint32_t at);

/* --- classifier_rule.c: everything but born, dies, next, slot, redirect, spread, tuple */
struct rule {
	struct pep_entry entry;
	struct pep_more more;
	struct pep_rule rule;
};
int rule_make(struct classifier *c, const struct classifier_edit *edit, struct error *err,
	struct rule *ret);

/* --- classifier_runs.c */
uint32_t run_first(const struct pep_tables *t, uint64_t hash);
/* Entries, but no more than `limit` are counted. */
uint32_t run_length(const struct pep_tables *t, uint64_t hash, uint32_t limit);
int run_link(struct pep_tables *t, uint64_t hash, uint32_t entry); /* 0 or -ENOSPC */
void run_unlink(struct pep_tables *t, uint64_t hash, uint32_t entry);
/* Makes the list of spare buckets, of `buckets` in all; what stands in none of the chains is emptied. */
void buckets_begin(struct pep_tables *t, uint32_t buckets);

/* --- classifier_classes.c: the word of tuples of each value */
int classes_new(struct classifier *c);
void classes_free(struct classifier *c);
/* Of tables that another daemon filled. */
void classes_adopt(struct classifier *c);
uint64_t class_word(const struct classifier *c, enum pep_dimension dim, uint32_t value);
void class_set(struct classifier *c, enum pep_dimension dim, uint32_t value, uint64_t word);
/* A grace period has passed. */
void classes_settle(struct classifier *c);

/* --- classifier_index.c: supersets of what the runs hold */
void index_widen(struct classifier *c, uint32_t tuple, uint32_t entry);
/*
 * Between the two, widening is collected and then done at once: one by one, values would pass
 * through words that nobody needs in the end, each of which takes a class for a grace period.
 */
void index_stage(struct classifier *c);
void index_publish(struct classifier *c);
/* Exact again, from the entries in the tuple's runs; an empty tuple becomes free. */
void index_narrow(struct classifier *c, uint32_t tuple);

/* --- classifier_cost.c */
/* tuple.longest and the sets in keys, exactly. */
void cost_measure(struct classifier *c);
/* False when with the entry, which is in its run, a search could end too early. */
bool cost_fits(struct classifier *c, uint32_t entry);

/* --- classifier_tuples.c */
void tuples_adopt(struct classifier *c);
/* Chooses a tuple for the entry, fills rule->tuple and hash, puts the entry into its run. */
int tuple_add(struct classifier *c, uint32_t entry, struct error *err);
void tuple_remove(struct classifier *c, uint32_t entry);
/* Makes `rest` of all tuples anew, from `best`. */
void tuples_rank(struct classifier *c);
/* Of the set that stands in the entry's key, 0 = none does. */
uint64_t tuple_set_bit(const struct pep_tuple *tuple, const struct pep_entry *entry);
/* Calls cb for each entry in runs. It may take out the entry that it is called for. */
void runs_each(struct classifier *c, void (*cb)(struct classifier *c, uint32_t entry, void *data),
	void *data);

#endif
