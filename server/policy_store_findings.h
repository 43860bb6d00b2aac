/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the lock-out check has found, and how it is told: one line for what one decider does on one
 * interface. */
#ifndef PEP_SERVER_POLICY_STORE_FINDINGS_H
#define PEP_SERVER_POLICY_STORE_FINDINGS_H

#include "server/policy_store_internal.h"

#define FINDINGS_MAX 16u /* that are told */

struct finding {
	char iface[IFACE_NAME_SIZE];
	bool open; /* nothing is filtered there now */
	struct store_verdict verdict;
	size_t flows;
	char first[200];
};

struct findings {
	struct finding items[FINDINGS_MAX];
	size_t count;
};

/* `what` begins the text, as "a packet". */
void findings_add(struct findings *f, const char *iface, bool open,
	const struct store_verdict *verdict, const struct flow *flow, const char *what);

/* 0 when there are none, else -EBUSY: LOCKOUT, each finding a violation of the change at fault. */
int findings_refuse(const struct findings *f, const struct tx *batch, struct error *err);

#endif
