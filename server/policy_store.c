/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The way of a batch: on a worker apply → plan → prepare → write the state; on the
 * loop attach → persist (a worker) → flip → answer → settle (a worker). Until the
 * flip everything can be taken back; when a step refuses a batch of several, they
 * are tried one by one, so that only the one at fault fails.
 */
#include "server/policy_store.h"

#include <errno.h>
#include <stdio.h>

#include "server/policy_store_internal.h"

int store_new(uint32_t max_policies, uint32_t max_members, struct classifier *classifier,
	const struct store_backend *backend, struct store **ret)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->max_policies = max_policies;
	s->max_members = max_members;
	s->classifier = classifier;
	s->backend = *backend;
	s->queue_end = &s->queue;
	table_hash("", 0); /* draws its seed now, not in two threads at once */
	store_config_init(&s->config);
	s->next_config = s->config;
	pthread_mutex_init(&s->lease_lock, NULL);
	for (size_t i = 0; i < TIMERS; i++)
		s->timers[i].store = s;
	*ret = s;
	return 0;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	tx_fail_all(s->batch, ERROR_UNKNOWN, "STOPPING", "pepctld stops; the change may have happened");
	tx_fail_all(s->queue, ERROR_UNAVAILABLE, "STOPPING", "pepctld stops; the change did not happen");
	if (s->plan)
		classifier_abort(s->classifier, TAKE_PTR(s->plan));
	apply_abort(s);
	sets_free(s);
	state_deinit(&s->output);
	free(s->records);
	history_clear(&s->history);
	request_memory_deinit(&s->requests);
	free(s->packed_requests);
	free(s->lease_undo);
	lease_table_deinit(&s->leases);
	pthread_mutex_destroy(&s->lease_lock);
	entries_free(s);
	order_forget(s);
	free(s->touched);
	free(s->undo);
	free(s);
}

/* --- the batch */

static void work(struct store *s);

int tx_check_deadline(const struct store *s, const struct tx *tx, struct error *err)
{
	if (tx->deadline && s->backend.now(s->backend.data) >= tx->deadline)
		return error_set(err, ERROR_DEADLINE, NULL, "the deadline passed; nothing was changed");
	return 0;
}

static int check_tx(struct store *s, struct tx *tx, struct error *err)
{
	int r = tx_check_deadline(s, tx, err);

	if (!r)
		r = request_find(s, tx, err);
	if (r || tx->repeated)
		return r;
	if (tx->has_expected && tx->expected != s->next_revision)
		return error_set(err, ERROR_CONFLICT, "REVISION_DIFFERS",
			"the revision is %llu, not the expected %llu; read the ruleset again",
			(unsigned long long)s->next_revision, (unsigned long long)tx->expected);
	return confirm_check(s, tx, err);
}

/* What changed nothing is answered with the batch, in order, and needs no commit alone. */
static bool batch_changes(const struct store *s)
{
	for (const struct tx *tx = s->batch; tx; tx = tx->next)
		if (tx->changed || tx->moves)
			return true;
	return false;
}

static bool batch_records(const struct store *s)
{
	for (const struct tx *tx = s->batch; tx; tx = tx->next)
		if (tx->record || tx->lease_record)
			return true;
	return false;
}

/* Both in the order they came. */
static struct tx *merge(struct tx *a, struct tx *b)
{
	struct tx *all = NULL, **end = &all;

	while (a || b) {
		struct tx **first = !b || (a && a->number < b->number) ? &a : &b;

		*end = *first;
		*first = (*first)->next;
		end = &(*end)->next;
	}
	return all;
}

/*
 * One transaction at fault must not fail the others, neither those that left the batch before: what
 * they were refused for may have been its doing.
 */
static void refuse_batch(struct store *s, struct error *err)
{
	struct tx *batch = merge(TAKE_PTR(s->batch), TAKE_PTR(s->failed));

	apply_abort(s);
	if (!batch->next) {
		tx_fail(batch, err);
		return;
	}
	error_deinit(err);
	for (struct tx *tx = batch; tx; tx = tx->next) {
		error_deinit(&tx->err);
		tx_forget(tx);
	}
	queue_return(s, batch);
	s->one_by_one = true;
}

/* --- on the worker */

/* What is left of it when it is applied: its lines and its record. */
static int make_record(struct store *s, struct tx *tx, const struct store_config *former, size_t leases)
{
	int r = 0;

	if (tx->changed)
		tx_describe(s, tx, former);
	if (tx->kind == STORE_CONFIRM)
		r = confirm_record(s, tx);
	else if (tx->changed && !tx->validate_only)
		r = commit_record(s, tx, former);
	else if (*tx->request_id && !tx->validate_only)
		r = request_record(s, tx);
	if (tx->kind == STORE_EXPIRE)
		tx_describe_ended(s, tx, leases);
	if (!r && tx->kind == STORE_LEASES && !tx->validate_only)
		r = lease_record(s, tx, leases);
	undo_forget(s);
	return r ? error_set(&s->prepare_error, ERROR_LIMIT, "MEMORY", "out of memory") : 0;
}

/* Applies them one after the other; those that are wrong in themselves leave the batch. */
static void apply_batch(struct store *s)
{
	struct tx **at = &s->batch, **failed = &s->failed;

	s->asked_count = 0;
	while (*at && !error_is_set(&s->prepare_error)) {
		struct store_config former = s->next_config;
		size_t leases = s->lease_undo_count;
		struct tx *tx = *at;

		if (!check_tx(s, tx, &tx->err) && (tx->repeated || !apply_tx(s, tx, &tx->err))) {
			if (!tx->repeated)
				make_record(s, tx, &former, leases);
			at = &tx->next;
			continue;
		}
		*at = tx->next;
		tx->next = NULL;
		*failed = tx;
		failed = &tx->next;
	}
	sets_end(s);
}

