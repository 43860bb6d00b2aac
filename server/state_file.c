/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/state_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "server/crc32c.h"
#include "server/disk_error.h"

#define FILE_NAME "state"
#define PARTS     "sets"
#define FILE_DAMAGED "state.damaged"
#define SIZE_MAX_READ (1u << 30)
#define CHECKSUM "#@ crc32c " /* the last line of each file, for a person a comment */
#define CHECKSUM_SIZE (sizeof(CHECKSUM) - 1 + 8 + 1) /* the digits and the end of the line */

void state_deinit(struct state *state)
{
	for (size_t i = 0; i < state->part_count; i++)
		free(state->parts[i].text);
	free(state->parts);
	free(state->text);
	*state = (struct state){0};
}

/* --- the checksum */

static void checksum_line(const char *text, size_t size, char ret[static CHECKSUM_SIZE + 1])
{
	snprintf(ret, CHECKSUM_SIZE + 1, CHECKSUM "%08x\n", crc32c(0, text, size));
}

int state_strip_checksum(const char *text, size_t *size, struct error *err)
{
	char line[CHECKSUM_SIZE + 1];
	const char *there;

	if (*size < CHECKSUM_SIZE)
		return 0;
	there = text + *size - CHECKSUM_SIZE;
	if (memcmp(there, CHECKSUM, sizeof(CHECKSUM) - 1) != 0)
		return 0;
	checksum_line(text, *size - CHECKSUM_SIZE, line);
	if (memcmp(there, line, CHECKSUM_SIZE) != 0)
		return error_set(err, ERROR_PRECONDITION, "STATE_DAMAGED",
			"it has not the checksum that its last line says; whoever changed it by hand "
			"takes that line out");
	*size -= CHECKSUM_SIZE;
	return 0;
}

/* --- the folder */

/* The parents are not made: a wrong path should not come to life. */
static int check_folder(int fd, const char *dir, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return disk_refuses(err, "STATE_DIR", dir, errno);
	if (st.st_uid != geteuid() || st.st_mode & 022)
		return error_set(err, ERROR_PRECONDITION, "STATE_DIR_UNSAFE",
			"others may write to the state folder %s; chown it to uid %u and chmod it to 0700",
			dir, geteuid());
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return error_set(err, ERROR_PRECONDITION, "STATE_DIR_IN_USE",
			"another pepctld uses the state folder %s; stop it, or give another --state-dir",
			dir);
	return 0;
}

int state_open(const char *dir, struct error *err)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return disk_refuses(err, "STATE_DIR", dir, errno);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return disk_refuses(err, "STATE_DIR", dir, errno);
	r = check_folder(fd, dir, err);
	return r ? r : TAKE_FD(fd);
}

/* --- reading */

static int read_all(int fd, char *data, size_t size)
{
	size_t at = 0;

	while (at < size) {
		ssize_t got = read(fd, data + at, size - at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		at += (size_t)got;
	}
	data[size] = 0;
	return 0;
}

static int read_file(int dir, const char *name, char **ret, size_t *ret_size, struct error *err)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	_cleanup_free_ char *data = NULL;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return disk_refuses(err, "STATE_FILE", name, errno);
	if (!S_ISREG(st.st_mode) || st.st_size > SIZE_MAX_READ)
		return error_set(err, ERROR_PRECONDITION, "STATE_FILE", "%s is no plain file", name);
	data = malloc((size_t)st.st_size + 1);
	r = data ? read_all(fd, data, (size_t)st.st_size) : -ENOMEM;
	if (r)
		return disk_refuses(err, "STATE_FILE", name, -r);
	*ret_size = (size_t)st.st_size;
	*ret = TAKE_PTR(data);
	return 0;
}

