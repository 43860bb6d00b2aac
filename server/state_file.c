/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define FILE_NAME "state"
#define FILE_NEW  "state.new"
#define SIZE_MAX_READ (1u << 30)

static int refuse(struct error *err, const char *reason, const char *what, int error)
{
	return error_set(err, ERROR_PRECONDITION, reason, "%s: %s", what, strerror(error));
}

/* The parents are not made: a wrong path should not come to life. */
static int check_folder(int fd, const char *dir, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return refuse(err, "STATE_DIR", dir, errno);
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
		return refuse(err, "STATE_DIR", dir, errno);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return refuse(err, "STATE_DIR", dir, errno);
	r = check_folder(fd, dir, err);
	return r ? r : TAKE_FD(fd);
}

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

int state_read(int dir, char **ret, size_t *ret_size, struct error *err)
{
	_cleanup_close_ int fd = openat(dir, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_free_ char *data = NULL;
	struct stat st;
	int r;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return refuse(err, "STATE_FILE", "the state file", errno);
	if (!S_ISREG(st.st_mode) || st.st_size > SIZE_MAX_READ)
		return error_set(err, ERROR_PRECONDITION, "STATE_FILE", "the state file is no plain file");
	data = malloc((size_t)st.st_size + 1);
	r = data ? read_all(fd, data, (size_t)st.st_size) : -ENOMEM;
	if (r)
		return refuse(err, "STATE_FILE", "the state file", -r);
	*ret_size = (size_t)st.st_size;
	*ret = TAKE_PTR(data);
	return 0;
}

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
	return fdatasync(fd) < 0 ? -errno : 0;
}

int state_write(int dir, const char *text, size_t size, struct error *err)
{
	_cleanup_close_ int fd =
		openat(dir, FILE_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = fd < 0 ? -errno : write_all(fd, text, size);

	if (!r && renameat(dir, FILE_NEW, dir, FILE_NAME) < 0)
		r = -errno;
	if (r) {
		if (fd >= 0)
			unlinkat(dir, FILE_NEW, 0);
		return refuse(err, "NOT_DURABLE",
			"the change was refused because it could not be written to the state folder", -r);
	}
	if (fsync(dir) < 0)
		return error_set(err, ERROR_UNKNOWN, "DURABILITY_UNKNOWN",
			"the state folder could not be synced: %s; the change may or may not survive a crash",
			strerror(errno));
	return 0;
}

int state_set_aside(int dir)
{
	return renameat(dir, FILE_NAME, dir, FILE_NAME ".damaged") < 0 ? -errno : 0;
}
