/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Transactions that wait. */
#include "server/policy_store_internal.h"

/* What the others of a batch would change under it. */
static bool is_alone(const struct tx *tx)
{
	return tx->validate_only || tx->kind == STORE_ROLLBACK || tx->kind == STORE_CONFIRM ||
	       tx->confirm_timeout;
}

/*
 * What waits becomes the batch, up to one that is alone in its own; one at a time
 * while it is sought which of several is at fault.
 */
void queue_take(struct store *s)
{
	struct tx **end = &s->batch;

	do {
		*end = s->queue;
		s->queue = s->queue->next;
		s->queued--;
		end = &(*end)->next;
	} while (s->queue && !s->one_by_one && !is_alone(s->batch) && !is_alone(s->queue));
	*end = NULL;
	if (!s->queue)
		s->queue_end = &s->queue;
}

void queue_return(struct store *s, struct tx *list)
{
	struct tx *last = list;

	for (s->queued++; last->next; last = last->next)
		s->queued++;
	last->next = s->queue;
	if (!s->queue)
		s->queue_end = &last->next;
	s->queue = list;
}

void queue_refuse(struct store *s, enum error_kind kind, const char *reason, const char *what)
{
	struct tx *queue = TAKE_PTR(s->queue);

	s->queue_end = &s->queue;
	s->queued = 0;
	tx_fail_all(queue, kind, reason, what);
}
