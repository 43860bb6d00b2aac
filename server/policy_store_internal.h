/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What policy_store*.c share. Nobody else includes this. */
#ifndef PEP_SERVER_POLICY_STORE_INTERNAL_H
#define PEP_SERVER_POLICY_STORE_INTERNAL_H

#include <stdio.h>

#include "common/table.h"
#include "server/policy_store.h"

/* A name: what is in force, and what the transactions under way make of it. */
struct entry {
	struct table_node node;
	char name[POLICY_NAME_MAX + 1];
	struct store_policy *now;  /* NULL = not in force */
	struct store_policy *next; /* with touched; NULL = deleted */
	bool touched;
	uint64_t serial; /* of the last transaction that named it */
	uint64_t described; /* of the last whose lines tell of it */
};

/* A transaction on its way. */
struct tx {
	struct tx *next;
	struct change_list changes;
	char path[64]; /* "" = operations[i] */
	enum store_mode mode;
	bool has_expected, validate_only;
	uint64_t expected;
	int64_t deadline;
	struct store_author author;
	char *comment; /* never NULL */
	store_done done;
	void *data;
	enum store_effect *effects;
	uint64_t revision; /* that it makes, or leaves */
	char **lines;      /* of its commit event */
	size_t line_count, line_total;
	struct store_counts policies;
	bool changed;
};

struct undo_entry {
	struct entry *entry;
	struct store_policy *next;
};

struct store {
	struct classifier *classifier;
	struct store_backend backend;
	uint32_t max_policies;

	struct table entries;
	struct store_config config, next_config;
	uint64_t revision, next_revision;
	uint64_t last_position; /* given out */
	uint64_t serial;        /* of transactions */
	uint64_t generation;    /* in force in the kernel */
	size_t count, next_count; /* policies */

	struct entry **touched; /* by the transactions under way */
	size_t touched_count, touched_room;
	struct undo_entry *undo; /* of the transaction being applied */
	size_t undo_count, undo_room;

	struct tx *queue, **queue_end;
	size_t queued;
	struct tx *batch; /* being committed */
	struct classifier_plan *plan;
	enum { STORE_IDLE, STORE_PERSISTING, STORE_SETTLING } state;
	bool working;
	bool one_by_one; /* the batch was refused as a whole: find out which */
	size_t attached; /* of the batch's new attachments, done */

	const struct store_policy **order;    /* deciding order; NULL = not made yet */
	const struct store_policy **position; /* the ruleset's own */
};

/* --- policy_store_apply.c: the rules */

/* All changes of a transaction, or none of them. On success its undo list is left. */
int apply_tx(struct store *s, struct tx *tx, struct error *err);

/* --- policy_store_entries.c: the working state */

/* It becomes the truth, or is forgotten. */
void apply_commit(struct store *s);
void apply_abort(struct store *s);
void undo_back(struct store *s);
struct store_policy *entry_next(const struct entry *entry);
struct entry *entry_find(const struct store *s, const char *name);
int store_policy_new(const struct policy *policy, struct store_policy **ret);
int entry_put(struct store *s, const char *name, struct store_policy *policy);
void undo_forget(struct store *s);
void entries_free(struct store *s);

/* --- policy_store_prepare.c: a batch on its way to the kernel */

int batch_plan(struct store *s, struct error *err);
int batch_prepare(struct store *s, struct error *err);
void batch_abort(struct store *s);
/* After the flip: attachments that the former configuration had and this has not. */
void batch_detach(struct store *s, const struct store_config *former);
void batch_put_in_force(struct store *s); /* policy_store.c */

/* --- policy_store_describe.c */

/* Fills the transaction's lines and counts from its undo list and what the configuration was. */
void tx_describe(struct store *s, struct tx *tx, const struct store_config *former);

/* --- policy_store_config.c: defaults, settings, attachments */
int config_set_default(struct store_config *c, const char *iface, bool block);
bool config_unset_default(struct store_config *c, const char *iface);
int config_attach(struct store_config *c, const char *iface, enum attach_mode mode);
bool config_detach(struct store_config *c, const char *iface);
const struct store_default *config_default(const struct store_config *c, const char *iface);
const struct store_attachment *config_attachment(const struct store_config *c, const char *iface);
/* The statements that make `c`, each a line. */
int config_write(const struct store_config *c, FILE *out);

/* --- policy_store_order.c */
void order_forget(struct store *s);
int order_make(struct store *s);

/* --- policy_store_text.c: the state file */
int text_render(const struct store *s, char **ret, size_t *ret_size);
int text_restore(const char *text, size_t size, struct change_list *ret, uint64_t *ret_revision,
	uint64_t (**ret_revisions)[2], struct error *err);

#endif
