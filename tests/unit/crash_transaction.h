/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The transactions of a step of crash_session.h, and their answers. */
#ifndef PEP_TESTS_CRASH_TRANSACTION_H
#define PEP_TESTS_CRASH_TRANSACTION_H

#include "store_world.h"

#define TRANSACTIONS_MAX 4u

struct transactions {
	unsigned int count;
	bool with_ids; /* all of them */
	struct store *store;
	struct store_tx items[TRANSACTIONS_MAX];
	char ids[TRANSACTIONS_MAX][24];
	struct answer answers[TRANSACTIONS_MAX], dry;
};

void transactions_read(
	struct transactions *t, const char *step, unsigned int number, uint64_t revision);
/* All at once, behind a dry run, so that they become one batch. */
void transactions_submit(struct transactions *t, struct store *store);
bool transactions_done(const struct transactions *t); /* all are answered, and well */
const struct answer *transactions_refusal(const struct transactions *t); /* NULL = none */
unsigned int transactions_changing(
	const struct transactions *t); /* bits of those that had an effect */
void transactions_deinit(struct transactions *t);

#endif
