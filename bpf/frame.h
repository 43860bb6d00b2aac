/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Bytes of the frame under judgement, the only thing about which the parser
 * need not know whether it runs in the kernel.
 *
 * A frame may consist of several buffers, of which only the first is mapped
 * (linear). A header there is read in place; one that lies elsewhere, or
 * across the edge, is copied. In user space headers are always copied: there
 * they may stand unaligned, which the kernel's targets allow and C does not.
 */
#ifndef PEP_BPF_FRAME_H
#define PEP_BPF_FRAME_H

#include "common.h"

#ifdef __bpf__
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#define PEP_INLINE static __always_inline
#else
#include <string.h>
#define PEP_INLINE static inline
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define PEP_BE16(x) ((__u16)__builtin_bswap16((__u16)(x)))
#define PEP_BE32(x) ((__u32)__builtin_bswap32((__u32)(x)))
#else
#define PEP_BE16(x) ((__u16)(x))
#define PEP_BE32(x) ((__u32)(x))
#endif

#define PEP_HEADER_MAX 40u /* the longest that is asked for: IPv6 */

struct pep_frame {
	const __u8 *data; /* linear part */
	__u32 length;     /* of all buffers together */
	__u32 end;        /* nothing is read from here on: the end of frame or of the IP packet */
	__u64 *scratch;   /* PEP_HEADER_MAX bytes for a copied header */
#ifdef __bpf__
	const __u8 *data_end;
	struct xdp_md *ctx;
#endif
};

#ifdef __bpf__

PEP_INLINE void pep_frame_init(struct pep_frame *frame, struct xdp_md *ctx, __u64 *scratch)
{
	frame->data = (const __u8 *)(long)ctx->data;
	frame->data_end = (const __u8 *)(long)ctx->data_end;
	frame->length = bpf_xdp_get_buff_len(ctx);
	frame->end = frame->length;
	frame->scratch = scratch;
	frame->ctx = ctx;
}

/* NULL when [offset, offset + size) is not inside the frame; valid until the next call. */
PEP_INLINE const void *pep_frame_at(const struct pep_frame *frame, __u32 offset, __u32 size)
{
	const __u8 *at = frame->data + offset;

	if (offset + size > frame->end)
		return NULL;
	if (at + size <= frame->data_end)
		return at;
	if (bpf_xdp_load_bytes(frame->ctx, offset, frame->scratch, size))
		return NULL;
	return frame->scratch;
}

#else

PEP_INLINE void pep_frame_init(
	struct pep_frame *frame, const void *data, __u32 length, __u64 *scratch)
{
	frame->data = data;
	frame->length = length;
	frame->end = length;
	frame->scratch = scratch;
}

PEP_INLINE const void *pep_frame_at(const struct pep_frame *frame, __u32 offset, __u32 size)
{
	if (offset + size > frame->end)
		return NULL;
	memcpy(frame->scratch, frame->data + offset, size);
	return frame->scratch;
}

#endif
#endif
