/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The Internet checksum (RFC 1071), of words as they stand in memory. */
#ifndef PEP_BPF_CHECKSUM_H
#define PEP_BPF_CHECKSUM_H

#include "frame.h"

/* The sum of the words, to be added to others. `count`: a constant. */
PEP_INLINE __u64 pep_checksum_add(const __u32 *words, __u32 count)
{
	__u64 sum = 0;
	__u32 i;

	PEP_UNROLL
	for (i = 0; i < count; i++)
		sum += words[i];
	return sum;
}

/* What stands in a header for that sum; 0 of one that has its checksum in it. */
PEP_INLINE __be16 pep_checksum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__be16)~sum;
}

#endif