static void make_batch(void *arg)
{
	struct store *s = arg;

	s->protect_cut = false;
	leases_trim(s);
	apply_batch(s);
	if (s->batch && !error_is_set(&s->prepare_error)) {
		if (s->batch->validate_only)
			batch_try(s, &s->prepare_error);
		else if (batch_changes(s))
			batch_prepare(s, &s->prepare_error);
		else
			protect_reattached(s, &s->prepare_error);
	}
	/* What goes no further is taken back here: a million leases are too long for the loop. */
	if (!s->batch || s->batch->validate_only || error_is_set(&s->prepare_error))
		leases_undo(s, 0);
}

/* --- on the loop again */

static void answer_failed(struct store *s)
{
	while (s->failed) {
		struct tx *tx = s->failed;
		struct error err = ERROR_INIT;

		s->failed = tx->next;
		error_move(&err, &tx->err);
		tx_fail(tx, &err);
	}
}

/* Nothing of it comes into force: a dry run, or nothing changes. */
static void answer_unchanged(struct store *s)
{
	apply_abort(s);
	for (struct tx *tx = s->batch; tx; tx = tx->next)
		tx->changed = tx->moves = false;
	batch_answer(s);
}

static bool batch_goes_on(const struct store *s)
{
	return batch_changes(s) || batch_records(s);
}

static int get_ready(struct store *s, struct error *err)
{
	int r = (batch_changes(s) ? batch_attach : batch_attach_again)(s, err);

	return r || !batch_goes_on(s) ? r : batch_list(s, err);
}

static void go_on(struct store *s)
{
	struct error err = ERROR_INIT;
	bool dry = s->batch && s->batch->validate_only;

	error_move(&err, &s->prepare_error);
	if (!s->batch) {
		apply_abort(s);
		answer_failed(s);
		return;
	}
	if (error_is_set(&err) || (!dry && get_ready(s, &err))) {
		refuse_batch(s, &err);
		return;
	}
	answer_failed(s);
	if (dry || !batch_goes_on(s)) {
		answer_unchanged(s);
		return;
	}
	s->state = STORE_PERSISTING;
	s->backend.persist(s->backend.data, s->records, s->record_count);
}

void store_prepared(struct store *s)
{
	if (s->state == STORE_RENDERING)
		rewrite_rendered(s);
	else
		go_on(s);
	if (s->state == STORE_PREPARING) /* nothing goes on to the disk */
		s->state = STORE_IDLE;
	work(s);
}

static void work(struct store *s)
{
	if (s->working) /* an answer led to the next submission, or the worker is this thread */
		return;
	s->working = true;
	while (s->state == STORE_IDLE && s->queue) {
		if (s->unsure && !s->queue->validate_only && s->queue->kind != STORE_EXPIRE) {
			rewrite_begin(s);
			continue;
		}
		queue_take(s);
		s->state = STORE_PREPARING;
		s->backend.run(s->backend.data, make_batch, s);
	}
	s->working = false;
	if (!s->queue)
		s->one_by_one = false;
}

/* The error is the backend's, who may need it again for what an answer leads to. */
static void not_persisted(struct store *s, struct error *err)
{
	_cleanup_error_ struct error why = ERROR_INIT;
	struct tx *batch = TAKE_PTR(s->batch);

	error_move(&why, err);
	batch_abort(s);
	apply_abort(s);
	s->state = STORE_IDLE;
	s->unsure |= why.kind == ERROR_UNKNOWN;
	if (s->unsure || s->backend.is_long(s->backend.data))
		rewrite_begin(s);
	tx_fail_all(batch, why.kind, error_reason(&why), error_message(&why));
	work(s);
}

/* Nothing changes for packets. */
static void put_down(struct store *s)
{
	apply_commit(s);
	batch_answer(s);
	store_settled(s);
}

void store_persisted(struct store *s, struct error *err)
{
	struct store_config former = s->config;

	if (s->state == STORE_REWRITING) {
		rewrite_end(s, err);
		work(s);
		return;
	}
	free(TAKE_PTR(s->records));
	if (err) {
		not_persisted(s, err);
		return;
	}
	if (!batch_changes(s)) {
		put_down(s);
		return;
	}
	batch_put_in_force(s);
	s->state = STORE_SETTLING;
	batch_answer(s);
	batch_detach(s, &former);
	s->backend.settle(s->backend.data);
}

void store_settled(struct store *s)
{
	s->settling_ids = 0;
	s->state = STORE_IDLE;
	if (s->backend.is_long(s->backend.data))
		rewrite_begin(s);
	work(s);
}

bool store_busy(const struct store *s)
{
	return s->state != STORE_IDLE;
}

void store_submit(struct store *s, struct store_tx *given, store_done done, void *data)
{
	struct tx *tx = s->queued < STORE_QUEUE_MAX ? tx_new(given) : NULL;
	struct error err = ERROR_INIT;

	if (!tx) {
		tx_refuse(given);
		error_set(&err, ERROR_UNAVAILABLE, "QUEUE_FULL",
			"%u changes wait already; try again", STORE_QUEUE_MAX);
		done(data, NULL, &err);
		error_deinit(&err);
		return;
	}
	tx->done = done;
	tx->data = data;
	tx->number = ++s->numbers;
	*s->queue_end = tx;
	s->queue_end = &tx->next;
	s->queued++;
	work(s);
}