int state_read(int dir, char **ret, size_t *ret_size, struct error *err)
{
	if (faccessat(dir, FILE_NAME, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	return read_file(dir, FILE_NAME, ret, ret_size, err);
}

int state_read_part(int dir, const char *name, char **ret, size_t *ret_size, struct error *err)
{
	int r;

	if (strncmp(name, PARTS "/", sizeof(PARTS)) != 0 || strchr(name + sizeof(PARTS), '/'))
		return error_set(err, ERROR_PRECONDITION, "STATE_FILE",
			"\"%.80s\" is no file of the state folder's " PARTS "/", name);
	r = read_file(dir, name, ret, ret_size, err);
	if (!r && (r = state_strip_checksum(*ret, ret_size, err))) {
		error_prefix(err, "%s: ", name);
		free(TAKE_PTR(*ret));
	}
	if (!r)
		(*ret)[*ret_size] = 0;
	return r;
}

/* --- writing */

static int write_all(int fd, const char *data, size_t size)
{
	size_t at = 0;

	while (at < size) {
		ssize_t put = write(fd, data + at, size - at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		at += (size_t)put;
	}
	return 0;
}

static int write_with_checksum(int fd, const char *text, size_t size)
{
	char line[CHECKSUM_SIZE + 1];
	int r = write_all(fd, text, size);

	checksum_line(text, size, line);
	if (!r)
		r = write_all(fd, line, CHECKSUM_SIZE);
	return r ? r : fdatasync(fd) < 0 ? -errno : 0;
}

/* Aside, synced, renamed. */
static int replace_file(int dir, const char *name, const char *text, size_t size)
{
	_cleanup_close_ int fd = -1;
	char aside[128];
	int r;

	snprintf(aside, sizeof(aside), "%s.new", name);
	fd = openat(dir, aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	r = fd < 0 ? -errno : write_with_checksum(fd, text, size);
	if (!r && renameat(dir, aside, dir, name) < 0)
		r = -errno;
	if (r && fd >= 0)
		unlinkat(dir, aside, 0);
	return r;
}

static int open_parts(int dir)
{
	if (mkdirat(dir, PARTS, 0700) < 0 && errno != EEXIST)
		return -1;
	return openat(dir, PARTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static int write_parts(int dir, const struct state *state)
{
	_cleanup_close_ int parts = -1;
	bool written = false;

	for (size_t i = 0; i < state->part_count; i++) {
		const struct state_part *part = &state->parts[i];
		int r;

		if (!part->text)
			continue;
		if (parts < 0 && (parts = open_parts(dir)) < 0)
			return -errno;
		r = replace_file(dir, part->name, part->text, part->size);
		if (r)
			return r;
		written = true;
	}
	return written && (fsync(parts) < 0 || fsync(dir) < 0) ? -errno : 0;
}

static bool is_named(const struct state *state, const char *file)
{
	for (size_t i = 0; i < state->part_count; i++)
		if (streq(state->parts[i].name + sizeof(PARTS), file))
			return true;
	return false;
}

/* What a file of no use costs is room: failing to remove it fails nothing. */
static void remove_stale(int dir, const struct state *state)
{
	int fd = openat(dir, PARTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *parts = fd < 0 ? NULL : fdopendir(fd);

	if (!parts) {
		closep(&fd);
		return;
	}
	for (struct dirent *entry; (entry = readdir(parts));)
		if (entry->d_type == DT_REG && !is_named(state, entry->d_name))
			unlinkat(fd, entry->d_name, 0);
	closedir(parts);
}

int state_write(int dir, const struct state *state, struct error *err)
{
	int r = write_parts(dir, state);

	if (!r)
		r = replace_file(dir, FILE_NAME, state->text, state->size);
	if (r)
		return disk_refuses(err, "NOT_DURABLE",
			"the change was refused because it could not be written to the state folder", -r);
	if (fsync(dir) < 0)
		return disk_unknown(err, "the state folder", errno);
	remove_stale(dir, state);
	return 0;
}

static int verify(int dir, const char *name, const char *text, size_t size, struct error *err)
{
	_cleanup_free_ char *there = NULL;
	size_t there_size = 0;
	int r = read_file(dir, name, &there, &there_size, err);

	if (r)
		return r;
	if (there && !state_strip_checksum(there, &there_size, NULL) && there_size == size && memcmp(there, text, size) == 0)
		return 0;
	return error_set(err, ERROR_UNKNOWN, "DURABILITY_UNKNOWN", "%s is not what was written to it",
		name);
}

int state_verify(int dir, const struct state *state, struct error *err)
{
	int r = verify(dir, FILE_NAME, state->text, state->size, err);

	for (size_t i = 0; i < state->part_count && !r; i++)
		if (state->parts[i].text)
			r = verify(dir, state->parts[i].name, state->parts[i].text, state->parts[i].size, err);
	return r;
}

int state_set_aside(int dir)
{
	unlinkat(dir, FILE_DAMAGED, 0);
	return linkat(dir, FILE_NAME, dir, FILE_DAMAGED, 0) < 0 ? -errno : 0;
}
