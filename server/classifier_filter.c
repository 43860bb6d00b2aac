/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What spares a packet look-ups: the prefix lengths that members have at all, those that can
 * cover an address of some value, and the filter of two bits a member.
 */
#include "bpf/hash.h"
#include "server/classifier_members.h"

#define LENGTH_BY_VALUE 8u /* a shorter prefix covers too many values to be listed under each */

/* A bit that nobody has, or whose length has no members any more: who judges by it finds none. */
static int bit_take(struct member_lengths *lengths)
{
	for (size_t i = 0; i < ARRAY_SIZE(lengths->bit); i++)
		if (lengths->bit[i] >= 0 && !lengths->users[i]) {
			int8_t bit = lengths->bit[i];

			lengths->bit[i] = -1;
			return bit;
		}
	return lengths->count < PEP_LENGTHS_MAX ? (int)lengths->count++ : -1;
}

int lengths_take(struct member_table *table, struct error *err)
{
	struct member_lengths *lengths = &table->lengths;

	for (size_t i = 0; i < ARRAY_SIZE(lengths->bit); i++) {
		int bit;

		if (!lengths->users[i] || lengths->bit[i] >= 0)
			continue;
		bit = bit_take(lengths);
		if (bit < 0)
			return error_set(err, ERROR_LIMIT, "LENGTHS_FULL",
				"members have more than %u different prefix lengths, which is the limit",
				PEP_LENGTHS_MAX);
		lengths->bit[i] = (int8_t)bit;
	}
	return 0;
}

void lengths_list(struct member_table *table)
{
	for (size_t i = 0; i < ARRAY_SIZE(table->lengths.bit); i++)
		if (table->lengths.bit[i] >= 0)
			table->next.length[table->lengths.bit[i]] = (uint8_t)i;
}

/* The values that a prefix covers; of IPv6 the value is a hash of 32 bits. */
static void value_range(const struct member_key *key, uint32_t *ret_first, uint32_t *ret_last)
{
	uint32_t upper = PEP_BE32(key->address[0]);

	*ret_first = *ret_last = key->six ? pep_fold6(key->address[0]) : upper >> 16;
	if (!key->six && key->length < 16)
		*ret_last = *ret_first | (UINT16_MAX >> key->length);
}

static bool is_short(const struct member_key *key)
{
	return key->length < (key->six ? 32 : LENGTH_BY_VALUE);
}

void lengths_mark(struct members *m, struct member_table *table, const struct member_key *key)
{
	int8_t number = table->lengths.bit[key->length];
	uint64_t bit = 1ull << (number & 63);
	uint32_t first, last;

	if (number < 0) /* a member that the plan takes out */
		return;
	if (table->next.lengths.mask == PEP_TABLE_NONE || is_short(key)) {
		table->next.always |= bit;
		return;
	}
	value_range(key, &first, &last);
	for (; first <= last; first++) {
		__u64 *word = chunk_word(m, &table->next.lengths, first);

		if (!(*word & bit))
			__atomic_store_n(word, *word | bit, __ATOMIC_RELAXED);
	}
}

static __u64 *filter_word(const struct members *m, const struct member_table *table, const struct member_key *key)
{
	return chunk_word(m, &table->next.filter, (uint32_t)(key->hash >> 6) & table->next.filter.mask);
}

void filter_mark(struct members *m, struct member_table *table, const struct member_key *key)
{
	__u64 *word = filter_word(m, table, key);
	uint64_t bits = pep_filter_bits(key->hash);

	if (~*word & bits)
		__atomic_store_n(word, *word | bits, __ATOMIC_RELAXED);
}

void filter_prefetch(const struct members *m, const struct member_table *table, const struct member_key *key)
{
	__builtin_prefetch(filter_word(m, table, key), 1);
}
