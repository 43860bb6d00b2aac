/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the store does by itself in its time: undo what nobody confirmed, end leases and policies. Of
 * each sort one transaction at most is on its way, and one that failed is tried again in a second.
 */
#include <stdio.h>

#include "server/policy_store_internal.h"

#define LEASE_GRAIN 250000000ll /* ns: leases that end within it are one transaction's */

static int64_t time_of(struct store *s, enum timer_kind kind)
{
	switch (kind) {
	case TIMER_UNDO:
		return s->confirm.revision ? s->confirm.boottime : 0;
	case TIMER_LEASES:
		return leases_next(s);
	case TIMER_POLICIES:
	default:
		return ends_next(s);
	}
}

static int64_t timer_due(struct store *s, enum timer_kind kind)
{
	int64_t at = time_of(s, kind);

	return at ? MAX(at, s->timers[kind].again) : 0;
}

void store_set_alarm(struct store *s)
{
	int64_t next = 0;

	for (unsigned int kind = 0; kind < TIMERS; kind++) {
		int64_t due = s->timers[kind].under_way ? 0 : timer_due(s, (enum timer_kind)kind);

		if (kind == TIMER_LEASES)
			due = (due + LEASE_GRAIN - 1) / LEASE_GRAIN * LEASE_GRAIN;
		if (due && (!next || due < next))
			next = due;
	}
	if (next)
		s->backend.alarm(s->backend.data, next);
}

/* What ends was meant to, and what an undo goes back to was in force: neither is asked about. */
static struct store_tx timer_tx(enum timer_kind kind, uint64_t waiting, char comment[static 80])
{
	static const enum store_tx_kind kinds[TIMERS] = {STORE_ROLLBACK, STORE_EXPIRE, STORE_END};

	snprintf(comment, 80, "their time is over");
	if (kind == TIMER_UNDO)
		snprintf(comment, 80, "revision %llu was not confirmed in time", (unsigned long long)waiting);
	return (struct store_tx){
		.kind = kinds[kind],
		.target = kind == TIMER_UNDO ? waiting - 1 : 0,
		.only_waiting = true, /* a confirmation may be on its way before it */
		.force = true,
		.author = {.pid = (uint32_t)getpid(), .command = "pepctld"},
		.comment = comment,
	};
}

static void on_done(void *data, const struct store_result *result, struct error *err)
{
	struct store_timer *timer = data;
	struct store_clock clock;

	(void)result;
	timer->store->backend.clock(timer->store->backend.data, &clock);
	timer->under_way = false;
	timer->again = err ? clock.boottime + STORE_AGAIN : 0;
	store_set_alarm(timer->store);
}

void store_alarm(struct store *s)
{
	struct store_clock clock;
	char comment[80];

	s->backend.clock(s->backend.data, &clock);
	for (unsigned int kind = 0; kind < TIMERS; kind++) {
		struct store_timer *timer = &s->timers[kind];
		int64_t due = timer->under_way ? 0 : timer_due(s, (enum timer_kind)kind);
		struct store_tx tx;

		if (!due || due > clock.boottime)
			continue;
		tx = timer_tx((enum timer_kind)kind, s->confirm.revision, comment);
		timer->under_way = true;
		store_submit(s, &tx, on_done, timer);
	}
	store_set_alarm(s);
}

int64_t store_confirm_left(struct store *s, uint64_t *ret_revision)
{
	struct store_clock clock;

	*ret_revision = s->confirm.revision;
	if (!s->confirm.revision)
		return 0;
	s->backend.clock(s->backend.data, &clock);
	return MAX(timer_due(s, TIMER_UNDO) - clock.boottime, 1);
}

/* --- at the start, what ran out meanwhile */

/* In memory: the journal has not got this, and goes on with no other revision. */
static int keep(struct store *s, struct tx *tx, const struct store_config *former)
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

static int catch_up(struct store *s, enum timer_kind kind, struct error *err)
{
	struct store_config former = s->next_config;
	char comment[80];
	struct store_tx given = timer_tx(kind, s->next_confirm.revision, comment);
	struct tx tx = {.kind = given.kind, .target = given.target, .author = given.author, .comment = comment};
	int r = apply_tx(s, &tx, err);

	if (!r && tx.changed && keep(s, &tx, &former) < 0)
		r = error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	tx_forget(&tx);
	free(tx.lines);
	return r;
}

int timers_catch_up(struct store *s, struct error *err)
{
	struct store_clock clock;
	int r = catch_up(s, TIMER_POLICIES, err);

	s->backend.clock(s->backend.data, &clock);
	if (r || !s->next_confirm.revision || clock.boottime < s->next_confirm.boottime)
		return r;
	return catch_up(s, TIMER_UNDO, err);
}
