/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The transactions of a step of crash_session.h, and their answers. */
#ifndef PEP_TESTS_CRASH_TRANSACTION_H
#define PEP_TESTS_CRASH_TRANSACTION_H

#include "store_world.h"

#define TRANSACTIONS_MAX 4u

struct transactions {
	unsigned int count;
	bool with_ids; /* all of them */
	unsigned int refused; /* bits of those that are to be, by the store's rules */
	struct store *store;
	struct store_tx items[TRANSACTIONS_MAX];
	char ids[TRANSACTIONS_MAX][24];
	struct answer answers[TRANSACTIONS_MAX], dry;
};

void transactions_read(
	struct transactions *t, const char *step, unsigned int number, uint64_t revision);
/* All at once, behind a dry run, so that they become one batch. */
void transactions_submit(struct transactions *t, struct store *store);
bool transactions_done(const struct transactions *t); /* all are answered, and as they are to be */
/* The first that is answered in another way, NULL = none. */
const struct answer *transactions_unmet(const struct transactions *t);
/* Bits of those that had an effect, that were refused, that were answered as before. */
unsigned int transactions_changing(const struct transactions *t);
unsigned int transactions_refused(const struct transactions *t);
unsigned int transactions_repeated(const struct transactions *t);
bool answer_blames_disk(const struct answer *a);
void transactions_deinit(struct transactions *t);

#endif
