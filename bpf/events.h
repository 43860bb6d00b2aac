/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which decisions are reported, and their records. Every reportable decision
 * takes the next number of its CPU before anything can suppress its record, so
 * a reader that counts numbers knows of every record that it did not get.
 *
 * Reportable: every drop, and with "log" every log_every-th decision of the
 * policy (its drops then too: 1/N is how a flood is sampled); the first of
 * them on each CPU at once, so that a sampled policy is seen to work.
 */
#ifndef PEP_BPF_EVENTS_H
#define PEP_BPF_EVENTS_H

#include "judge.h"
#include "maps.h"
#include "reject.h"

/* entry: of the policy, NULL = none decided. decisions: of it on this CPU, this one included. */
PEP_INLINE int pep_is_reportable(
	const struct pep_ruling *ruling, const struct pep_entry *entry, __u64 decisions)
{
	if (ruling->flags & PEP_RULE_NOLOG)
		return 0;
	if (entry && ruling->flags & PEP_RULE_LOG)
		return entry->log_every <= 1 || decisions % entry->log_every == 1;
	return pep_is_blocked(ruling->tally);
}

/* 0 when this CPU has had its events of the second. The clock is the one that costs nothing. */
PEP_INLINE int pep_event_admit(struct pep_event_state *state, __u32 rate, __u32 hz)
{
	__u64 now = bpf_jiffies64();

	if (now - state->window_start >= hz) {
		state->window_start = now;
		state->window_count = 0;
	}
	if (state->window_count >= rate)
		return 0;
	state->window_count++;
	return 1;
}

/* Gives the decision its number; 1 when its record is to be sent. */
PEP_INLINE int pep_event_number(__u32 rate, __u32 hz)
{
	struct pep_event_state *state;
	__u32 zero = 0;

	state = bpf_map_lookup_elem(&event_state, &zero);
	if (!state)
		return 0;
	state->numbered++;
	if (pep_event_admit(state, rate, hz))
		return 1;
	state->suppressed++;
	return 0;
}

PEP_INLINE void pep_event_set_packet(struct pep_event *event, const struct pep_packet *packet)
{
	event->length = packet->length;
	event->family = packet->family;
	event->proto = packet->proto;
	__builtin_memcpy(event->src, packet->src, sizeof(event->src));
	__builtin_memcpy(event->dst, packet->dst, sizeof(event->dst));
	event->sport = packet->sport;
	event->dport = packet->dport;
	event->vlan = packet->vlan;
	event->icmp_type = packet->icmp_type;
	event->icmp_code = packet->icmp_code;
	event->tcp_flags = packet->tcp_flags;
	event->parse_error = packet->error;
}

/* From the frame, or what has been kept of it. */
PEP_INLINE int pep_event_load(
	struct xdp_md *ctx, const struct pep_ruling *ruling, void *to, __u32 size)
{
	const struct pep_answer *answer;

	if (!ruling->answered)
		return (int)bpf_xdp_load_bytes(ctx, 0, to, size);
	answer = pep_answer();
	return answer ? (int)bpf_probe_read_kernel(to, size, answer->question) : -1;
}

/*
 * As the frame leaves: a reflected or redirected one has its new addresses. A rejected one as it
 * came: what leaves is another.
 */
PEP_INLINE void pep_event_capture(struct pep_event *event, struct xdp_md *ctx,
	const struct pep_ruling *ruling, __u32 capture)
{
	__u32 size = capture < event->length ? capture : event->length;
	__u32 last;

	event->captured = 0;
	__builtin_memset(event->data, 0, sizeof(event->data));
	if (size > PEP_CAPTURE_MAX)
		size = PEP_CAPTURE_MAX;
	/* Linux 6.1 does not learn from `size != 0` that size is 1 or more; from a sum it does. */
	last = size - 1;
	asm volatile("" : "+r"(last));
	if (last < PEP_CAPTURE_MAX && !pep_event_load(ctx, ruling, event->data, last + 1))
		event->captured = (__u16)size;
}

PEP_INLINE void pep_event_set_ruling(struct pep_event *event, const struct pep_ruling *ruling)
{
	__u32 at = ruling->entry;
	const struct pep_policy *policy = at ? bpf_map_lookup_elem(&policy_map, &at) : NULL;

	event->action = ruling->action;
	event->reason = ruling->reason;
	if (policy)
		__builtin_memcpy(event->policy, policy->name, sizeof(event->policy));
	else
		__builtin_memset(event->policy, 0, sizeof(event->policy));
}

/* Sends the record of the decision that has been numbered last. */
PEP_INLINE void pep_event_send(struct xdp_md *ctx, const struct pep_ruleset *ruleset,
	const struct pep_packet *packet, const struct pep_ruling *ruling)
{
	struct pep_event_state *state;
	struct pep_event *event;
	__u32 zero = 0;

	state = bpf_map_lookup_elem(&event_state, &zero);
	if (!state)
		return;
	event = bpf_ringbuf_reserve(&ring_buffer, sizeof(*event), 0);
	if (!event) {
		state->ring_full++;
		return;
	}
	event->time = bpf_ktime_get_ns();
	event->number = state->numbered;
	event->suppressed = state->suppressed;
	event->ring_full = state->ring_full;
	event->revision = ruleset->revision;
	event->cpu = bpf_get_smp_processor_id();
	event->ifindex = ctx->ingress_ifindex;
	event->zero = 0;
	pep_event_set_packet(event, packet);
	pep_event_set_ruling(event, ruling);
	pep_event_capture(event, ctx, ruling, ruleset->capture);
	bpf_ringbuf_submit(event, 0);
}

#endif
