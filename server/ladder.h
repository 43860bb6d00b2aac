/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The ladder's part of the classifier that needs no state: which policies it
 * can hold, at which key, and as which rule.
 */
#ifndef PEP_SERVER_LADDER_H
#define PEP_SERVER_LADDER_H

#include "bpf/common.h"
#include "common/policy.h"

/*
 * The key that the policy's match stands at. -EOPNOTSUPP with ERROR_UNIMPLEMENTED
 * and a violation below `path` for a match, action or option that this engine
 * does not have.
 */
int ladder_key(const struct policy *policy, const char *path, struct error *err,
	struct pep_policy_key *ret);

/* Everything of the rule but born, dies, slot and redirect. -ERANGE: see pep_limiter_parameters(). */
int ladder_rule(const struct policy *policy, const char *path, struct error *err,
	struct pep_rule *ret);

/* The match that a key says, and of the rule its name, action and log. -EINVAL: not of this engine. */
int ladder_policy(const struct pep_policy_key *key, const struct pep_rule *rule,
	struct policy *ret);

#endif
