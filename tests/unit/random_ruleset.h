/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Rulesets that use every statement and every field, with names, comments and
 * members that are hard to write, the same for the same seed. They come as export
 * prints them: each kind of statement in its place, each in its order.
 */
#ifndef PEP_TESTS_RANDOM_RULESET_H
#define PEP_TESTS_RANDOM_RULESET_H

#include "common/change.h"

struct random_ruleset {
	bool enforceable; /* only what this version has, of the model's */
	/* Sorted, that may be attached, in modes that veth has; NULL = names of all kinds, and patterns. */
	const char *const *ifaces;
	size_t iface_count;
};

void random_ruleset(uint32_t seed, const struct random_ruleset *options, struct change_list *ret);

/* The statements in another order: policies stay behind each other as they are. */
void random_ruleset_shuffle(struct change_list *rules);

/* As a file; malloc'ed. */
char *random_ruleset_text(const struct change_list *rules);

#endif
