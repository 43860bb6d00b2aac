/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packets that try a ruleset: inside a policy, on its borders, one step beyond
 * them, between policies, and anywhere. The same for the same seed.
 *
 * An IPv4 packet of protocol 58 and an IPv6 packet of protocol 1 are never made:
 * what an ICMP type means there is nowhere said.
 */
#ifndef PEP_TESTS_FLOW_RANDOM_H
#define PEP_TESTS_FLOW_RANDOM_H

#include "oracle.h"
#include "rng.h"

struct flow_random {
	struct rng rng;
	const struct oracle_ruleset *rules; /* borrowed */
};

void flow_random_init(struct flow_random *flow, const struct oracle_ruleset *rules, uint64_t seed);

/* The next packet of the mixture; in one of 16 cases a fragment, cut, discovery or not IP. */
void flow_random_next(struct flow_random *flow, struct oracle_packet *ret);

/*
 * A whole packet that the policy matches, unless a set has no fitting member; often at a place
 * that the ranges of others leave free.
 */
void flow_random_inside(
	struct flow_random *flow, const struct policy *policy, struct oracle_packet *ret);

#endif
