/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What policy_store*.c share. Nobody else includes this. */
#ifndef PEP_SERVER_POLICY_STORE_INTERNAL_H
#define PEP_SERVER_POLICY_STORE_INTERNAL_H

#include <pthread.h>
#include <stdio.h>
#include <sys/types.h>

#include "common/table.h"
#include "server/policy_store.h"
#include "server/policy_store_journal.h"
#include "server/policy_store_sets.h"

/*
 * Two threads, one at a time each: while the state is STORE_PREPARING, the worker
 * owns what is marked (w), and both only read the rest.
 */

/* A name: what is in force, and what the transactions under way make of it. */
struct entry {
	struct table_node node;
	char name[POLICY_NAME_MAX + 1];
	struct store_policy *now;  /* NULL = not in force */
	struct store_policy *next; /* (w) with touched; NULL = deleted */
	bool touched;              /* (w) */
	bool timed;                /* in the list of those whose policy ends */
	bool fresh;                /* (w) in the table of the names that are not in force */
	uint64_t serial;           /* (w) of the last transaction that named it */
	uint64_t described;        /* (w) of the last whose lines tell of it */
};

#define STORE_BAN_CHANGES 2u /* that a ban may come to have */

/* What a lease was before a transaction changed it; it has a reference of its owner. */
struct lease_undo {
	struct lease lease;
	bool there;
};

/* A commit that is undone when its time comes. */
struct store_confirm {
	uint64_t revision; /* 0 = none */
	int64_t boottime;
};

/* What the store does by itself. */
enum timer_kind { TIMER_UNDO, TIMER_LEASES, TIMER_POLICIES, TIMERS };
struct store_timer {
	struct store *store;
	bool under_way;
	int64_t again; /* boot time before which it is not tried, after a failure */
};

/* A transaction on its way. */
struct tx {
	struct tx *next;
	uint64_t number; /* in the order they came */
	struct change_list changes;
	char path[64]; /* "" = operations[i] */
	enum store_mode mode;
	enum store_tx_kind kind;
	char request_id[REQUEST_ID_MAX + 1];
	bool has_expected, validate_only, force;
	bool only_waiting;
	bool repeated; /* answered as before */
	bool changed;  /* the ruleset */
	bool moves;    /* owners' members */
	uint64_t expected;
	uint64_t target;
	uint64_t request_hash;
	void (*look)(void *data, struct store_view *view);
	struct flow *protect; /* owned */
	size_t protect_count;
	int64_t deadline;
	int64_t confirm_timeout;
	struct store_author author;
	char *comment; /* never NULL */
	store_done done;
	void *data;
	struct error err; /* refused */
	enum store_effect *effects;
	uint64_t revision; /* that it makes, or leaves */
	char **lines;      /* of its commit event */
	size_t line_count, line_total;
	struct store_counts policies;
	uint64_t unguarded; /* as struct store_result has it */
	struct store_lease *lease; /* owned; of STORE_LEASES */
	struct store_lease_result leases;
	struct store_record *record, *lease_record; /* owned; NULL = nothing to make durable */
};

struct undo_entry {
	struct entry *entry;
	struct store_policy *next;
};

struct store {
	struct classifier *classifier;
	struct store_backend backend;
	uint32_t max_policies, max_members;

	/* In force. */
	struct table entries;
	struct store_config config;
	struct store_set sets[STORE_SETS_MAX]; /* by id */
	struct member_set members[STORE_SETS_MAX];
	uint64_t settling_ids; /* bits of set ids that were freed by a commit that is not settled */
	uint64_t revision;
	uint64_t generation; /* in force in the kernel */
	size_t count, member_count;
	struct history history;
	struct store_confirm confirm;
	struct entry **timed; /* whose policy ends; owned */
	size_t timed_count, timed_room;
	struct request_memory requests;
	uint8_t *packed_requests; /* a record's payload; owned */

	/* (w) The working state. */
	struct table fresh; /* entries of names that are not in force */
	struct store_config next_config;
	struct set_work work[STORE_SETS_MAX];
	struct lease_table leases; /* see policy_store_leases.c; what is in force is got by lease_undo */
	pthread_mutex_t lease_lock;
	struct lease_undo *lease_undo; /* of the batch */
	size_t lease_undo_count, lease_undo_room;
	size_t lease_peak; /* as many as its table has room for, about */
	uint64_t guards; /* bits of sets that a policy keeps out, as of guards_edits */
	uint64_t edits, guards_edits; /* of policies */
	uint64_t next_revision;
	struct store_confirm next_confirm;
	uint64_t sequence;          /* of records, given out */
	uint64_t restored_sequence; /* that the state file has */
	size_t next_count, next_member_count;
	uint64_t last_position; /* given out, each once: it tells policies of a name apart */
	uint64_t serial;        /* of transactions */
	/* Interfaces that the transactions under way attach, also those that are attached already. */
	char asked[STORE_ATTACHMENTS_MAX][IFACE_NAME_SIZE];
	size_t asked_count;
	struct entry **touched; /* by the transactions under way */
	size_t touched_count, touched_room;
	/* Of the transaction being applied: how to take it back. */
	struct undo_entry *undo;
	size_t undo_count, undo_room;
	struct classifier_member *set_undo;
	size_t set_undo_count, set_undo_room;
	struct store_set former_sets[STORE_SETS_MAX];

