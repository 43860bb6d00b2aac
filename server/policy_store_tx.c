/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The beginning of transactions: what was asked for becomes the store's own. */
#include <stdio.h>

#include "server/policy_store_internal.h"

static struct tx *tx_alloc(const struct store_tx *given)
{
	struct tx *tx = calloc(1, sizeof(*tx));

	if (!tx)
		return NULL;
	tx->effects = calloc(given->changes.count + STORE_BAN_CHANGES, sizeof(*tx->effects));
	tx->comment = strdup(given->comment ? given->comment : "");
	if (tx->effects && tx->comment)
		return tx;
	tx_free(tx);
	return NULL;
}

static void take(struct tx *tx, struct store_tx *given)
{
	tx->changes = given->changes;
	given->changes = (struct change_list){0};
	tx->protect = TAKE_PTR(given->protect);
	tx->protect_count = given->protect_count;
	tx->lease = TAKE_PTR(given->lease);
}

struct tx *tx_new(struct store_tx *given)
{
	struct tx *tx = tx_alloc(given);

	if (!tx)
		return NULL;
	take(tx, given);
	snprintf(tx->path, sizeof(tx->path), "%s", given->path ? given->path : "");
	tx->mode = given->mode;
	tx->has_expected = given->has_expected;
	tx->expected = given->expected;
	tx->validate_only = given->validate_only;
	tx->look = given->look;
	tx->force = given->force;
	tx->deadline = given->deadline;
	tx->kind = given->kind;
	tx->target = given->target;
	tx->only_waiting = given->only_waiting;
	snprintf(tx->request_id, sizeof(tx->request_id), "%s", given->request_id ? given->request_id : "");
	tx->request_hash = given->request_hash;
	tx->confirm_timeout = given->confirm_timeout;
	tx->author = given->author;
	return tx;
}

void lease_free(struct store_lease *lease)
{
	if (lease)
		member_list_deinit(&lease->members);
	free(lease);
}

void tx_refuse(struct store_tx *given)
{
	change_list_deinit(&given->changes);
	free(TAKE_PTR(given->protect));
	lease_free(TAKE_PTR(given->lease));
}
