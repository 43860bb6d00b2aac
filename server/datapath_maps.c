/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/datapath_internal.h"

#include <errno.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

/* Variables of the program: libbpf names their maps after the section, bpffs forbids dots. */
const char *const map_sections[MAP_COUNT] = {
	[MAP_CONFIG] = ".data.config",
	[MAP_TUPLE] = ".data.tuples",
	[MAP_INDEX] = ".data.index",
	[MAP_CLASS] = ".data.classes",
	[MAP_COMBO] = ".data.combos",
};

const char *const map_names[MAP_COUNT] = {
	[MAP_POLICY] = "policy_map",
	[MAP_ENTRY] = "entry_map",
	[MAP_MORE] = "more_map",
	[MAP_RULE] = "rule_map",
	[MAP_BUCKET] = "bucket_map",
	[MAP_TUPLE] = "tuple_map",
	[MAP_INDEX] = "index_map",
	[MAP_CLASS] = "class_map",
	[MAP_COMBO] = "combo_map",
	[MAP_SET] = "set_map",
	[MAP_CONFIG] = "config_map",
	[MAP_IFACE] = "iface_map",
	[MAP_IFACE_INDEX] = "iface_index",
	[MAP_POLICY_STATS] = "policy_stats",
	[MAP_LIMITER] = "limiter_map",
	[MAP_STATS] = "stats_map",
	[MAP_EVENT_STATE] = "event_state",
	[MAP_RING] = "ring_buffer",
	[MAP_REDIRECT] = "redirect_map",
	[MAP_EXPLAIN] = "explain_map",
};

void map_set_init(struct map_set *set)
{
	*set = (struct map_set){0};
	for (size_t i = 0; i < MAP_COUNT; i++)
		set->fds[i] = -1;
}

/* The windows into a set: which pointer, which map. */
struct pane {
	void **memory;
	enum datapath_map map;
};
#define PANES 12u

static void panes_of(struct map_set *set, struct pane ret[static PANES])
{
	const struct pane panes[PANES] = {
		{(void **)&set->tables.config, MAP_CONFIG},
		{(void **)&set->tables.entries, MAP_ENTRY},
		{(void **)&set->tables.more, MAP_MORE},
		{(void **)&set->tables.rules, MAP_RULE},
		{(void **)&set->tables.buckets, MAP_BUCKET},
		{(void **)&set->tables.tuples, MAP_TUPLE},
		{(void **)&set->tables.index, MAP_INDEX},
		{(void **)&set->tables.classes, MAP_CLASS},
		{(void **)&set->tables.combos, MAP_COMBO},
		{(void **)&set->rows, MAP_POLICY_STATS},
		{(void **)&set->limiters, MAP_LIMITER},
		{(void **)&set->explain, MAP_EXPLAIN},
	};

	memcpy(ret, panes, sizeof(panes));
}

/* Values of an array, and their bytes; 0 = it cannot be asked. */
static uint32_t map_entries(int fd, size_t *ret_size)
{
	struct bpf_map_info info = {0};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return 0;
	if (ret_size)
		*ret_size = (size_t)info.max_entries * ((info.value_size + 7u) & ~7u);
	return info.max_entries;
}

void map_set_deinit(struct map_set *set)
{
	struct pane panes[PANES];
	size_t size = 0;

	panes_of(set, panes);
	for (size_t i = 0; i < PANES; i++)
		if (*panes[i].memory && map_entries(set->fds[panes[i].map], &size))
			munmap(*panes[i].memory, size);
	if (set->ifaces)
		munmap(set->ifaces, PEP_IFACES_MAX * sizeof(*set->ifaces));
	if (set->index)
		munmap(set->index, (PEP_IFACE_BUCKETS + PEP_IFACE_PROBES) * sizeof(*set->index));
	for (size_t i = 0; i < PEP_CHUNKS_MAX; i++)
		if (set->tables.chunks[i])
			munmap(set->tables.chunks[i], PEP_CHUNK_LINES * sizeof(struct pep_line));
	for (size_t i = 0; i < MAP_COUNT; i++)
		closep(&set->fds[i]);
	map_set_init(set);
}

