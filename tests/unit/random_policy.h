/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Valid policies that use every field, the same for the same seed. */
#ifndef PEP_TESTS_RANDOM_POLICY_H
#define PEP_TESTS_RANDOM_POLICY_H

#include "common/policy.h"

void random_policy_seed(uint32_t value); /* prints it */
void random_policy(struct policy *ret);

/* The numbers that all of it is made of; 0 .. below - 1, below at most 2^24. */
void random_start(uint32_t seed); /* says nothing */
uint32_t random_below(uint32_t below);

#endif
