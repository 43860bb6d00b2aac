/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "random_policy.h"
#include "store_model_run.h"

static bool one_in(uint32_t n)
{
	return !random_below(n);
}

bool run_is_told(const struct run *r)
{
	return r->operations >= r->told_from;
}

void run_differs(const struct run *r, const char *what)
{
	fail_msg("%s: seed %u, operation %lu, 1 difference", what, r->seed, r->operations);
}

/* --- the disk */

static void refuse(struct run *r, enum error_kind kind)
{
	struct error err = ERROR_INIT;

	r->failed = true;
	r->failures++;
	if (run_is_told(r))
		printf("the disk fails, kind %d, keeps %d\n", (int)kind, r->keeps);
	error_set(&err, kind, kind == ERROR_UNKNOWN ? "UNKNOWN" : "NOT_DURABLE", "disk");
	world_answer(run_world(r), &err);
	error_deinit(&err);
}

static void persist(struct run *r)
{
	if (!r->fault_in || --r->fault_in) {
		world_answer(run_world(r), NULL);
		return;
	}
	if (r->fault == FAULT_KILLED) {
		r->killed = true;
		return;
	}
	if (r->fault == FAULT_REFUSED || !r->keeps)
		world_forget_last(run_world(r));
	r->unsure |= r->fault == FAULT_UNKNOWN;
	r->stands = r->fault == FAULT_UNKNOWN && r->keeps;
	refuse(r, r->fault == FAULT_UNKNOWN ? ERROR_UNKNOWN : ERROR_PRECONDITION);
}

static void rewrite(struct run *r)
{
	struct world *w = run_world(r);
	bool refused = w->refuse_rewrite;

	r->has_other &= refused;
	r->stands &= refused;
	if (!refused)
		model_rewritten(&r->m);
	if (!refused && !one_in(10)) {
		r->unsure = false;
		world_answer(w, NULL);
		return;
	}
	r->rewrite_failed = true;
	r->unsure |= r->unsure || one_in(2);
	refuse(r, r->unsure ? ERROR_UNKNOWN : ERROR_PRECONDITION);
}

void run_drive(struct run *r)
{
	while (store_busy(run_world(r)->store) && !r->killed)
		switch (run_world(r)->waits) {
		case WAITS_PERSISTED:
			persist(r);
			break;
		case WAITS_REWRITTEN:
			rewrite(r);
			break;
		default:
			world_answer(run_world(r), NULL);
		}
	run_world(r)->refuse_rewrite = one_in(4);
}

/* --- time */

/* What has run out goes within a second, unless something failed. */
static void see_expiries(struct run *r)
{
	struct model_lease found[MODEL_SETS][MODEL_OWNERS][MODEL_MEMBERS];
	struct model_lease *all = &r->m.leases[0][0][0], *store = &found[0][0][0];

	if (!model_list_leases(run_world(r), found))
		run_differs(r, "leases");
	for (size_t i = 0; i < MODEL_SETS * MODEL_OWNERS * MODEL_MEMBERS; i++) {
		if (!all[i].there || !all[i].expiry || all[i].expiry > r->m.boottime)
			continue;
		if (store[i].there && r->m.boottime >= MAX(all[i].expiry + MODEL_SECOND, r->late))
			run_differs(r, "a lease has not ended");
		all[i].there = store[i].there;
		all[i].ended = !store[i].there;
		r->expired += !store[i].there;
	}
}

static void undo(struct run *r)
{
	struct model_op op = {.kind = STORE_ROLLBACK, .target = r->m.waiting - 1};
	struct model_reply reply;

	model_apply(&r->m, &op, &(struct model_world){0}, &reply);
	if (reply.kind)
		run_differs(r, "nothing to go back to");
}

static void see_undo(struct run *r)
{
	uint64_t waiting;

	if (!r->m.waiting || MAX(r->m.confirm_boot, r->m.confirm_again) > r->m.boottime)
		return;
	store_confirm_left(run_world(r)->store, &waiting);
	if (waiting == r->m.waiting && r->failed)
		r->m.confirm_again = r->m.boottime + MODEL_SECOND;
	else
		undo(r);
}

/* Policies, in the same way; at a start all of them. */
static void see_ends(struct run *r)
{
	struct model_op op = {.kind = STORE_END};
	struct model next = r->m;
	struct model_reply reply;

	model_apply(&next, &op, &(struct model_world){0}, &reply);
	if (next.revision == r->m.revision)
		return;
	if (store_revision(run_world(r)->store) >= next.revision) {
		r->ended += r->m.now.count - next.now.count;
		r->m = next;
	} else if (r->m.boottime >= r->late) {
		run_differs(r, "a policy has not ended");
	}
}

void run_set_clocks(struct run *r, int64_t boottime, int64_t wall_ahead)
{
	r->m.boottime = run_world(r)->boottime = boottime;
	r->m.time = run_world(r)->time = boottime + wall_ahead;
	r->other.boottime = r->m.boottime;
	r->other.time = r->m.time;
	model_wall_moved(&r->m);
	model_wall_moved(&r->other);
}

static int64_t random_span(void)
{
	switch (random_below(12)) {
	case 0:
		return 25 * MODEL_SECOND;
	case 1:
	case 2:
		return random_below(8) * MODEL_SECOND;
	default:
		return random_below(1600) * 1000000ll;
	}
}

