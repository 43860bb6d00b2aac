/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Rulesets of text for churn.h, and the change from one to another. */
#ifndef PEP_TESTS_CHURN_CHANGE_H
#define PEP_TESTS_CHURN_CHANGE_H

#include "churn.h"

#define CHURN_LINES   8
#define CHURN_MEMBERS 12

/* All of it, and what it makes of each flow (enum xdp_action). */
struct churn_ruleset {
	const char *policies[CHURN_LINES];
	const char *members[CHURN_MEMBERS][2]; /* set, prefix */
	bool block;                            /* the default action */
	int verdict[CHURN_FLOWS];
	unsigned int
		more_policies; /* so many more, which no flow matches, of names with `letter` */
	char letter;
};

/* Owned by churn_change_free(). */
struct churn_change {
	struct churn_step step;
	struct policy *policies; /* of `from`, then of `to` */
	char **lines;
	size_t counts[2];
	struct classifier_edit *edits;
	struct classifier_member *members;
};
/* `fill_from` and `fill_to` members of the set "fill" stand there beside the ruleset's. */
void churn_change_make(struct churn_change *ret, const struct churn_ruleset *from,
	const struct churn_ruleset *to, size_t fill_from, size_t fill_to);
void churn_change_free(struct churn_change *change);

#endif
