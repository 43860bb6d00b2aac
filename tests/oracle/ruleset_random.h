/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Rulesets that are built to collide, the same for the same seed. Every policy
 * is valid, its name is `p` and its index, and it redirects nowhere (that would
 * need an interface which exists).
 */
#ifndef PEP_TESTS_RULESET_RANDOM_H
#define PEP_TESTS_RULESET_RANDOM_H

#include "oracle.h"

enum ruleset_flavour {
	RULESET_MIXED,   /* everything that a policy can say, over few addresses and ports */
	RULESET_NESTED,  /* prefixes of every length on one address of each family */
	RULESET_RANGES,  /* port ranges that all overlap */
	RULESET_HOT_KEY, /* one pair of addresses; ranges, flags and the like differ */
	RULESET_EQUAL,   /* most are copies of another one; few priorities */
	RULESET_SETS,    /* sets with members of all lengths beside literals */
	RULESET_FLAVOURS,
};
extern const char *const ruleset_flavour_names[RULESET_FLAVOURS];

/* The interfaces that policies, defaults and packets name. */
#define RULESET_IFACES 4u
extern const char *const ruleset_ifaces[RULESET_IFACES];

/* 0 or -ENOMEM; the caller ends it with oracle_ruleset_deinit(). */
int ruleset_random(
	enum ruleset_flavour flavour, size_t count, uint64_t seed, struct oracle_ruleset *ret);

#endif
