/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The smallest ruleset that still fails (delta debugging, Zeller: halves are
 * left out first, single items last): first policies, then the members of
 * each set, then the settings.
 */
#ifndef PEP_TESTS_SHRINK_H
#define PEP_TESTS_SHRINK_H

#include "oracle.h"

typedef bool shrink_fails(void *context, const struct oracle_ruleset *ruleset);

/*
 * `ruleset` must fail. The result borrows from it what policies own, no array;
 * it is ended by shrink_free() alone. Nothing single can be left out of it.
 * 0 or -ENOMEM.
 */
int shrink_ruleset(const struct oracle_ruleset *ruleset, shrink_fails *fails, void *context,
	struct oracle_ruleset *ret);
void shrink_free(struct oracle_ruleset *ruleset);

#endif
