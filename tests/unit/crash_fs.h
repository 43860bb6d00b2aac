/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A folder in memory whose disk can fail and lose its power: for programs that are linked
 * with --wrap= of the calls that crash_fs_calls.c defines. There may be a folder "sets" in it.
 */
#ifndef PEP_TESTS_CRASH_FS_H
#define PEP_TESTS_CRASH_FS_H

#include <stdbool.h>
#include <stdint.h>

#define CRASH_FS_DIR 5000 /* the folder's descriptor */

enum crash_fault {
	CRASH_FS_FAIL,      /* a call fails */
	CRASH_FS_TEAR,      /* a write does a part and fails */
	CRASH_FS_SHORT,     /* a read or write does a part and says so */
	CRASH_FS_DIE,       /* it and all later calls fail: the process is dead */
	CRASH_FS_DIE_TORN,  /* the same, but a write does a part */
	CRASH_FS_DIE_AFTER, /* it is done, and nobody learns */
	CRASH_FS_FAULTS,
};

void crash_fs_begin(uint32_t seed); /* an empty folder */
/* The so-manieth call from now on, and so many `more` after it; 0 = none. */
void crash_fs_fault(unsigned int nth, enum crash_fault kind, unsigned int more);
void crash_fs_then(unsigned int nth, enum crash_fault kind); /* another, so many calls after these */
bool crash_fs_faulted(void); /* whether it has come to that since the last start */
bool crash_fs_dead(void);
unsigned int crash_fs_calls(void); /* since it began */
/*
 * The process ends. With `power` what was not synced is lost, or not, or in part: of each write
 * some bytes, of the folder's changes some.
 */
void crash_fs_restart(bool power);
uint32_t crash_fs_random(uint32_t below);
bool crash_fs_has(const char *name);

#endif
