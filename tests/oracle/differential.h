/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The oracle beside something else that decides: the same rulesets, the same
 * packets, and the first difference shrunk to the smallest ruleset that shows
 * it. A ruleset can be made again from its seed alone.
 */
#ifndef PEP_TESTS_DIFFERENTIAL_H
#define PEP_TESTS_DIFFERENTIAL_H

#include <stdio.h>

#include "oracle.h"
#include "ruleset_random.h"

#define DIFFERENTIAL_E_MISMATCH 1

/* What is held to the oracle. */
struct differential {
	/*
	 * The ruleset is in force from now on; it is valid until the next call of load, or the
	 * end. 0, -ENOSPC when a limit refuses it (counted, not compared), or
	 * another negative errno, which ends everything.
	 */
	int (*load)(void *context, const struct oracle_ruleset *ruleset);
	/*
	 * 0 or a negative errno, which ends everything. The packet says what stands in the
	 * frame; by which of the two it decides is up to the callback. The interface and
	 * the flow's share are in the packet only.
	 */
	int (*decide)(void *context, const struct oracle_packet *packet, const uint8_t *frame,
		size_t size, struct oracle_ruling *ret);
	/*
	 * The flow's share, 0 .. 9999, if the thing computes it by itself; NULL = it takes the
	 * packet's.
	 */
	uint16_t (*flow_percent)(void *context, const struct oracle_packet *packet);
	bool without_shadow; /* decide does not find ruling.shadow */
	void *context;
	FILE *out; /* of what differs; NULL = stderr */
};

/* Adds up over calls. */
struct differential_result {
	size_t rulesets;  /* loaded */
	size_t refused;   /* by a limit */
	size_t decisions; /* compared */
	size_t hits;      /* of these, by a policy */
	size_t policies;  /* in the loaded rulesets */
	size_t decided;   /* of these: decided or was the shadow policy reported at least once */
	size_t dead;      /* of the others: proven to be unreachable */
};

/* One ruleset and how it is tried. */
struct differential_case {
	const struct oracle_ruleset *ruleset;
	const char *name; /* in what is reported */
	uint64_t seed;    /* of the packets */
	size_t random;    /* packets of flow_random */
	size_t tries;     /* more packets for each policy that has not decided yet */
	const struct oracle_packet *packets; /* these too */
	size_t packet_count;
};

/* 0, DIFFERENTIAL_E_MISMATCH (then told to `out`), -ENOMEM, or what a callback returned. */
int differential_try(const struct differential *d, const struct differential_case *c,
	struct differential_result *result);

/* A run of random rulesets of one flavour; that of index i has the seed `seed` + i. */
struct differential_plan {
	enum ruleset_flavour flavour;
	size_t rulesets;
	size_t policies; /* in each */
	size_t packets;  /* for each */
	uint64_t seed;
};
int differential_run(const struct differential *d, const struct differential_plan *plan,
	struct differential_result *result);

/* One line with all figures. */
void differential_print(const struct differential_result *result, FILE *out);

#endif
