/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The frame becomes the answer of answer.h and goes back to where it came from. An answer costs
 * its sender as much as a packet: so there are no more of them than the setting reject-rate says,
 * of each interface and of all CPUs together.
 */
#ifndef PEP_BPF_REJECT_H
#define PEP_BPF_REJECT_H

#include "answer.h"
#include "limiter.h"
#include "maps.h"

/* Neither map is pinned: they matter for a packet, and for a tenth of a second. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pep_answer);
} answer_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PEP_IFACES_MAX);
	__type(key, __u32); /* interface slot */
	__type(value, struct pep_limiter);
} reject_map SEC(".maps");

PEP_INLINE struct pep_answer *pep_answer(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&answer_map, &zero);
}

PEP_INLINE int pep_reject_admit(const struct pep_ruleset *ruleset, __u32 ifindex)
{
	struct pep_rule rule = {.limit_mul = ruleset->reject_cost, .limit_tau = PEP_REJECT_BURST};
	__u32 slot = pep_iface_slot(ifindex);
	struct pep_limiter *limiter = bpf_map_lookup_elem(&reject_map, &slot);

	return limiter && ruleset->reject_cost &&
	       pep_limit_pass(limiter, &rule, bpf_ktime_get_ns(), 1);
}

/*
 * Cuts the frame to the answer's length, with what is quoted moved behind the new headers, and
 * writes these. A RST that would be shorter than any Ethernet frame has zeros behind it.
 */
PEP_INLINE int pep_reject_send(
	struct xdp_md *ctx, const struct pep_packet *packet, const struct pep_answer *answer)
{
	__u32 least = packet->length < PEP_ANSWER_MIN ? packet->length : PEP_ANSWER_MIN;
	__u32 front = answer->quoted ? answer->headers - answer->l2 : 0;
	__u32 size = answer->headers + answer->quoted;
	__u32 last = answer->headers - 1;
	__u32 from = PEP_ANSWER_IP - answer->l2;

	if (size < least) {
		size = least;
		last = least - 1;
	}
	if (front && bpf_xdp_adjust_head(ctx, -(int)front))
		return -1;
	if (size != packet->length + front &&
		bpf_xdp_adjust_tail(ctx, (int)(size - packet->length - front)))
		return -1;
	PEP_BOUND(from, PEP_ANSWER_L2_MASK);
	asm volatile("" : "+r"(last));
	if (last >= PEP_ANSWER_HEAD)
		return -1;
	return (int)bpf_xdp_store_bytes(ctx, 0, (__u8 *)answer->head + from, last + 1);
}

/*
 * A frame of several buffers is not answered: to cut it, the kernel would give back the others, and
 * gives back those of generic mode and of veth other than it got them, which corrupts its count of
 * their users (Linux 6.18); drivers had the same trouble. The sender chooses how long his frames are.
 */
PEP_INLINE int pep_reject_one_buffer(const struct xdp_md *ctx, const struct pep_packet *packet)
{
	return (__u32)((const __u8 *)(long)ctx->data_end - (const __u8 *)(long)ctx->data) ==
	       packet->length;
}

/*
 * Whether the packet is answered: it may be, and there were not too many. Then the frame's
 * beginning is in answer_map as it came. Two global functions, as packet_report() is one and for
 * the same reason; one alone would need more stack than Linux 6.1 leaves it.
 */
PEP_GLOBAL int packet_reject(struct xdp_md *ctx, const struct pep_packet *packet, __u32 parity)
{
	const struct pep_config *config = pep_config();
	struct pep_answer *answer = pep_answer();

	return config && packet && answer && pep_reject_one_buffer(ctx, packet) &&
	       pep_answer_begin(ctx, packet, answer) &&
	       pep_reject_admit(&config->ruleset[parity & 1], ctx->ingress_ifindex);
}

/* Then: makes the frame the answer. Not 0 when the card leaves no room for its headers. */
PEP_GLOBAL int packet_answer(struct xdp_md *ctx, const struct pep_packet *packet)
{
	struct pep_answer *answer = pep_answer();

	if (!packet || !answer || pep_answer_make(ctx, packet, answer))
		return -1;
	return pep_reject_send(ctx, packet, answer);
}

#endif
