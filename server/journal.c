/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "server/disk_error.h"
#include "server/journal_format.h"

#define FILE_NAME    "journal"
#define FILE_ASIDE   "journal.new"
#define FILE_DAMAGED "journal.damaged"
#define DAMAGED_MAX  1000u

struct journal {
	int dir; /* not owned */
	int fd;
	uint64_t id;
	uint64_t size;
	uint64_t last; /* sequence */
	int refuses;   /* errno, 0 = it does not; until rewritten */
	bool damaged;  /* when it was opened */
	char *notice;
};

static int unknown(struct journal *j, const char *what, int error, struct error *err)
{
	j->refuses = error;
	return disk_unknown(err, what, error);
}

/* --- writing */

static int write_all(int fd, struct iovec *iov, size_t count, uint64_t at)
{
	while (count) {
		ssize_t put = pwritev(fd, iov, (int)MIN(count, IOV_MAX), (off_t)at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		at += (uint64_t)put;
		for (; count && (size_t)put >= iov->iov_len; iov++, count--)
			put -= (ssize_t)iov->iov_len;
		if (!count)
			break;
		iov->iov_base = (char *)iov->iov_base + put;
		iov->iov_len -= (size_t)put;
	}
	return 0;
}

/* Returns the bytes that they take, 0 = refused. */
static uint64_t check(const struct journal_record *records, size_t count, uint64_t last,
	uint64_t size, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		if (records[i].sequence <= last) {
			error_set(err, ERROR_INTERNAL, "JOURNAL_SEQUENCE",
				"record %llu of the journal would follow record %llu",
				(unsigned long long)records[i].sequence, (unsigned long long)last);
			return 0;
		}
		last = records[i].sequence;
		size += JOURNAL_RECORD_HEADER + records[i].size;
		if (records[i].size > JOURNAL_PAYLOAD_MAX || size > JOURNAL_SIZE_MAX) {
			error_set(err, ERROR_LIMIT, "JOURNAL_FULL",
				"a record may have %u MiB and the journal %u MiB",
				JOURNAL_PAYLOAD_MAX >> 20, JOURNAL_SIZE_MAX >> 20);
			return 0;
		}
	}
	return size;
}

static unsigned int flags_in_group(size_t i, size_t count)
{
	return (i == 0 ? JOURNAL_FIRST : 0) | (i == count - 1 ? JOURNAL_LAST : 0);
}

/* With `group`, all are one; a file that is renamed when it is whole needs none. */
static int write_records(int fd, uint64_t id, uint64_t at, const struct journal_record *records,
	size_t count, bool group)
{
	_cleanup_free_ uint8_t (*headers)[JOURNAL_RECORD_HEADER] = calloc(count + 1, sizeof(*headers));
	_cleanup_free_ struct iovec *iov = calloc(2 * count + 1, sizeof(*iov));

	if (!headers || !iov)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		journal_format_record(headers[i], id, &records[i],
			group ? flags_in_group(i, count) : JOURNAL_FIRST | JOURNAL_LAST);
		iov[2 * i] = (struct iovec){headers[i], JOURNAL_RECORD_HEADER};
		iov[2 * i + 1] =
			(struct iovec){(void *)(uintptr_t)records[i].payload, records[i].size};
	}
	return write_all(fd, iov, 2 * count, at);
}

static int check_usable(const struct journal *j, struct error *err)
{
	if (!j->refuses)
		return 0;
	return error_set(err, ERROR_PRECONDITION, "NOT_DURABLE",
		"the change was refused because the journal could not be written or synced, and it has not "
		"been rewritten since: %s%s", strerror(j->refuses), disk_advice(j->refuses));
}

int journal_append(
	struct journal *j, const struct journal_record *records, size_t count, struct error *err)
{
	uint64_t size;
	int r;

	if (!count) /* nothing that needs the disk: what ends in its time */
		return 0;
	r = check_usable(j, err);
	if (r)
		return r;
	size = check(records, count, j->last, j->size, err);
	if (!size)
		return -EINVAL;
	r = write_records(j->fd, j->id, j->size, records, count, true);
	if (r) {
		j->refuses = ftruncate(j->fd, (off_t)j->size) < 0 ? errno : 0;
		return disk_refuses(err, "NOT_DURABLE",
			"the change was refused because it could not be written to the journal", -r);
	}
	if (fdatasync(j->fd) < 0)
		return unknown(j, "the journal", errno, err);
	j->size = size;
	j->last = records[count - 1].sequence;
	return 0;
}

