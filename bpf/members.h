/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Address → the word of sets that it is in: the union over every prefix length
 * that can cover it. A length costs a word of the filter, and only behind its
 * bits a line of the table.
 */
#ifndef PEP_BPF_MEMBERS_H
#define PEP_BPF_MEMBERS_H

#include <stddef.h>

#include "hash.h"
#include "parse.h"
#include "tables.h"

/* What a packet is judged by. */
struct pep_view {
	__u64 generation;
	const struct pep_roots *roots;
	const struct pep_ruleset *ruleset; /* of that generation */
	__u32 iface;                       /* slot */
};

PEP_INLINE __u64 pep_word_at(const struct pep_table *table, __u32 word)
{
	const struct pep_line *line = pep_line_at(table, word / 8);

	return line ? line->word[word % 8] : 0;
}

/* As a key of IPv4 stands in a line. */
PEP_INLINE __u32 pep_line4_key(__be32 address, __u32 length)
{
	return PEP_BE32(address) | (length == 32 ? 0 : 1u << ((31 - length) & 31));
}

/* The combo in the line, 0 = none. *ret_spilled: another line may have it. */
PEP_INLINE __u32 pep_line4_find(
	const struct pep_line4 *line, __be32 address, __u32 length, __u32 *ret_spilled)
{
	__u32 key = pep_line4_key(address, length);
	__u32 single = length == 32;
	__u32 i;

	*ret_spilled = line->single & PEP_LINE4_SPILLED;
	PEP_UNROLL
	for (i = 0; i < PEP_LINE4_KEYS; i++)
		if (line->key[i] == key && (line->single >> i & 1) == single && line->combo[i])
			return line->combo[i];
	return 0;
}

/* Bit 31 of each half that is zero; that of the upper may be wrong where the lower is. */
PEP_INLINE __u64 pep_zero_halves(__u64 word)
{
	return (word - 0x0000000100000001ull) & ~word & 0x8000000080000000ull;
}

/* The key's places: bit 31 - n is of place 2 n, bit 63 - n of the next one; the lowest is right. */
PEP_INLINE __u64 pep_line4_places(const struct pep_line *line, __u32 key)
{
	__u64 keys = (__u64)key << 32 | key;
	__u64 found = 0;
	__u32 i;

	PEP_UNROLL
	for (i = 0; i < PEP_LINE4_KEYS / 2; i++)
		found |= pep_zero_halves(line->word[i] ^ keys) >> i;
	return found;
}

/* Of a place < PEP_LINE4_KEYS. */
PEP_INLINE __u32 pep_line4_combo(const struct pep_line *line, __u64 place)
{
	place += offsetof(struct pep_line4, combo) / 2 - 16;
	PEP_BOUND(place, 15);
	return line->pair[16 + place];
}

/*
 * As pep_line4_find(), but for what is rare: *ret_spilled also says that the first place with the
 * key is free or of another length. Which place it is cannot be predicted: while the line is
 * waited for, the processor goes on with what follows, which a branch by place would throw away.
 */
PEP_INLINE __u32 pep_line4_guess(
	const struct pep_line *words, __be32 address, __u32 length, __u32 *ret_spilled)
{
	const struct pep_line4 *line = (const struct pep_line4 *)words;
	__u64 found = pep_line4_places(words, pep_line4_key(address, length));
	__u32 combo;
	__u64 at;

	*ret_spilled = line->single & PEP_LINE4_SPILLED;
	if (!found)
		return 0;
	at = pep_lowest(found);
	at = 62 - 2 * (at & 31) + (at >> 5);
	combo = pep_line4_combo(words, at);
	if (combo && (line->single >> at & 1) == (length == 32))
		return combo;
	*ret_spilled = 1;
	return 0;
}

PEP_INLINE __u32 pep_line6_find(
	const struct pep_line *words, const __be32 *address, __u32 length, __u32 *ret_spilled)
{
	const struct pep_line6 *line = (const struct pep_line6 *)words;
	__u64 first = pep_pair(address[0], address[1]);
	__u64 second = pep_pair(address[2], address[3]);
	__u64 differ;
	__u32 i;

	*ret_spilled = line->spilled;
	PEP_UNROLL
	for (i = 0; i < PEP_LINE6_KEYS; i++) {
		differ = (words->word[2 * i] ^ first) | (words->word[2 * i + 1] ^ second) |
			 (line->length[i] ^ length);
		if (!differ && line->combo[i])
			return line->combo[i];
	}
	return 0;
}

