/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The state folder: one file that is only ever replaced whole. Plain blocking
 * calls; the daemon makes the write on a worker.
 */
#ifndef PEP_SERVER_STATE_FILE_H
#define PEP_SERVER_STATE_FILE_H

#include "common/error.h"

/*
 * Opens and locks the folder, making it (0700) when it is missing. Refused: one
 * that another daemon holds, or whose owner or mode lets others write.
 * Returns a descriptor that holds the lock until it is closed, or a negative errno.
 */
int state_open(const char *dir, struct error *err);

/* The whole file, malloc'ed and terminated; *ret stays NULL when there is none. */
int state_read(int dir, char **ret, size_t *ret_size, struct error *err);

/*
 * Replaces the file: written aside, synced, renamed, folder synced. On failure
 * the old one stands, except for ERROR_UNKNOWN: the last sync failed and nobody
 * knows which of the two a crash would leave.
 */
int state_write(int dir, const char *text, size_t size, struct error *err);

/* Sets a file aside that cannot be read, as state.damaged. */
int state_set_aside(int dir);

#endif
