/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What crash_fs.c and crash_fs_calls.c share: files by number, names by number. Nobody else
 * includes this. */
#ifndef PEP_TESTS_CRASH_FS_INTERNAL_H
#define PEP_TESTS_CRASH_FS_INTERNAL_H

#include "crash_fs.h"

#define CRASH_FILES      48
#define CRASH_NAMES      256
#define CRASH_BYTES      (256u << 10)
#define CRASH_PARTS      "sets"
#define CRASH_PARTS_FD   (CRASH_FS_DIR + CRASH_FILES + 1) /* that folder's descriptor */
#define CRASH_PARTS_FILE (CRASH_FILES + 1)                /* what its name stands for */

struct crash_bytes {
	unsigned int size;
	uint8_t data[CRASH_BYTES];
};

void crash_must(bool holds);
int crash_name(int dir, const char *path);                 /* its number; one that is new is made */
const char *crash_name_text(int name, bool *ret_in_parts); /* NULL = there are no more */
int crash_now(int name);                     /* the file that it is, from 1; 0 = none */
void crash_move(int from, int to, int file); /* names; -1 = none */
int crash_make_file(int name);
const struct crash_bytes *crash_bytes(int file);
unsigned int *crash_offset(int file); /* of its descriptor */
void crash_open(int file, bool open);
void crash_change(int file, unsigned int at, unsigned int size, const void *bytes);
void crash_sync_file(int file, bool works);
void crash_sync_folder(bool parts);
/* Whether this call fails before it does anything. */
bool crash_fails(enum crash_fault *ret);

#endif
