/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The hashes of the tables, which the daemon that fills them and the program
 * that looks into them must share. Seeded: who sends packets cannot know which
 * of them collide. Multiply and fold, as in wyhash and Fibonacci hashing.
 */
#ifndef PEP_BPF_HASH_H
#define PEP_BPF_HASH_H

#include "frame.h"

#define PEP_HASH_A 0x9e3779b97f4a7c15ull /* 2^64 / golden ratio */
#define PEP_HASH_B 0xd6e8feb86659fd93ull
#define PEP_HASH_C 0xff51afd7ed558ccdull /* MurmurHash3 finalizer */

PEP_INLINE __u64 pep_hash_mix(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * PEP_HASH_C;
	return hash ^ hash >> 32;
}

/* What a key has beside addresses; ports in host order. */
PEP_INLINE __u64 pep_key_word(__u16 sport, __u16 dport, __u8 proto)
{
	return (__u64)proto << 32 | (__u64)dport << 16 | sport;
}

/* set: the id that is in the key, or 0. */
PEP_INLINE __u64 pep_key_hash(
	const struct pep_tuple *tuple, const __be32 *src, const __be32 *dst, __u64 word, __u32 set)
{
	__u64 hash = pep_hash_mix(tuple->seed, pep_pair(src[0], dst[0]) & tuple->mask[0]);
	int i;

	if (tuple->key & PEP_KEY_IP6)
		for (i = 1; i < 4; i++)
			hash = pep_hash_mix(hash, pep_pair(src[i], dst[i]) & tuple->mask[i]);
	return pep_hash_mix(hash, (word & tuple->key_mask) | (__u64)set << 40);
}

PEP_INLINE __u16 pep_hash_tag(__u64 hash)
{
	__u16 tag = (__u16)(hash >> 48);

	return tag ? tag : 1;
}

PEP_INLINE __u32 pep_hash_first(__u64 hash, __u32 mask)
{
	return (__u32)hash & mask;
}

/* The lines that a member can be in, n < PEP_LINE_CHAIN: its own and those it goes on to. */
PEP_INLINE __u32 pep_hash_line(__u64 hash, __u32 n, __u32 mask)
{
	return ((__u32)(hash >> 20) + n * ((__u32)(hash >> 40) | 1)) & mask;
}

/* Value of an IPv6 address in its dimension, from the upper 32 bits. */
PEP_INLINE __u16 pep_fold6(__be32 upper)
{
	return (__u16)(upper * 0x9e3779b1u >> 16);
}

/* Values in the fine dimensions. */
PEP_INLINE __u16 pep_fold4_fine(__be32 address)
{
	return (__u16)(PEP_BE32(address) >> 8);
}

PEP_INLINE __u16 pep_fold6_fine(__be32 upper, __be32 lower)
{
	return (__u16)((pep_pair(upper, lower) * PEP_HASH_A) >> 48);
}

/* A member of the given prefix length; `address` is masked. */
PEP_INLINE __u64 pep_member_hash(__u64 seed, const __be32 *address, int words, __u32 length)
{
	__u64 hash = pep_hash_mix(seed + length * PEP_HASH_A, address[0]);

	if (words == 4) {
		hash = pep_hash_mix(hash, pep_pair(address[1], address[2]));
		hash = pep_hash_mix(hash, address[3]);
	}
	return hash;
}

/* What a member sets in its word of the filter. */
PEP_INLINE __u64 pep_filter_bits(__u64 hash)
{
	return 1ull << (hash & 63) | 1ull << (hash >> 58);
}

/* The lowest bit of a word that has one (de Bruijn sequence B(2, 6)). */
static const __u8 pep_lowest_table[64] = {0, 1, 2, 53, 3, 7, 54, 27, 4, 38, 41, 8, 34, 55, 48, 28, 62,
	5, 39, 46, 44, 42, 22, 9, 24, 35, 59, 56, 49, 18, 29, 11, 63, 52, 6, 26, 37, 40, 33, 47, 61,
	45, 43, 21, 23, 58, 17, 10, 51, 25, 36, 32, 60, 20, 57, 16, 50, 31, 19, 15, 30, 14, 13, 12};

PEP_INLINE __u32 pep_lowest(__u64 word)
{
	return pep_lowest_table[((word & -word) * 0x022fdd63cc95386dull) >> 58];
}

/* Stable for a flow and for its answers. */
PEP_INLINE __u64 pep_flow_hash(const struct pep_packet *packet, __u64 seed)
{
	__u64 a = 0, b = 0;
	int i;

	for (i = 0; i < 4; i++) {
		a = pep_hash_mix(a, packet->src[i]);
		b = pep_hash_mix(b, packet->dst[i]);
	}
	a = pep_hash_mix(a, packet->sport);
	b = pep_hash_mix(b, packet->dport);
	return pep_hash_mix(seed ^ packet->proto, a + b);
}

/* 0 .. PEP_PERCENT_ALL - 1 */
PEP_INLINE __u32 pep_flow_percent(const struct pep_packet *packet, __u64 seed)
{
	return (__u32)((pep_flow_hash(packet, seed) >> 32) * PEP_PERCENT_ALL >> 32);
}

#endif
