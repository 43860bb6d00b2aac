/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What fuzz_classifier.c holds the classifier to: policies in a list, members in bits. */
#ifndef PEP_TESTS_FUZZ_MODEL_H
#define PEP_TESTS_FUZZ_MODEL_H

#include "common/policy.h"

#define MODEL_NAMES    12u
#define MODEL_SETS     4u
#define MODEL_PREFIXES 32u
#define MODEL_PORTS    11u
#define MODEL_PROTOS   6u

extern const char *const model_sets[MODEL_SETS];
extern const char *const model_prefixes[MODEL_PREFIXES]; /* nested, and of many lengths */
extern const uint16_t model_ports[MODEL_PORTS];
extern const uint8_t model_protos[MODEL_PROTOS];

struct model {
	struct policy policies[MODEL_NAMES]; /* in order; they own nothing */
	uint32_t positions[MODEL_NAMES];
	size_t count;
	uint32_t last;                /* position given out */
	uint32_t members[MODEL_SETS]; /* bit n: model_prefixes[n] */
	uint32_t fill;                /* blocks of more members, in the last set */
	bool block;                   /* the default action */
};
#define MODEL_FILL_MAX 4u

struct input {
	const uint8_t *at, *end;
	uint64_t random;
};
uint8_t input_byte(struct input *in); /* 0 at the end */

/* The prefixes as addresses; must be filled in before the first change. */
extern struct policy_address model_universe[MODEL_PREFIXES];

/* A change as the next bytes say. */
void model_change(struct input *in, struct model *m);
/* Place of the policy, m->count = there is none. */
size_t model_find(const struct model *m, const char *name);

#endif
