/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A packet by which a policy decides (a shadow policy: is reported), or the proof that there is
 * none: from what the policy matches, everything that outranks it is cut away, over src, dst,
 * sport and dport, for each family and protocol, with ports and without (fragments).
 *
 * Sets, interfaces, tags, ICMP types, TCP flags and shares are opaque: of a policy that has one
 * nothing is said; one that outranks it and has one takes all that its other fields match from
 * a witness, and nothing from a proof.
 */
#ifndef PEP_TESTS_WITNESS_H
#define PEP_TESTS_WITNESS_H

#include "oracle.h"

enum witness {
	WITNESS_FOUND,
	WITNESS_NONE, /* proven */
	WITNESS_UNKNOWN,
};

/* `budget`: boxes looked at for each family and protocol. The packet names no interface. */
enum witness witness_find(const struct oracle_ruleset *ruleset, size_t index, size_t budget,
	struct oracle_packet *ret);

#endif
