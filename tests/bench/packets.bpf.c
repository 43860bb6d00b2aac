/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The packet program with flows from an array, and what it is measured against.
 *
 * A test run repeats one frame, so that every table it meets is in the first-level
 * cache. Here each run parses that frame, and then goes on with the addresses and
 * ports of the next flow. The flows are in random order and are read one after the
 * other: the processor fetches them ahead, so that reading them adds little, and
 * the same, to every program.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "parse.h"
#include "packets.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BENCH_FLOWS);
	__type(key, __u32);
	__type(value, struct bench_flow);
} bench_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_state);
} bench_state SEC(".maps");

/* Nanoseconds of each batch of the run. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BENCH_BATCHES);
	__type(key, __u32);
	__type(value, __u32);
} bench_batches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BENCH_SMALL);
	__type(key, struct bench_key);
	__type(value, __u64);
} bench_small SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1); /* set by packets.c, as are those below */
	__type(key, struct bench_key);
	__type(value, __u64);
} bench_ladder SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __be32);
	__type(value, __u32);
} bench_hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct bench_prefix);
	__type(value, __u32);
} bench_lpm SEC(".maps");

/* What holds buckets of sources elsewhere; as large as the program's own table. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, PEP_SCOPE_BUCKETS_DEFAULT);
	__type(key, __be32);
	__type(value, __u64);
} bench_lru SEC(".maps");

/* Called before the first packet of a batch. */
PEP_INLINE void bench_time(struct bench_state *state)
{
	__u32 at = (state->next / BENCH_BATCH - 1) % BENCH_BATCHES;
	__u64 now = bpf_ktime_get_ns();
	__u32 *batch = bpf_map_lookup_elem(&bench_batches, &at);

	if (batch)
		*batch = (__u32)(now - state->begin);
	state->begin = now;
}

PEP_INLINE void bench_take_flow(struct pep_packet *packet)
{
	const struct bench_flow *flow;
	struct bench_state *state;
	__u32 at = 0;

	state = bpf_map_lookup_elem(&bench_state, &at);
	if (!state)
		return;
	if (state->timed && !(state->next % BENCH_BATCH))
		bench_time(state);
	at = state->first + (state->next++ & state->mask);
	flow = bpf_map_lookup_elem(&bench_flows, &at);
	if (!flow)
		return;
	__builtin_memcpy(packet->src, flow->src, sizeof(packet->src));
	__builtin_memcpy(packet->dst, flow->dst, sizeof(packet->dst));
	packet->sport = flow->sport;
	packet->dport = flow->dport;
	packet->family = flow->family;
	packet->proto = flow->proto;
	packet->tcp_flags = flow->tcp_flags;
	packet->icmp_type = flow->icmp_type;
}

PEP_INLINE void bench_parse(struct pep_frame *frame, struct pep_packet *packet)
{
	pep_parse(frame, packet);
	/* All of the parser's result is wanted, although much of it is replaced now. */
	asm volatile("" : : "r"(packet) : "memory");
	bench_take_flow(packet);
	asm volatile("" : : "r"(packet) : "memory");
}

/* The program itself, but for where its flows come from. */
#define pep_parse bench_parse
#include "packet_filter.bpf.c"
#undef pep_parse

/* packet_filter, of a flow of the bench. */
PEP_INLINE int bench_decide(struct xdp_md *ctx)
{
	struct pep_packet packet;
	struct pep_frame frame;

	pep_frame_init(&frame, ctx);
	bench_parse(&frame, &packet);
	packet.length = pep_source_length(ctx);
	return packet_decide(ctx, &packet);
}

/*
 * packet_filter where reject answers with an ICMP error: what a frame gains by that is taken off
 * again, or the next ones would have no room. This is measured with it.
 */
SEC("xdp.frags")
int unreachable(struct xdp_md *ctx)
{
	__u8 ethernet[14] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0};
	int verdict = bench_decide(ctx);

	if (verdict == XDP_TX && !bpf_xdp_adjust_head(ctx, 28))
		bpf_xdp_store_bytes(ctx, 0, ethernet, sizeof(ethernet));
	return verdict;
}

/* The same where redirect takes one off the TTL, which would be gone after 63 frames. */
SEC("xdp.frags")
int onward(struct xdp_md *ctx)
{
	__u8 hop[4] = {64, IPPROTO_TCP, 0, 0};
	int verdict = bench_decide(ctx);

	if (verdict == XDP_REDIRECT)
		bpf_xdp_store_bytes(ctx, 22, hop, sizeof(hop));
	return verdict;
}