	uint64_t numbers; /* given out */
	struct tx *queue, **queue_end;
	size_t queued;
	struct tx *batch;  /* (w) being committed */
	struct tx *failed; /* (w) refused while the batch was made */
	struct error prepare_error; /* (w) of the batch as a whole */
	bool protect_cut;           /* (w) not all connections were asked about */
	struct journal_record *records; /* (w) to be appended; owned, their payloads are the batch's */
	size_t record_count;
	struct state output;            /* (w) with the history: to be written anew */
	struct classifier_plan *plan; /* (w) */
	enum {
		STORE_IDLE,
		STORE_PREPARING,
		STORE_PERSISTING,
		STORE_SETTLING,
		STORE_RENDERING, /* the state, on the worker */
		STORE_REWRITING, /* the state file and the journal */
	} state;
	bool starting;
	bool unsure; /* whether a crash would leave the state of what is in force */
	bool working;
	uint64_t leases_sequence; /* of the last record about them */
	uint64_t leases_filed;    /* that stand as a part */
	struct store_timer timers[TIMERS];
	bool one_by_one; /* the batch was refused as a whole: find out which */
	size_t attached; /* of the batch's new attachments, done */

	struct order {
		const struct store_policy **ranked; /* in deciding order */
		const struct store_policy **placed; /* in the ruleset's own */
		size_t count, room; /* of each; room 0 = not made yet */
	} order;
};

/* --- policy_store.c */

/* Refuses it when its deadline has passed. */
int tx_check_deadline(const struct store *s, const struct tx *tx, struct error *err);

/* --- policy_store_queue.c */

void queue_take(struct store *s); /* the batch */
void queue_return(struct store *s, struct tx *list);
/* What waits is answered with that. */
void queue_refuse(struct store *s, enum error_kind kind, const char *reason, const char *what);

/* --- policy_store_confirm.c: commits that undo themselves */

/* Whether there is what it names. */
int confirm_check(const struct store *s, const struct tx *tx, struct error *err);
/* Whether it undoes what waits: a commit even when nothing is left of that, or it would wait on. */
bool confirm_ends(const struct store *s, const struct tx *tx);
/* Refuses a transaction that changes something while another waits, unless it undoes that. */
int confirm_keeps_out(const struct store *s, const struct tx *tx, struct error *err);

/* --- policy_store_timers.c: what the store does by itself */

/* The backend's alarm, for what comes first. */
void store_set_alarm(struct store *s);
/* At the start, on the working state: what ran out meanwhile. */
int timers_catch_up(struct store *s, struct error *err);

/* --- policy_store_tx.c: the beginning of transactions */

struct tx *tx_new(struct store_tx *given);  /* takes what it owns; NULL = no memory, nothing is taken */
void tx_refuse(struct store_tx *given);     /* frees what it owns */
void lease_free(struct store_lease *lease); /* NULL is fine */

/* --- policy_store_answer.c: the end of transactions */

void tx_free(struct tx *tx);
void tx_forget(struct tx *tx); /* what applying it has made: it will be applied once more */
void tx_fail(struct tx *tx, struct error *err); /* `err` is emptied */
void tx_fail_all(struct tx *list, enum error_kind kind, const char *reason, const char *what);
/* What was committed, or changed nothing. */
void batch_answer(struct store *s);

/* --- policy_store_apply.c: the rules */

struct apply {
	struct store *s;
	struct tx *tx;
	size_t index;
	const struct store_config *base; /* that effects are told against */
	uint64_t serial; /* marks the names that the transaction has */
	struct error *err;
	bool failed;
	bool sets_deleted;
};

/* The first fault makes the error, all of them are violations. `field`: "" or ".match.src". */
int apply_refuse(struct apply *a, enum error_kind kind, const char *reason, const char *field,
	const char *fmt, ...) PRINTF_LIKE(5, 6);
int apply_no_memory(struct apply *a);

/* The path of a change in its request: "operations[3].put_policy" and `field`. */
void tx_path(const struct tx *tx, size_t index, const char *field, char ret[static 96]);

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
/* Of each name only what it was before the transaction; what it is again is no change. */
void undo_condense(struct store *s);
int entries_reserve(struct store *s); /* room for what apply_commit() moves in; 0 or -ENOMEM */
void entries_free(struct store *s);
/* Calls cb for every name of the working state until it does not return 0; returns that. */
int entries_each(
	const struct store *s, int (*cb)(void *data, struct entry *entry), void *data);