static void *window(int fd, size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

int map_set_window(struct map_set *set, struct error *err)
{
	struct pane panes[PANES];
	bool all;

	panes_of(set, panes);
	set->ifaces = window(set->fds[MAP_IFACE], PEP_IFACES_MAX * sizeof(*set->ifaces));
	set->index = window(set->fds[MAP_IFACE_INDEX],
		(PEP_IFACE_BUCKETS + PEP_IFACE_PROBES) * sizeof(*set->index));
	all = set->ifaces && set->index;
	for (size_t i = 0; i < PANES && all; i++) {
		size_t size = 0;

		if (map_entries(set->fds[panes[i].map], &size))
			*panes[i].memory = window(set->fds[panes[i].map], size);
		all = *panes[i].memory != NULL;
	}
	if (!all)
		return error_set(err, ERROR_PRECONDITION, "MAPS", "the maps cannot be mapped: %s",
			strerror(errno));
	set->config = set->tables.config;
	set->slots = map_entries(set->fds[MAP_LIMITER], NULL);
	return 0;
}

static void members_none(struct pep_members *members)
{
	*members = (struct pep_members){
		.lines.mask = PEP_TABLE_NONE,
		.filter.mask = PEP_TABLE_NONE,
		.lengths.mask = PEP_TABLE_NONE,
	};
}

/* Generation 1 is the empty ruleset: everything passes until the first commit. */
void map_set_start(struct map_set *set)
{
	set->config->abi = PEP_ABI;
	set->config->slots = set->slots;
	set->config->hz = (uint32_t)(1000000000ull / tick_ns());
	set->config->generation = 1;
	for (size_t i = 0; i < 4; i++)
		members_none(&set->config->ruleset[i / 2].members[i % 2]);
	set->config->ruleset[1].event_rate = PEP_EVENT_RATE_DEFAULT;
}

/* --- copying */

static int copy_values(int to, int from, uint32_t count, size_t size)
{
	_cleanup_free_ void *value = calloc(1, size);
	int r = value ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < count && !r; i++)
		if (!bpf_map_lookup_elem(from, &i, value) && bpf_map_update_elem(to, &i, value, BPF_ANY) < 0)
			r = -errno;
	return r;
}

static void copy_redirects(int to, int from)
{
	for (uint32_t i = 0; i < PEP_REDIRECTS_MAX; i++) {
		uint32_t ifindex;

		if (!bpf_map_lookup_elem(from, &i, &ifindex) && ifindex)
			bpf_map_update_elem(to, &i, &ifindex, BPF_ANY);
	}
}

int map_set_copy(struct map_set *to, const struct map_set *from, unsigned int cpus,
	struct error *err)
{
	uint32_t slots = to->slots;
	int r;

	r = copy_values(to->fds[MAP_STATS], from->fds[MAP_STATS], PEP_IFACES_MAX,
		cpus * sizeof(struct pep_stats));
	if (!r)
		r = copy_values(to->fds[MAP_EVENT_STATE], from->fds[MAP_EVENT_STATE], 1,
			cpus * sizeof(struct pep_event_state));
	if (r)
		return error_set(err, ERROR_PRECONDITION, "MAPS", "the counters cannot be copied: %s",
			strerror(-r));
	copy_redirects(to->fds[MAP_REDIRECT], from->fds[MAP_REDIRECT]);
	memcpy(to->ifaces, from->ifaces, PEP_IFACES_MAX * sizeof(*to->ifaces));
	memcpy(to->index, from->index, (PEP_IFACE_BUCKETS + PEP_IFACE_PROBES) * sizeof(*to->index));
	*to->config = *from->config;
	to->config->slots = slots;
	to->config->roots = (struct pep_roots){0}; /* its tables are others, and empty */
	for (size_t i = 0; i < 4; i++)
		members_none(&to->config->ruleset[i / 2].members[i % 2]);
	return 0;
}
