/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The packet program, and who counts its verdicts: it knows the flow from the
 * frame, and of the decision nothing but what the program returns.
 * CHURN_CLASSIFY is a copy of classify.h with a fault that must be noticed.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#ifdef CHURN_CLASSIFY
#include CHURN_CLASSIFY
#endif
#include "churn_rows.h"
#include "packet_filter.bpf.c"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CHURN_ROWS);
	__type(key, __u32);
	__type(value, struct churn_row);
} churn_rows SEC(".maps");

/* Of whom the frame is: both MAC addresses say it, reflected or not. */
PEP_INLINE __u32 churn_row_of(struct xdp_md *ctx)
{
	const __u8 *frame = (const void *)(long)ctx->data;

	if (frame + 6 > (const __u8 *)(long)ctx->data_end || frame[0] != CHURN_MAC)
		return CHURN_ROWS; /* the kernel's own */
	return frame[4] * CHURN_FLOWS + frame[5];
}

SEC("xdp.frags")
__attribute__((flatten)) int packet_churn(struct xdp_md *ctx)
{
	__u32 at = churn_row_of(ctx);
	int verdict = packet_filter(ctx);
	struct churn_row *row = bpf_map_lookup_elem(&churn_rows, &at);

	if (row)
		row->verdict[verdict & (CHURN_VERDICTS - 1)]++;
	return verdict;
}
