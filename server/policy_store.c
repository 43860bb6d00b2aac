/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The way of a batch: apply → plan → prepare → attach → persist → flip → answer →
 * settle. Until the flip everything can be taken back; when a step refuses a
 * batch of several, they are tried one by one, so that only the one at fault fails.
 */
#include "server/policy_store.h"

#include <errno.h>
#include <stdio.h>

#include "server/policy_store_internal.h"

int store_new(uint32_t max_policies, struct classifier *classifier,
	const struct store_backend *backend, struct store **ret)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->max_policies = max_policies;
	s->classifier = classifier;
	s->backend = *backend;
	s->queue_end = &s->queue;
	store_config_init(&s->config);
	s->next_config = s->config;
	*ret = s;
	return 0;
}

static void tx_free(struct tx *tx)
{
	for (size_t i = 0; i < tx->line_count; i++)
		free(tx->lines[i]);
	free(tx->lines);
	free(tx->effects);
	free(tx->comment);
	change_list_deinit(&tx->changes);
	free(tx);
}

static void tx_fail(struct tx *tx, struct error *err)
{
	tx->done(tx->data, NULL, err);
	error_deinit(err);
	tx_free(tx);
}

static void tx_succeed(struct store *s, struct tx *tx)
{
	struct store_result result = {
		.revision = tx->changed ? tx->revision : s->revision,
		.effects = tx->effects,
		.effect_count = tx->changes.count,
		.lines = tx->lines,
		.line_count = tx->line_count,
		.line_total = tx->line_total,
		.policies = tx->policies,
	};

	tx->done(tx->data, &result, NULL);
	tx_free(tx);
}

static void fail_all(struct tx *list, enum error_kind kind, const char *reason, const char *what)
{
	while (list) {
		struct tx *tx = list;
		struct error err = ERROR_INIT;

		list = tx->next;
		error_set(&err, kind, reason, "%s", what);
		tx_fail(tx, &err);
	}
}

void store_free(struct store *s)
{
	if (!s)
		return;
	fail_all(s->batch, ERROR_UNKNOWN, "STOPPING", "pepctld stops; the change may have happened");
	fail_all(s->queue, ERROR_UNAVAILABLE, "STOPPING", "pepctld stops; the change did not happen");
	if (s->plan)
		classifier_abort(s->classifier, TAKE_PTR(s->plan));
	apply_abort(s);
	entries_free(s);
	order_forget(s);
	free(s->touched);
	free(s->undo);
	free(s);
}

/* --- the batch */

static struct tx *queue_take(struct store *s)
{
	struct tx *tx = s->queue;

	s->queue = tx->next;
	if (!s->queue)
		s->queue_end = &s->queue;
	s->queued--;
	tx->next = NULL;
	return tx;
}

static void queue_return(struct store *s, struct tx *list)
{
	struct tx *last = list;

	for (s->queued++; last->next; last = last->next)
		s->queued++;
	last->next = s->queue;
	if (!s->queue)
		s->queue_end = &last->next;
	s->queue = list;
}

static int check_tx(const struct store *s, const struct tx *tx, struct error *err)
{
	if (tx->deadline && s->backend.now(s->backend.data) >= tx->deadline)
		return error_set(err, ERROR_DEADLINE, NULL, "the deadline passed; nothing was changed");
	if (tx->has_expected && tx->expected != s->next_revision)
		return error_set(err, ERROR_CONFLICT, "REVISION_DIFFERS",
			"the revision is %llu, not the expected %llu; read the ruleset again",
			(unsigned long long)s->next_revision, (unsigned long long)tx->expected);
	return 0;
}

/* A dry run goes as far as the plan, alone in its batch. */
static void run_dry(struct store *s, struct tx *tx)
{
	struct store_config former = s->next_config;
	struct error err = ERROR_INIT;
	int r;

	s->batch = tx;
	r = check_tx(s, tx, &err);
	if (!r)
		r = apply_tx(s, tx, &err);
	if (!r) {
		tx_describe(s, tx, &former);
		r = batch_plan(s, &err);
	}
	if (s->plan)
		classifier_abort(s->classifier, TAKE_PTR(s->plan));
	apply_abort(s);
	s->batch = NULL;
	if (r) {
		tx_fail(tx, &err);
		return;
	}
	tx->changed = false;
	tx_succeed(s, tx);
}

/* Takes what waits into the batch; what is wrong in itself is answered at once. */
static void gather(struct store *s)
{
	struct tx **end = &s->batch;

	while (s->queue && !s->queue->validate_only) {
		struct store_config former = s->next_config;
		struct error err = ERROR_INIT;
		struct tx *tx = queue_take(s);

		if (check_tx(s, tx, &err) || apply_tx(s, tx, &err)) {
			tx_fail(tx, &err);
			continue;
		}
		tx_describe(s, tx, &former);
		undo_forget(s);
		*end = tx;
		end = &tx->next;
		if (s->one_by_one)
			return;
	}
}

