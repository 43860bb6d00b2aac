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

/* A point of time in a boot. */
struct disk_clock {
	int64_t time, boottime;
	char boot_id[16];
};

/* The start. 0, or what the daemon would end with. The clock's boot_id stays. */
int disk_world_open(struct disk_world *d, const struct disk_clock *clock, struct error *err);
void disk_world_close(struct disk_world *d);
/* What waits to be written, if anything does. The store is not told. */
void disk_world_write(struct disk_world *d);
/* Tells the store that it is written, or settled. */
void disk_world_step(struct disk_world *d);
bool disk_world_pump(struct disk_world *d); /* until it is idle; false = the process has died */
/* Another point of time in the clock's boot. */
void disk_world_set_clock(struct disk_world *d, const struct disk_clock *clock, int64_t boottime);

/*
 * All that a client may see: ruleset, members, leases, history, what waits to be confirmed. Without
 * what a transaction that was refused uses up: numbers of records and positions. malloc'ed.
 */
char *disk_world_content(struct disk_world *d);
/* The first line that differs, if any does. */
bool content_differs(const char *is, const char *wanted, char *ret, size_t size);
bool content_same_now(const char *a, const char *b); /* whatever their histories are */

#endif
