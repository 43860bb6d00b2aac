/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Slots of the counters of interfaces: they belong to the name and survive a
 * detachment; the packet program finds them by ifindex.
 */
#include "server/datapath_internal.h"

#include <errno.h>
#include <stdio.h>

#include <bpf/bpf.h>

static struct pep_iface_ref *ref_of(struct datapath *dp, uint32_t ifindex, uint32_t wanted)
{
	for (uint32_t probe = 0; probe < PEP_IFACE_PROBES; probe++) {
		struct pep_iface_ref *ref =
			&dp->maps.index[ifindex % PEP_IFACE_BUCKETS + probe];

		if (ref->ifindex == wanted)
			return ref;
	}
	return NULL;
}

/* The program reads slot and ifindex apart: the slot is there before the ifindex. */
int slot_index_add(struct datapath *dp, uint32_t ifindex, uint32_t slot)
{
	struct pep_iface_ref *ref = ref_of(dp, ifindex, ifindex);

	if (!ref)
		ref = ref_of(dp, ifindex, 0);
	if (!ref)
		return -ENOSPC;
	__atomic_store_n(&ref->slot, slot, __ATOMIC_RELEASE);
	__atomic_store_n(&ref->ifindex, ifindex, __ATOMIC_RELEASE);
	return 0;
}

void slot_index_remove(struct datapath *dp, uint32_t ifindex)
{
	struct pep_iface_ref *ref = ifindex ? ref_of(dp, ifindex, ifindex) : NULL;

	if (ref)
		__atomic_store_n(&ref->ifindex, 0, __ATOMIC_RELEASE);
}

/* Gives what the slot has counted to slot 0, so that totals never run backwards. */
static void slot_fold(struct datapath *dp, uint32_t slot)
{
	size_t words = dp->cpus * sizeof(struct pep_stats) / sizeof(uint64_t);
	_cleanup_free_ uint64_t *from = calloc(words, sizeof(*from));
	_cleanup_free_ uint64_t *to = calloc(words, sizeof(*to));
	int fd = dp->maps.fds[MAP_STATS];
	uint32_t none = 0;

	if (!from || !to || bpf_map_lookup_elem(fd, &slot, from) < 0 ||
		bpf_map_lookup_elem(fd, &none, to) < 0)
		return;
	for (size_t i = 0; i < words; i++)
		to[i] += from[i];
	memset(from, 0, words * sizeof(*from));
	bpf_map_update_elem(fd, &none, to, BPF_ANY);
	bpf_map_update_elem(fd, &slot, from, BPF_ANY);
}

uint32_t slot_known(const struct datapath *dp, const char *name)
{
	for (uint32_t slot = PEP_IFACES_MAX - 1; *name && slot > 0; slot--)
		if (streq(dp->maps.ifaces[slot].name, name))
			return slot;
	return 0;
}

uint32_t slot_of_iface(struct datapath *dp, const char *name)
{
	struct pep_iface *ifaces = dp->maps.ifaces;
	uint32_t free_slot = 0, oldest = 0;

	for (uint32_t slot = PEP_IFACES_MAX - 1; slot > 0; slot--) {
		if (streq(ifaces[slot].name, name))
			return slot;
		if (!ifaces[slot].name[0])
			free_slot = slot;
		else if (!dp->named[slot] && !datapath_iface_by_name(dp, ifaces[slot].name) &&
			 (!oldest || ifaces[slot].attached_since < ifaces[oldest].attached_since))
			oldest = slot;
	}
	if (!free_slot && oldest) {
		slot_fold(dp, oldest);
		free_slot = oldest;
	}
	if (free_slot) {
		ifaces[free_slot] = (struct pep_iface){0};
		snprintf(ifaces[free_slot].name, sizeof(ifaces[free_slot].name), "%s", name);
	}
	return free_slot;
}

void ifaces_apply_defaults(const struct datapath *dp, const struct datapath_default *defaults,
	size_t count, struct pep_ruleset *ruleset)
{
	bool global = count > 0 && defaults[0].block;

	for (size_t slot = 0; slot < PEP_IFACES_MAX; slot++) {
		bool block = global;

		for (size_t i = 1; i < count && slot > 0; i++)
			if (streq(defaults[i].iface, dp->maps.ifaces[slot].name))
				block = defaults[i].block;
		ruleset->default_block[slot] = block; /* once: packets may be judged by it */
	}
}

void ifaces_default_again(const struct datapath *dp)
{
	struct pep_ruleset *halves = dp->maps.config->ruleset;
	uint64_t generation = datapath_generation(dp);

	ifaces_apply_defaults(dp, dp->defaults, dp->default_count, &halves[generation & 1]);
	if (dp->prepared)
		ifaces_apply_defaults(dp, dp->next_defaults, dp->next_default_count,
			&halves[(generation + 1) & 1]);
}
