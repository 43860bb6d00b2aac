/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The skeleton: opened, sized, loaded over given maps or new ones. It lives
 * only as long as the load; what remains are descriptors.
 */
#include "server/datapath_internal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <syslog.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "packet_filter.skel.h"

#define LOG_KEPT  2048u /* bytes of libbpf's last words for the message */
#define LOG_BEGIN "-- BEGIN PROG LOAD LOG --\n"

/* libbpf's print callback has no data pointer; loads happen in one thread. */
static struct {
	char text[LOG_KEPT];
	size_t size;
	bool logged; /* the verifier spoke, whose words may be longer than the text */
	bool verbose;
} said;

PRINTF_LIKE(2, 0)
static int keep(enum libbpf_print_level level, const char *format, va_list args)
{
	_cleanup_free_ char *text = NULL;
	int length = vasprintf(&text, format, args);
	size_t size, drop;

	if (length < 0) {
		text = NULL;
		return 0;
	}
	if (said.verbose)
		fputs(text, stderr);
	if (level != LIBBPF_WARN)
		return 0;
	said.logged |= strstr(text, LOG_BEGIN) != NULL;
	size = MIN((size_t)length, LOG_KEPT - 1);
	drop = said.size + size > LOG_KEPT - 1 ? said.size + size - (LOG_KEPT - 1) : 0;
	memmove(said.text, said.text + drop, said.size - drop);
	said.size -= drop;
	memcpy(said.text + said.size, text + ((size_t)length - size), size + 1);
	said.size += size;
	return 0;
}

/* The last lines that the verifier wrote, without libbpf's frame around them. */
static const char *last_lines(void)
{
	char *begin = strstr(said.text, LOG_BEGIN);
	char *end = strstr(said.text, "\n-- END PROG LOAD LOG --");
	size_t lines = 0;
	char *at;

	begin = begin ? begin + sizeof(LOG_BEGIN) - 1 : said.text;
	if (!end || end < begin)
		end = said.text + said.size;
	*end = 0;
	for (at = end; at > begin && lines < 8; at--)
		lines += at[-1] == '\n';
	return at > begin ? at + 1 : begin;
}

static int refused(int error, struct error *err)
{
	struct utsname host = {0};
	unsigned int major = 0, minor = 0;

	uname(&host);
	if (sscanf(host.release, "%u.%u", &major, &minor) == 2 &&
		(major < 5 || (major == 5 && minor < 18)))
		return error_set(err, ERROR_PRECONDITION, "KERNEL_TOO_OLD",
			"Linux %s cannot run the packet program: it needs 5.18 or later", host.release);
	if (error == ENOMEM)
		return error_set(err, ERROR_LIMIT, "KERNEL_MEMORY",
			"the kernel has no memory for the program and its maps; lower "
			"--max-policies, --max-buckets or --ring-size");
	if ((error == EPERM || error == EACCES) && !said.logged)
		return error_set(err, ERROR_PRECONDITION, "NOT_PERMITTED",
			"the kernel does not permit loading BPF programs: %s", strerror(error));
	return error_set(err, ERROR_PRECONDITION, "PROGRAM_REFUSED",
		"the kernel (Linux %s) refuses the packet program: %s; run with -v for the whole "
		"log; it ends with:\n%s",
		host.release, strerror(error), last_lines());
}

/* The map of the skeleton by enum datapath_map. */
static struct bpf_map *skeleton_map(struct packet_filter *skeleton, size_t which)
{
	return bpf_object__find_map_by_name(
		skeleton->obj, map_sections[which] ? map_sections[which] : map_names[which]);
}

struct packet_filter *load_open(const struct datapath *dp)
{
	struct packet_filter *skeleton;
	uint32_t room = classifier_room(dp->options.max_policies);

