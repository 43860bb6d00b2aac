/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crash_fs_internal.h"

#define WRITES 64
#define MOVES  128

/* A write or, without bytes, a new length that is not on the disk yet. */
struct pending {
	unsigned int at, size;
	uint8_t *bytes; /* owned */
};

static struct file {
	struct crash_bytes now, disk;
	struct pending writes[WRITES];
	unsigned int count;
	bool open;
	unsigned int offset;
} files[CRASH_FILES];

/* The folder and the one in it, by the number of the name; file + 1, 0 = none. */
static char names[CRASH_NAMES][112];
static int name_count;
struct move {
	int from, to, file; /* names; -1 = none */
};
static int now[CRASH_NAMES], disk[CRASH_NAMES];
static struct move moves[MOVES];
static unsigned int move_count, left, times, then_left, calls;
static enum crash_fault fault, then_fault;
static bool dead, faulted;
static uint32_t state;

void crash_must(bool holds)
{
	if (!holds)
		abort();
}

uint32_t crash_fs_random(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	crash_must(below > 0);
	return state % below;
}

/* --- names */

static bool in_parts(int name)
{
	return strncmp(names[name], CRASH_PARTS "/", sizeof(CRASH_PARTS)) == 0;
}

int crash_name(int dir, const char *path)
{
	char whole[sizeof(names[0])];
	int i = 0;

	crash_must(dir == CRASH_FS_DIR || dir == CRASH_PARTS_FD);
	snprintf(whole, sizeof(whole), "%s%s", dir == CRASH_FS_DIR ? "" : CRASH_PARTS "/", path);
	while (i < name_count && strcmp(names[i], whole) != 0)
		i++;
	if (i < name_count)
		return i;
	crash_must(i < CRASH_NAMES);
	memcpy(names[i], whole, sizeof(whole));
	now[i] = disk[i] = 0;
	name_count++;
	return i;
}

const char *crash_name_text(int name, bool *ret_in_parts)
{
	if (name >= name_count)
		return NULL;
	*ret_in_parts = in_parts(name);
	return names[name] + (*ret_in_parts ? sizeof(CRASH_PARTS) : 0);
}

int crash_now(int name)
{
	return now[name];
}

bool crash_fs_has(const char *name)
{
	return now[crash_name(CRASH_FS_DIR, name)] != 0;
}

/* --- what happens */

static void apply_move(int *folder, const struct move *m)
{
	if (m->from >= 0)
		folder[m->from] = 0;
	if (m->to >= 0)
		folder[m->to] = m->file;
}

void crash_move(int from, int to, int file)
{
	crash_must(move_count < MOVES);
	moves[move_count] = (struct move){from, to, file};
	apply_move(now, &moves[move_count++]);
}

void crash_sync_folder(bool parts)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < move_count; i++) {
		if (in_parts(moves[i].to >= 0 ? moves[i].to : moves[i].from) == parts)
			apply_move(disk, &moves[i]);
		else
			moves[kept++] = moves[i];
	}
	move_count = kept;
}

static void apply(
	struct crash_bytes *to, const struct pending *p, unsigned int from, unsigned int upto)
{
	unsigned int end = p->at + p->size, size = to->size;

	crash_must(end <= CRASH_BYTES);
	if (!p->size || end > size)
		to->size = end;
	if (to->size > size)
		memset(to->data + size, 0, to->size - size);
	if (upto > from)
		memcpy(to->data + p->at + from, p->bytes + from, upto - from);
}

static void apply_some(struct crash_bytes *to, const struct pending *p)
{
	unsigned int from = 0, upto = p->size;

	if (crash_fs_random(3) == 0)
		return;
	if (crash_fs_random(2)) {
		from = crash_fs_random(p->size + 1);
		upto = from + crash_fs_random(p->size - from + 1);
	}
	apply(to, p, from, upto);
}

static void forget_writes(struct file *f)
{
	while (f->count)
		free(f->writes[--f->count].bytes);
}

void crash_change(int file, unsigned int at, unsigned int size, const void *bytes)
{
	struct file *f = &files[file - 1];
	struct pending *p = &f->writes[f->count++];

	crash_must(f->count <= WRITES && at + size <= CRASH_BYTES);
	*p = (struct pending){at, size, malloc(size + 1)};
	crash_must(p->bytes);
	if (size)
		memcpy(p->bytes, bytes, size);
	apply(&f->now, p, 0, size);
}

