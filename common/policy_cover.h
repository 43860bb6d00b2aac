/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Policies that can never decide: a better-ranked one matches all that they
 * match. Sound, not complete: what only several policies together cover, or only
 * the members of a set, is not found.
 */
#ifndef PEP_COMMON_POLICY_COVER_H
#define PEP_COMMON_POLICY_COVER_H

#include "common/policy.h"

/* Every packet that `b` matches, `a` matches too, now and later. Rank is not looked at. */
bool policy_covers(const struct policy *a, const struct policy *b);

struct policy_covered {
	size_t index; /* of the policy that never decides */
	size_t by;    /* of one that always does before it */
};

/*
 * Of a ruleset in its own order. Ordered by index; `*ret` is malloc'ed. 0 or -ENOMEM.
 * Time grows with the number of policies times that of different shapes of matches.
 */
int policy_cover_find(const struct policy *const policies[], size_t count,
	struct policy_covered **ret, size_t *ret_count);

#endif
