/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Limits with scopes, as the classifier makes them, and numbers to try them with. */
#ifndef PEP_TESTS_SCOPE_LIMIT_H
#define PEP_TESTS_SCOPE_LIMIT_H

#include "cmocka_all.h"

#include <arpa/inet.h>

#include "bpf/scope.h"

static inline uint64_t scope_random(void)
{
	static uint64_t state = 0x2545f4914f6cdd1dull;

	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

/* length 0 = the whole address, as the classifier makes the mask. */
static inline struct pep_rule scope_limit(enum pep_scope scope, int length, uint64_t rate, uint64_t burst)
{
	struct pep_rule rule = {.scope = (uint8_t)scope, .limit_id = 6};

	assert_int_equal(pep_limiter_parameters(rate, PEP_LIMIT_PACKETS, burst, &rule), 0);
	for (int i = 0; i < (length ? length : 128); i++)
		rule.scope_mask[i / 32] |= htonl(0x80000000u >> i % 32);
	return rule;
}

#endif
