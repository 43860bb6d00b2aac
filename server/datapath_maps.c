/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/datapath_internal.h"

#include <errno.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

const char *const map_names[MAP_COUNT] = {
	[MAP_POLICY] = "policy_map",
	[MAP_CONFIG] = "config_map",
	[MAP_IFACE] = "iface_map",
	[MAP_IFACE_INDEX] = "iface_index",
	[MAP_POLICY_STATS] = "policy_stats",
	[MAP_LIMITER] = "limiter_map",
	[MAP_STATS] = "stats_map",
	[MAP_EVENT_STATE] = "event_state",
	[MAP_RING] = "ring_buffer",
	[MAP_REDIRECT] = "redirect_map",
};

void map_set_init(struct map_set *set)
{
	*set = (struct map_set){0};
	for (size_t i = 0; i < MAP_COUNT; i++)
		set->fds[i] = -1;
}

static void unmap(void *memory, size_t size)
{
	if (memory)
		munmap(memory, size);
}

void map_set_deinit(struct map_set *set, unsigned int cpus)
{
	unmap(set->config, sizeof(*set->config));
	unmap(set->ifaces, PEP_IFACES_MAX * sizeof(*set->ifaces));
	unmap(set->index, (PEP_IFACE_BUCKETS + PEP_IFACE_PROBES) * sizeof(*set->index));
	unmap(set->rows, (size_t)cpus * set->slots * sizeof(*set->rows));
	unmap(set->limiters, set->slots * sizeof(*set->limiters));
	for (size_t i = 0; i < MAP_COUNT; i++)
		closep(&set->fds[i]);
	map_set_init(set);
}

static void *window(int fd, size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

int map_set_window(struct map_set *set, unsigned int cpus, struct error *err)
{
	struct bpf_map_info info = {0};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(set->fds[MAP_LIMITER], &info, &size) < 0)
		return error_set(err, ERROR_PRECONDITION, "MAPS", "limiter_map: %s", strerror(errno));
	set->slots = info.max_entries;
	set->config = window(set->fds[MAP_CONFIG], sizeof(*set->config));
	set->ifaces = window(set->fds[MAP_IFACE], PEP_IFACES_MAX * sizeof(*set->ifaces));
	set->index = window(set->fds[MAP_IFACE_INDEX],
		(PEP_IFACE_BUCKETS + PEP_IFACE_PROBES) * sizeof(*set->index));
	set->rows = window(set->fds[MAP_POLICY_STATS], (size_t)cpus * set->slots * sizeof(*set->rows));
	set->limiters = window(set->fds[MAP_LIMITER], set->slots * sizeof(*set->limiters));
	if (set->config && set->ifaces && set->index && set->rows && set->limiters)
		return 0;
	return error_set(err, ERROR_PRECONDITION, "MAPS", "the maps cannot be mapped: %s",
		strerror(errno));
}

/* Generation 1 is the empty ruleset: everything passes until the first commit. */
void map_set_start(struct map_set *set)
{
	set->config->abi = PEP_ABI;
	set->config->slots = set->slots;
	set->config->generation = 1;
	set->config->ruleset[1].event_rate = PEP_EVENT_RATE_DEFAULT;
}

struct pep_rule *version_alive(struct pep_policy *policy, uint64_t generation)
{
	for (size_t i = 0; i < 2; i++)
		if (policy->version[i].born <= generation && generation < policy->version[i].dies)
			return &policy->version[i];
	return NULL;
}

/* --- copying: slots are numbered anew, so that a smaller table can take them */

static void copy_slot(struct map_set *to, uint32_t to_slot, const struct map_set *from,
	uint32_t from_slot, unsigned int cpus)
{
	if (from_slot >= from->slots)
		return;
	to->limiters[to_slot] = from->limiters[from_slot];
	for (size_t cpu = 0; cpu < cpus; cpu++)
		to->rows[cpu * to->slots + to_slot] = from->rows[cpu * from->slots + from_slot];
}

static int copy_policies(struct map_set *to, const struct map_set *from, unsigned int cpus,
	struct error *err)
{
	struct pep_policy_key key, *at = NULL;
	uint32_t slot = 0;

	for (; !bpf_map_get_next_key(from->fds[MAP_POLICY], at, &key); at = &key) {
		struct pep_policy value, kept = {0};
		struct pep_rule *rule;

		if (bpf_map_lookup_elem(from->fds[MAP_POLICY], &key, &value) < 0)
			continue;
		rule = version_alive(&value, from->config->generation);
		if (!rule)
			continue;
		/* Half of the room stays free for the replacement of everything. */
		if (slot >= to->slots / 2)
			return error_set(err, ERROR_LIMIT, "POLICIES_FULL",
				"the pinned ruleset has more policies than --max-policies %u; start "
				"pepctld with a larger --max-policies",
				to->slots / 2);
		copy_slot(to, slot, from, rule->slot, cpus);
		kept.version[0] = *rule;
		kept.version[0].dies = UINT64_MAX;
		kept.version[0].slot = slot++;
		if (bpf_map_update_elem(to->fds[MAP_POLICY], &key, &kept, BPF_NOEXIST) < 0)
			return error_set(err, ERROR_PRECONDITION, "MAPS",
				"policy_map cannot be filled: %s", strerror(errno));
	}
	return 0;
}

/*
 * A daemon that ended between prepare and flip left versions that the next
 * generation would bring to life, and marks of death that it would carry out.
 */
void map_set_settle(struct map_set *set)
{
	uint64_t generation = set->config->generation;
	struct pep_policy_key key, next;
	int fd = set->fds[MAP_POLICY];
	bool more = !bpf_map_get_next_key(fd, NULL, &key);

	for (; more; key = next) {
		struct pep_policy value, kept = {0};
		struct pep_rule *rule;

		more = !bpf_map_get_next_key(fd, &key, &next);
		if (bpf_map_lookup_elem(fd, &key, &value) < 0)
			continue;
		rule = version_alive(&value, generation);
		if (!rule) {
			bpf_map_delete_elem(fd, &key);
			continue;
		}
		kept.version[0] = *rule;
		kept.version[0].dies = UINT64_MAX;
		bpf_map_update_elem(fd, &key, &kept, BPF_EXIST);
	}
}

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
	int r = copy_policies(to, from, cpus, err);

	if (r)
		return r;
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
	to->config->slots = to->slots;
	return 0;
}