/* After a sync that fails, no later one cares for what it had to write. */
void crash_sync_file(int file, bool works)
{
	struct file *f = &files[file - 1];

	for (unsigned int i = 0; i < f->count; i++) {
		struct pending *p = &f->writes[i];

		if (works || !p->size)
			apply(&f->disk, p, 0, p->size);
		else
			apply_some(&f->disk, p);
	}
	forget_writes(f);
}

static void lose_writes(struct file *f)
{
	for (unsigned int k = 0; k < f->count; k++)
		apply_some(&f->disk, &f->writes[k]);
	f->now.size = f->disk.size;
	memcpy(f->now.data, f->disk.data, f->disk.size);
	forget_writes(f);
}

/* What lies in a folder goes with it. */
static void lose_moves(void)
{
	for (unsigned int i = 0; i < move_count; i++)
		if (crash_fs_random(2))
			apply_move(disk, &moves[i]);
	for (int i = 0; i < name_count; i++)
		if (in_parts(i) && !disk[crash_name(CRASH_FS_DIR, CRASH_PARTS)])
			disk[i] = 0;
	memcpy(now, disk, sizeof(now));
	move_count = 0;
}

void crash_fs_restart(bool power)
{
	for (unsigned int i = 0; i < CRASH_FILES; i++) {
		files[i].open = false;
		if (power)
			lose_writes(&files[i]);
	}
	if (power)
		lose_moves();
	dead = faulted = false;
	left = times = then_left = 0;
}

void crash_fs_begin(uint32_t seed)
{
	state = seed * 2654435761u | 1;
	for (unsigned int i = 0; i < CRASH_FILES; i++) {
		forget_writes(&files[i]);
		files[i].now.size = files[i].disk.size = 0;
	}
	name_count = 0;
	move_count = calls = 0;
	crash_fs_restart(true);
}

/* --- files */

static bool is_used(int file)
{
	bool used = files[file - 1].open;

	for (int i = 0; i < name_count; i++)
		used |= now[i] == file || disk[i] == file;
	for (unsigned int i = 0; i < move_count; i++)
		used |= moves[i].file == file;
	return used;
}

int crash_make_file(int name)
{
	int file = 1;

	while (file <= CRASH_FILES && is_used(file))
		file++;
	crash_must(file <= CRASH_FILES);
	forget_writes(&files[file - 1]);
	files[file - 1].now.size = files[file - 1].disk.size = 0;
	crash_move(-1, name, file);
	return file;
}

const struct crash_bytes *crash_bytes(int file)
{
	return &files[file - 1].now;
}

unsigned int *crash_offset(int file)
{
	return &files[file - 1].offset;
}

void crash_open(int file, bool open)
{
	files[file - 1].open = open;
	files[file - 1].offset = 0;
}

/* --- faults */

void crash_fs_fault(unsigned int nth, enum crash_fault kind, unsigned int more)
{
	left = nth;
	fault = kind;
	times = more;
	then_left = 0;
}

void crash_fs_then(unsigned int nth, enum crash_fault kind)
{
	then_left = nth;
	then_fault = kind;
}

/* Which comes next. */
static void next_fault(void)
{
	if (times) {
		times--;
		left = 1;
	} else {
		left = then_left;
		fault = then_fault;
		then_left = 0;
	}
}

bool crash_fs_faulted(void)
{
	return faulted;
}

bool crash_fs_dead(void)
{
	return dead;
}

unsigned int crash_fs_calls(void)
{
	return calls;
}

bool crash_fails(enum crash_fault *ret)
{
	static const int errors[] = {ENOSPC, EIO, EDQUOT, EROFS};

	calls++;
	*ret = CRASH_FS_FAULTS;
	errno = errors[crash_fs_random(4)];
	if (dead)
		return true;
	if (!left || --left)
		return false;
	faulted = true;
	*ret = fault;
	dead = fault >= CRASH_FS_DIE;
	next_fault();
	return *ret == CRASH_FS_FAIL || *ret == CRASH_FS_DIE;
}
