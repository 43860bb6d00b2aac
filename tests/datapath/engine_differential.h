/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The oracle beside an engine: rulesets of every flavour and of several sizes,
 * small and many to few and big, through one engine that is never begun anew.
 */
#ifndef PEP_TESTS_ENGINE_DIFFERENTIAL_H
#define PEP_TESTS_ENGINE_DIFFERENTIAL_H

#include "engine_oracle.h"

#define ENGINE_DIFFERENTIAL_POLICIES 20000u

/*
 * Runs `decide`, whose context is `o`, as the arguments [SEED [SCALE]] say. The seed is
 * otherwise the time, and printed. Returns the exit status: 0 = every decision was right, and
 * half of them or more were a policy's.
 */
int engine_differential(struct engine_oracle *o,
	int (*decide)(void *o, const struct oracle_packet *packet, const uint8_t *frame, size_t size,
		struct oracle_ruling *ret),
	int argc, char *argv[]);

#endif