PEP_INLINE __u32 pep_line_find(const struct pep_members *members, int six, int guess, __u32 at,
	const __be32 *address, __u32 length, __u32 *ret_spilled)
{
	const struct pep_line *line = pep_line_at(&members->lines, at);

	*ret_spilled = 0;
	if (!line)
		return 0;
	if (!six && guess)
		return pep_line4_guess(line, address[0], length, ret_spilled);
	if (!six)
		return pep_line4_find(
			(const struct pep_line4 *)line, address[0], length, ret_spilled);
	return pep_line6_find(line, address, length, ret_spilled);
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

/* A look-up of the packet's source (dst 0) or destination among the members of one length. */
struct pep_member_look {
	const struct pep_packet *packet;
	const struct pep_members *members; /* of the packet's family */
	__u64 seed;
	__u32 dst;
	__u32 parity;
	__u32 length;
};

/* `six`: a constant, so that each family has code of its own. */
PEP_INLINE void pep_member_address(const struct pep_member_look *look, int six, __be32 *ret)
{
	const __be32 *address = look->dst ? look->packet->dst : look->packet->src;

	__builtin_memcpy(ret, address, six ? 4 * sizeof(*ret) : sizeof(*ret));
	pep_member_mask(ret, six ? 4 : 1, look->length);
}

/*
 * The sets that the address is in by its members of one length, as far as they stand in the first
 * lines that it can be in. *ret_spilled: others may.
 */
PEP_INLINE __u64 pep_member_sets_in(
	const struct pep_member_look *look, int six, __u32 lines, __u32 *ret_spilled)
{
	const struct pep_members *members = look->members;
	__be32 address[4];
	__u32 found = 0;
	__u64 hash;
	__u64 n;

	*ret_spilled = 0;
	pep_member_address(look, six, address);
	hash = pep_member_hash(look->seed, address, six ? 4 : 1, look->length);
	if (~pep_word_at(&members->filter, (__u32)(hash >> 6) & members->filter.mask) &
		pep_filter_bits(hash))
		return 0;
	for (n = 0; n < lines && !found && (!n || *ret_spilled); n++)
		found = pep_line_find(members, six, lines == 1,
			pep_hash_line(hash, (__u32)n, members->lines.mask), address, look->length,
			ret_spilled);
	if (!found)
		return 0;
	*ret_spilled = 0;
	return pep_combo_at(found)->word[look->parity & 1];
}

/* In all lines. A global function, which the verifier sees once: lengths are a loop. */
PEP_GLOBAL __u64 pep_member_sets(
	const struct pep_packet *packet, __u32 dst, __u32 parity, __u32 length)
{
	const struct pep_config *config = pep_config();
	struct pep_member_look look = {packet, NULL, 0, dst, parity, length};
	__u32 spilled;

	if (!packet || !config)
		return 0;
	look.seed = config->roots.seed;
	look.members = &config->ruleset[parity & 1].members[packet->family == 6];
	return packet->family == 6 ? pep_member_sets_in(&look, 1, PEP_LINE_CHAIN, &spilled) :
				     pep_member_sets_in(&look, 0, PEP_LINE_CHAIN, &spilled);
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

/* The length of the lowest bit. */
PEP_INLINE __u32 pep_member_length(const struct pep_members *members, __u64 lengths)
{
	return members->length[pep_lowest(lengths) % PEP_LENGTHS_MAX];
}

/*
 * The word of all sets that the address is in. Most sets of IPv4 have one length, and most members
 * stand in their first line: these cost no call.
 */
PEP_INLINE __u64 pep_membership(
	const struct pep_view *view, const struct pep_packet *packet, __u32 dst, __u32 parity)
{
	int six = packet->family == 6;
	const struct pep_members *members = &view->ruleset->members[six];
	__u64 left = pep_member_lengths(members, six, dst ? packet->dst[0] : packet->src[0]);
	struct pep_member_look look = {packet, members, view->roots->seed, dst, parity, 0};
	__u32 spilled;
	__u64 sets = 0;
	__u64 i;

	if (left && !six && !dst) {
		look.length = pep_member_length(members, left);
		sets = pep_member_sets_in(&look, 0, 1, &spilled);
		if (!spilled)
			left &= left - 1;
	}
	for (i = 0; i < PEP_LENGTHS_MAX && left; i++) {
		sets |= pep_member_sets(packet, dst, parity, pep_member_length(members, left));
		left &= left - 1;
	}
	return sets;
}

#endif
