/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Address → the word of sets that it is in: the union over every prefix length
 * that can cover it. A length costs a word of the filter, and only behind its
 * bits a line of the table.
 */
#ifndef PEP_BPF_MEMBERS_H
#define PEP_BPF_MEMBERS_H

#include "hash.h"
#include "parse.h"
#include "tables.h"

PEP_INLINE __u64 pep_word_at(const struct pep_table *table, __u32 word)
{
	const struct pep_line *line = pep_line_at(table, word / 8);

	return line ? line->word[word % 8] : 0;
}

/* The combo in the line, 0 = none. *ret_spilled: the second line may have it. */
PEP_INLINE __u32 pep_line4_find(
	const struct pep_line4 *line, __be32 address, __u32 length, __u32 *ret_spilled)
{
	__u32 key = PEP_BE32(address);
	__u32 single = length == 32;
	__u32 i;

	if (!single)
		key |= 1u << ((31 - length) & 31);
	*ret_spilled = line->single & PEP_LINE4_SPILLED;
	PEP_UNROLL
	for (i = 0; i < PEP_LINE4_KEYS; i++)
		if (line->key[i] == key && (line->single >> i & 1) == single && line->combo[i])
			return line->combo[i];
	return 0;
}

PEP_INLINE __u32 pep_line6_find(
	const struct pep_line6 *line, const __be32 *address, __u32 length, __u32 *ret_spilled)
{
	__u32 i;

	*ret_spilled = line->spilled;
	PEP_UNROLL
	for (i = 0; i < PEP_LINE6_KEYS; i++)
		if (line->key[i][3] == address[3] && line->key[i][2] == address[2] &&
			line->key[i][1] == address[1] && line->key[i][0] == address[0] &&
			line->length[i] == length && line->combo[i])
			return line->combo[i];
	return 0;
}

PEP_INLINE __u32 pep_line_find(const struct pep_table *lines, int six, __u32 at,
	const __be32 *address, __u32 length, __u32 *ret_spilled)
{
	const struct pep_line *line = pep_line_at(lines, at);

	*ret_spilled = 0;
	if (!line)
		return 0;
	if (!six)
		return pep_line4_find(
			(const struct pep_line4 *)line, address[0], length, ret_spilled);
	return pep_line6_find((const struct pep_line6 *)line, address, length, ret_spilled);
}

PEP_INLINE void pep_member_mask(__be32 *address, int words, __u32 length)
{
	int i;

	for (i = 0; i < words; i++) {
		__u32 bits = length > 32u * (__u32)i ? length - 32u * (__u32)i : 0;

		if (bits < 32)
			address[i] &= bits ? PEP_BE32(~0u << (32 - bits)) : 0;
	}
}

/* The combo of a prefix, 0 = it is no member. `address` is masked. */
PEP_INLINE __u32 pep_member_find(const struct pep_members *members, __u64 seed, int six,
	const __be32 *address, __u32 length)
{
	__u64 hash = pep_member_hash(seed, address, six ? 4 : 1, length);
	__u32 word = (__u32)(hash >> 6) & members->filter.mask;
	__u32 spilled, found;

	if (~pep_word_at(&members->filter, word) & pep_filter_bits(hash))
		return 0;
	found = pep_line_find(&members->lines, six, pep_hash_first(hash >> 20, members->lines.mask),
		address, length, &spilled);
	if (found || !spilled)
		return found;
	return pep_line_find(&members->lines, six, pep_hash_second(hash, members->lines.mask),
		address, length, &spilled);
}

/*
 * The sets that the packet's source (dst 0) or destination is in by its members of
 * one length. A global function, which the verifier sees once: lengths are a loop.
 */
PEP_GLOBAL __u64 pep_member_sets(
	const struct pep_packet *packet, __u32 dst, __u32 parity, __u32 length)
{
	const struct pep_config *config = pep_config();
	const struct pep_members *members;
	const struct pep_combo *combo;
	__be32 address[4];
	__u32 found;
	int six;

	if (!packet || !config)
		return 0;
	six = packet->family == 6;
	members = &config->ruleset[parity & 1].members[six];
	__builtin_memcpy(address, dst ? packet->dst : packet->src, sizeof(address));
	pep_member_mask(address, six ? 4 : 1, length);
	found = pep_member_find(members, config->roots.seed, six, address, length);
	if (!found)
		return 0;
	combo = pep_combo_at(found);
	return combo->word[parity & 1];
}

/* Which lengths can cover the address. */
PEP_INLINE __u64 pep_member_lengths(const struct pep_members *members, int six, __be32 address)
{
	__u32 value = six ? pep_fold6(address) : PEP_BE32(address) >> 16;

	if (members->lines.mask == PEP_TABLE_NONE)
		return 0;
	if (members->lengths.mask == PEP_TABLE_NONE)
		return members->always;
	return members->always | pep_word_at(&members->lengths, value);
}

/* The word of all sets that the address is in. */
PEP_INLINE __u64 pep_membership(const struct pep_ruleset *ruleset, const struct pep_packet *packet,
	__u32 dst, __u32 parity)
{
	int six = packet->family == 6;
	const struct pep_members *members = &ruleset->members[six];
	__u64 left = pep_member_lengths(members, six, dst ? packet->dst[0] : packet->src[0]);
	__u64 sets = 0;
	__u64 i;

	for (i = 0; i < PEP_LENGTHS_MAX && left; i++) {
		sets |= pep_member_sets(packet, dst, parity,
			members->length[pep_lowest(left) % PEP_LENGTHS_MAX]);
		left &= left - 1;
	}
	return sets;
}

#endif
