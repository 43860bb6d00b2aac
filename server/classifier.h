/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Truth → lookup tables. Deterministic, incremental, pure C: no libbpf, no I/O.
 * Every capacity error and every "this engine cannot" is raised here.
 *
 * This engine is the classical ladder: one hash keyed by rung. It accepts the
 * six shapes of enum pep_rung with the default priority and one policy a match.
 *
 * A change is prepared as a plan. The plan's elements hold, beside the version
 * in force, the one that the next generation sees; datapath writes them
 * invisibly, flips, and removes what died. commit or abort ends the plan.
 */
#ifndef PEP_SERVER_CLASSIFIER_H
#define PEP_SERVER_CLASSIFIER_H

#include "bpf/common.h"
#include "common/policy.h"

struct classifier;

/*
 * Elements of policy_map and slots of counters that `max_policies` need: twice,
 * so that a ruleset can be replaced by one of other names in one step, while
 * what it replaces still counts and decides.
 */
static inline uint32_t classifier_room(uint32_t max_policies)
{
	return 2 * max_policies;
}

/* Room for `max_policies` (1 .. PEP_POLICIES_MAX). 0 or -ENOMEM. */
int classifier_new(uint32_t max_policies, struct classifier **ret);
void classifier_free(struct classifier *c);
DEFINE_CLEANUP(struct classifier, classifier_free)

/* What one step of a change does to a policy name. */
struct classifier_edit {
	const struct policy *before; /* NULL = the name is new; borrowed until the plan ends */
	const struct policy *after;  /* NULL = the name goes */
	const char *path;            /* place in the request, for violations; borrowed */
	uint8_t src_set, dst_set;    /* ids of the sets that `after` names, else CLASSIFIER_NO_SET */
};

#define CLASSIFIER_SETS_MAX 64u
#define CLASSIFIER_NO_SET   255u

/* A member that is new to its set, or leaves it; never one that changes nothing. */
struct classifier_member {
	uint8_t set; /* id < CLASSIFIER_SETS_MAX, used again only after the commit that freed it settled */
	bool add;
	uint8_t family;    /* 4 or 6 */
	uint8_t length;    /* bits of the prefix */
	uint8_t bytes[16]; /* network order; host bits and unused bytes are zero */
};

/* All of a plan; borrowed during classifier_plan(), except for the policies. */
struct classifier_change {
	const struct classifier_edit *edits;
	size_t edit_count;
	const struct classifier_member *members; /* a set that goes loses all of its own */
	size_t member_count;
};

/* One element of policy_map. */
struct classifier_element {
	struct pep_policy_key key;
	struct pep_policy prepared; /* written before the flip: alive in both generations */
	struct pep_policy former;   /* what stood there; all zero = the key was free */
	bool existed;               /* former is valid */
	bool dies;                  /* nothing is alive after the flip: delete it then */
};

struct classifier_plan {
	uint64_t generation; /* that the plan makes current */
	struct classifier_element *elements; /* owned */
	size_t element_count;
	uint32_t *fresh_slots; /* owned: counters and limiter to zero before the flip */
	size_t fresh_slot_count;
	uint32_t *fresh_limiters; /* owned: kept counters, but the rate changed: limiter to zero */
	size_t fresh_limiter_count;
	uint32_t rungs; /* for pep_ruleset */
};

/*
 * Computes what `change` does. Refuses what this engine cannot (ERROR_UNIMPLEMENTED),
 * a second policy with the same match (ERROR_EXISTS), a full table (ERROR_LIMIT naming
 * --max-policies and its value). On failure nothing changed. One plan at a time.
 */
int classifier_plan(struct classifier *c, uint64_t generation, const struct classifier_change *change,
		    struct error *err, struct classifier_plan **ret);
/* The flip happened: the tables are as the plan says. Frees the plan. */
void classifier_commit(struct classifier *c, struct classifier_plan *plan);
/* Nothing happened: the tables are as before. Frees the plan. */
void classifier_abort(struct classifier *c, struct classifier_plan *plan);

/* Slot of counters and limiter of a policy name; PEP_SLOT_NONE when unknown. */
uint32_t classifier_slot(const struct classifier *c, const char *name);
size_t classifier_count(const struct classifier *c);

/* Interface names that redirects point to, by index in redirect_map; "" = free. */
const char *classifier_redirect(const struct classifier *c, uint32_t index);

/*
 * Adoption: tells the classifier of an element that the kernel holds. Versions
 * that are not alive in `generation` are forgotten. `redirect` is the interface
 * that a redirect points to, NULL when unknown. -EINVAL when the element is not
 * of this engine or contradicts an adopted one; nothing changed then.
 */
int classifier_adopt(struct classifier *c, uint64_t generation, const struct pep_policy_key *key,
	const struct pep_policy *value, const char *redirect);

#endif
