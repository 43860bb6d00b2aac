/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The pin folder: maps/ has one load's maps, links/ one link an interface.
 *
 * maps/ is only ever replaced whole: new maps are pinned in maps-next/, then
 * maps/ becomes maps-old/ and maps-next/ becomes maps/. Cut off anywhere, the
 * next start finds one complete set: maps-next/ counts only beside maps-old/.
 *
 * bpffs refuses dots in names and interfaces have none but dots in theirs that
 * it refuses, while they never have a colon: a dot is pinned as a colon.
 */
#include "server/datapath_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <bpf/bpf.h>

#define PATH_SIZE 512u

static int path_of(const struct datapath *dp, const char *folder, const char *name,
	char ret[static PATH_SIZE])
{
	int length = snprintf(ret, PATH_SIZE, "%s/%s%s%s", dp->pin_dir, folder, *name ? "/" : "", name);

	return length < 0 || (size_t)length >= PATH_SIZE ? -ENAMETOOLONG : 0;
}

static void swap_char(char *text, char from, char to)
{
	for (; *text; text++)
		if (*text == from)
			*text = to;
}

int pins_link_path(const struct datapath *dp, const char *iface, char ret[static 512])
{
	char name[IFACE_NAME_SIZE];

	snprintf(name, sizeof(name), "%s", iface);
	swap_char(name, '.', ':');
	return path_of(dp, "links", name, ret);
}

/* Removes a folder of pins with what is in it. */
static void folder_remove(const struct datapath *dp, const char *folder)
{
	char path[PATH_SIZE];
	struct dirent *entry;
	DIR *dir;

	if (path_of(dp, folder, "", path) < 0 || !(dir = opendir(path)))
		return;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	rmdir(path);
}

static int folder_rename(const struct datapath *dp, const char *from, const char *to)
{
	char old[PATH_SIZE], new[PATH_SIZE];

	if (path_of(dp, from, "", old) < 0 || path_of(dp, to, "", new) < 0)
		return -ENAMETOOLONG;
	return rename(old, new) < 0 ? -errno : 0;
}

static bool folder_exists(const struct datapath *dp, const char *folder)
{
	char path[PATH_SIZE];

	return !path_of(dp, folder, "", path) && access(path, F_OK) == 0;
}

static int folder_make(const struct datapath *dp, const char *folder)
{
	char path[PATH_SIZE];
	int r = path_of(dp, folder, "", path);

	if (!r && mkdir(path, 0700) < 0 && errno != EEXIST)
		r = -errno;
	return r;
}

static int not_bpffs(const char *path, struct error *err)
{
	return error_set(err, ERROR_PRECONDITION, "NO_BPFFS",
		"the pin folder %s is not on a BPF file system; mount one: mount -t bpf bpf "
		"/sys/fs/bpf",
		path);
}

/* Makes the folder with its parents below the mount; the first existing one must be a bpffs. */
static int folder_root(const char *path, struct error *err)
{
	_cleanup_free_ char *parent = strdup(path);
	struct statfs fs;
	char *slash;

	if (!parent)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	while (statfs(parent, &fs) < 0) {
		slash = strrchr(parent, '/');
		if (!slash || slash == parent)
			return not_bpffs(path, err);
		*slash = 0;
	}
	if ((unsigned long)fs.f_type != BPF_FS_MAGIC)
		return not_bpffs(path, err);
	for (size_t at = strlen(parent); at <= strlen(path); at++) {
		_cleanup_free_ char *part = strndup(path, at);

		if (path[at] != '/' && path[at])
			continue;
		if (!part || (mkdir(part, 0700) < 0 && errno != EEXIST))
			return error_set(err, ERROR_PRECONDITION, "PIN_DIR",
				"the pin folder %s cannot be made: %s", path, strerror(errno));
	}
	return 0;
}

static void finish_replacement(const struct datapath *dp)
{
	if (!folder_exists(dp, "maps") && folder_exists(dp, "maps-old")) {
		if (folder_exists(dp, "maps-next"))
			folder_rename(dp, "maps-next", "maps");
		else
			folder_rename(dp, "maps-old", "maps");
	}
	folder_remove(dp, "maps-next");
	folder_remove(dp, "maps-old");
}

int pins_prepare(struct datapath *dp, struct error *err)
{
	int r = folder_root(dp->pin_dir, err);

	if (r)
		return r;
	dp->lock = open(dp->pin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dp->lock < 0)
		return error_set(err, ERROR_PRECONDITION, "PIN_DIR", "the pin folder %s: %s",
			dp->pin_dir, strerror(errno));
	if (flock(dp->lock, LOCK_EX | LOCK_NB) < 0)
		return error_set(err, ERROR_PRECONDITION, "PIN_DIR_IN_USE",
			"another pepctld uses the pin folder %s; stop it, or give another --pin-dir",
			dp->pin_dir);
	finish_replacement(dp);
	r = folder_make(dp, "links");
	if (r)
		return error_set(err, ERROR_PRECONDITION, "PIN_DIR", "%s/links: %s", dp->pin_dir,
			strerror(-r));
	return 0;
}

void pins_find(const struct datapath *dp, struct map_set *ret)
{
	char path[PATH_SIZE];

	for (size_t i = 0; i < MAP_COUNT; i++)
		if (!path_of(dp, "maps", map_names[i], path))
			ret->fds[i] = bpf_obj_get(path);
}

static int not_pinned(const struct datapath *dp, int r, struct error *err)
{
	return error_set(err, ERROR_PRECONDITION, "PIN_DIR",
		"the maps cannot be pinned in %s: %s; what was pinned there stays in force; see that the "
		"BPF file system can be written to, and start again",
		dp->pin_dir, strerror(-r));
}

int pins_stage(struct datapath *dp, struct error *err)
{
	char path[PATH_SIZE];
	int r = folder_make(dp, "maps-next");

	for (size_t i = 0; i < MAP_COUNT && !r; i++) {
		r = path_of(dp, "maps-next", map_names[i], path);
		if (!r && bpf_obj_pin(dp->maps.fds[i], path) < 0)
			r = -errno;
	}
	return r ? not_pinned(dp, r, err) : 0;
}

int pins_replace(struct datapath *dp, struct error *err)
{
	int r = folder_exists(dp, "maps") ? folder_rename(dp, "maps", "maps-old") : 0;

	if (!r)
		r = folder_rename(dp, "maps-next", "maps");
	if (r && !folder_exists(dp, "maps"))
		folder_rename(dp, "maps-old", "maps");
	if (r)
		return not_pinned(dp, r, err);
	folder_remove(dp, "maps-old");
	return 0;
}

void pins_unstage(struct datapath *dp)
{
	folder_remove(dp, "maps-next");
}

void pins_remove(struct datapath *dp)
{
	folder_remove(dp, "links");
	folder_remove(dp, "maps");
	rmdir(dp->pin_dir);
}

void pins_each_link(struct datapath *dp, void (*cb)(struct datapath *dp, const char *iface, int fd))
{
	char path[PATH_SIZE], name[IFACE_NAME_SIZE];
	struct dirent *entry;
	DIR *dir;

	if (path_of(dp, "links", "", path) < 0 || !(dir = opendir(path)))
		return;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= sizeof(name))
			continue;
		snprintf(name, sizeof(name), "%.15s", entry->d_name);
		swap_char(name, ':', '.');
		if (!pins_link_path(dp, name, path))
			cb(dp, name, bpf_obj_get(path));
	}
	closedir(dir);
}
