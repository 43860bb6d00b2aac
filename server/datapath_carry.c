/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * From the pinned maps of a former load to new ones of other sizes: what lives longer than a load.
 *
 * Maps of the same ABI are read whole. Of those of another build only what PEP_CARRY (bpf/common.h)
 * promises is: there values can be longer or shorter than here, and what both have is copied. The
 * ruleset itself then comes from the state folder.
 */
#include "server/datapath_internal.h"

#include <errno.h>

#include <bpf/bpf.h>

bool carry_possible(struct map_set *pinned)
{
	static const enum datapath_map needed[] = {MAP_CONFIG, MAP_POLICY, MAP_POLICY_STATS,
		MAP_LIMITER, MAP_STATS, MAP_EVENT_STATE, MAP_IFACE};

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (pinned->fds[needed[i]] < 0)
			return false;
	return !map_set_window_carried(pinned) && pinned->config->carry == PEP_CARRY;
}

/* What both builds have of a value. */
static void copy_value(void *to, size_t to_size, const void *from, size_t from_size)
{
	memcpy(to, from, MIN(to_size, from_size));
}

/* All values of an array, of each CPU when it is per CPU (else cpus = 1). */
static int copy_array(int to, int from, unsigned int cpus)
{
	uint32_t to_size = 0, from_size = 0;
	uint32_t count = MIN(map_entries(to, &to_size), map_entries(from, &from_size));
	_cleanup_free_ char *old = calloc(cpus, from_size + 1u);
	_cleanup_free_ char *new = calloc(cpus, to_size + 1u);
	int r = old && new ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < count && !r; i++) {
		if (bpf_map_lookup_elem(from, &i, old) < 0)
			continue;
		for (size_t cpu = 0; cpu < cpus; cpu++)
			copy_value(new + cpu *to_size, to_size, old + cpu * from_size, from_size);
		if (bpf_map_update_elem(to, &i, new, BPF_ANY) < 0)
			r = -errno;
	}
	return r;
}

int carry_counters(
	struct map_set *to, const struct map_set *from, unsigned int cpus, struct error *err)
{
	int r = copy_array(to->fds[MAP_STATS], from->fds[MAP_STATS], cpus);

	if (!r)
		r = copy_array(to->fds[MAP_EVENT_STATE], from->fds[MAP_EVENT_STATE], cpus);
	if (!r)
		r = copy_array(to->fds[MAP_IFACE], from->fds[MAP_IFACE], 1);
	if (!r)
		return 0;
	return error_set(
		err, ERROR_PRECONDITION, "MAPS", "the counters cannot be copied: %s", strerror(-r));
}

static void copy_redirects(int to, int from)
{
	for (uint32_t i = 0; i < PEP_REDIRECTS_MAX; i++) {
		uint32_t ifindex;

		if (!bpf_map_lookup_elem(from, &i, &ifindex) && ifindex)
			bpf_map_update_elem(to, &i, &ifindex, BPF_ANY);
	}
}

int carry_ruleset(
	struct map_set *to, const struct map_set *from, unsigned int cpus, struct error *err)
{
	int r = carry_counters(to, from, cpus, err);

	if (r)
		return r;
	copy_redirects(to->fds[MAP_REDIRECT], from->fds[MAP_REDIRECT]);
	memcpy(to->index, from->index, (PEP_IFACE_BUCKETS + PEP_IFACE_PROBES) * sizeof(*to->index));
	*to->config = *from->config;
	map_set_sizes(to);
	to->config->roots = (struct pep_roots){0}; /* its tables are others, and empty */
	map_set_members_none(to);
	return 0;
}

/* --- policies, when they are there again */

static void carry_slot(struct datapath *dp, uint32_t to, uint32_t from)
{
	const struct map_set *former = &dp->former;
	const char *rows = (const char *)former->rows;
	const char *limiters = (const char *)former->limiters;

	if (from >= former->slots)
		return;
	copy_value(&dp->maps.limiters[to], sizeof(*dp->maps.limiters),
		limiters + (size_t)from * former->limiter_size, former->limiter_size);
	for (size_t cpu = 0; cpu < dp->cpus; cpu++)
		copy_value(&dp->maps.rows[cpu * dp->maps.slots + to], sizeof(*dp->maps.rows),
			rows + (cpu * former->slots + from) * former->row_size, former->row_size);
}

/* An element that a commit under way had left beyond the entries in use says nothing. */
static bool is_stale(const struct datapath *dp, uint32_t entry)
{
	return !dp->unreadable && entry >= dp->former.config->roots.entries;
}

void datapath_carry(struct datapath *dp, const struct classifier *c)
{
	int fd = dp->former.fds[MAP_POLICY];
	_cleanup_free_ struct pep_policy *value = NULL;
	uint32_t key, *at = NULL, size = 0;

	if (fd < 0 || !map_entries(fd, &size) || !(value = calloc(1, MAX(size, sizeof(*value)))))
		return;
	for (; !bpf_map_get_next_key(fd, at, &key); at = &key) {
		uint32_t slot;

		if (is_stale(dp, key) || bpf_map_lookup_elem(fd, &key, value) < 0)
			continue;
		value->name[sizeof(value->name) - 1] = 0;
		slot = classifier_slot(c, value->name);
		if (slot != PEP_SLOT_NONE)
			carry_slot(dp, slot, value->slot);
	}
}