static int write_file(int fd, uint64_t id, const struct journal_record *records, size_t count)
{
	uint8_t header[JOURNAL_FILE_HEADER];
	struct iovec iov = {header, sizeof(header)};
	int r;

	journal_format_file(header, id);
	r = write_all(fd, &iov, 1, 0);
	if (!r)
		r = write_records(fd, id, sizeof(header), records, count, false);
	return r ? r : fsync(fd) < 0 ? -errno : 0;
}

/* Aside, synced, renamed. Returns the new file's descriptor. */
static int replace_file(int dir, uint64_t id, const struct journal_record *records, size_t count)
{
	_cleanup_close_ int fd = -1;
	int r;

	unlinkat(dir, FILE_ASIDE, 0); /* of a crash */
	fd = openat(dir, FILE_ASIDE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = write_file(fd, id, records, count);
	if (!r && renameat(dir, FILE_ASIDE, dir, FILE_NAME) < 0)
		r = -errno;
	if (r)
		unlinkat(dir, FILE_ASIDE, 0);
	return r ? r : TAKE_FD(fd);
}

int journal_rewrite(
	struct journal *j, const struct journal_record *records, size_t count, struct error *err)
{
	uint64_t size = check(records, count, 0, JOURNAL_FILE_HEADER, err), id;
	int fd;

	if (!size)
		return -EINVAL;
	fd = getrandom(&id, sizeof(id), 0) < 0 ? -errno : replace_file(j->dir, id, records, count);
	if (fd < 0 && j->fd < 0) /* there is none */
		j->refuses = -fd;
	if (fd < 0)
		return disk_refuses(err, "NOT_DURABLE", "the journal could not be rewritten", -fd);
	closep(&j->fd);
	j->fd = fd;
	j->id = id;
	j->size = size;
	j->last = count ? records[count - 1].sequence : 0;
	if (fsync(j->dir) < 0)
		return unknown(j, "the state folder", errno, err);
	j->refuses = 0;
	return 0;
}

/* --- opening */

static int read_all(int fd, uint8_t *data, size_t size)
{
	size_t at = 0;

	while (at < size) {
		ssize_t got = pread(fd, data + at, size - at, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		at += (size_t)got;
	}
	return 0;
}

/* Every byte of it, or what is wrong before the first. */
static int read_file(
	int fd, uint8_t **ret, size_t *ret_size, const char **ret_damage, struct error *err)
{
	_cleanup_free_ uint8_t *data = NULL;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return disk_refuses(err, "JOURNAL", FILE_NAME, errno);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_PRECONDITION, "JOURNAL", FILE_NAME " is no plain file");
	if (st.st_uid != geteuid() || st.st_mode & 022)
		*ret_damage = "others may write to it";
	else if (st.st_size > JOURNAL_SIZE_MAX)
		*ret_damage = "it is too long";
	if (*ret_damage)
		return 0;
	data = malloc((size_t)st.st_size + 1);
	r = data ? read_all(fd, data, (size_t)st.st_size) : -ENOMEM;
	if (r)
		return disk_refuses(err, "JOURNAL", FILE_NAME, -r);
	*ret_size = (size_t)st.st_size;
	*ret = TAKE_PTR(data);
	return 0;
}

/* Under a name that nothing has. It stays the journal too until that is replaced. */
static int set_aside(int dir, char *name, size_t size)
{
	snprintf(name, size, FILE_DAMAGED);
	for (unsigned int i = 1; linkat(dir, FILE_NAME, dir, name, 0) < 0; i++) {
		if (errno != EEXIST || i > DAMAGED_MAX)
			return -errno;
		snprintf(name, size, FILE_DAMAGED ".%u", i);
	}
	return 0;
}

static int say(struct journal *j, int printed, struct error *err)
{
	if (printed >= 0)
		return 0;
	j->notice = NULL;
	return disk_refuses(err, "JOURNAL", FILE_NAME, ENOMEM);
}

static int repair(struct journal *j, const struct journal_scan *scan, struct error *err)
{
	char name[sizeof(FILE_DAMAGED) + 12];
	int r = set_aside(j->dir, name, sizeof(name));

	j->damaged = true;
	if (r)
		return disk_refuses(err, "JOURNAL", "the damaged journal could not be set aside", -r);
	r = journal_rewrite(j, scan->records, scan->count, err);
	return r ? r : say(j, asprintf(&j->notice,
		"the journal was damaged: %s; the %zu records before that are kept, and the damaged "
		"file is kept as %s in the state folder", scan->damage, scan->count, name), err);
}

static int cut(struct journal *j, size_t size, struct error *err)
{
	if (ftruncate(j->fd, (off_t)j->size) < 0)
		return disk_refuses(err, "JOURNAL", "the journal's end could not be cut off", errno);
	return say(j, asprintf(&j->notice,
		"a write to the journal was cut short by a crash; its %zu bytes are cut off",
		size - (size_t)j->size), err);
}

/*
 * What was read shall still be there after the next crash. The last group may be unsynced, by a
 * kill or by a sync that failed; after the latter the kernel has to be given it once more.
 */
static int settle(struct journal *j, uint8_t *data, size_t size,
	const struct journal_scan *scan, struct error *err)
{
	struct iovec tail = {data ? data + scan->tail : NULL, scan->good - scan->tail};
	int r;

	if (scan->damage && !j->refuses)
		return repair(j, scan, err);
	j->size = scan->good;
	j->last = scan->count ? scan->records[scan->count - 1].sequence : 0;
	journal_parse_file(data, size, &j->id);
	if (j->refuses) {
		fdatasync(j->fd); /* needs no right to write; where it fails nothing is written anyway */
		return say(j, asprintf(&j->notice, "the journal cannot be written: %s; changes are refused%s%s",
			strerror(j->refuses), scan->damage ? "; it is damaged: " : "",
			scan->damage ? scan->damage : ""), err);
	}
	r = tail.iov_len ? write_all(j->fd, &tail, 1, scan->tail) : 0;
	if (r)
		return disk_refuses(err, "JOURNAL", FILE_NAME, -r);
	if (size > scan->good)
		r = cut(j, size, err);
	if (!r && (fdatasync(j->fd) < 0 || fsync(j->dir) < 0))
		r = unknown(j, "the journal", errno, err);
	return r;
}

static int load(struct journal *j, journal_read_fn *read, void *data, struct error *err)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	_cleanup_(journal_scan_deinit) struct journal_scan scan = {0};
	size_t size = 0;
	int r = read_file(j->fd, &bytes, &size, &scan.damage, err);

	if (r)
		return r;
	if (bytes && (r = journal_scan(bytes, size, &scan)))
		disk_refuses(err, "JOURNAL", FILE_NAME, -r);
	for (size_t i = 0; i < scan.count && !r; i++)
		r = read(data, &scan.records[i], err);
	return r ? r : settle(j, bytes, size, &scan, err);
}

