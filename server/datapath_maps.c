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
	[MAP_SCOPE] = "scope_map",
	[MAP_STATS] = "stats_map",
	[MAP_EVENT_STATE] = "event_state",
	[MAP_RING] = "ring_buffer",
	[MAP_REDIRECT] = "redirect_map",
	[MAP_SPREAD] = "spread_map",
	[MAP_EXPLAIN] = "explain_map",
};

void map_set_init(struct map_set *set)
{
	*set = (struct map_set){0};
	for (size_t i = 0; i < MAP_COUNT; i++)
		set->fds[i] = -1;
}

/* The windows into a set: which pointer, which map. Those that another build can look through come
 * first. */
struct pane {
	void **memory;
	enum datapath_map map;
};
#define PANES         16u
#define PANES_CARRIED 3u

static void panes_of(struct map_set *set, struct pane ret[static PANES])
{
	const struct pane panes[PANES] = {
		{(void **)&set->tables.config, MAP_CONFIG},
		{(void **)&set->rows, MAP_POLICY_STATS},
		{(void **)&set->limiters, MAP_LIMITER},
		{(void **)&set->tables.entries, MAP_ENTRY},
		{(void **)&set->tables.more, MAP_MORE},
		{(void **)&set->tables.rules, MAP_RULE},
		{(void **)&set->tables.buckets, MAP_BUCKET},
		{(void **)&set->tables.tuples, MAP_TUPLE},
		{(void **)&set->tables.index, MAP_INDEX},
		{(void **)&set->tables.classes, MAP_CLASS},
		{(void **)&set->tables.combos, MAP_COMBO},
		{(void **)&set->scopes, MAP_SCOPE},
		{(void **)&set->tables.spreads, MAP_SPREAD},
		{(void **)&set->ifaces, MAP_IFACE},
		{(void **)&set->index, MAP_IFACE_INDEX},
		{(void **)&set->explain, MAP_EXPLAIN},
	};

	memcpy(ret, panes, sizeof(panes));
}

uint32_t map_entries(int fd, uint32_t *ret_value_size)
{
	struct bpf_map_info info = {0};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return 0;
	*ret_value_size = (info.value_size + 7u) & ~7u;
	return info.max_entries;
}

/* Bytes of an array; 0 = it cannot be asked. */
static size_t map_size(int fd)
{
	uint32_t value_size = 0, entries = map_entries(fd, &value_size);

	return (size_t)entries * value_size;
}

void map_set_deinit(struct map_set *set)
{
	struct pane panes[PANES];

	panes_of(set, panes);
	for (size_t i = 0; i < PANES; i++)
		if (*panes[i].memory)
			munmap(*panes[i].memory, map_size(set->fds[panes[i].map]));
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

static bool open_panes(struct map_set *set, size_t count)
{
	struct pane panes[PANES];
	bool all = true;

	panes_of(set, panes);
	for (size_t i = 0; i < count && all; i++) {
		size_t size = map_size(set->fds[panes[i].map]);

		if (!*panes[i].memory && size)
			*panes[i].memory = window(set->fds[panes[i].map], size);
		all = *panes[i].memory != NULL;
	}
	set->config = set->tables.config;
	map_entries(set->fds[MAP_POLICY_STATS], &set->row_size);
	set->slots = map_entries(set->fds[MAP_LIMITER], &set->limiter_size);
	return all;
}

int map_set_window(struct map_set *set, struct error *err)
{
	if (open_panes(set, PANES))
		return 0;
	return error_set(
		err, ERROR_PRECONDITION, "MAPS", "the maps cannot be mapped: %s", strerror(errno));
}

int map_set_window_carried(struct map_set *set)
{
	return open_panes(set, PANES_CARRIED) ? 0 : -errno;
}

static void members_none(struct pep_members *members)
{
	*members = (struct pep_members){
		.lines.mask = PEP_TABLE_NONE,
		.filter.mask = PEP_TABLE_NONE,
		.lengths.mask = PEP_TABLE_NONE,
	};
}

void map_set_members_none(struct map_set *set)
{
	for (size_t i = 0; i < 4; i++)
		members_none(&set->config->ruleset[i / 2].members[i % 2]);
}

void map_set_sizes(struct map_set *set)
{
	uint32_t size;

	set->config->slots = set->slots;
	set->config->scope_lines = map_entries(set->fds[MAP_SCOPE], &size);
}

/* Generation 1 is the empty ruleset: everything passes until the first commit. */
void map_set_start(struct map_set *set)
{
	set->config->abi = PEP_ABI;
	set->config->carry = PEP_CARRY;
	map_set_sizes(set);
	set->config->hz = (uint32_t)(1000000000ull / tick_ns());
	set->config->generation = 1;
	map_set_members_none(set);
	set->config->ruleset[1].event_rate = PEP_EVENT_RATE_DEFAULT;
	set->config->ruleset[1].reject_rate = PEP_REJECT_RATE_DEFAULT;
	set->config->ruleset[1].reject_cost = pep_reject_cost(PEP_REJECT_RATE_DEFAULT);
}
