/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One tally per packet, and the row of the policy that decided. Both are of
 * this CPU alone and the program cannot be preempted by itself, hence plain
 * additions.
 */
#ifndef PEP_BPF_COUNTERS_H
#define PEP_BPF_COUNTERS_H

#include "classify.h"
#include "maps.h"

PEP_INLINE void pep_count(
	__u32 iface, const struct pep_packet *packet, const struct pep_ruling *ruling)
{
	struct pep_stats *stats = bpf_map_lookup_elem(&stats_map, &iface);
	struct pep_count *tally;
	__u32 error = packet->error;
	__u32 at = ruling->tally;

	/* Or clang uses a copy of it that Linux 6.1 does not take for what was tested. */
	asm volatile("" : "+r"(at));
	if (!stats || at >= PEP_TALLY_MAX)
		return;
	tally = &stats->tally[at];
	tally->packets++;
	tally->bytes += packet->length;
	if (!error)
		return;
	/* Or clang joins both tests into one of error - 1, which tells the verifier nothing. */
	asm volatile("" : "+r"(error));
	if (error < PEP_PARSE_MAX)
		stats->parse_errors[error]++;
}

/* Returns how many decisions this CPU has made by the policy; 0 when it has no row. */
PEP_INLINE __u64 pep_count_policy(
	__u32 slots, const struct pep_entry *entry, const struct pep_packet *packet)
{
	__u32 at = bpf_get_smp_processor_id() * slots + entry->slot;
	struct pep_policy_stats *stats = bpf_map_lookup_elem(&policy_stats, &at);

	if (!stats)
		return 0;
	stats->packets++;
	stats->bytes += packet->length;
	stats->last_hit = bpf_jiffies64();
	return stats->packets;
}

#endif
