/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Proof that a policy can never decide, nor be the shadow policy reported:
 * one that outranks it matches all that it matches, or nothing matches it. Sound and not
 * complete: several policies that cover one only together are not seen.
 */
#ifndef PEP_TESTS_SHADOWING_H
#define PEP_TESTS_SHADOWING_H

#include "oracle.h"

bool shadowing_proves_dead(const struct oracle_ruleset *ruleset, size_t index);

#endif
