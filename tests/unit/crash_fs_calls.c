/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The calls, as the linker puts them in the place of the system's. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "crash_fs_internal.h"

int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_faccessat(int dir, const char *path, int mode, int flags);
int __wrap_fstat(int fd, struct stat *st);
int __wrap_close(int fd);
int __real_close(int fd);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_ftruncate(int fd, off_t size);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_unlinkat(int dir, const char *path, int flags);
int __wrap_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags);
int __wrap_mkdirat(int dir, const char *path, mode_t mode);
DIR *__wrap_fdopendir(int fd);
struct dirent *__wrap_readdir(DIR *dir);
int __wrap_closedir(DIR *dir);
ssize_t __wrap_pread(int fd, void *data, size_t size, off_t at);
ssize_t __wrap___pread_chk(int fd, void *data, size_t size, off_t at, size_t room);
ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int count, off_t at);
ssize_t __wrap_read(int fd, void *data, size_t size);
ssize_t __real_read(int fd, void *data, size_t size);
ssize_t __wrap___read_chk(int fd, void *data, size_t size, size_t room);
ssize_t __wrap_write(int fd, const void *data, size_t size);
ssize_t __real_write(int fd, const void *data, size_t size);

static int file_of(int fd)
{
	crash_must(fd > CRASH_FS_DIR && fd <= CRASH_FS_DIR + CRASH_FILES);
	return fd - CRASH_FS_DIR;
}

static int ended(enum crash_fault f)
{
	return f == CRASH_FS_DIE_AFTER ? -1 : 0;
}

static int failed(int error)
{
	errno = error;
	return -1;
}

/* --- names */

static bool has_folder(int name)
{
	bool parts;

	crash_name_text(name, &parts);
	return !parts || crash_now(crash_name(CRASH_FS_DIR, CRASH_PARTS));
}

int __wrap_openat(int dir, const char *path, int flags, ...)
{
	int name = crash_name(dir, path), file = crash_now(name);
	enum crash_fault f;

	if (crash_fails(&f))
		return -1;
	if (!has_folder(name) || (!file && !(flags & O_CREAT)))
		return failed(ENOENT);
	if (file && flags & O_EXCL)
		return failed(EEXIST);
	if (!file)
		file = crash_make_file(name);
	if (file == CRASH_PARTS_FILE)
		return ended(f) ? -1 : CRASH_PARTS_FD;
	if (flags & O_TRUNC && crash_bytes(file)->size)
		crash_change(file, 0, 0, NULL);
	if (ended(f))
		return -1;
	crash_open(file, true);
	return CRASH_FS_DIR + file;
}

int __wrap_faccessat(int dir, const char *path, int mode, int flags)
{
	enum crash_fault f;

	(void)mode;
	(void)flags;
	if (crash_fails(&f))
		return -1;
	return crash_now(crash_name(dir, path)) ? ended(f) : failed(ENOENT);
}

int __wrap_fstat(int fd, struct stat *st)
{
	enum crash_fault f;

	if (crash_fails(&f))
		return -1;
	*st = (struct stat){.st_mode = S_IFREG | 0600,
		.st_uid = geteuid(),
		.st_size = crash_bytes(file_of(fd))->size};
	return ended(f);
}

int __wrap_close(int fd)
{
	if (fd < CRASH_FS_DIR)
		return __real_close(fd);
	if (fd != CRASH_PARTS_FD)
		crash_open(file_of(fd), false);
	return 0;
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	int name = crash_name(from_dir, from);
	enum crash_fault f;

	if (crash_fails(&f))
		return -1;
	crash_must(crash_now(name));
	crash_move(name, crash_name(to_dir, to), crash_now(name));
	return ended(f);
}

int __wrap_unlinkat(int dir, const char *path, int flags)
{
	int name = crash_name(dir, path);
	enum crash_fault f;

	(void)flags;
	if (crash_now(name) && crash_fails(&f))
		return -1;
	if (crash_now(name))
		crash_move(name, -1, 0);
	return 0;
}

int __wrap_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	(void)flags;
	crash_move(-1, crash_name(to_dir, to), crash_now(crash_name(from_dir, from)));
	return 0;
}

int __wrap_mkdirat(int dir, const char *path, mode_t mode)
{
	int name = crash_name(dir, path);
	enum crash_fault f;

	(void)mode;
	crash_must(strcmp(path, CRASH_PARTS) == 0);
	if (crash_fails(&f))
		return -1;
	if (crash_now(name))
		return failed(EEXIST);
	crash_move(-1, name, CRASH_PARTS_FILE);
	return ended(f);
}

