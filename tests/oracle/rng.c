/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "rng.h"

/* SplitMix64, which spreads any seed, 0 too, over the state. */
static uint64_t split_mix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static uint64_t rotate(uint64_t x, unsigned int bits)
{
	return x << bits | x >> (64 - bits);
}

void rng_init(struct rng *rng, uint64_t seed)
{
	for (size_t i = 0; i < ARRAY_SIZE(rng->state); i++)
		rng->state[i] = split_mix(&seed);
}

uint64_t rng_next(struct rng *rng)
{
	uint64_t *s = rng->state;
	uint64_t result = rotate(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

uint64_t rng_below(struct rng *rng, uint64_t below)
{
	return (uint64_t)((unsigned __int128)rng_next(rng) * below >> 64);
}

uint64_t rng_between(struct rng *rng, uint64_t first, uint64_t last)
{
	return first + rng_below(rng, last - first + 1);
}

bool rng_percent(struct rng *rng, unsigned int times)
{
	return rng_below(rng, 100) < times;
}

void rng_fill(struct rng *rng, uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)rng_next(rng);
}
