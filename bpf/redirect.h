/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Redirect: which interface a frame leaves by. Of several one has the flow, by its hash; when the
 * kernel has taken that interface out of redirect_map, as it does when it is gone, the flow's next.
 */
#ifndef PEP_BPF_REDIRECT_H
#define PEP_BPF_REDIRECT_H

#include "hash.h"
#include "maps.h"

/* The helper answers XDP_ABORTED, the lower bits of flags, when the index is empty. */
PEP_INLINE int pep_redirect_to(__u32 target)
{
	return bpf_redirect_map(&redirect_map, target, XDP_ABORTED) == XDP_REDIRECT;
}

/* The target that the frame is to leave by, -1 = none of them is there. A global function, as
 * packet_report(). */
PEP_GLOBAL int packet_spread(const struct pep_packet *packet, __u32 at)
{
	const struct pep_spread *spread = bpf_map_lookup_elem(&spread_map, &at);
	__u64 order;
	__u32 target;
	__u32 slot;
	__u32 i;

	if (!spread || !packet)
		return -1;
	slot = (__u32)(pep_flow_hash(packet, PEP_SPREAD_SEED) >> PEP_SPREAD_SHIFT);
	order = spread->order[slot & (PEP_SPREAD_SLOTS - 1)];
	for (i = 0; i < PEP_SPREAD_TARGETS && i < spread->count; i++) {
		target = spread->target[order & (PEP_SPREAD_TARGETS - 1)];
		if (pep_redirect_to(target))
			return (int)target;
		order >>= 4;
	}
	return -1;
}

PEP_INLINE int pep_redirect_target(const struct pep_packet *packet, const struct pep_rule *rule)
{
	if (rule->spread)
		return packet_spread(packet, rule->spread);
	return pep_redirect_to(rule->redirect) ? (int)rule->redirect : -1;
}

#endif
