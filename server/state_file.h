/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The state folder: one file that is only ever replaced whole, and beside it, in
 * sets/, the parts that it names: large sets, each written once for a revision.
 * Each file ends in a line with the CRC-32C of all before it.
 * Plain blocking calls; the daemon writes on a worker.
 */
#ifndef PEP_SERVER_STATE_FILE_H
#define PEP_SERVER_STATE_FILE_H

#include "common/error.h"

struct state_part {
	char name[96]; /* "sets/bad.12" */
	char *text;    /* owned; NULL = it stands already */
	size_t size;
};

struct state {
	char *text; /* owned */
	size_t size;
	struct state_part *parts; /* owned; all that the text names */
	size_t part_count;
};
void state_deinit(struct state *state);

/*
 * Opens and locks the folder, making it (0700) when it is missing. Refused: one
 * that another daemon holds, or whose owner or mode lets others write.
 * Returns a descriptor that holds the lock until it is closed, or a negative errno.
 */
int state_open(const char *dir, struct error *err);

/* The whole file, malloc'ed and terminated; *ret stays NULL when there is none. */
int state_read(int dir, char **ret, size_t *ret_size, struct error *err);

/*
 * Takes the line with the checksum off *size; without one, as in a file that was changed by hand,
 * there is nothing to do. Else an error with reason STATE_DAMAGED.
 */
int state_strip_checksum(const char *text, size_t *size, struct error *err);

/* A part, which must exist, without its checksum. `name` as the state file has it, checked here. */
int state_read_part(int dir, const char *name, char **ret, size_t *ret_size, struct error *err);

/*
 * Writes new parts, then replaces the file, then removes parts that it does not
 * name. Each is written aside, synced, renamed, folder synced. On failure
 * the old one stands, except for ERROR_UNKNOWN: the last sync failed and nobody
 * knows which of the two a crash would leave.
 */
int state_write(int dir, const struct state *state, struct error *err);

/* Whether the file has that text and its new parts theirs, to be asked when a sync before has failed. */
int state_verify(int dir, const struct state *state, struct error *err);

/*
 * Keeps a file that cannot be read, as state.damaged. It stays the state file too, until
 * state_write() replaces it: without one the next start would begin with an empty ruleset.
 */
int state_set_aside(int dir);

#endif