static int64_t random_jump(void)
{
	if (!one_in(8))
		return 0;
	return one_in(40) ? 90000 * MODEL_SECOND : ((int64_t)random_below(11) - 5) * MODEL_SECOND;
}

static void ring(struct run *r)
{
	run_world(r)->alarm = 0;
	r->failed = false;
	r->fault_in = one_in(12);
	r->fault = FAULT_REFUSED;
	store_alarm(run_world(r)->store);
	run_drive(r);
	r->fault_in = 0;
	if (r->failed)
		r->late = r->m.boottime + 3 * MODEL_SECOND;
	see_expiries(r);
	see_undo(r);
	see_ends(r);
}

void run_pass_time(struct run *r)
{
	struct world *w = run_world(r);
	int64_t until = w->boottime + random_span(), ahead = w->time - w->boottime + random_jump();

	while (w->alarm && w->alarm <= until) {
		run_set_clocks(r, MAX(w->alarm, w->boottime), ahead);
		ring(r);
	}
	run_set_clocks(r, until, ahead);
	if (run_is_told(r))
		printf("boot time %lld, wall ahead %lld\n", (long long)until, (long long)ahead);
}

/* --- restarts */

static const char *next_boot(struct run *r)
{
	static char ids[2][16];
	char *id = ids[r->boots % 2];

	snprintf(id, sizeof(ids[0]), "boot-%lu", ++r->boots);
	return id;
}

/* The clocks while it is down. Whether it is another boot. */
static bool come_up(struct run *r)
{
	struct world *w = run_world(r);
	int64_t wall = w->time + random_span() + random_jump();

	if (one_in(2)) {
		run_set_clocks(r, w->boottime + random_span(), wall - w->boottime);
		return false;
	}
	w->boot_id = next_boot(r);
	r->m.boottime = w->boottime = (1 + random_below(1000)) * 1000000ll;
	r->m.time = w->time = wall;
	return true;
}

static bool is_wrong(const struct model_lease *wanted, const struct model_lease *found, int64_t now)
{
	if (!found->there)
		return wanted->there && wanted->low > now;
	return wanted->high <= now || found->expiry < wanted->low || found->expiry > wanted->high;
}

/* As far as it is known, the expiry is the only one that there can be. */
static void see_lease(struct model_lease *lease, const struct model_lease *found, bool rebooted)
{
	if ((lease->there || lease->ended) && lease->expiry) {
		lease->there = found->there;
		lease->ended = !found->there;
		lease->expiry = found->there ? found->expiry : rebooted ? lease->low : lease->expiry;
	}
	if (lease->there)
		lease->low = lease->high;
}

/* Which expiries it has come up with, of those that may be. */
static void see_leases(struct run *r, const struct model *before, bool rebooted)
{
	struct model_lease found[MODEL_SETS][MODEL_OWNERS][MODEL_MEMBERS];
	struct model_lease *all = &r->m.leases[0][0][0], *store = &found[0][0][0];
	const struct model_lease *old = &before->leases[0][0][0];
	int64_t ahead = r->m.time - r->m.boottime;

	if (!model_list_leases(run_world(r), found))
		run_differs(r, "leases");
	for (size_t i = 0; i < MODEL_SETS * MODEL_OWNERS * MODEL_MEMBERS; i++) {
		bool unsure = (all[i].there || all[i].ended) && all[i].expiry;

		if (unsure && is_wrong(&all[i], &store[i], r->m.boottime)) {
			printf("set %zu owner %zu member %zu, there %d (wanted %d), until %lld, wanted %lld to %lld, now "
			       "%lld\n",
				i / MODEL_MEMBERS / MODEL_OWNERS, i / MODEL_MEMBERS % MODEL_OWNERS, i % MODEL_MEMBERS,
				store[i].there, all[i].there, (long long)store[i].expiry, (long long)all[i].low, (long long)all[i].high,
				(long long)r->m.boottime);
			run_differs(r, "the expiry of a lease after a restart");
		}
		see_lease(&all[i], &store[i], rebooted);
		all[i].high = rebooted ? ahead + all[i].high - all[i].low : old[i].high;
		all[i].low = rebooted ? ahead : old[i].low;
	}
}

void run_restart(struct run *r)
{
	static struct model before;
	struct world *from = run_world(r);
	bool rebooted;

	if (r->has_other) {
		r->m = r->other;
		if (r->m.revision)
			r->m.past[(r->m.revision - 1) % MODEL_PAST] = r->other_past;
	}
	r->has_other = r->unsure = r->killed = false;
	r->late = 0;
	rebooted = come_up(r);
	before = r->m;
	model_started(&r->m, rebooted);
	if (run_is_told(r))
		printf("restart%s, boot time %lld, time %lld\n", rebooted ? " in another boot" : "",
			(long long)r->m.boottime, (long long)r->m.time);
	r->in = !r->in;
	world_reopen(run_world(r), from);
	world_move_disk(run_world(r), from);
	world_deinit(from);
	r->restarts++;
	r->failed = false;
	run_drive(r);
	see_leases(r, &before, rebooted);
	before = r->m;
	see_ends(r);
	see_undo(r);
	r->unsure = store_unwritten(run_world(r)->store);
	/* What a start ends is nowhere until the files are written anew: the next one may see it
	 * otherwise. */
	r->has_other = r->unsure && r->m.revision != before.revision;
	r->other = before;
	if (before.revision)
		r->other_past = before.past[(before.revision - 1) % MODEL_PAST];
}
