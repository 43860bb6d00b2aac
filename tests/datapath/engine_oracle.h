/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The engine as the oracle's counterpart: its rulesets into tables, rulings back. */
#ifndef PEP_TESTS_ENGINE_ORACLE_H
#define PEP_TESTS_ENGINE_ORACLE_H

#include "differential.h"
#include "engine.h"

struct engine_oracle {
	struct engine engine;
	size_t *of_slot;      /* index of the policy with that slot */
	struct classifier_member *members; /* in force */
	size_t member_count;
	struct error err; /* why the last ruleset was refused */
};

void engine_oracle_init(struct engine_oracle *o, uint32_t max_policies, struct pep_tables *tables);
void engine_oracle_deinit(struct engine_oracle *o);

/* One commit that replaces policies and sets; as differential.load. */
int engine_oracle_load(struct engine_oracle *o, const struct oracle_ruleset *ruleset);
struct oracle_ruling engine_oracle_ruling(const struct engine_oracle *o,
	const struct pep_ruling *ruling);

#endif
