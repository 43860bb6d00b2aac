/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "crash_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES  16
#define NAMES  4
#define BYTES  8192u
#define WRITES 64
#define MOVES  64

/* A write or, without bytes, a new length that is not on the disk yet. */
struct pending {
	unsigned int at, size;
	uint8_t bytes[BYTES];
};

struct bytes {
	unsigned int size;
	uint8_t data[BYTES];
};

static struct file {
	struct bytes now, disk;
	struct pending writes[WRITES];
	unsigned int count;
	bool open;
} files[FILES];

/* The folder, by the number of the name; file + 1, 0 = none. */
static const char *const names[NAMES] = {"journal", "journal.new", "journal.damaged", "other"};
struct move {
	int from, to, file; /* names; -1 = none */
};
static int now[NAMES], disk[NAMES];
static struct move moves[MOVES];
static unsigned int move_count, left, times;
static enum crash_fault fault;
static bool dead, faulted;
static uint32_t state;

static void must(bool holds)
{
	if (!holds)
		abort();
}

uint32_t crash_fs_random(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	must(below > 0);
	return state % below;
}

/* --- what happens */

static void apply_move(int *folder, const struct move *m)
{
	if (m->from >= 0)
		folder[m->from] = 0;
	if (m->to >= 0)
		folder[m->to] = m->file;
}

static void move(int from, int to, int file)
{
	must(move_count < MOVES);
	moves[move_count] = (struct move){from, to, file};
	apply_move(now, &moves[move_count++]);
}

static void apply(struct bytes *to, const struct pending *p, unsigned int from, unsigned int upto)
{
	unsigned int end = p->at + p->size, size = to->size;

	must(end <= BYTES);
	if (!p->size || end > size)
		to->size = end;
	if (to->size > size)
		memset(to->data + size, 0, to->size - size);
	memcpy(to->data + p->at + from, p->bytes + from, upto - from);
}

static void apply_some(struct bytes *to, const struct pending *p)
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

static void change(struct file *f, unsigned int at, unsigned int size, const void *bytes)
{
	struct pending *p = &f->writes[f->count++];

	must(f->count <= WRITES && at + size <= BYTES);
	p->at = at;
	p->size = size;
	if (size)
		memcpy(p->bytes, bytes, size);
	apply(&f->now, p, 0, size);
}

/* After a sync that fails, no later one cares for what it had to write. */
static void sync_file(struct file *f, bool works)
{
	for (unsigned int i = 0; i < f->count; i++) {
		struct pending *p = &f->writes[i];

		if (works || !p->size)
			apply(&f->disk, p, 0, p->size);
		else
			apply_some(&f->disk, p);
	}
	f->count = 0;
}

void crash_fs_restart(bool power)
{
	for (unsigned int i = 0; i < FILES; i++) {
		files[i].open = false;
		for (unsigned int k = 0; power && k < files[i].count; k++)
			apply_some(&files[i].disk, &files[i].writes[k]);
		if (power) {
			files[i].now = files[i].disk;
			files[i].count = 0;
		}
	}
	for (unsigned int i = 0; power && i < move_count; i++)
		if (crash_fs_random(2))
			apply_move(disk, &moves[i]);
	if (power) {
		memcpy(now, disk, sizeof(now));
		move_count = 0;
	}
	dead = faulted = false;
	left = times = 0;
}

void crash_fs_begin(uint32_t seed)
{
	state = seed * 2654435761u | 1;
	for (unsigned int i = 0; i < FILES; i++)
		files[i].count = files[i].now.size = files[i].disk.size = 0;
	memset(now, 0, sizeof(now));
	memset(disk, 0, sizeof(disk));
	move_count = 0;
	crash_fs_restart(true);
}

void crash_fs_fault(unsigned int nth, enum crash_fault kind, unsigned int more)
{
	left = nth;
	fault = kind;
	times = more;
}

bool crash_fs_faulted(void)
{
	return faulted;
}

bool crash_fs_dead(void)
{
	return dead;
}

bool crash_fs_has(const char *name)
{
	for (int i = 0; i < NAMES; i++)
		if (strcmp(names[i], name) == 0)
			return now[i] != 0;
	return false;
}

/* Whether this call fails before it does anything. */
static bool fails(enum crash_fault *ret)
{
	static const int errors[] = {ENOSPC, EIO, EDQUOT, EROFS};

	*ret = CRASH_FS_FAULTS;
	errno = errors[crash_fs_random(4)];
	if (dead)
		return true;
	if (!left || --left)
		return false;
	faulted = true;
	left = times > 0;
	times -= left;
	*ret = fault;
	dead = fault >= CRASH_FS_DIE;
	return fault == CRASH_FS_FAIL || fault == CRASH_FS_DIE;
}

static int ended(enum crash_fault f)
{
	return f == CRASH_FS_DIE_AFTER ? -1 : 0;
}

/* --- the calls */

int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_fstat(int fd, struct stat *st);
int __wrap_close(int fd);
int __real_close(int fd);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_ftruncate(int fd, off_t size);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_unlinkat(int dir, const char *path, int flags);
int __wrap_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags);
ssize_t __wrap_pread(int fd, void *data, size_t size, off_t at);
ssize_t __wrap___pread_chk(int fd, void *data, size_t size, off_t at, size_t room);
ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int count, off_t at);

