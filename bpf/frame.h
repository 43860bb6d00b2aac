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
/* Verified once for any arguments, instead of once for each way that leads to its call. */
#define PEP_GLOBAL __attribute__((noinline))
#define PEP_UNROLL _Pragma("clang loop unroll(full)")
#else
#include <string.h>
#define PEP_INLINE static inline
#define PEP_GLOBAL static inline
#define PEP_UNROLL
#endif

/* Keeps a value within a mask of ones where Linux 6.1 has forgotten that it is: after a byte swap. */
#ifdef __bpf__
#define PEP_BOUND(value, mask) asm volatile("%0 &= %1" : "+r"(value) : "i"(mask))
#else
#define PEP_BOUND(value, mask) ((value) &= (mask))
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define PEP_BE16(x) ((__u16)__builtin_bswap16((__u16)(x)))
#define PEP_BE32(x) ((__u32)__builtin_bswap32((__u32)(x)))
#else
#define PEP_BE16(x) ((__u16)(x))
#define PEP_BE32(x) ((__u32)(x))
#endif

/* Tags, IPv6 and eight headers of 2 KiB end before 17 KiB. */
#define PEP_OFFSET_MASK 0x7fffu

#define PEP_HEADER_MAX 40u /* the longest that is asked for: IPv6 */

/* Where bytes are copied from; the argument of PEP_GLOBAL functions. */
#ifdef __bpf__
typedef struct xdp_md pep_source;
#else
typedef struct {
	const __u8 *data;
	__u32 length;
} pep_source;
#endif

struct pep_frame {
	pep_source *source;
	const __u8 *data;     /* linear part */
	const __u8 *data_end; /* equal to data where headers are always copied */
	__u32 length;         /* of the linear part, with `whole` of all buffers together */
	__u32 end;      /* nothing is read from here on: end of the frame or of the IP packet */
	__u32 whole;    /* length and end are final */
#ifndef __bpf__
	__u64 scratch[PEP_HEADER_MAX / sizeof(__u64)]; /* a copied header */
#endif
};

#ifdef __bpf__

/* A copied header: on the stack it would leave too little for the functions called. */
struct pep_scratch {
	__u64 word[PEP_HEADER_MAX / sizeof(__u64)];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pep_scratch);
} scratch_map SEC(".maps");

PEP_INLINE void *pep_frame_scratch(struct pep_frame *frame)
{
	__u32 zero = 0;

	(void)frame;
	return bpf_map_lookup_elem(&scratch_map, &zero);
}

PEP_INLINE int pep_source_copy(pep_source *source, __u32 offset, void *to, __u32 size)
{
	return (int)bpf_xdp_load_bytes(source, offset, to, size);
}

PEP_INLINE __u32 pep_source_length(pep_source *source)
{
	return (__u32)bpf_xdp_get_buff_len(source);
}

/* Asking for the whole length costs as much as parsing, so it waits until a byte is missing. */
PEP_INLINE void pep_frame_init(struct pep_frame *frame, pep_source *source)
{
	frame->source = source;
	frame->data = (const __u8 *)(long)source->data;
	frame->data_end = (const __u8 *)(long)source->data_end;
	frame->length = (__u32)(frame->data_end - frame->data);
	frame->end = frame->length;
	frame->whole = 0;
}

PEP_INLINE const void *pep_frame_linear(const struct pep_frame *frame, __u32 offset, __u32 size)
{
	const __u8 *at = frame->data + offset;

	return at + size <= frame->data_end ? at : NULL;
}

/*
 * Eight bytes as they stand, without the helper's cost where they are linear. The
 * mask shows the verifier how far the offset can reach.
 */
PEP_INLINE int pep_source_word(pep_source *source, __u32 offset, __u64 *ret)
{
	const __u8 *at = (const __u8 *)(long)source->data + (offset & PEP_OFFSET_MASK);

	if (at + sizeof(*ret) > (const __u8 *)(long)source->data_end)
		return pep_source_copy(source, offset, ret, sizeof(*ret));
	*ret = *(const __u64 *)at;
	return 0;
}

#else

PEP_INLINE void *pep_frame_scratch(struct pep_frame *frame)
{
	return frame->scratch;
}

PEP_INLINE int pep_source_copy(pep_source *source, __u32 offset, void *to, __u32 size)
{
	if (offset > source->length || size > source->length - offset)
		return -1;
	memcpy(to, source->data + offset, size);
	return 0;
}

PEP_INLINE int pep_source_word(pep_source *source, __u32 offset, __u64 *ret)
{
	return pep_source_copy(source, offset, ret, sizeof(*ret));
}

PEP_INLINE __u32 pep_source_length(pep_source *source)
{
	return source->length;
}

PEP_INLINE void pep_frame_init(struct pep_frame *frame, pep_source *source)
{
	*frame = (struct pep_frame){.source = source,
		.data = source->data,
		.data_end = source->data,
		.length = source->length,
		.end = source->length,
		.whole = 1};
}

PEP_INLINE const void *pep_frame_linear(const struct pep_frame *frame, __u32 offset, __u32 size)
{
	(void)frame;
	(void)offset;
	(void)size;
	return NULL;
}

#endif

/* Whether the frame has so many bytes. */
PEP_INLINE int pep_frame_has(struct pep_frame *frame, __u32 size)
{
	if (size <= frame->end)
		return 1;
	if (frame->whole)
		return 0;
	frame->whole = 1;
	frame->length = pep_source_length(frame->source);
	frame->end = frame->length;
	return size <= frame->end;
}

/* From now on the frame ends there, which it has. */
PEP_INLINE void pep_frame_bound(struct pep_frame *frame, __u32 end)
{
	frame->end = end;
	frame->whole = 1;
}

/* NULL when [offset, offset + size) is not before frame->end; valid until the next call. */
PEP_INLINE const void *pep_frame_at(struct pep_frame *frame, __u32 offset, __u32 size)
{
	const void *at;
	void *copy;

	if (!pep_frame_has(frame, offset + size))
		return NULL;
	at = pep_frame_linear(frame, offset, size);
	if (at)
		return at;
	copy = pep_frame_scratch(frame);
	if (!copy || pep_source_copy(frame->source, offset, copy, size))
		return NULL;
	return copy;
}

#endif
