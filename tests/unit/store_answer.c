/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Transactions from text, and what they are answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "store_world.h"

void on_done(void *data, const struct store_result *result, struct error *err)
{
	struct answer *a = data;

	assert_false(a->done);
	a->done = true;
	if (err) {
		a->kind = err->kind;
		a->violations = err->violation_total;
		snprintf(a->reason, sizeof(a->reason), "%s", error_reason(err));
		snprintf(a->message, sizeof(a->message), "%s", error_message(err));
		snprintf(a->field, sizeof(a->field), "%s",
			err->violation_count ? err->violations[0].field : "");
		return;
	}
	a->revision = result->revision;
	a->protect_cut = result->protect_cut;
	a->unguarded = result->unguarded;
	a->repeated = result->repeated;
	a->effect = result->effect_count ? result->effects[0] : STORE_UNCHANGED;
	a->policies = result->policies;
	if (result->leases) {
		a->leases = *result->leases;
		a->leases.notes = NULL;
		a->note = a->leases.note_count ? result->leases->notes[0] : a->note;
	}
	for (size_t i = 0; i < result->line_count; i++)
		snprintf(a->lines + strlen(a->lines), sizeof(a->lines) - strlen(a->lines), "%s\n",
			result->lines[i]);
	for (size_t i = 0; i < MIN(result->effect_count, ARRAY_SIZE(a->effects)); i++)
		a->effects[i] = result->effects[i];
}

struct store_tx tx_of(const char *text, enum change_kind policies)
{
	struct text_problems problems = {0};
	struct store_tx tx = {0};

	if (text_parse_file(text, strlen(text), &tx.changes, &problems))
		fail_msg("%s", problems.items[0].message);
	for (size_t i = 0; i < tx.changes.count; i++)
		if (tx.changes.items[i].kind == CHANGE_PUT_POLICY)
			tx.changes.items[i].kind = policies;
	return tx;
}

void submit_tx(struct world *w, struct store_tx *tx, struct answer *ret)
{
	*ret = (struct answer){0};
	store_submit(w->store, tx, on_done, ret);
}

void submit(struct world *w, const char *text, struct answer *ret)
{
	struct store_tx tx = tx_of(text, CHANGE_PUT_POLICY);

	submit_tx(w, &tx, ret);
}
