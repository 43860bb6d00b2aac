/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>

#include "crash_session.h"
#include "crash_trace.h"
#include "crash_transaction.h"
#include "disk_world.h"

#define ATTEMPTS 12u
#define MINUTE   (60 * 1000000000ll)
#define HOUR     (60 * MINUTE)

struct run {
	const struct crash_session *session;
	struct crash_plan *plan; /* NULL = the disk works */
	struct disk_world disk;
	struct disk_clock clock;
	unsigned int step; /* that is next */
	unsigned int boots;
	bool over; /* it cannot be compared any further */
	uint32_t seed;
	struct transactions now;
	bool open;
};

static void wrong(const struct run *r, const char *what, const char *more)
{
	const struct crash_session *s = r->session;

	fputs(trace_text(), stdout); /* longer than a message may be */
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

static void must_be(struct run *r, unsigned int step, const char *when)
{
	char *content = disk_world_content(&r->disk), what[500], all[600];

	if (content_differs(content, r->session->contents[step], what, sizeof(what))) {
		snprintf(all, sizeof(all), "%s, revision %u: %s", when,
			(unsigned int)store_revision(r->disk.world.store), what);
		wrong(r, all, "");
	}
	free(content);
}

static void begins(const struct run *r)
{
	if (r->plan && r->plan->begins)
		r->plan->begins(r->plan);
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
	result = disk_world_open(&r->disk, &r->clock, &err);
	r->open = true;
	trace_tell(r->step, "start in %s, revision %u%s%s", r->clock.boot_id,
		(unsigned int)store_revision(r->disk.world.store), result ? ": " : "",
		result ? error_message(&err) : "");
	if (result && !crash_fs_faulted())
		wrong(r, "it does not start: ", error_message(&err));
	if (crash_fs_has("journal.damaged"))
		wrong(r, "damage is seen where a write was cut short", "");
	return !result && !crash_fs_dead();
}

/* The process ends, and maybe the boot: by the wall no time passes. */
static void end(struct run *r, bool power)
{
	close_run(r);
	crash_fs_restart(power);
	if (!power || !r->plan || !r->plan->reboots || crash_fs_random(2))
		return;
	r->clock.boottime = (1 + crash_fs_random(100)) * MINUTE;
	snprintf(r->clock.boot_id, sizeof(r->clock.boot_id), "boot-%u", ++r->boots);
}

/* As often as it takes; the last time nothing fails. */
static void open_run(struct run *r)
{
	struct crash_plan *plan = r->plan;

	for (unsigned int i = 0; !try_open(r); i++) {
		end(r, plan && plan->power);
		if (i > 2)
			r->plan = NULL;
	}
	r->plan = plan;
}

/*
 * Twice in a row a start that ends something is cut short: the files are one revision apart then,
 * and what there was before cannot be gone back to.
 */
static bool has_no_history(struct run *r, unsigned int step)
{
	const struct store *s = r->disk.world.store;
	char *content = disk_world_content(&r->disk);
	bool is = r->plan && r->session->may_refuse && store_oldest(s) == store_revision(s) &&
		  content_same_now(content, r->session->contents[step]);

	free(content);
	return is;
}

/* What was acknowledged is there; `may` the next step too. */
static void restart(struct run *r, bool power, bool may)
{
	trace_tell(r->step, power ? "the power is lost" : "the process ends");
	end(r, power);
	open_run(r);
	if (is_content(r, r->step))
		return;
	if (may && is_content(r, r->step + 1))
		r->step++;
	else if (!(r->over = has_no_history(r, r->step)))
		must_be(r, r->step, "after the restart");
}

/* --- steps */

/* On the disk that works: what its transactions are answered is right. */
static void learn(struct run *r)
{
	struct crash_session *s =
		(struct crash_session *)(uintptr_t)r->session; /* session_learn()'s */

	s->changing[r->step] = transactions_changing(&r->now);
	s->repeated[r->step] = transactions_repeated(&r->now);
	s->refused[r->step] = s->may_refuse ? transactions_refused(&r->now) : 0;
	r->now.refused = s->refused[r->step];
}

/* True: done. A disk that fails is answered so, and nothing has changed. */
static bool is_answered(struct run *r)
{
	const struct answer *bad = transactions_unmet(&r->now);

	if (!bad)
		return true;
	if (r->plan)
		trace_tell(r->step, "refused: %s", bad->message);
	if (bad->kind == ERROR_NONE)
		wrong(r, "done, and was to be refused", "");
	if (!crash_fs_faulted())
		wrong(r, "refused: ", bad->message);
	if (!answer_blames_disk(bad))
		wrong(r, "a disk that fails is answered so: ", bad->message);
	must_be(r, r->step, "after a refusal");
	return false;
}

/* How far the step that is asked once more was when the process ended. */
enum progress { NOT_DONE, DONE, ACKNOWLEDGED };

/* Of what leaves no trace but the answer nobody knows whether it was done, unless it was
 * acknowledged. */
static bool is_repeated(const struct run *r, unsigned int step, unsigned int i, enum progress how)
{
	const struct crash_session *s = r->session;
	bool repeated = r->now.answers[i].repeated;

	if (how == ACKNOWLEDGED || s->repeated[step] >> i & 1)
		return repeated;
	return repeated == (how == DONE) || !(s->changing[step] >> i & 1);
}

static void read_step(struct run *r, unsigned int step)
{
	const struct crash_session *s = r->session;
	unsigned int from;

	if (sscanf(s->steps[step], "again %u", &from) != 1)
		from = step;
	transactions_read(&r->now, s->steps[from], from, store_revision(r->disk.world.store));
	r->now.refused = r->plan ? s->refused[step] : 0;
}

/* Nothing fails any more, but what failed at the start may refuse the first one. */
static void submit_again(struct run *r, unsigned int step)
{
	const struct answer *bad = NULL;

	crash_fs_fault(0, CRASH_FS_FAIL, 0);
	for (unsigned int i = 0; i < 2; i++) {
		read_step(r, step);
		transactions_submit(&r->now, r->disk.world.store);
		disk_world_pump(&r->disk);
		bad = transactions_unmet(&r->now);
		if (!bad)
			return;
		if (!answer_blames_disk(bad))
			break;
	}
	wrong(r, "what is asked again is answered in another way: ", bad->message);
}

/* Once more with the same ids: answered as before when it is done, and done when it is not. */
static void ask_again(struct run *r, enum progress how)
{
	unsigned int step = r->step - (how != NOT_DONE);

	if (r->over)
		return;
	read_step(r, step);
	if (!r->now.with_ids || r->now.refused) /* what was refused is not remembered */
		return;
	trace_tell(r->step, "asked again: %s", r->session->steps[step]);
	submit_again(r, step);
	for (unsigned int i = 0; i < r->now.count; i++)
		if (!is_repeated(r, step, i, how))
			wrong(r, "asked again, it is ",
				how ? "done again" : "answered as done, and is not");
	r->step = step + 1;
	must_be(r, r->step, "when it was asked again");
}

static void end_and_ask(struct run *r, bool acknowledged, bool may)
{
	unsigned int before = r->step;

	r->step += acknowledged;
	restart(r, r->plan->power, may);
	ask_again(r, acknowledged ? ACKNOWLEDGED : r->step > before ? DONE : NOT_DONE);
}

/* Returns when it is done, or the process was ended. */
static void change(struct run *r)
{
	for (unsigned int i = 0; i < ATTEMPTS; i++) {
		read_step(r, r->step);
		r->disk.world.is_long |= *r->session->steps[r->step] == '+' && !i;
		transactions_submit(&r->now, r->disk.world.store);
		if (!disk_world_pump(&r->disk)) {
			bool done = transactions_done(&r->now);

			trace_tell(r->step, done ? "acknowledged" : "not answered");
			end_and_ask(r, done, !done);
			return;
		}
		if (!r->plan)
			learn(r);
		if (is_answered(r)) {
			r->step++;
			return;
		}
		if (r->plan->at_once) {
			end_and_ask(r, false, r->disk.unsure);
			return;
		}
	}
	wrong(r, "the store does not go on", "");
}

/* What a start has ended is on the disk: the next one, at another time, might end it in another
 * way. */
static void make_sure(struct run *r)
{
	struct answer a = {0};
	struct store_tx nothing = {.comment = ""};

	if (!store_unwritten(r->disk.world.store))
		return;
	crash_fs_fault(0, CRASH_FS_FAIL, 0);
	submit_tx(&r->disk.world, &nothing, &a);
	disk_world_pump(&r->disk);
	if (store_unwritten(r->disk.world.store))
		wrong(r, "the store does not write what it has: ", a.message);
}

static void nap(struct run *r, int64_t span)
{
	struct disk_world *d = &r->disk;

	make_sure(r);
	begins(r);
	r->clock.time += span;
	r->clock.boottime += span;
	disk_world_set_clock(d, &r->clock, r->clock.boottime);
	for (unsigned int i = 0; i < ATTEMPTS; i++) {
		store_alarm(d->world.store);
		if (!disk_world_pump(&r->disk)) {
			r->step++; /* time goes on without it */
			restart(r, r->plan->power, false);
			return;
		}
		if (!r->plan || is_content(r, r->step + 1))
			break;
		trace_tell(r->step, "not yet");
		if (!crash_fs_faulted() || i == ATTEMPTS - 1)
			must_be(r, r->step + 1, "in time");
		disk_world_set_clock(d, &r->clock, MAX(d->world.alarm, r->clock.boottime));
	}
	disk_world_set_clock(d, &r->clock, r->clock.boottime);
	r->step++;
}

static void take_step(struct run *r)
{
	const char *step = r->session->steps[r->step];
	int64_t span;

	trace_tell(r->step, "%s", step);
	if (sscanf(step, "sleep %" SCNd64, &span) == 1) {
		nap(r, span * HOUR);
	} else if (sscanf(step, "nap %" SCNd64, &span) == 1) {
		nap(r, span * MINUTE);
	} else {
		begins(r);
		change(r);
	}
}

/* --- sessions */

static struct run run_of(const struct crash_session *s, struct crash_plan *plan, uint32_t seed)
{
	return (struct run){
		.session = s, .plan = plan, .seed = seed, .clock = {HOUR, HOUR, "boot-0"}};
}

void session_learn(struct crash_session *s, uint32_t seed)
{
	struct run r = run_of(s, NULL, seed);

	crash_fs_begin(seed);
	trace_begin();
	open_run(&r);
	for (r.step = 0; r.step < s->count;) {
		s->contents[r.step] = disk_world_content(&r.disk);
		s->calls[r.step] = crash_fs_calls();
		take_step(&r);
	}
	s->contents[r.step] = disk_world_content(&r.disk);
	s->calls[r.step] = crash_fs_calls();
	restart(&r, true, false);
	close_run(&r);
	transactions_deinit(&r.now);
}

void session_run(const struct crash_session *s, struct crash_plan *plan, uint32_t seed)
{
	struct run r = run_of(s, plan, seed);

	trace_begin();
	open_run(&r);
	while (r.step < s->count && !r.over)
		take_step(&r);
	if (!r.over)
		must_be(&r, r.step, "at the end");
	plan->begins = NULL;
	crash_fs_fault(0, CRASH_FS_FAIL, 0);
	for (unsigned int i = 0; i < 2 && !r.over; i++)
		restart(&r, plan->power || i, false);
	plan->forgot += r.over;
	close_run(&r);
	transactions_deinit(&r.now);
}

void session_forget(struct crash_session *s)
{
	for (unsigned int i = 0; i <= s->count; i++)
		free(s->contents[i]);
}
