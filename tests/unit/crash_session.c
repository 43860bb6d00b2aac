/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>

#include "crash_session.h"
#include "crash_transaction.h"
#include "disk_world.h"

#define ATTEMPTS 12u
#define HOUR     (3600 * 1000000000ll)

struct run {
	const struct crash_session *session;
	const struct crash_plan *plan; /* NULL = the disk works */
	struct disk_world disk;
	int64_t time;
	unsigned int step; /* that is next */
	uint32_t seed;
	struct transactions now;
	bool open;
};

static void wrong(const struct run *r, const char *what, const char *more)
{
	const struct crash_session *s = r->session;

	fail_msg("seed %u, step %u (%s): %s%s", r->seed, r->step,
		r->step < s->count ? s->steps[r->step] : "the end", what, more);
}

static bool is_content(struct run *r, unsigned int step)
{
	char *content = disk_world_content(&r->disk);
	bool is = step <= r->session->count && streq(content, r->session->contents[step]);

	free(content);
	return is;
}

/* Tells the first line that differs. */
static void must_be(struct run *r, unsigned int step, const char *when)
{
	char *content = disk_world_content(&r->disk), what[600];
	const char *is = content, *wanted = r->session->contents[step];

	while (*is && strcspn(is, "\n") == strcspn(wanted, "\n") &&
		strncmp(is, wanted, strcspn(is, "\n") + 1) == 0) {
		is += strcspn(is, "\n") + 1;
		wanted += strcspn(wanted, "\n") + 1;
	}
	if (*is || *wanted) {
		snprintf(what, sizeof(what), "%s, revision %u: %.*s instead of %.*s", when,
			(unsigned int)store_revision(r->disk.world.store), (int)strcspn(is, "\n"),
			is, (int)strcspn(wanted, "\n"), wanted);
		wrong(r, what, "");
	}
	free(content);
}

static void begins(const struct run *r)
{
	if (r->plan && r->plan->begins)
		r->plan->begins(r->plan->data);
}

/* --- starts */

static void close_run(struct run *r)
{
	if (r->open)
		disk_world_close(&r->disk);
	r->open = false;
}

/* Fails only by a fault. */
static bool try_open(struct run *r)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	int result;

	begins(r);
	result = disk_world_open(&r->disk, r->time, &err);
	r->open = true;
	if (result && !crash_fs_faulted())
		wrong(r, "it does not start: ", error_message(&err));
	if (crash_fs_has("journal.damaged"))
		wrong(r, "damage is seen where a write was cut short", "");
	return !result && !crash_fs_dead();
}

/* As often as it takes; the last time nothing fails. */
static void open_run(struct run *r)
{
	const struct crash_plan *plan = r->plan;

	for (unsigned int i = 0; !try_open(r); i++) {
		close_run(r);
		crash_fs_restart(plan && plan->power);
		if (i > 2)
			r->plan = NULL;
	}
	r->plan = plan;
}

/* What was acknowledged is there; `may` the next step too. */
static void restart(struct run *r, bool power, bool may)
{
	close_run(r);
	crash_fs_restart(power);
	open_run(r);
	if (may && is_content(r, r->step + 1))
		r->step++;
	else
		must_be(r, r->step, "after the restart");
}

/* --- steps */

/* Until it is idle. False: the process has died. */
static bool pump(struct run *r)
{
	while (store_busy(r->disk.world.store)) {
		disk_world_write(&r->disk);
		if (crash_fs_dead())
			return false;
		disk_world_step(&r->disk);
	}
	return true;
}

/* True: done. A disk that fails is answered so, and nothing has changed. */
static bool is_answered(struct run *r)
{
	const struct answer *bad = transactions_refusal(&r->now);

	if (!bad)
		return true;
	if (!crash_fs_faulted())
		wrong(r, "refused: ", bad->message);
	if (bad->kind != ERROR_UNKNOWN && !streq(bad->reason, "NOT_DURABLE") &&
		!streq(bad->reason, "DURABILITY_UNKNOWN"))
		wrong(r, "a disk that fails is answered so: ", bad->message);
	must_be(r, r->step, "after a refusal");
	return false;
}

