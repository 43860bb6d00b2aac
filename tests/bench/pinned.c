/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pinned.h"

#include <errno.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define IDS_MAX   64
#define SLOTS_MAX 16

static struct bpf_object *target;
static unsigned int reused;

/* Maps of sections are called OBJECT.SECTION; the object's part is another one here. */
static const char *section_of(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot ? dot : name;
}

/* The kernel keeps the first 15 characters. */
static bool same_name(const char *name, const char *kernel_name)
{
	return strncmp(section_of(name), section_of(kernel_name), BPF_OBJ_NAME_LEN - 1) == 0;
}

static void offer_maps_of(int program);

static void offer_programs_in(int array)
{
	for (__u32 slot = 0; slot < SLOTS_MAX; slot++) {
		__u32 id;
		int fd;

		if (bpf_map_lookup_elem(array, &slot, &id))
			continue;
		fd = bpf_prog_get_fd_by_id(id);
		if (fd < 0)
			continue;
		offer_maps_of(fd);
		close(fd);
	}
}

static void offer_map(int fd)
{
	struct bpf_map_info info = {0};
	__u32 size = sizeof(info);
	struct bpf_map *map;

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return;
	bpf_object__for_each_map(map, target)
	{
		if (same_name(bpf_map__name(map), info.name) &&
			bpf_map__key_size(map) == info.key_size && !bpf_map__reuse_fd(map, fd))
			reused++;
	}
	if (info.type == BPF_MAP_TYPE_PROG_ARRAY)
		offer_programs_in(fd);
}

static void offer_maps_of(int program)
{
	__u32 ids[IDS_MAX];
	struct bpf_prog_info info = {.nr_map_ids = IDS_MAX, .map_ids = (__u64)(unsigned long)ids};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(program, &info, &size))
		return;
	for (__u32 i = 0; i < info.nr_map_ids && i < IDS_MAX; i++) {
		int fd = bpf_map_get_fd_by_id(ids[i]);

		if (fd < 0)
			continue;
		offer_map(fd);
		close(fd);
	}
}

static int visit(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	int fd = kind == FTW_F ? bpf_obj_get(path) : -1;
	char self[32], what[64] = "";

	(void)status;
	(void)walk;
	if (fd < 0)
		return 0;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (readlink(self, what, sizeof(what) - 1) < 0)
		what[0] = 0;
	if (!strcmp(what, "anon_inode:bpf-map"))
		offer_map(fd);
	else if (!strcmp(what, "anon_inode:bpf-prog"))
		offer_maps_of(fd);
	close(fd);
	return 0;
}

int pinned_reuse(struct bpf_object *object, const char *folder)
{
	target = object;
	reused = 0;
	if (nftw(folder, visit, 8, FTW_PHYS))
		return -1;
	errno = ENOENT;
	return reused ? 0 : -1;
}
