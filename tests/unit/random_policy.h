/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Valid policies that use every field, the same for the same seed. */
#ifndef PEP_TESTS_RANDOM_POLICY_H
#define PEP_TESTS_RANDOM_POLICY_H

#include "common/policy.h"

void random_policy_seed(uint32_t value); /* prints it */
void random_policy(struct policy *ret);

#endif
