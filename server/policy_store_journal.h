/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What policy_store*.c share of the disk: records of the journal, the state file. Nobody else includes this. */
#ifndef PEP_SERVER_POLICY_STORE_JOURNAL_H
#define PEP_SERVER_POLICY_STORE_JOURNAL_H

#include "journal.pb-c.h"
#include "server/journal.h"
#include "server/policy_store.h"

struct tx;

/* Kinds of a journal's records: written in files, never renumbered. */
enum record_kind { RECORD_COMMIT = 1, RECORD_CONFIRMED = 2, RECORD_LEASES = 3, RECORD_REQUESTS = 4 };
#define RECORD_CONFIRMED_SIZE 12u

/* What a transaction writes into the journal. */
struct store_record {
	enum record_kind kind;
	uint64_t revision; /* that it makes, or confirms */
	uint64_t sequence;
	/* Of a commit in the history: the sequence of a confirmation behind it, 0 = none; of what. */
	uint64_t confirmed, confirms;
	uint8_t confirmed_payload[RECORD_CONFIRMED_SIZE];
	uint8_t *payload; /* owned */
	size_t size;
};

/* The last commits, without a gap, the newest last. */
struct history {
	struct store_record *items[STORE_HISTORY_MAX]; /* a ring */
	size_t first, count;
	size_t bytes;
};

/* --- policy_store_confirm.c */

/* A point of time as the journal has it, and back: what is left of it, in another boot too. */
int64_t deadline_wall(const struct store_clock *clock, int64_t boottime); /* the same in time since the epoch */
void deadline_pack(struct store_clock *clock, int64_t boottime, Pepctl__Journal__Deadline *ret);
int64_t deadline_read(const struct store_clock *clock, int64_t boottime, int64_t time, const char *boot_id);

/* --- policy_store_rewrite.c: the state file and the journal, written anew */

/* A sync has failed, or the journal is long. */
void rewrite_begin(struct store *s);
void rewrite_rendered(struct store *s);
/* `err` NULL = it stands; it is emptied. */
void rewrite_end(struct store *s, struct error *err);

/* --- policy_store_delta.c: what a transaction changed, as bytes */

/* Of the transaction that was just applied, before its undo list goes. 0 or -ENOMEM. */
int delta_make(const struct store *s, const struct store_config *former, uint8_t **ret,
	size_t *ret_size);
/* On the working state: once more, or `back`. */
int delta_apply(struct store *s, const uint8_t *bytes, size_t size, bool back, struct error *err);

/* --- policy_store_history.c: commits as records of the journal */

void store_record_free(struct store_record *record);
/* The record of a transaction, 0 or -ENOMEM: that it changes something; that it confirms. */
int commit_record(struct store *s, struct tx *tx, const struct store_config *former);
int confirm_record(struct store *s, struct tx *tx);
void history_clear(struct history *h);
struct store_record *history_at(const struct history *h, size_t index); /* NULL = behind the last */
void history_push(struct history *h, struct store_record *record); /* takes it over */
void history_confirmed(struct history *h, uint64_t revision, uint64_t sequence);
/* On the working state: back to that revision, which is kept. */
int history_undo(struct store *s, uint64_t target, struct error *err);
/* All of it, for a new journal; malloc'ed, payloads stay the history's. 0 or -ENOMEM. */
int history_records(struct store *s, struct journal_record **ret, size_t *ret_count);

/* A journal_read_fn, at the start: what the state file has not yet is done once more. */
int store_replay(void *store, const struct journal_record *record, struct error *err);

/* --- policy_store_lease_log.c: the same on the disk */

/* Of what the transaction changed, which is lease_undo from there on. */
int lease_record(struct store *s, struct tx *tx, size_t from);
/* All of them. 1 = the part is named, and has its bytes unless they stand; 0 = there are none. */
int leases_render(struct store *s, struct state_part *part, size_t *ret_count);
/*
 * At the start, of a set that goes: nobody held any of it when it went. By the wall of another boot
 * some may not have ended. 0 or -ENOMEM.
 */
int leases_forget(struct store *s, uint8_t id);
/* At the start: a part, or a record's payload. */
int leases_read(struct store *s, const void *data, size_t size, struct error *err);

/* --- policy_store_requests.c: who asks again */

/* Makes the transaction one that is answered as before. -EINVAL: the id was another request's. */
int request_find(struct store *s, struct tx *tx, struct error *err);
int request_keep(struct store *s, const struct tx *tx); /* after its answer; 0 or -ENOMEM */
/* For its record; the effects are the transaction's. */
Pepctl__Journal__Request *request_pack(struct tx *tx, int64_t time, Pepctl__Journal__Request *ret);
/* The record of one that changed nothing: that is its answer also after a restart. 0 or -ENOMEM. */
int request_record(struct store *s, struct tx *tx);
int request_read(struct store *s, const Pepctl__Journal__Request *m); /* 0 or -ENOMEM */
/* All of them as a record, and from one. 1 = there is none. */
int requests_record(struct store *s, struct journal_record *ret);
int requests_read(struct store *s, const struct journal_record *record, struct error *err);

/* --- policy_store_text.c: the state file */
/* Sets that are filed from now on are marked so. */
int text_render(struct store *s, struct state *ret);

/* What the file tells in its marks. Owned memory. */
struct text_marks {
	bool begun, ended;
	uint64_t revision;
	uint64_t sequence; /* of the last record that it has */
	char boot_id[sizeof(((struct store_clock *)0)->boot_id)]; /* that `ends` are of */
	uint64_t last_position;                                   /* of policies, given out */
	uint64_t leases_sequence, leases; /* of the part that has them; how many */
	size_t policies; /* that the end tells */
	struct text_policy_mark {
		uint64_t created, changed; /* revisions */
		uint64_t position;         /* 0 = that of the file */
		int64_t ends, ends_time;   /* boot time and since the epoch; 0 = it stays */
	} *revisions; /* of each policy */
	size_t count, room;
	struct text_set_mark {
		uint64_t created, changed, members_changed; /* revisions */
		uint64_t members;
		bool filed; /* they were a part of their own */
	} *sets; /* of each set */
	size_t set_count, set_room;
};
void text_marks_deinit(struct text_marks *marks);
int text_restore(struct store *s, const char *text, size_t size, struct change_list *ret,
	struct text_marks *ret_marks, struct error *err);

#endif