static int open_file(struct journal *j)
{
	const int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int fd = openat(j->dir, FILE_NAME, O_RDWR | flags);

	j->refuses = fd < 0 && errno == EROFS ? EROFS : 0;
	return j->refuses ? openat(j->dir, FILE_NAME, O_RDONLY | flags) : fd;
}

/* A host shall be guarded also when its disk is full. */
static int make(struct journal *j, struct error *err)
{
	_cleanup_error_ struct error why = ERROR_INIT;

	if (!journal_rewrite(j, NULL, 0, &why))
		return 0;
	return say(j, asprintf(&j->notice, "%s; changes are refused until it can be", error_message(&why)), err);
}

int journal_open(int dir, journal_read_fn *read, void *data, struct journal **ret, struct error *err)
{
	_cleanup_(journal_closep) struct journal *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return disk_refuses(err, "JOURNAL", FILE_NAME, ENOMEM);
	j->dir = dir;
	j->fd = open_file(j);
	if (j->fd >= 0)
		r = load(j, read, data, err);
	else if (errno == ENOENT)
		r = make(j, err);
	else
		r = disk_refuses(err, "JOURNAL", FILE_NAME, errno);
	if (!r)
		*ret = TAKE_PTR(j);
	return r;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	closep(&j->fd);
	free(j->notice);
	free(j);
}

const char *journal_notice(const struct journal *j)
{
	return j->notice;
}

bool journal_damaged(const struct journal *j)
{
	return j->damaged;
}

bool journal_refuses(const struct journal *j)
{
	return j->refuses != 0;
}

uint64_t journal_size(const struct journal *j)
{
	return j->size;
}
