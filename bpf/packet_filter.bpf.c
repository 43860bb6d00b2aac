/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The packet program: bounds → parse → classify → act → count → report, for
 * every frame that an attached interface receives. Nothing here depends on the
 * daemon running; what it judges by is in the maps.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "actions.h"
#include "classify.h"
#include "counters.h"
#include "events.h"
#include "frame.h"
#include "maps.h"
#include "parse.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * Everything after the parser. A global function, for the verifier's sake: it
 * is verified once for any packet, and not again for each way through the
 * parser, which would exceed a million instructions.
 */
__attribute__((noinline)) int packet_decide(struct xdp_md *ctx, const struct pep_packet *packet)
{
	const struct pep_config *config;
	struct pep_ruling ruling;
	struct pep_view view;
	__u64 decisions = 0;
	__u32 zero = 0;
	int verdict;

	config = bpf_map_lookup_elem(&config_map, &zero);
	if (!config || !packet)
		return XDP_PASS;
	view.generation = *(const volatile __u64 *)&config->generation;
	view.ruleset = &config->ruleset[view.generation & 1];
	view.iface = pep_iface_slot(ctx->ingress_ifindex);

	pep_judge(&view, packet, &ruling);
	verdict = pep_act(ctx, packet, &ruling);
	pep_count(view.iface, packet, &ruling);
	if (ruling.rule)
		decisions = pep_count_policy(config->slots, packet, &ruling);
	if (pep_is_reportable(&ruling, decisions))
		pep_report(ctx, view.ruleset, packet, &ruling);
	return verdict;
}

SEC("xdp.frags")
int packet_filter(struct xdp_md *ctx)
{
	__u64 scratch[PEP_HEADER_MAX / sizeof(__u64)];
	struct pep_packet packet;
	struct pep_frame frame;

	pep_frame_init(&frame, ctx, scratch);
	pep_parse(&frame, &packet);
	packet.length = pep_source_length(ctx);
	return packet_decide(ctx, &packet);
}
