/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The generator of the pipeline, and the bare drop that its receivers are measured against. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>

#include "generate.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, GENERATE_FLOWS);
	__type(key, __u32);
	__type(value, struct bench_flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct generate_state);
} state SEC(".maps");

/* The given frame with the next flow's addresses, out of the interface. */
SEC("xdp")
int generate(struct xdp_md *ctx)
{
	struct ethhdr *ethernet = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(ethernet + 1);
	struct udphdr *udp = (void *)(ip + 1);
	struct generate_state *now;
	struct bench_flow *flow;
	__u32 at = 0;

	now = bpf_map_lookup_elem(&state, &at);
	if (!now || (void *)(udp + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	at = now->next++ % GENERATE_FLOWS;
	flow = bpf_map_lookup_elem(&flows, &at);
	if (!flow)
		return XDP_DROP;
	ip->saddr = flow->src[0];
	ip->daddr = flow->dst[0];
	udp->source = flow->sport;
	udp->dest = flow->dport;
	return (int)bpf_redirect(now->ifindex, 0);
}

SEC("xdp.frags")
int bare_drop(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}
