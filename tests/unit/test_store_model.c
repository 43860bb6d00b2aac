/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * test_store_model [OPERATIONS [SEED [FROM]]]: random requests, failures, restarts and jumps of clocks; after
 * each of them the store is what the model says. The first difference ends it. What happens from
 * operation FROM on is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdio.h>

#include "random_policy.h"
#include "store_model_run.h"

#define TOGETHER 5u

static struct run run = {.seed = 20261129, .told_from = ULONG_MAX};
static struct model_ruleset past[MODEL_PAST];
static unsigned long wanted_operations = OPERATIONS;

static bool one_in(uint32_t n)
{
	return !random_below(n);
}

/* --- requests */

/* The same id comes again, with what was asked then or with something else. With `races` others
 * expect the revision too. */
static struct model_op next_op(struct run *r, bool races)
{
	struct model_op op = model_random(&r->m), *before;

	if (races && op.kind == STORE_CHANGES) {
		op.has_expected = true;
		op.expected = r->m.revision;
	}
	if (!op.id)
		return op;
	before = &r->bodies[op.uid][op.id - 1];
	if (before->id && one_in(2))
		return *before;
	*before = op;
	return op;
}

static void plan_faults(struct run *r, size_t count, struct model_world *w)
{
	r->failed = r->rewrite_failed = false;
	r->fault_in = one_in(8) ? 1 + random_below((uint32_t)count) : 0;
	r->fault = count > 1 ? FAULT_REFUSED : (enum fault)(1 + random_below(3));
	r->keeps = one_in(2);
	w->kernel_refuses = one_in(25);
	run_world(r)->refuse_prepare = w->kernel_refuses;
	run_world(r)->is_long = one_in(30);
}

static void check_answer(struct run *r, const struct model_op *op, const struct model_reply *wanted,
	const struct answer *a)
{
	if (model_compare_answer(wanted, a))
		return;
	model_print(op, wanted, a);
	run_differs(r, "the answer");
}

/* One whose outcome is not known, or that was never answered. */
static void see_fault(struct run *r, const struct model_op *op, const struct model_world *w,
	const struct answer *a)
{
	struct model next = r->m;
	struct model_reply reply;

	model_apply(&next, op, w, &reply);
	if (reply.kind)
		check_answer(r, op, &reply, a);
	r->again = *op;
	r->asks_again = op->id && one_in(2);
	if (r->killed) {
		r->m = r->keeps ? next : r->m;
		if (!r->keeps)
			world_forget_last(run_world(r));
		run_restart(r);
		return;
	}
	check_answer(r, op, &(struct model_reply){.kind = ERROR_UNKNOWN, .reason = "UNKNOWN"}, a);
	r->has_other = r->stands;
	r->other = next;
	r->other_past = next.past[(next.revision - (next.revision > 0)) % MODEL_PAST];
}

/* What makes another answer than the one after those before right. */
static bool is_excused(struct run *r, const struct model_op *op, const struct model_world *w, struct model *with,
	const struct answer *a)
{
	struct model_reply other;

	if (r->rewrite_failed && strcmp(a->reason, "DURABILITY_UNKNOWN") == 0)
		return true;
	/* A dry run goes as far as what it is asked about needs. */
	if (w->kernel_refuses && op->validate_only && strcmp(a->reason, "KERNEL") == 0)
		return true;
	/* What the disk refused had no effect, but was there for those behind it in the same batch. */
	model_apply(with, op, w, &other);
	return r->failed && (strcmp(a->reason, "NOT_DURABLE") == 0 || (other.kind && model_compare_answer(&other, a)));
}

/* One of a batch attaches an interface and the next one detaches it: it never is. */
static bool is_detached_again(struct run *r, const struct model_op *op, const struct answer *a)
{
	struct model next = r->m;
	struct model_reply reply;

	model_apply(&next, op, &(struct model_world){.all_attach = true}, &reply);
	if (reply.kind || !model_compare_answer(&reply, a))
		return false;
	r->m = next;
	return true;
}

static void see_answers(struct run *r, const struct model_op *ops, const struct answer *answers, size_t count,
	const struct model_world *w)
{
	struct model with = r->m, next;
	struct model_reply reply;

	for (size_t i = 0; i < count; i++) {
		next = r->m;
		model_apply(&next, &ops[i], w, &reply);
		if (run_is_told(r))
			model_print(&ops[i], &reply, &answers[i]);
		if (model_compare_answer(&reply, &answers[i])) {
			r->m = next;
			if (!reply.kind)
				with = next;
			continue;
		}
		if (!is_excused(r, &ops[i], w, &with, &answers[i]) &&
			(i + 1 == count || !is_detached_again(r, &ops[i], &answers[i])))
			check_answer(r, &ops[i], &reply, &answers[i]);
	}
}

static void requests(struct run *r)
{
	static struct answer answers[TOGETHER];
	struct model_op ops[TOGETHER];
	size_t count = r->unsure || !one_in(5) ? 1 : 2 + random_below(TOGETHER - 1);
	bool races = one_in(4);
	struct model_world w = {0};

	plan_faults(r, count, &w);
	for (size_t i = 0; i < count; i++) {
		char id[16];
		struct store_tx tx;

		ops[i] = r->asks_again ? r->again : next_op(r, count > 1 && races);
		r->asks_again = false;
		tx = model_tx(&ops[i], id);
		submit_tx(run_world(r), &tx, &answers[i]);
	}
	run_drive(r);
	r->operations += count;
	if (r->killed || (r->failed && answers[0].kind == ERROR_UNKNOWN))
		see_fault(r, ops, &w, answers);
	else
		see_answers(r, ops, answers, count, &w);
	run_world(r)->refuse_prepare = false;
	r->fault_in = 0;
}

static void turn(struct run *r)
{
	uint32_t what = random_below(40);

	if (what >= 8) {
		requests(r);
	} else if (what > 0) {
		run_pass_time(r);
		r->operations++;
	} else {
		run_restart(r);
		r->operations++;
	}
	if (model_compare(&r->m, run_world(r)))
		run_differs(r, "the store");
}

static void test_store_is_the_model(void **state)
{
	struct run *r = &run;

	(void)state;
	random_start(r->seed);
	world_init(run_world(r), 32, NULL);
	model_init(&r->m, past);
	r->other = r->m;
	run_set_clocks(r, 1000, 4000);
	while (r->operations < wanted_operations)
		turn(r);
	print_message("seed %u: %lu operations, %lu restarts (%lu boots), %lu failures of the disk, %lu leases and %lu "
		      "policies ended, revision %llu, 0 differences\n",
		r->seed, r->operations, r->restarts, r->boots, r->failures, r->expired, r->ended,
		(unsigned long long)r->m.revision);
	world_deinit(run_world(r));
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_store_is_the_model)};

	if (argc > 1)
		wanted_operations = strtoul(argv[1], NULL, 10);
	else if (getenv("PEP_OPERATIONS")) /* under valgrind, which is slow */
		wanted_operations = strtoul(getenv("PEP_OPERATIONS"), NULL, 10);
	if (argc > 2)
		run.seed = (uint32_t)strtoul(argv[2], NULL, 10);
	if (argc > 3)
		run.told_from = strtoul(argv[3], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
