/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A store over a backend that only remembers; its worker is the calling thread. */
#ifndef PEP_TESTS_STORE_WORLD_H
#define PEP_TESTS_STORE_WORLD_H

#include "common/text.h"
#include "../datapath/engine.h"
#include "server/policy_store.h"

enum world_waits { WAITS_NOT, WAITS_PERSISTED, WAITS_REWRITTEN, WAITS_SETTLED };

struct world {
	struct engine engine; /* whose classifier the store has; its tables are this memory */
	struct store *store;
	struct state state; /* given to rewrite() last */
	struct state_part *files; /* that stand: the parts of all of them; owned */
	size_t file_count;
	struct journal_record *journal; /* given to persist() since; copies, owned */
	size_t journal_count;
	size_t persisting; /* records given to persist() last */
	enum world_waits waits; /* what the store waits for */
	bool refuse_rewrite; /* rewrite() leaves the disk as it was */
	const struct world *disk; /* whose journal replay() reads; NULL = none */
	bool is_long;
	int64_t alarm; /* asked for last */
	int64_t boottime, time;
	const char *boot_id;
	struct error error;        /* of the one before: as the daemon's, forgotten with the next */
	const struct state *parts; /* that load() knows */
	unsigned int prepared, flipped, aborted, persisted, rewritten, leased, expired, attached, detached, committed;
	bool refuse_prepare, refuse_attach;
	size_t line_total; /* of the last commit */
	char described[4000];
	enum attach_mode mode; /* of what was attached last */
	/* The lock-out check. */
	const struct session *sessions; /* that there are */
	size_t session_count;
	const struct way *ways; /* of these */
	size_t way_count;
	size_t named; /* interfaces that ways were asked from, the last time */
	const char *filters; /* the only interface that is filtered; NULL = none */
	/* NULL = all passes */
	struct store_verdict (*judge)(const struct flow *flow, const char *iface, bool next);
	int refuse_sessions;
	bool refuse_judge;
	unsigned int listed, judged;
	int64_t clock, asking_takes; /* that much, each time connections are listed */
	uint16_t ports[8]; /* asked about last */
	size_t port_count;
};

struct answer {
	bool done;
	uint64_t revision;
	enum error_kind kind;
	char reason[40], field[64], message[400];
	bool protect_cut, repeated;
	uint64_t unguarded;
	size_t violations;
	enum store_effect effect; /* of the first change */
	enum store_effect effects[8];
	struct store_counts policies;
	struct store_lease_result leases; /* without its notes */
	struct store_lease_note note;     /* the first */
	char lines[1000];
};

/* What world_init() begins with, for who has a disk of its own behind it; then world_restore(). */
struct store_backend world_backend(struct world *w);
void world_begin(struct world *w, uint32_t max_policies, const struct store_backend *backend);
/* `text` NULL = neither state file nor journal. At most 5000 members. */
void world_init(struct world *w, uint32_t max_policies, const char *text);
int world_restore(struct world *w, const char *text, struct error *err);
void world_deinit(struct world *w);
/* Another store that starts from what this one has written: the state file, then the journal. */
void world_reopen(struct world *ret, const struct world *from);
void world_move_disk(struct world *to, struct world *from); /* what `from` has written is its own now */
/* The transaction of a policy file; its policies become changes of that kind. */
struct store_tx tx_of(const char *text, enum change_kind policies);
void submit_tx(struct world *w, struct store_tx *tx, struct answer *ret);
void submit(struct world *w, const char *text, struct answer *ret);
void finish(struct world *w); /* durable, and settled */
/* Answers what the store waits for; `err` NULL = it was done, else that is emptied. */
void world_answer(struct world *w, struct error *err);
/* What persist() was given last never came to the disk. */
void world_forget_last(struct world *w);
void on_done(void *data, const struct store_result *result, struct error *err);

#endif
