/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/datapath_internal.h"

#include <errno.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* All counters are 64-bit words, which is what makes them summable without naming each. */
#define STATS_WORDS (sizeof(struct pep_stats) / sizeof(uint64_t))

int datapath_stats(struct datapath *dp, uint32_t slot, struct pep_stats *ret)
{
	_cleanup_free_ uint64_t *values = calloc(dp->cpus, sizeof(struct pep_stats));
	uint64_t sums[STATS_WORDS] = {0};

	if (!values)
		return -ENOMEM;
	if (bpf_map_lookup_elem(dp->maps.fds[MAP_STATS], &slot, values) < 0)
		return -errno;
	for (size_t i = 0; i < dp->cpus * STATS_WORDS; i++)
		sums[i % STATS_WORDS] += values[i];
	memcpy(ret, sums, sizeof(*ret));
	return 0;
}

int datapath_stats_all(struct datapath *dp, struct pep_stats ret[static PEP_IFACES_MAX])
{
	int r = 0;

	for (uint32_t slot = 0; slot < PEP_IFACES_MAX && !r; slot++) {
		if (slot && !dp->maps.ifaces[slot].name[0])
			memset(&ret[slot], 0, sizeof(ret[slot]));
		else
			r = datapath_stats(dp, slot, &ret[slot]);
	}
	return r;
}

void datapath_policy_stats(struct datapath *dp, uint32_t slot, struct datapath_figures *ret)
{
	struct datapath_figures sum = {0};

	if (slot < dp->maps.slots) {
		sum.exceeded_packets = dp->maps.limiters[slot].exceeded_packets;
		sum.exceeded_bytes = dp->maps.limiters[slot].exceeded_bytes;
		sum.displaced = dp->maps.limiters[slot].displaced;
	}
	for (size_t cpu = 0; cpu < dp->cpus && slot < dp->maps.slots; cpu++) {
		const struct pep_policy_stats *row = &dp->maps.rows[cpu * dp->maps.slots + slot];

		sum.packets += row->packets;
		sum.bytes += row->bytes;
		sum.last_hit = MAX(sum.last_hit, row->last_hit);
	}
	sum.last_hit = jiffies_to_monotonic(dp, sum.last_hit);
	*ret = sum;
}

unsigned int datapath_cpus(const struct datapath *dp)
{
	return dp->cpus;
}

int datapath_event_state(struct datapath *dp, struct pep_event_state *ret)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(dp->maps.fds[MAP_EVENT_STATE], &zero, ret) < 0 ? -errno : 0;
}

/* --- the ring */

static int on_record(void *data, void *record, size_t size)
{
	struct datapath *dp = data;

	if (size >= sizeof(struct pep_event))
		dp->on_event(dp->on_event_data, record);
	return --dp->on_event_left ? 0 : -ECANCELED; /* ends the consumption after this one */
}

static struct ring_buffer *ring_of(struct datapath *dp)
{
	if (!dp->ring)
		dp->ring = ring_buffer__new(dp->maps.fds[MAP_RING], on_record, dp, NULL);
	return dp->ring;
}

int datapath_ring_fd(struct datapath *dp)
{
	return ring_of(dp) ? ring_buffer__epoll_fd(dp->ring) : -errno;
}

int datapath_ring_consume(struct datapath *dp, size_t limit,
	void (*cb)(void *data, const struct pep_event *event), void *data)
{
	int r;

	if (!ring_of(dp))
		return -errno;
	dp->on_event = cb;
	dp->on_event_data = data;
	dp->on_event_left = limit;
	r = ring_buffer__consume(dp->ring);
	return r < 0 && r != -ECANCELED ? r : (int)(limit - dp->on_event_left);
}

/* --- facts */

void datapath_info(const struct datapath *dp, struct datapath_info *ret)
{
	struct bpf_prog_info info = {0};
	__u32 size = sizeof(info);
	struct datapath_info facts = {
		.max_policies = dp->options.max_policies,
		.max_buckets = dp->options.max_buckets,
		.ring_size = dp->options.ring_size,
		.memory = datapath_memory_used(dp),
		.memory_limit = dp->options.memory_limit,
	};

	if (!bpf_obj_get_info_by_fd(dp->program, &info, &size)) {
		facts.program_id = info.id;
		facts.verified_instructions = info.verified_insns;
	}
	memcpy(facts.adopted, dp->adopted, sizeof(facts.adopted));
	*ret = facts;
}
