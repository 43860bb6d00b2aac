/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A store over the real journal and state file, in the folder of crash_fs.h, as the daemon has it.
 */
#ifndef PEP_TESTS_DISK_WORLD_H
#define PEP_TESTS_DISK_WORLD_H

#include "store_world.h"

struct disk_world {
	struct world world; /* the first: the backend's data */
	struct journal *journal;
	struct error error; /* of what was written last; as the daemon's, forgotten with the next */
	const struct journal_record *records; /* to be written down */
	size_t record_count;
	struct state output;   /* with rewrites */
	bool writes, rewrites; /* something waits to be written down */
	bool unsure;           /* as the daemon knows it */
	unsigned int rewritten;
};

/* The start, at that time since the boot. 0, or what the daemon would end with. */
int disk_world_open(struct disk_world *d, int64_t boottime, struct error *err);
void disk_world_close(struct disk_world *d);
/* What waits to be written, if anything does. The store is not told. */
void disk_world_write(struct disk_world *d);
/* Tells the store that it is written, or settled. */
void disk_world_step(struct disk_world *d);

/*
 * All that a client may see: ruleset, members, leases, history, what waits to be confirmed. Without
 * what a transaction that was refused uses up: numbers of records and positions. malloc'ed.
 */
char *disk_world_content(struct disk_world *d);

#endif