/* What changed nothing is answered with the batch, in order, and needs no commit alone. */
static bool batch_changes(const struct store *s)
{
	for (const struct tx *tx = s->batch; tx; tx = tx->next)
		if (tx->changed)
			return true;
	return false;
}

static void answer_batch(struct store *s)
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
		if (tx->changed)
			s->backend.committed(s->backend.data, &commit);
		tx_succeed(s, tx);
	}
}

/* One transaction at fault must not fail the others. */
static void refuse_batch(struct store *s, struct error *err)
{
	struct tx *batch = TAKE_PTR(s->batch);

	apply_abort(s);
	if (!batch->next) {
		tx_fail(batch, err);
		return;
	}
	error_deinit(err);
	for (struct tx *tx = batch; tx; tx = tx->next)
		while (tx->line_count)
			free(tx->lines[--tx->line_count]);
	for (struct tx *tx = batch; tx; tx = tx->next)
		tx->line_total = 0;
	queue_return(s, batch);
	s->one_by_one = true;
}

static void start_batch(struct store *s)
{
	struct error err = ERROR_INIT;
	char *text = NULL;
	size_t size;

	gather(s);
	if (!s->batch)
		return;
	if (!batch_changes(s)) {
		apply_abort(s);
		answer_batch(s);
		return;
	}
	if (batch_prepare(s, &err)) {
		refuse_batch(s, &err);
		return;
	}
	if (text_render(s, &text, &size) < 0) {
		batch_abort(s);
		error_set(&err, ERROR_LIMIT, "MEMORY", "out of memory");
		refuse_batch(s, &err);
		return;
	}
	s->state = STORE_PERSISTING;
	s->backend.persist(s->backend.data, text, size);
}

static void work(struct store *s)
{
	if (s->working) /* an answer led to the next submission */
		return;
	s->working = true;
	while (s->state == STORE_IDLE && s->queue) {
		if (s->queue->validate_only)
			run_dry(s, queue_take(s));
		else
			start_batch(s);
	}
	s->working = false;
	if (!s->queue)
		s->one_by_one = false;
}

void batch_put_in_force(struct store *s)
{
	s->backend.flip(s->backend.data);
	s->generation++;
	if (s->plan)
		classifier_commit(s->classifier, TAKE_PTR(s->plan));
	apply_commit(s);
}

void store_persisted(struct store *s, struct error *err)
{
	struct store_config former = s->config;

	if (err) {
		struct tx *batch = TAKE_PTR(s->batch);

		batch_abort(s);
		apply_abort(s);
		s->state = STORE_IDLE;
		fail_all(batch, err->kind, error_reason(err), error_message(err));
		error_deinit(err);
		work(s);
		return;
	}
	batch_put_in_force(s);
	s->state = STORE_SETTLING;
	answer_batch(s);
	batch_detach(s, &former);
	s->backend.settle(s->backend.data);
}

void store_settled(struct store *s)
{
	s->state = STORE_IDLE;
	work(s);
}

bool store_busy(const struct store *s)
{
	return s->state != STORE_IDLE;
}

void store_submit(struct store *s, struct store_tx *given, store_done done, void *data)
{
	struct error err = ERROR_INIT;
	struct tx *tx = s->queued < STORE_QUEUE_MAX ? calloc(1, sizeof(*tx)) : NULL;

	if (tx) {
		tx->effects = calloc(given->changes.count + 1, sizeof(*tx->effects));
		tx->comment = strdup(given->comment ? given->comment : "");
	}
	if (!tx || !tx->effects || !tx->comment) {
		if (tx)
			tx_free(tx);
		change_list_deinit(&given->changes);
		error_set(&err, ERROR_UNAVAILABLE, "QUEUE_FULL",
			"%u changes wait already; try again", STORE_QUEUE_MAX);
		done(data, NULL, &err);
		error_deinit(&err);
		return;
	}
	tx->changes = given->changes;
	given->changes = (struct change_list){0};
	snprintf(tx->path, sizeof(tx->path), "%s", given->path ? given->path : "");
	tx->mode = given->mode;
	tx->has_expected = given->has_expected;
	tx->expected = given->expected;
	tx->validate_only = given->validate_only;
	tx->deadline = given->deadline;
	tx->author = given->author;
	tx->done = done;
	tx->data = data;
	*s->queue_end = tx;
	s->queue_end = &tx->next;
	s->queued++;
	work(s);
}
