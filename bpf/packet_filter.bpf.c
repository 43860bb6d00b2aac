/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The packet program: bounds → parse → classify → act → count → report, for
 * every frame that an attached interface receives. Nothing here depends on the
 * daemon running; what it judges by is in the maps.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "actions.h"
#include "counters.h"
#include "events.h"
#include "frame.h"
#include "judge.h"
#include "maps.h"
#include "parse.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* A function of its own, as is packet_shadow(): both are rare and would cost every packet stack. */
__attribute__((noinline)) int packet_report(
	struct xdp_md *ctx, const struct pep_packet *packet, const struct pep_ruling *ruling)
{
	const struct pep_config *config = pep_config();

	if (config && packet && ruling)
		pep_event_send(ctx, &config->ruleset[ruling->parity & 1], packet, ruling);
	return 0;
}

PEP_INLINE void packet_account(struct xdp_md *ctx, const struct pep_config *config,
	const struct pep_packet *packet, const struct pep_entry *entry,
	const struct pep_ruling *ruling)
{
	__u64 decisions = 0;

	if (entry)
		decisions = pep_count_policy(config->slots, entry, packet);
	if (pep_is_reportable(ruling, entry, decisions) &&
		pep_event_number(config->ruleset[ruling->parity & 1].event_rate, config->hz))
		packet_report(ctx, packet, ruling);
}

/* The policy that would have decided is counted, and reported as if it had. */
__attribute__((noinline)) int packet_shadow(
	struct xdp_md *ctx, const struct pep_packet *packet, const struct pep_ruling *decided)
{
	const struct pep_config *config = pep_config();
	const struct pep_entry *entry;
	struct pep_ruling ruling;

	if (!config || !packet || !decided)
		return 0;
	entry = pep_entry_at(decided->shadow);
	if (!entry)
		return 0;
	pep_ruling_set(&ruling, entry->action, PEP_REASON_SHADOW, pep_tally_of(entry->action));
	ruling.parity = decided->parity;
	ruling.answered = decided->answered;
	ruling.entry = decided->shadow;
	ruling.flags = entry->flags;
	packet_account(ctx, config, packet, entry, &ruling);
	return 0;
}

/*
 * Everything after the parser. A global function, for the verifier's sake: it
 * is verified once for any packet, and not again for each way through the
 * parser, which would exceed a million instructions.
 */
__attribute__((noinline)) int packet_decide(struct xdp_md *ctx, const struct pep_packet *packet)
{
	const struct pep_config *config;
	const struct pep_entry *entry;
	struct pep_ruling ruling;
	struct pep_view view;
	int verdict;

	config = pep_config();
	if (!config || !packet)
		return XDP_PASS;
	view.generation = *(const volatile __u64 *)&config->generation;
	view.roots = &config->roots;
	view.ruleset = &config->ruleset[view.generation & 1];
	view.iface = pep_iface_slot(ctx->ingress_ifindex);

	entry = pep_judge(&view, packet, &ruling);
	verdict = pep_act(ctx, packet, entry, &ruling);
	pep_count(view.iface, packet, &ruling);
	packet_account(ctx, config, packet, entry, &ruling);
	if (ruling.shadow)
		packet_shadow(ctx, packet, &ruling);
	return verdict;
}

SEC("xdp.frags")
int packet_filter(struct xdp_md *ctx)
{
	struct pep_packet packet;
	struct pep_frame frame;

	pep_frame_init(&frame, ctx);
	pep_parse(&frame, &packet);
	packet.length = pep_source_length(ctx);
	return packet_decide(ctx, &packet);
}

/* The decision alone, and without a trace in counters, limiters or events. */
__attribute__((noinline)) int packet_judge(const struct pep_packet *packet)
{
	const struct pep_config *config = pep_config();
	struct pep_explain *explain;
	struct pep_view view;
	__u32 zero = 0;

	explain = bpf_map_lookup_elem(&explain_map, &zero);
	if (!config || !explain || !packet)
		return 0;
	view.generation = explain->generation ? explain->generation :
						*(const volatile __u64 *)&config->generation;
	view.roots = &config->roots;
	view.ruleset = &config->ruleset[view.generation & 1];
	view.iface = explain->iface;
	pep_judge(&view, packet, &explain->ruling);
	explain->packet = *packet;
	explain->jiffies = bpf_jiffies64();
	return 1;
}

/* Never attached: run by BPF_PROG_TEST_RUN. */
SEC("xdp.frags")
int packet_explain(struct xdp_md *ctx)
{
	struct pep_packet packet;
	struct pep_frame frame;

	pep_frame_init(&frame, ctx);
	pep_parse(&frame, &packet);
	packet.length = pep_source_length(ctx);
	return packet_judge(&packet) ? XDP_PASS : XDP_ABORTED;
}
