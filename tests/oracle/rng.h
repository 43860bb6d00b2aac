/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Numbers that are the same for the same seed on every machine: xoshiro256** (Blackman, Vigna). */
#ifndef PEP_TESTS_RNG_H
#define PEP_TESTS_RNG_H

#include "common/macros.h"

struct rng {
	uint64_t state[4];
};

void rng_init(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);

/* 0 .. below - 1; below > 0. */
uint64_t rng_below(struct rng *rng, uint64_t below);

/* first .. last, both included. */
uint64_t rng_between(struct rng *rng, uint64_t first, uint64_t last);

/* True in `times` of 100 cases. */
bool rng_percent(struct rng *rng, unsigned int times);

void rng_fill(struct rng *rng, uint8_t *bytes, size_t size);

#define RNG_PICK(rng, array) ((array)[rng_below(rng, ARRAY_SIZE(array))])

#endif
