/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The maps and the look-ups in them, but two that reject alone needs (reject.h). Their
 * names are what bpftool shows and what the pins are called. Sizes marked "set by pepctld" are only what the
 * bare object has.
 *
 * Mapped arrays are written by the daemon while the program reads: it fills
 * the half that no generation in use refers to, and waits for an RCU grace
 * period before it reuses the other.
 */
#ifndef PEP_BPF_MAPS_H
#define PEP_BPF_MAPS_H

#include "frame.h"

/*
 * Tables of fixed size are variables in sections of their own: libbpf makes
 * mapped arrays of one value of them, which the program addresses directly. A
 * look-up in an array costs more than a whole dimension of the index does so.
 */
struct pep_config config SEC(".data.config");
struct pep_tuple tuples[PEP_TUPLES_MAX] SEC(".data.tuples");
struct pep_index class_of SEC(".data.index");
__u64 classes[PEP_DIM_MAX * PEP_CLASSES_MAX] SEC(".data.classes");
struct pep_combo combos[PEP_COMBOS_MAX] SEC(".data.combos");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2 * PEP_POLICIES_DEFAULT); /* set by pepctld */
	__type(key, __u32); /* entry */
	__type(value, struct pep_policy);
} policy_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* set by pepctld */
	__type(key, __u32);
	__type(value, struct pep_entry);
} entry_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* as entry_map */
	__type(key, __u32);
	__type(value, struct pep_more);
} more_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* as entry_map */
	__type(key, __u32);
	__type(value, struct pep_rule);
} rule_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* set by pepctld: a power of two */
	__type(key, __u32);
	__type(value, struct pep_bucket);
} bucket_map SEC(".maps");

struct pep_set_chunk {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, PEP_CHUNK_LINES);
	__uint(key_size, sizeof(__u32)); /* clang leaves the type of an inner map's value out */
	__uint(value_size, sizeof(struct pep_line));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, PEP_CHUNKS_MAX);
	__type(key, __u32);
	__array(values, struct pep_set_chunk);
} set_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, PEP_IFACES_MAX);
	__type(key, __u32);
	__type(value, struct pep_iface);
} iface_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, PEP_IFACE_BUCKETS + PEP_IFACE_PROBES);
	__type(key, __u32);
	__type(value, struct pep_iface_ref);
} iface_index SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* set by pepctld: possible CPUs * pep_config.slots */
	__type(key, __u32);
	__type(value, struct pep_policy_stats);
} policy_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* set by pepctld: pep_config.slots */
	__type(key, __u32);
	__type(value, struct pep_limiter);
} limiter_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* set by pepctld: pep_config.scope_lines */
	__type(key, __u32);
	__type(value, struct pep_scope_line);
} scope_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PEP_IFACES_MAX);
	__type(key, __u32);
	__type(value, struct pep_stats);
} stats_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pep_event_state);
} event_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, PEP_RING_SIZE_DEFAULT); /* set by pepctld */
} ring_buffer SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, PEP_REDIRECTS_MAX);
	__type(key, __u32);
	__type(value, __u32);
} redirect_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, PEP_SPREADS_MAX);
	__type(key, __u32);
	__type(value, struct pep_spread);
} spread_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pep_explain);
} explain_map SEC(".maps");

/* 0 when the interface is not known. */
PEP_INLINE __u32 pep_iface_slot(__u32 ifindex)
{
	const struct pep_iface_ref *ref;
	__u32 probe;
	__u32 at;

	for (probe = 0; probe < PEP_IFACE_PROBES; probe++) {
		at = ifindex % PEP_IFACE_BUCKETS + probe;
		ref = bpf_map_lookup_elem(&iface_index, &at);
		if (ref && ref->ifindex == ifindex)
			return ref->slot;
	}
	return 0;
}

#endif
