/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Proof that a policy can never decide, nor be the shadow policy reported:
 * nothing matches it, or those that outrank it and match all else that it matches leave
 * it no pair of ports. Quick, sound and not complete: several policies that cover one only
 * together by addresses, or anything but ports, are not seen; witness.h is for these.
 */
#ifndef PEP_TESTS_SHADOWING_H
#define PEP_TESTS_SHADOWING_H

#include "oracle.h"

bool shadowing_proves_dead(const struct oracle_ruleset *ruleset, size_t index);

#endif
