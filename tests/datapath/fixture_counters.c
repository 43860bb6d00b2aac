/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the program has counted. */
#include "fixture.h"

#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "packet_filter.skel.h"

/* Adds up the per-CPU values of an entry, all of which are 64-bit words. */
static void sum(const struct fixture *fixture, struct bpf_map *map, uint32_t key, size_t words,
	uint64_t *ret_sum)
{
	uint64_t *values = calloc(fixture->cpus, words * sizeof(*values));

	if (!values || bpf_map_lookup_elem(bpf_map__fd(map), &key, values))
		fixture_fail(bpf_map__name(map));
	for (size_t i = 0; i < words; i++) {
		ret_sum[i] = 0;
		for (size_t cpu = 0; cpu < fixture->cpus; cpu++)
			ret_sum[i] += values[cpu * words + i];
	}
	free(values);
}

struct pep_stats fixture_stats(struct fixture *fixture, uint32_t iface)
{
	union {
		struct pep_stats stats;
		uint64_t words[sizeof(struct pep_stats) / sizeof(uint64_t)];
	} all;

	sum(fixture, fixture->skeleton->maps.stats_map, iface,
		sizeof(all.words) / sizeof(all.words[0]), all.words);
	return all.stats;
}

struct pep_event_state fixture_event_state(struct fixture *fixture)
{
	union {
		struct pep_event_state state;
		uint64_t words[sizeof(struct pep_event_state) / sizeof(uint64_t)];
	} all;

	sum(fixture, fixture->skeleton->maps.event_state, 0,
		sizeof(all.words) / sizeof(all.words[0]), all.words);
	return all.state;
}

uint64_t fixture_tally(struct fixture *fixture, enum pep_tally tally)
{
	return fixture_stats(fixture, 0).tally[tally].packets;
}

struct fixture_row fixture_row(struct fixture *fixture, uint32_t slot)
{
	struct fixture_row all = {.exceeded_packets = fixture->limiters[slot].exceeded_packets,
		.exceeded_bytes = fixture->limiters[slot].exceeded_bytes};
	const struct pep_policy_stats *row;

	for (uint32_t cpu = 0; cpu < fixture->cpus; cpu++) {
		row = &fixture->rows[cpu * fixture->slots + slot];
		all.packets += row->packets;
		all.bytes += row->bytes;
		if (row->last_hit > all.last_hit)
			all.last_hit = row->last_hit;
	}
	return all;
}

size_t fixture_events(struct fixture *fixture)
{
	int taken = ring_buffer__consume(fixture->ring);

	if (taken < 0)
		fixture_fail("ring_buffer__consume");
	return (size_t)taken;
}
