/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Ruling → XDP verdict. Limiter, redirect and reject may still change the ruling: to
 * "rate", to "failed" when the target is gone, or to a block that is not answered.
 */
#ifndef PEP_BPF_ACTIONS_H
#define PEP_BPF_ACTIONS_H

#include "forward.h"
#include "judge.h"
#include "limiter.h"
#include "maps.h"
#include "redirect.h"
#include "reject.h"
#include "scope.h"

#define PEP_MAC_SIZE 6u

PEP_INLINE void pep_ruling_block(
	struct pep_ruling *ruling, enum pep_reason reason, enum pep_tally tally)
{
	ruling->reason = (__u8)reason;
	ruling->tally = (__u8)tally;
}

PEP_INLINE __u32 pep_limit_units(const struct pep_packet *packet, const struct pep_rule *rule)
{
	return rule->flags & PEP_RULE_LIMIT_PACKETS ? 1 : packet->ip_length;
}

/* Counted for the policy whose bucket was not full yet. */
PEP_INLINE void pep_scope_displaced(__u64 tag)
{
	__u32 slot = (__u32)(tag >> (PEP_SCOPE_HASH_BITS + 1));
	struct pep_limiter *limiter = bpf_map_lookup_elem(&limiter_map, &slot);

	if (limiter)
		__sync_fetch_and_add(&limiter->displaced, 1);
}

/* 1 when the bucket of the packet's source, destination or flow lets it pass. */
PEP_GLOBAL int pep_scope_pass(const struct pep_packet *packet, __u32 entry)
{
	const struct pep_rule *rule = pep_rule_at(entry);
	struct pep_scope_key key;
	struct pep_scope_line *line;
	__u64 displaced;
	int passes;

	if (!packet || !rule)
		return 0;
	pep_scope_key(pep_config(), rule, packet, &key);
	line = bpf_map_lookup_elem(&scope_map, &key.line);
	if (!line)
		return 0;
	passes = pep_scope_take(
		line, key.tag, rule, bpf_ktime_get_ns(), pep_limit_units(packet, rule), &displaced);
	if (displaced)
		pep_scope_displaced(displaced);
	return passes;
}

PEP_INLINE int pep_act_limit(const struct pep_packet *packet, __u32 slot,
	const struct pep_rule *rule, struct pep_ruling *ruling)
{
	struct pep_limiter *limiter;

	if (rule->scope != PEP_SCOPE_POLICY && pep_scope_pass(packet, ruling->entry))
		return XDP_PASS;
	limiter = bpf_map_lookup_elem(&limiter_map, &slot);
	if (limiter && rule->scope == PEP_SCOPE_POLICY &&
		pep_limit_pass(limiter, rule, bpf_ktime_get_ns(), pep_limit_units(packet, rule)))
		return XDP_PASS;
	if (limiter) {
		__sync_fetch_and_add(&limiter->exceeded_packets, 1);
		__sync_fetch_and_add(&limiter->exceeded_bytes, packet->length);
	}
	pep_ruling_block(ruling, PEP_REASON_RATE, PEP_TALLY_BLOCK_RATE);
	return XDP_DROP;
}

PEP_INLINE int pep_act_reflect(struct xdp_md *ctx, struct pep_ruling *ruling)
{
	__u8 mac[2][PEP_MAC_SIZE];
	__u8 swapped[2][PEP_MAC_SIZE];

	if (!bpf_xdp_load_bytes(ctx, 0, mac, sizeof(mac))) {
		__builtin_memcpy(swapped[0], mac[1], PEP_MAC_SIZE);
		__builtin_memcpy(swapped[1], mac[0], PEP_MAC_SIZE);
		if (!bpf_xdp_store_bytes(ctx, 0, swapped, sizeof(swapped)))
			return XDP_TX;
	}
	pep_ruling_block(ruling, PEP_REASON_FAILED, PEP_TALLY_BLOCK_FAILED);
	return XDP_DROP;
}

/* 0 = the frame is as it is to leave. */
PEP_INLINE enum pep_forward pep_act_mac(struct xdp_md *ctx, const struct pep_packet *packet,
	const struct pep_rule *rule, const struct pep_ruling *ruling, __u32 target)
{
	__u8 mac[PEP_MAC_SIZE];

	if (rule->fib)
		return packet_forward(ctx, packet, target);
	if (!(ruling->flags & PEP_RULE_MAC))
		return PEP_FORWARD_DONE;
	__builtin_memcpy(mac, rule->mac, sizeof(mac));
	return bpf_xdp_store_bytes(ctx, 0, mac, sizeof(mac)) ? PEP_FORWARD_FAILED
							     : PEP_FORWARD_DONE;
}

PEP_INLINE int pep_act_redirect(struct xdp_md *ctx, const struct pep_packet *packet,
	const struct pep_rule *rule, struct pep_ruling *ruling)
{
	int target = pep_redirect_target(packet, rule);
	enum pep_forward result = PEP_FORWARD_FAILED;

	if (target >= 0)
		result = pep_act_mac(ctx, packet, rule, ruling, (__u32)target);
	if (result == PEP_FORWARD_DONE)
		return XDP_REDIRECT;
	if (result == PEP_FORWARD_KERNEL) {
		ruling->action = PEP_ACTION_ALLOW;
		ruling->tally = PEP_TALLY_ALLOW_POLICY;
		return XDP_PASS;
	}
	pep_ruling_block(ruling, PEP_REASON_FAILED, PEP_TALLY_BLOCK_FAILED);
	return XDP_DROP;
}

/* What is not answered is blocked, and is counted and told as such. */
PEP_INLINE int pep_act_reject(
	struct xdp_md *ctx, const struct pep_packet *packet, struct pep_ruling *ruling)
{
	if (!packet_reject(ctx, packet, ruling->parity)) {
		ruling->action = PEP_ACTION_BLOCK;
		pep_ruling_block(ruling, PEP_REASON_POLICY, PEP_TALLY_BLOCK_POLICY);
		return XDP_DROP;
	}
	ruling->answered = 1;
	if (!packet_answer(ctx, packet))
		return XDP_TX;
	pep_ruling_block(ruling, PEP_REASON_FAILED, PEP_TALLY_BLOCK_FAILED);
	return XDP_DROP;
}

/* entry: of the policy that decides, NULL = none. */
PEP_INLINE int pep_act(struct xdp_md *ctx, const struct pep_packet *packet,
	const struct pep_entry *entry, struct pep_ruling *ruling)
{
	const struct pep_rule *rule;

	if (ruling->action == PEP_ACTION_ALLOW)
		return XDP_PASS;
	if (!entry || ruling->action == PEP_ACTION_BLOCK)
		return XDP_DROP;
	rule = pep_rule_at(ruling->entry);
	if (!rule)
		return XDP_DROP;
	switch (ruling->action) {
	case PEP_ACTION_RATE_LIMIT:
		return pep_act_limit(packet, entry->slot, rule, ruling);
	case PEP_ACTION_REFLECT:
		return pep_act_reflect(ctx, ruling);
	case PEP_ACTION_REDIRECT:
		return pep_act_redirect(ctx, packet, rule, ruling);
	case PEP_ACTION_REJECT:
		return pep_act_reject(ctx, packet, ruling);
	default: /* of a newer daemon */
		return XDP_DROP;
	}
}

#endif
