/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Redirect with fib: the frame leaves as from a router, with the MAC addresses that the kernel's
 * routes and neighbours have for it on that interface, and a hop limit that is one less (RFC 1812
 * 5.3.1, RFC 8200 3).
 *
 * What a router must do more about than send it on is left to the kernel, which can: resolve a
 * neighbour, say that the time is exceeded or the packet too big. So that no socket of the host is
 * reached by it, that is only what the kernel's routes have for elsewhere: not the host's own
 * addresses, whatever the hop limit. And it is only what they too have by that interface, else it
 * would leave by another one. What has no route by that interface is dropped.
 * So is what no router sends on, from or to "this network", loopback or more than one host (RFC 1812
 * 5.3.7, RFC 4291 2.5): the kernel's look-up alone would.
 * Of the kernel's rules those about addresses, ports and protocol count, not those about TOS or
 * marks.
 */
#ifndef PEP_BPF_FORWARD_H
#define PEP_BPF_FORWARD_H

#include "answer.h"
#include "maps.h"

enum pep_forward {
	PEP_FORWARD_DONE = 0,
	PEP_FORWARD_KERNEL = 1, /* to do */
	PEP_FORWARD_FAILED = 2,
};

#define PEP_FAMILY_IP4     2u /* AF_INET, AF_INET6 */
#define PEP_FAMILY_IP6     10u
#define PEP_IP4_TTL_OFFSET 8u
#define PEP_IP6_HOP_OFFSET 7u

/* What changes on the way, as it stands from the TTL or hop limit on. */
struct pep_forward_hop {
	__u8 limit;
	__u8 proto;
	__be16 checksum;
};

/*
 * What the kernel's routes say: by the interface, or with no flags, had it come in there. length 0
 * = of any.
 */
PEP_INLINE long pep_forward_look(struct xdp_md *ctx, const struct pep_packet *packet, __u32 ifindex,
	__u32 flags, __u32 length, struct bpf_fib_lookup *fib)
{
	__builtin_memset(fib, 0, sizeof(*fib));
	fib->family = packet->family == 4 ? PEP_FAMILY_IP4 : PEP_FAMILY_IP6;
	fib->l4_protocol = packet->proto;
	fib->sport = packet->sport;
	fib->dport = packet->dport;
	fib->tot_len = (__u16)(length < 0xffff ? length : 0xffff);
	fib->ifindex = ifindex;
	__builtin_memcpy(
		fib->ipv6_src, packet->src, sizeof(fib->ipv6_src)); /* IPv4: the first word */
	__builtin_memcpy(fib->ipv6_dst, packet->dst, sizeof(fib->ipv6_dst));
	return bpf_fib_lookup(ctx, fib, sizeof(*fib), flags);
}

PEP_INLINE enum pep_forward pep_forward_ask(struct xdp_md *ctx, const struct pep_packet *packet,
	__u32 ifindex, struct bpf_fib_lookup *fib)
{
	switch (pep_forward_look(ctx, packet, ifindex, BPF_FIB_LOOKUP_OUTPUT, packet->ip_length, fib)) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		return fib->ifindex == ifindex ? PEP_FORWARD_DONE : PEP_FORWARD_FAILED;
	case BPF_FIB_LKUP_RET_NO_NEIGH:
	case BPF_FIB_LKUP_RET_FRAG_NEEDED:
		return PEP_FORWARD_KERNEL;
	default:
		return PEP_FORWARD_FAILED;
	}
}

/*
 * Where the kernel sends on what it is left, 0 = nowhere. The answer about the target does not
 * tell: routes to the host's own addresses are by other interfaces.
 */
PEP_INLINE __u32 pep_forward_elsewhere(
	struct xdp_md *ctx, const struct pep_packet *packet, struct bpf_fib_lookup *fib)
{
	long result = pep_forward_look(ctx, packet, ctx->ingress_ifindex, 0, 0, fib);

	return result == BPF_FIB_LKUP_RET_SUCCESS || result == BPF_FIB_LKUP_RET_NO_NEIGH ?
		       fib->ifindex :
		       0;
}

/* As the kernel's ip_decrease_ttl(), RFC 1624. */
PEP_INLINE void pep_forward_less(struct pep_forward_hop *hop)
{
	__u32 checksum = hop->checksum + (__u32)PEP_BE16(0x0100);

	hop->limit--;
	hop->checksum = (__be16)(checksum + (checksum >= 0xffff));
}

PEP_INLINE int pep_forward_write(struct xdp_md *ctx, const struct pep_packet *packet,
	const struct bpf_fib_lookup *fib, struct pep_forward_hop *hop, __u32 at)
{
	__u8 macs[12];
	__u32 size = packet->family == 4 ? sizeof(*hop) : 1;

	pep_forward_less(hop);
	__builtin_memcpy(macs, fib->dmac, 6);
	__builtin_memcpy(macs + 6, fib->smac, 6);
	return bpf_xdp_store_bytes(ctx, at, hop, size) ||
	       bpf_xdp_store_bytes(ctx, 0, macs, sizeof(macs));
}

/* Of a packet that is to leave by the target. A global function, as packet_report(). */
PEP_GLOBAL int packet_forward(struct xdp_md *ctx, const struct pep_packet *packet, __u32 target)
{
	const __u32 *ifindex = bpf_map_lookup_elem(&redirect_map, &target);
	__u8 frame[PEP_ANSWER_L2_MAX];
	struct pep_forward_hop hop;
	struct bpf_fib_lookup fib;
	enum pep_forward result;
	__u32 by, at;

	if (!packet || packet->error || !ifindex || !pep_answer_hosts(packet) ||
		bpf_xdp_load_bytes(ctx, 0, frame, sizeof(frame)) || frame[0] & 1)
		return PEP_FORWARD_FAILED;
	at = pep_answer_l2(frame) + (packet->family == 4 ? PEP_IP4_TTL_OFFSET : PEP_IP6_HOP_OFFSET);
	if (bpf_xdp_load_bytes(ctx, at, &hop, sizeof(hop)))
		return PEP_FORWARD_FAILED;
	result = hop.limit <= 1 ? PEP_FORWARD_KERNEL : pep_forward_ask(ctx, packet, *ifindex, &fib);
	if (result == PEP_FORWARD_KERNEL) {
		by = pep_forward_elsewhere(ctx, packet, &fib);
		if (!by || (by != *ifindex && hop.limit > 1)) /* whose time is up goes nowhere */
			return PEP_FORWARD_FAILED;
	}
	if (result == PEP_FORWARD_DONE && pep_forward_write(ctx, packet, &fib, &hop, at))
		return PEP_FORWARD_FAILED;
	return result;
}

#endif
