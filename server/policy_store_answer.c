/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The end of transactions: each is answered once, and freed. */
#include "server/policy_store_internal.h"

void tx_forget(struct tx *tx)
{
	while (tx->line_count)
		free(tx->lines[--tx->line_count]);
	tx->line_total = 0;
	store_record_free(TAKE_PTR(tx->record));
	store_record_free(TAKE_PTR(tx->lease_record));
	free(tx->leases.notes);
	tx->leases = (struct store_lease_result){0};
	tx->policies = (struct store_counts){0};
	tx->unguarded = 0;
	tx->moves = false;
}

void tx_free(struct tx *tx)
{
	tx_forget(tx);
	free(tx->lines);
	free(tx->effects);
	lease_free(tx->lease);
	free(tx->protect);
	free(tx->comment);
	error_deinit(&tx->err);
	change_list_deinit(&tx->changes);
	free(tx);
}

void tx_fail(struct tx *tx, struct error *err)
{
	tx->done(tx->data, NULL, err);
	error_deinit(err);
	tx_free(tx);
}

static void tx_succeed(struct store *s, struct tx *tx)
{
	struct store_result result = {
		.repeated = tx->repeated,
		.revision = tx->validate_only ? s->revision : tx->revision,
		.effects = tx->effects,
		.effect_count = tx->changes.count,
		.lines = tx->lines,
		.line_count = tx->line_count,
		.line_total = tx->line_total,
		.policies = tx->policies,
		.protect_cut = s->protect_cut,
		.unguarded = tx->unguarded,
		.leases = tx->kind == STORE_LEASES ? &tx->leases : NULL,
	};
	uint64_t waiting;
	int64_t left = store_confirm_left(s, &waiting);

	if ((tx->changed || tx->repeated) && waiting == result.revision)
		result.confirm_left = left;

	tx->done(tx->data, &result, NULL);
	tx_free(tx);
}

void tx_fail_all(struct tx *list, enum error_kind kind, const char *reason, const char *what)
{
	while (list) {
		struct tx *tx = list;
		struct error err = ERROR_INIT;

		list = tx->next;
		error_set(&err, kind, reason, "%s", what);
		tx_fail(tx, &err);
	}
}

static void keep_record(struct store *s, struct tx *tx)
{
	if (tx->lease_record)
		s->leases_sequence = tx->lease_record->sequence;
	if (!tx->record)
		return;
	if (tx->record->kind == RECORD_CONFIRMED)
		history_confirmed(&s->history, tx->record->revision, tx->record->sequence);
	else if (tx->record->kind == RECORD_COMMIT)
		history_push(&s->history, TAKE_PTR(tx->record));
}

static void tell_leases(struct store *s, const struct tx *tx)
{
	if (tx->lease_record)
		s->backend.leased(s->backend.data, &tx->author, tx->lease, &tx->leases);
	if (tx->kind == STORE_EXPIRE && tx->line_total)
		s->backend.expired(s->backend.data, tx->lines, tx->line_count, tx->line_total);
}

void batch_answer(struct store *s)
{
	while (s->batch) {
		struct tx *tx = s->batch;
		struct store_commit commit = {
			.revision = tx->revision,
			.author = &tx->author,
			.comment = tx->comment,
			.changes = tx->lines,
			.change_count = tx->line_count,
			.change_total = tx->line_total,
		};

		s->batch = tx->next;
		keep_record(s, tx);
		request_keep(s, tx); /* without memory it is as if a day had passed */
		if (tx->changed)
			s->backend.committed(s->backend.data, &commit);
		tell_leases(s, tx);
		tx_succeed(s, tx);
	}
}