/* The ids of what changed nothing are not kept on the disk: it changes nothing once more. */
static bool is_repeated(const struct run *r, unsigned int i, bool done)
{
	bool repeated = r->now.answers[i].repeated;

	return repeated == done || (!repeated && !(r->session->changing[r->step - 1] >> i & 1));
}

/* Once more with the same ids: answered as before when it is done, and done when it is not. */
static void ask_again(struct run *r, const char *step, bool done)
{
	transactions_read(&r->now, step, r->step - done, store_revision(r->disk.world.store));
	if (!r->now.with_ids)
		return;
	transactions_submit(&r->now, r->disk.world.store);
	if (!pump(r) || transactions_refusal(&r->now))
		wrong(r, "what is asked again is refused", "");
	for (unsigned int i = 0; i < r->now.count; i++)
		if (!is_repeated(r, i, done))
			wrong(r, "asked again, it is ",
				done ? "done again" : "answered as done, and is not");
	r->step += !done;
	must_be(r, r->step, "when it was asked again");
}

static void end_and_ask(struct run *r, const char *step, bool power, bool may)
{
	unsigned int before = r->step;

	restart(r, power, may);
	ask_again(r, step, r->step > before);
}

/* Returns when it is done, or the process was ended. */
static void change(struct run *r, const char *step)
{
	for (unsigned int i = 0; i < ATTEMPTS; i++) {
		transactions_read(&r->now, step, r->step, store_revision(r->disk.world.store));
		r->disk.world.is_long |= *step == '+' && !i;
		transactions_submit(&r->now, r->disk.world.store);
		if (!pump(r)) {
			bool done = transactions_done(&r->now);

			r->step += done;
			end_and_ask(r, step, r->plan->power, !done);
			return;
		}
		if (is_answered(r)) {
			r->step++;
			return;
		}
		if (r->plan->at_once) {
			end_and_ask(r, step, r->plan->power, r->disk.unsure);
			return;
		}
	}
	wrong(r, "the store does not go on", "");
}

static void nap(struct run *r, int64_t hours)
{
	struct disk_world *d = &r->disk;

	r->time += hours * HOUR;
	d->world.boottime = d->world.time = r->time;
	for (unsigned int i = 0; i < ATTEMPTS; i++) {
		store_alarm(d->world.store);
		if (!pump(r)) {
			r->step++; /* time goes on without it */
			restart(r, r->plan->power, false);
			return;
		}
		if (!r->plan || is_content(r, r->step + 1))
			break;
		if (!crash_fs_faulted() || i == ATTEMPTS - 1)
			must_be(r, r->step + 1, "in time");
		d->world.boottime = d->world.time = MAX(d->world.alarm, r->time);
	}
	d->world.boottime = d->world.time = r->time;
	r->step++;
}

static void take_step(struct run *r)
{
	const char *step = r->session->steps[r->step];
	int64_t hours;

	begins(r);
	if (sscanf(step, "sleep %" SCNd64, &hours) == 1)
		nap(r, hours);
	else
		change(r, step);
}

/* --- sessions */

void session_learn(struct crash_session *s, uint32_t seed)
{
	struct run r = {.session = s, .time = HOUR, .seed = seed};

	crash_fs_begin(seed);
	open_run(&r);
	for (r.step = 0; r.step < s->count;) {
		s->contents[r.step] = disk_world_content(&r.disk);
		s->calls[r.step] = crash_fs_calls();
		take_step(&r);
		s->changing[r.step - 1] = transactions_changing(&r.now);
	}
	s->contents[r.step] = disk_world_content(&r.disk);
	s->calls[r.step] = crash_fs_calls();
	restart(&r, true, false);
	close_run(&r);
	transactions_deinit(&r.now);
}

void session_run(const struct crash_session *s, const struct crash_plan *plan, uint32_t seed)
{
	struct run r = {.session = s, .plan = plan, .time = HOUR, .seed = seed};

	open_run(&r);
	while (r.step < s->count)
		take_step(&r);
	must_be(&r, r.step, "at the end");
	crash_fs_fault(0, CRASH_FS_FAIL, 0);
	restart(&r, plan->power, false);
	restart(&r, true, false);
	close_run(&r);
	transactions_deinit(&r.now);
}

void session_forget(struct crash_session *s)
{
	for (unsigned int i = 0; i <= s->count; i++)
		free(s->contents[i]);
}
