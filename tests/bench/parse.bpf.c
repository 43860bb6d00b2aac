/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The parser alone, and the bare drop that it is measured against. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "frame.h"
#include "parse.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("xdp.frags")
int bare_drop(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

/* What was parsed decides the verdict, so that no field can be left out. */
SEC("xdp.frags")
int parse_only(struct xdp_md *ctx)
{
	__u64 scratch[PEP_HEADER_MAX / sizeof(__u64)];
	struct pep_packet packet;
	struct pep_frame frame;

	pep_frame_init(&frame, ctx, scratch);
	pep_parse(&frame, &packet);
	return (packet.src[0] ^ packet.dst[3] ^ packet.dport ^ packet.proto) == 0x12345678 ? XDP_ABORTED :
											    XDP_PASS;
}