	said.size = 0;
	said.text[0] = 0;
	said.logged = false;
	said.verbose = dp->options.verbose;
	libbpf_set_print(keep);
	skeleton = packet_filter__open();
	if (!skeleton)
		return NULL;
	bpf_map__set_max_entries(skeleton->maps.policy_map, room);
	bpf_map__set_max_entries(skeleton->maps.entry_map, classifier_entries(dp->options.max_policies));
	bpf_map__set_max_entries(skeleton->maps.more_map, classifier_entries(dp->options.max_policies));
	bpf_map__set_max_entries(skeleton->maps.rule_map, classifier_entries(dp->options.max_policies));
	bpf_map__set_max_entries(skeleton->maps.bucket_map, classifier_buckets(dp->options.max_policies));
	bpf_map__set_max_entries(skeleton->maps.policy_stats, dp->cpus * room);
	bpf_map__set_max_entries(skeleton->maps.limiter_map, room);
	bpf_map__set_max_entries(
		skeleton->maps.scope_map, (dp->options.max_buckets + PEP_SCOPE_PLACES - 1) / PEP_SCOPE_PLACES);
	bpf_map__set_max_entries(skeleton->maps.ring_buffer, dp->options.ring_size);
	if (dp->options.verbose)
		bpf_program__set_log_level(skeleton->progs.packet_filter, 1);
	return skeleton;
}

static bool map_fits(struct bpf_map *map, int fd, char ret_why[static 96])
{
	struct bpf_map_info info = {0};
	__u32 size = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0) {
		snprintf(ret_why, 96, "%s is missing", bpf_map__name(map));
		return false;
	}
	if (info.type != bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
		info.value_size != bpf_map__value_size(map)) {
		snprintf(ret_why, 96, "%s has another layout", bpf_map__name(map));
		return false;
	}
	if (info.max_entries != bpf_map__max_entries(map)) {
		snprintf(ret_why, 96, "%s had %u entries, now %u", bpf_map__name(map),
			info.max_entries, bpf_map__max_entries(map));
		return false;
	}
	return true;
}

/* The object's 3 MB stand in the daemon's file, which has them if they are needed again. */
static void load_close(struct packet_filter *skeleton)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin, end;
	size_t size;

	packet_filter__destroy(skeleton);
	begin = (uintptr_t)packet_filter__elf_bytes(&size);
	end = (begin + size) & ~(page - 1);
	begin = (begin + page - 1) & ~(page - 1);
	if (begin < end)
		madvise((void *)begin, end - begin, MADV_DONTNEED);
}

bool load_fits(const struct datapath *dp, const struct map_set *pinned, char ret_why[static 96])
{
	struct packet_filter *skeleton = load_open(dp);
	bool fits = skeleton != NULL;

	for (size_t i = 0; i < MAP_COUNT && fits; i++)
		fits = map_fits(skeleton_map(skeleton, i), pinned->fds[i], ret_why);
	load_close(skeleton);
	return fits;
}

/* Descriptors outlive the skeleton as duplicates. */
static int take(struct datapath *dp, struct packet_filter *skeleton)
{
	dp->program = dup(bpf_program__fd(skeleton->progs.packet_filter));
	dp->explainer = dup(bpf_program__fd(skeleton->progs.packet_explain));
	for (size_t i = 0; i < MAP_COUNT; i++) {
		dp->maps.fds[i] = dup(bpf_map__fd(skeleton_map(skeleton, i)));
		if (dp->maps.fds[i] < 0)
			return -errno;
	}
	return dp->program < 0 || dp->explainer < 0 ? -errno : 0;
}

int load_program(struct datapath *dp, struct map_set *pinned, struct error *err)
{
	struct packet_filter *skeleton = load_open(dp);
	int r = skeleton ? 0 : -errno;

	for (size_t i = 0; i < MAP_COUNT && !r && pinned; i++)
		r = bpf_map__reuse_fd(skeleton_map(skeleton, i), pinned->fds[i]);
	if (!r)
		r = packet_filter__load(skeleton);
	if (!r)
		r = take(dp, skeleton);
	load_close(skeleton);
	return r ? refused(-r, err) : 0;
}
