/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What is held to the oracle: the loaded programs (decider_kernel.c) or their source in user
 * space under the sanitizers (decider_user.c), over the tables of the real classifier. There is
 * one, and its tables are never begun anew: each ruleset replaces the one before.
 */
#ifndef PEP_TESTS_DECIDER_H
#define PEP_TESTS_DECIDER_H

#include "engine_oracle.h"

/* `max_policies` is the most that a ruleset can have. Refused rulesets are told on stdout. */
struct differential decider_begin(uint32_t max_policies);
void decider_end(void);

/* What the last ruleset can cost a packet, as one line on stdout. */
void decider_tell_cost(const char *name, size_t policies);

/* --- the part that is twofold: for decider.c alone */

extern struct engine_oracle decider_oracle;
void decider_open(uint32_t max_policies);
void decider_close(void);
/* As differential.decide. */
int decider_decide(void *context, const struct oracle_packet *packet, const uint8_t *frame,
	size_t size, struct oracle_ruling *ret);

#endif
