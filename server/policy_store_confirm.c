/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Back to a former revision, and commits that go back by themselves: one that waits to be
 * confirmed keeps every other change out until it is confirmed or undone.
 */
#include <stdio.h>

#include "server/policy_store_internal.h"

bool confirm_ends(const struct store *s, const struct tx *tx)
{
	return tx->kind == STORE_ROLLBACK && s->next_confirm.revision &&
	       tx->target == s->next_confirm.revision - 1;
}

int confirm_keeps_out(const struct store *s, const struct tx *tx, struct error *err)
{
	uint64_t revision = s->next_confirm.revision;

	if (!revision || tx->validate_only || tx->kind == STORE_END || confirm_ends(s, tx))
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
