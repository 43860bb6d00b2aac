/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Places in scope_map whose limiter has ended: with the policy, or with another rate. Nothing finds
 * such a bucket any more, but until it would be full, its place counts as used; and its limit_id
 * is given out again. A pass over the map takes them out, by a worker.
 */
#include "server/datapath_internal.h"

#define WORD_BITS 64u

size_t scope_ids_size(const struct datapath *dp)
{
	return (2 * (size_t)dp->maps.slots + WORD_BITS - 1) / WORD_BITS * sizeof(uint64_t);
}

void scope_ids_add(const struct datapath *dp, uint64_t *ids, uint32_t id)
{
	if (id < 2ull * dp->maps.slots)
		ids[id / WORD_BITS] |= 1ull << id % WORD_BITS;
}

static bool has(const struct datapath *dp, const uint64_t *ids, uint64_t tag)
{
	uint64_t id = tag >> PEP_SCOPE_HASH_BITS;

	return id < 2ull * dp->maps.slots && ids[id / WORD_BITS] >> id % WORD_BITS & 1;
}

/* A packet may claim the place meanwhile: then it is not this tag's any more. */
static void leave(struct pep_scope_place *place, __u64 tag)
{
	__atomic_compare_exchange_n(
		&place->tag, &tag, 0, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

void scope_sweep(struct datapath *dp, const uint64_t *ids, bool listed)
{
	for (uint32_t line = 0; line < dp->maps.config->scope_lines; line++)
		for (uint32_t i = 0; i < PEP_SCOPE_PLACES; i++) {
			struct pep_scope_place *place = &dp->maps.scopes[line].place[i];
			uint64_t tag = __atomic_load_n(&place->tag, __ATOMIC_RELAXED);

			if (tag && has(dp, ids, tag) == listed)
				leave(place, tag);
		}
}
