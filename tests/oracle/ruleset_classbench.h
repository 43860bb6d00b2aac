/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Rulesets of any size in the shape of a real one. The model's rules are
 * renumbered as often as needed, each time by another permutation of addresses that
 * keeps common prefixes common (as Xu et al. anonymise traces, ICNP 2002) and of some exact
 * ports: nesting, lengths, classes of ranges and protocols stay what they are. The copies of a
 * rule stand together, so that what is special still comes before what is general.
 */
#ifndef PEP_TESTS_RULESET_CLASSBENCH_H
#define PEP_TESTS_RULESET_CLASSBENCH_H

#include "oracle.h"

struct ruleset_shape {
	const struct oracle_ruleset *model; /* of classbench_read_rules(), not empty */
	size_t count;     /* policies; a smaller number is a sample of the model */
	uint8_t family;   /* 4, or 6, or 0 = both in turn; IPv4 lengths become lengths up to 128 */
	bool first_match; /* priority = position, as in the model; else the default */
	uint64_t seed;
};

/* 0 or -ENOMEM. */
int ruleset_classbench(const struct ruleset_shape *shape, struct oracle_ruleset *ret);

#endif