/* --- the list of names */

static struct listing {
	int next;
	struct dirent entry;
} listing;

DIR *__wrap_fdopendir(int fd)
{
	enum crash_fault f;

	crash_must(fd == CRASH_PARTS_FD);
	if (crash_fails(&f) || ended(f))
		return NULL;
	listing.next = 0;
	return (DIR *)&listing;
}

struct dirent *__wrap_readdir(DIR *dir)
{
	struct dirent *entry = &listing.entry;
	const char *text;
	bool parts;

	(void)dir;
	while ((text = crash_name_text(listing.next++, &parts))) {
		if (!parts || !crash_now(listing.next - 1))
			continue;
		entry->d_type = DT_REG;
		snprintf(entry->d_name, sizeof(entry->d_name), "%s", text);
		return entry;
	}
	return NULL;
}

int __wrap_closedir(DIR *dir)
{
	(void)dir;
	return 0;
}

/* --- bytes */

int __wrap_fdatasync(int fd)
{
	enum crash_fault f;
	bool works = !crash_fails(&f);

	if (works || !crash_fs_dead())
		crash_sync_file(file_of(fd), works);
	return works ? ended(f) : -1;
}

int __wrap_fsync(int fd)
{
	enum crash_fault f;

	if (fd != CRASH_FS_DIR && fd != CRASH_PARTS_FD)
		return __wrap_fdatasync(fd);
	if (crash_fails(&f))
		return -1;
	crash_sync_folder(fd == CRASH_PARTS_FD);
	return ended(f);
}

int __wrap_ftruncate(int fd, off_t size)
{
	enum crash_fault f;

	if (crash_fails(&f))
		return -1;
	crash_change(file_of(fd), (unsigned int)size, 0, NULL);
	return ended(f);
}

ssize_t __wrap_pread(int fd, void *data, size_t size, off_t at)
{
	const struct crash_bytes *bytes = crash_bytes(file_of(fd));
	enum crash_fault f;

	if (crash_fails(&f))
		return -1;
	if (f == CRASH_FS_SHORT)
		size = 1 + crash_fs_random((uint32_t)size);
	crash_must((size_t)at + size <= bytes->size);
	memcpy(data, bytes->data + at, size);
	return ended(f) ? -1 : (ssize_t)size;
}

ssize_t __wrap___pread_chk(int fd, void *data, size_t size, off_t at, size_t room)
{
	crash_must(size <= room);
	return __wrap_pread(fd, data, size, at);
}

ssize_t __wrap_read(int fd, void *data, size_t size)
{
	unsigned int *offset;
	ssize_t got;

	if (fd < CRASH_FS_DIR)
		return __real_read(fd, data, size);
	offset = crash_offset(file_of(fd));
	got = __wrap_pread(fd, data, size, *offset);
	*offset += got > 0 ? (unsigned int)got : 0;
	return got;
}

ssize_t __wrap___read_chk(int fd, void *data, size_t size, size_t room)
{
	crash_must(size <= room);
	return __wrap_read(fd, data, size);
}

ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int count, off_t at)
{
	static uint8_t bytes[CRASH_BYTES];
	enum crash_fault f;
	size_t size = 0;

	if (crash_fails(&f))
		return -1;
	for (int i = 0; i < count; size += iov[i++].iov_len) {
		crash_must(size + iov[i].iov_len <= CRASH_BYTES);
		if (iov[i].iov_len)
			memcpy(bytes + size, iov[i].iov_base, iov[i].iov_len);
	}
	if (size && (f == CRASH_FS_TEAR || f == CRASH_FS_SHORT || f == CRASH_FS_DIE_TORN))
		size = crash_fs_random((uint32_t)size) + (f == CRASH_FS_SHORT);
	if (size)
		crash_change(file_of(fd), (unsigned int)at, (unsigned int)size, bytes);
	return f == CRASH_FS_TEAR || crash_fs_dead() ? -1 : (ssize_t)size;
}

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
	struct iovec iov = {(void *)(uintptr_t)data, size};
	unsigned int *offset;
	ssize_t put;

	if (fd < CRASH_FS_DIR)
		return __real_write(fd, data, size);
	offset = crash_offset(file_of(fd));
	put = __wrap_pwritev(fd, &iov, 1, *offset);
	*offset += put > 0 ? (unsigned int)put : 0;
	return put;
}