SEC("xdp.frags")
int bare_drop(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

/* What was parsed decides the verdict, so that no field can be left out. */
PEP_INLINE int bench_verdict(const struct pep_packet *packet)
{
	return (packet->src[0] ^ packet->dst[3] ^ packet->dport ^ packet->proto) == 0x12345678
		       ? XDP_ABORTED
		       : XDP_PASS;
}

/* The frame as it is. */
SEC("xdp.frags")
int parse_only(struct xdp_md *ctx)
{
	struct pep_packet packet;
	struct pep_frame frame;

	pep_frame_init(&frame, ctx);
	pep_parse(&frame, &packet);
	return bench_verdict(&packet);
}

PEP_INLINE void bench_begin(struct xdp_md *ctx, struct pep_packet *packet)
{
	struct pep_frame frame;

	pep_frame_init(&frame, ctx);
	bench_parse(&frame, packet);
}

SEC("xdp.frags")
int parse(struct xdp_md *ctx)
{
	struct pep_packet packet;

	bench_begin(ctx, &packet);
	return bench_verdict(&packet);
}

PEP_INLINE void bench_key_init(
	struct bench_key *key, const struct pep_packet *packet, enum bench_rung rung)
{
	int has_src =
		rung == BENCH_FIVE_TUPLE || rung == BENCH_SRC_DPORT_PROTO || rung == BENCH_SRC;
	int has_dst = rung == BENCH_FIVE_TUPLE || rung == BENCH_DST_DPORT_PROTO;

	*key = (struct bench_key){.rung = (__u8)rung};
	if (has_src || has_dst)
		key->family = packet->family;
	if (rung != BENCH_SRC)
		key->proto = packet->proto;
	if (rung == BENCH_FIVE_TUPLE)
		key->sport = packet->sport;
	if (rung <= BENCH_DPORT_PROTO)
		key->dport = packet->dport;
	if (has_src)
		__builtin_memcpy(key->src, packet->src, sizeof(key->src));
	if (has_dst)
		__builtin_memcpy(key->dst, packet->dst, sizeof(key->dst));
}

SEC("xdp.frags")
int look_up(struct xdp_md *ctx)
{
	struct pep_packet packet;
	struct bench_key key;

	bench_begin(ctx, &packet);
	bench_key_init(&key, &packet, BENCH_FIVE_TUPLE);
	return bpf_map_lookup_elem(&bench_small, &key) ? XDP_DROP : XDP_PASS;
}

SEC("xdp.frags")
int ladder(struct xdp_md *ctx)
{
	struct pep_packet packet;
	struct bench_key key;
	int rung;

	bench_begin(ctx, &packet);
	_Pragma("unroll") for (rung = 0; rung < BENCH_RUNGS; rung++)
	{
		bench_key_init(&key, &packet, (enum bench_rung)rung);
		if (bpf_map_lookup_elem(&bench_ladder, &key))
			return XDP_DROP;
	}
	return XDP_PASS;
}

SEC("xdp.frags")
int hash(struct xdp_md *ctx)
{
	struct pep_packet packet;

	bench_begin(ctx, &packet);
	return bpf_map_lookup_elem(&bench_hash, packet.src) ? XDP_DROP : XDP_PASS;
}

SEC("xdp.frags")
int lpm(struct xdp_md *ctx)
{
	struct bench_prefix key = {.length = 32};
	struct pep_packet packet;

	bench_begin(ctx, &packet);
	key.address = packet.src[0];
	return bpf_map_lookup_elem(&bench_lpm, &key) ? XDP_DROP : XDP_PASS;
}

/* A time for each source, without the arithmetic of a limit. */
SEC("xdp.frags")
int lru(struct xdp_md *ctx)
{
	struct pep_packet packet;
	__u64 *time;
	__u64 now;

	bench_begin(ctx, &packet);
	now = bpf_ktime_get_ns();
	time = bpf_map_lookup_elem(&bench_lru, packet.src);
	if (time)
		__sync_val_compare_and_swap(time, *time, now);
	else
		bpf_map_update_elem(&bench_lru, packet.src, &now, BPF_ANY);
	return XDP_PASS;
}
