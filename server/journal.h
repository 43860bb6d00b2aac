/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The journal: a file in the state folder that only grows, one checksummed record after
 * the other, until it is rewritten whole. What a record means is the caller's business.
 * Plain blocking calls; the daemon writes on a worker.
 */
#ifndef PEP_SERVER_JOURNAL_H
#define PEP_SERVER_JOURNAL_H

#include "common/error.h"

#define JOURNAL_PAYLOAD_MAX (256u << 20)
#define JOURNAL_SIZE_MAX    (1u << 30)

struct journal_record {
	uint8_t kind;
	uint64_t sequence; /* > 0, greater than that of the record before */
	const void *payload;
	size_t size;
};

struct journal;

/* A negative errno, with `err` set, ends journal_open(). */
typedef int journal_read_fn(void *data, const struct journal_record *record, struct error *err);

/*
 * Opens the journal of a folder from state_open(), makes it when there is none, and hands
 * over its records. What a crash cut short at its end is cut off. A damaged one keeps what
 * stands before the damage; the file as it was stays as journal.damaged (or .1, .2 ...).
 * A file that others may write is damaged from its first byte: nothing in it is trusted.
 * Where nothing can be written, it is read all the same, and refuses what is to be appended.
 * Nothing is changed when reading fails.
 */
int journal_open(int dir, journal_read_fn *read, void *data, struct journal **ret, struct error *err);
void journal_close(struct journal *journal); /* NULL is fine */
DEFINE_CLEANUP(struct journal, journal_close)

/* What journal_open() cut off or set aside, one sentence; NULL = nothing. */
const char *journal_notice(const struct journal *journal);

/*
 * Appends a group: a crash leaves all of it or nothing, and after success all. On failure
 * the file is as before, except for ERROR_UNKNOWN: the group may or may not survive a crash, and
 * no other is taken until journal_rewrite().
 */
int journal_append(struct journal *journal, const struct journal_record *records, size_t count,
	struct error *err);

/*
 * Replaces all records. On failure the old ones stand, except for ERROR_UNKNOWN: a crash leaves
 * the old or the new ones, and none is taken until another journal_rewrite().
 */
int journal_rewrite(struct journal *journal, const struct journal_record *records, size_t count,
	struct error *err);

/* journal_open() found it damaged, by more than an end that was cut short. */
bool journal_damaged(const struct journal *journal);

/* It takes nothing until it is rewritten. */
bool journal_refuses(const struct journal *journal);

uint64_t journal_size(const struct journal *journal); /* bytes */

#endif
