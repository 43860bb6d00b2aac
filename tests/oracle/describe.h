/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Rulesets as a policy file, packets and rulings as a line, for whoever has to find a fault. */
#ifndef PEP_TESTS_DESCRIBE_H
#define PEP_TESTS_DESCRIBE_H

#include <stdio.h>

#include "oracle.h"

/* Sets that no policy names are left out. */
void describe_ruleset(const struct oracle_ruleset *ruleset, FILE *out);
void describe_packet(const struct oracle_packet *packet, FILE *out);
void describe_ruling(
	const struct oracle_ruleset *ruleset, const struct oracle_ruling *ruling, FILE *out);

/* In hexadecimal, as it goes into a packet dump. */
void describe_frame(const uint8_t *frame, size_t size, FILE *out);

#endif
