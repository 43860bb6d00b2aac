/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Back to a former revision, and commits that go back by themselves: one that waits to be
 * confirmed keeps every other change out until it is confirmed or undone.
 */
#include <stdio.h>

#include "server/policy_store_internal.h"

int confirm_keeps_out(const struct store *s, const struct tx *tx, struct error *err)
{
	uint64_t revision = s->next_confirm.revision;

	if (!revision || tx->validate_only || tx->kind == STORE_EXPIRE || (tx->kind == STORE_ROLLBACK && tx->target == revision - 1))
		return 0;
	return error_set(err, ERROR_PRECONDITION, "CONFIRM_PENDING",
		"revision %llu waits to be confirmed; confirm it, roll back to %llu, or wait until it "
		"undoes itself",
		(unsigned long long)revision, (unsigned long long)revision - 1);
}

static int check_confirm(const struct tx *tx, uint64_t waiting, struct error *err)
{
	if (!waiting)
		return error_set(err, ERROR_PRECONDITION, "NOTHING_TO_CONFIRM",
			"no revision waits to be confirmed; it may have been undone: look at the history");
	if (tx->target && tx->target != waiting)
		return error_set(err, ERROR_CONFLICT, "REVISION_DIFFERS",
			"revision %llu waits to be confirmed, not %llu", (unsigned long long)waiting,
			(unsigned long long)tx->target);
	return 0;
}

static int check_rollback(const struct store *s, const struct tx *tx, struct error *err)
{
	if (tx->only_waiting && s->next_confirm.revision != tx->target + 1)
		return error_set(err, ERROR_CONFLICT, "REVISION_DIFFERS", "revision %llu waits no longer",
			(unsigned long long)tx->target + 1);
	if (tx->target > s->next_revision)
		return error_set(err, ERROR_NOT_FOUND, "NO_REVISION", "there is no revision %llu yet; the last is %llu",
			(unsigned long long)tx->target, (unsigned long long)s->next_revision);
	if (tx->target < store_oldest(s))
		return error_set(err, ERROR_NOT_FOUND, "NO_REVISION",
			"revision %llu is not kept any more; the oldest to go back to is %llu",
			(unsigned long long)tx->target, (unsigned long long)store_oldest(s));
	return 0;
}

int confirm_check(const struct store *s, const struct tx *tx, struct error *err)
{
	if (tx->kind == STORE_CONFIRM)
		return check_confirm(tx, s->next_confirm.revision, err);
	return tx->kind == STORE_ROLLBACK ? check_rollback(s, tx, err) : 0;
}

int64_t deadline_wall(const struct store_clock *clock, int64_t boottime)
{
	int64_t left = boottime - clock->boottime;

	return left > INT64_MAX - clock->time ? INT64_MAX : clock->time + left;
}

void deadline_pack(struct store_clock *clock, int64_t boottime, Pepctl__Journal__Deadline *ret)
{
	pepctl__journal__deadline__init(ret);
	ret->boottime = boottime;
	ret->time = deadline_wall(clock, boottime);
	ret->boot_id = clock->boot_id;
}

int64_t deadline_read(const struct store_clock *clock, int64_t boottime, int64_t time, const char *boot_id)
{
	if (streq(clock->boot_id, boot_id))
		return boottime;
	return MAX(clock->boottime + (time - clock->time), 1);
}

void store_set_alarm(struct store *s)
{
	int64_t next = leases_next(s), ends = s->expiring ? 0 : ends_next(s);

	if (ends)
		ends = MAX(ends, s->expire_again);
	if (ends && (!next || ends < next))
		next = ends;
	if (s->confirm.revision && !s->undoing && (!next || s->confirm.boottime < next))
		next = s->confirm.boottime;
	if (next)
		s->backend.alarm(s->backend.data, next);
}

/* --- its time has come */

static void on_undone(void *data, const struct store_result *result, struct error *err)
{
	struct store *s = data;
	struct store_clock clock;

	(void)result;
	s->undoing = false;
	if (!err || !s->confirm.revision) /* or somebody was faster */
		return;
	s->backend.clock(s->backend.data, &clock);
	if (s->confirm.boottime > clock.boottime) /* another one waits, and its time has not come */
		return;
	s->confirm.boottime = s->next_confirm.boottime = clock.boottime + STORE_UNDO_AGAIN;
	store_set_alarm(s);
}

static struct store_tx undo_of(uint64_t revision, char comment[static 80])
{
	struct store_tx tx = {
		.kind = STORE_ROLLBACK,
		.target = revision - 1,
		.only_waiting = true, /* a confirmation, or an undo, may be on its way before this */
		.force = true, /* what it goes back to was in force */
		.author = {.pid = (uint32_t)getpid(), .command = "pepctld"},
		.comment = comment,
	};

	snprintf(comment, 80, "revision %llu was not confirmed in time", (unsigned long long)revision);
	return tx;
}

void store_alarm(struct store *s)
{
	char comment[80];
	struct store_clock clock;
	struct store_tx tx;

	s->backend.clock(s->backend.data, &clock);
	leases_alarm(s, clock.boottime);
	if (!s->confirm.revision || s->undoing || clock.boottime < s->confirm.boottime) {
		store_set_alarm(s);
		return;
	}
	tx = undo_of(s->confirm.revision, comment);
	s->undoing = true;
	store_submit(s, &tx, on_undone, s);
}

int64_t store_confirm_left(const struct store *s, uint64_t *ret_revision)
{
	struct store_clock clock;

	*ret_revision = s->confirm.revision;
	if (!s->confirm.revision)
		return 0;
	s->backend.clock(s->backend.data, &clock);
	return MAX(s->confirm.boottime - clock.boottime, 1);
}

/* In memory: the journal has not got this, and goes on with no other revision. */
static int keep_at_start(struct store *s, struct tx *tx, const struct store_config *former)
{
	int r;

	tx_describe(s, tx, former);
	r = commit_record(s, tx, former);
	undo_forget(s);
	if (!r)
		history_push(&s->history, TAKE_PTR(tx->record));
	s->unsure = true;
	return r;
}

static int apply_at_start(struct store *s, const struct store_tx *given, struct error *err)
{
	struct tx tx = {.kind = given->kind, .target = given->target, .author = given->author,
		.comment = (char *)(uintptr_t)given->comment}; /* it is read only */
	struct store_config former = s->next_config;
	int r = apply_tx(s, &tx, err);

	if (!r && tx.changed && keep_at_start(s, &tx, &former) < 0)
		r = error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	tx_forget(&tx);
	free(tx.lines);
	return r;
}

int confirm_expired(struct store *s, struct error *err)
{
	struct store_clock clock;
	struct store_tx tx;
	char comment[80];

	s->backend.clock(s->backend.data, &clock);
	if (!s->next_confirm.revision || clock.boottime < s->next_confirm.boottime)
		return 0;
	tx = undo_of(s->next_confirm.revision, comment);
	return apply_at_start(s, &tx, err);
}

/* Whoever held a connection open by what ends knew that it would. */
struct store_tx expiry_tx(void)
{
	return (struct store_tx){.kind = STORE_EXPIRE, .force = true, .comment = "their time is over",
		.author = {.pid = (uint32_t)getpid(), .command = "pepctld"}};
}

int ends_expired(struct store *s, struct error *err)
{
	struct store_tx tx = expiry_tx();

	return apply_at_start(s, &tx, err);
}