/* --- policy_store_prepare.c: a batch on its way to the kernel */

int batch_plan(struct store *s, struct error *err);
/* On the worker, of a dry run: as far as the plan, or as what looks at it needs. */
void batch_try(struct store *s, struct error *err);
/* On the worker: plan, kernel. */
int batch_prepare(struct store *s, struct error *err);
/* Whether a transaction of the batch attaches the interface, which may be attached already. */
bool batch_asks(const struct store *s, const char *iface);
/* On the loop: what needs it. On failure everything is taken back. */
int batch_attach(struct store *s, struct error *err);
/* Of a batch that changes nothing: an interface that is off is put back for who attaches it. */
int batch_attach_again(struct store *s, struct error *err);
void batch_abort(struct store *s);
/* On the loop: the records of the batch, as the backend wants them; a failure takes all back. */
int batch_list(struct store *s, struct error *err);
/* After the flip: attachments that the former configuration had and this has not. */
void batch_detach(struct store *s, const struct store_config *former);
void batch_put_in_force(struct store *s);

/* --- policy_store_protect.c: the lock-out check, on the worker */

/* Whether the batch has to be asked about when the kernel has it prepared. */
bool protect_wanted(const struct store *s);
/* Refuses what cuts off a protected flow. */
int protect_batch(struct store *s, struct error *err);
/* The same of interfaces that the ruleset has already and that are to be put back. */
int protect_reattached(struct store *s, struct error *err);

/* --- policy_store_describe.c */

/* Fills the transaction's lines and counts from its undo list and what the configuration was. */
void tx_describe(struct store *s, struct tx *tx, const struct store_config *former);
/* Its lines alone, of the leases that lease_undo has from there on. */
void tx_describe_ended(struct store *s, struct tx *tx, size_t from);

/* --- policy_store_config.c: defaults, settings, attachments */
bool config_unset_default(struct store_config *c, const char *iface);
int config_attach(struct store_config *c, const char *iface, enum attach_mode mode);
bool config_detach(struct store_config *c, const char *iface);
const struct store_default *config_default(const struct store_config *c, const char *iface);
const struct store_attachment *config_attachment(const struct store_config *c, const char *iface);
bool config_equal(const struct store_config *a, const struct store_config *b);
/* The statements that make `c`, each a line. */
int config_write(const struct store_config *c, FILE *out);
char *config_text(const struct store_config *c); /* the same, malloc'ed; NULL = no memory */
/* What such statements make. 0 or -errno. */
int config_read(const struct change_list *list, struct store_config *ret);

/* --- policy_store_ends.c: policies that end by themselves */

int ends_reserve(struct store *s); /* room for what ends_note() moves in; 0 or -ENOMEM */
void ends_note(struct store *s, struct entry *entry); /* its policy in force has changed, or goes */
int64_t end_of(const struct store *s, const struct policy *policy); /* ttl from now on; 0 = never */
int ends_apply(struct apply *a); /* STORE_END: removes those whose time is over */
int64_t ends_next(const struct store *s); /* when the next one ends; 0 = never */

/* --- policy_store_leases.c: members that owners hold */

int leases_apply(struct apply *a);  /* STORE_LEASES */
int leases_expire(struct apply *a); /* STORE_EXPIRE */

/* --- policy_store_lease_undo.c: what a batch does to them, and back */

/* Before the change of a lease, which was there or is not yet. 0 or -ENOMEM. */
int leases_note(struct store *s, const struct lease *before, bool there);
/* Takes back all but the first `count` changes of the batch. */
void leases_undo(struct store *s, size_t count);
void leases_commit(struct store *s); /* there is no way back */
/* Before a batch, on the worker: the room of many that have ended is given back. */
void leases_trim(struct store *s);
bool leases_held_now(const struct store *s, uint8_t id, const struct member *m); /* before the batch */
/* Somebody holds it now who did not, or the reverse. 0 or -ENOMEM. */
int leases_flip(struct store *s, uint8_t id, const struct member *m, bool add);

/* --- policy_store_lease_view.c: what the loop looks at */

int64_t leases_next(struct store *s); /* when the next one ends; 0 = never */

/* --- policy_store_guards.c */

/* Whether a policy of the working state keeps out packets of the set. */
bool guards_find(struct store *s, const char *set);
/* Bits of sets for bans that the transaction being applied takes the last such policy from. */
uint64_t guards_lost(struct store *s);
/* The changes that make a ban into STORE_BANNED possible. */
int guards_make(struct tx *tx, const struct store *s);

/* --- policy_store_order.c */
void order_forget(struct store *s);
/* Before `former` gives way to `next` in what is in force; NULL = there is none. */
void order_change(struct store *s, const struct store_policy *former, const struct store_policy *next);
int order_ranked(struct store *s, const struct store_policy *const **ret); /* store's count of them, or -ENOMEM */
void order_by_rank(const struct store_policy **policies, size_t count);

#endif