static struct file *file_of(int fd)
{
	struct file *f = &files[fd - CRASH_FS_DIR - 1];

	must(fd > CRASH_FS_DIR && fd <= CRASH_FS_DIR + FILES);
	return f;
}

static int name_of(int dir, const char *path)
{
	int i = 0;

	must(dir == CRASH_FS_DIR);
	while (i < NAMES - 1 && strcmp(names[i], path) != 0)
		i++;
	return i;
}

static bool is_used(int file)
{
	bool used = files[file - 1].open;

	for (int i = 0; i < NAMES; i++)
		used |= now[i] == file || disk[i] == file;
	for (unsigned int i = 0; i < move_count; i++)
		used |= moves[i].file == file;
	return used;
}

static void make_file(int name)
{
	int file = 1;

	while (file <= FILES && is_used(file))
		file++;
	must(file <= FILES);
	files[file - 1].count = files[file - 1].now.size = files[file - 1].disk.size = 0;
	move(-1, name, file);
}

int __wrap_openat(int dir, const char *path, int flags, ...)
{
	int name = name_of(dir, path);
	enum crash_fault f;

	if (fails(&f))
		return -1;
	if (!now[name] && !(flags & O_CREAT)) {
		errno = ENOENT;
		return -1;
	}
	if (now[name] && flags & O_EXCL) {
		errno = EEXIST;
		return -1;
	}
	if (!now[name])
		make_file(name);
	if (ended(f))
		return -1;
	files[now[name] - 1].open = true;
	return CRASH_FS_DIR + now[name];
}

int __wrap_fstat(int fd, struct stat *st)
{
	enum crash_fault f;

	if (fails(&f))
		return -1;
	*st = (struct stat){.st_mode = S_IFREG | 0600, .st_uid = geteuid(), .st_size = file_of(fd)->now.size};
	return ended(f);
}

int __wrap_close(int fd)
{
	if (fd < CRASH_FS_DIR)
		return __real_close(fd);
	file_of(fd)->open = false;
	return 0;
}

int __wrap_fdatasync(int fd)
{
	enum crash_fault f;
	bool works = !fails(&f);

	if (works || !dead)
		sync_file(file_of(fd), works);
	return works ? ended(f) : -1;
}

int __wrap_fsync(int fd)
{
	enum crash_fault f;

	if (fd != CRASH_FS_DIR)
		return __wrap_fdatasync(fd);
	if (fails(&f))
		return -1;
	for (unsigned int i = 0; i < move_count; i++)
		apply_move(disk, &moves[i]);
	move_count = 0;
	return ended(f);
}

int __wrap_ftruncate(int fd, off_t size)
{
	enum crash_fault f;

	if (fails(&f))
		return -1;
	change(file_of(fd), (unsigned int)size, 0, NULL);
	return ended(f);
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	enum crash_fault f;

	if (fails(&f))
		return -1;
	move(name_of(from_dir, from), name_of(to_dir, to), now[name_of(from_dir, from)]);
	return ended(f);
}

int __wrap_unlinkat(int dir, const char *path, int flags)
{
	enum crash_fault f;

	(void)flags;
	if (now[name_of(dir, path)] && fails(&f))
		return -1;
	if (now[name_of(dir, path)])
		move(name_of(dir, path), -1, 0);
	return 0;
}

int __wrap_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	(void)flags;
	move(-1, name_of(to_dir, to), now[name_of(from_dir, from)]);
	return 0;
}

ssize_t __wrap_pread(int fd, void *data, size_t size, off_t at)
{
	enum crash_fault f;

	if (fails(&f))
		return -1;
	if (f == CRASH_FS_SHORT)
		size = 1 + crash_fs_random((uint32_t)size);
	must((size_t)at + size <= file_of(fd)->now.size);
	memcpy(data, file_of(fd)->now.data + at, size);
	return ended(f) ? -1 : (ssize_t)size;
}

ssize_t __wrap___pread_chk(int fd, void *data, size_t size, off_t at, size_t room)
{
	must(size <= room);
	return __wrap_pread(fd, data, size, at);
}

ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int count, off_t at)
{
	uint8_t bytes[BYTES];
	enum crash_fault f;
	size_t size = 0;

	if (fails(&f))
		return -1;
	for (int i = 0; i < count; size += iov[i++].iov_len) {
		must(size + iov[i].iov_len <= BYTES);
		if (iov[i].iov_len)
			memcpy(bytes + size, iov[i].iov_base, iov[i].iov_len);
	}
	if (f == CRASH_FS_TEAR || f == CRASH_FS_SHORT || f == CRASH_FS_DIE_TORN)
		size = crash_fs_random((uint32_t)size) + (f == CRASH_FS_SHORT);
	if (size)
		change(file_of(fd), (unsigned int)at, (unsigned int)size, bytes);
	return f == CRASH_FS_TEAR || dead ? -1 : (ssize_t)size;
}
