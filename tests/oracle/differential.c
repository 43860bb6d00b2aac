/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "differential.h"

#include <errno.h>

#include "describe.h"
#include "flow_frame.h"
#include "flow_random.h"
#include "shadowing.h"
#include "shrink.h"
#include "tests/lib/amount.h"
#include "witness.h"

/* Packets for a policy that has not decided yet, and for all of them in a ruleset. */
enum { TRIES = 100, TRIES_IN_ALL = 100000 };

/* Boxes that the search for a witness looks at, for each family and protocol. */
#define WITNESS_BUDGET 20000u

/* A case under way, and the packet that is compared. */
struct trial {
	const struct differential *d;
	const struct differential_case *c;
	struct differential_result *result;
	struct oracle *oracle;
	bool *decided; /* by policy */
	struct flow_random flow;
	struct oracle_packet packet;
	uint8_t frame[FLOW_FRAME_MAX];
	size_t size;
	struct oracle_ruling expected;
	struct oracle_ruling found;
};

static FILE *out_of(const struct trial *t)
{
	return t->d->out ? t->d->out : stderr;
}

/* Asks both about the trial's packet. 0, DIFFERENTIAL_E_MISMATCH or what decide returned. */
static int ask(struct trial *t, const struct oracle *oracle)
{
	int r;

	t->expected = oracle_decide(oracle, &t->packet);
	t->found = (struct oracle_ruling){.policy = ORACLE_NONE, .shadow = ORACLE_NONE};
	r = t->d->decide(t->d->context, &t->packet, t->frame, t->size, &t->found);
	if (r)
		return r;
	if (t->d->without_shadow)
		t->found.shadow = t->expected.shadow;
	return oracle_ruling_equal(t->expected, t->found) ? 0 : DIFFERENTIAL_E_MISMATCH;
}

/* Whether the same packet is judged differently also under this ruleset. */
static bool still_differs(void *context, const struct oracle_ruleset *ruleset)
{
	struct trial *t = context;
	_cleanup_(oracle_freep) struct oracle *oracle = NULL;

	return !oracle_new(ruleset, &oracle) && !t->d->load(t->d->context, ruleset) &&
	       ask(t, oracle) == DIFFERENTIAL_E_MISMATCH;
}

static void tell_rulings(struct trial *t, const struct oracle_ruleset *ruleset)
{
	fprintf(out_of(t), "expected: ");
	describe_ruling(ruleset, &t->expected, out_of(t));
	fprintf(out_of(t), "found:    ");
	describe_ruling(ruleset, &t->found, out_of(t));
}

static int tell_mismatch(struct trial *t)
{
	_cleanup_(shrink_free) struct oracle_ruleset smallest = {0};
	FILE *out = out_of(t);

	fprintf(out, "%s: seed %llu, %zu policies: decision %zu differs\n", t->c->name,
		(unsigned long long)t->c->seed, t->c->ruleset->count, t->result->decisions);
	describe_packet(&t->packet, out);
	describe_frame(t->frame, t->size, out);
	tell_rulings(t, t->c->ruleset);
	if (!still_differs(t, t->c->ruleset)) {
		fprintf(out, "loaded again, it does not differ any more: earlier calls matter\n");
		return DIFFERENTIAL_E_MISMATCH;
	}
	if (shrink_ruleset(t->c->ruleset, still_differs, t, &smallest))
		return -ENOMEM;
	/* The last attempt may have been one that did not differ. */
	still_differs(t, &smallest);
	fprintf(out, "the smallest ruleset that differs:\n");
	describe_ruleset(&smallest, out);
	tell_rulings(t, &smallest);
	return DIFFERENTIAL_E_MISMATCH;
}

static void note(struct trial *t)
{
	t->result->decisions++;
	t->result->hits += t->expected.reason == ORACLE_BY_POLICY;
	if (t->expected.policy != ORACLE_NONE)
		t->decided[t->expected.policy] = true;
	if (t->expected.shadow != ORACLE_NONE)
		t->decided[t->expected.shadow] = true;
}

/* Compares the packet that stands in the trial. */
static int compare(struct trial *t)
{
	int r;

	if (t->d->flow_percent)
		t->packet.flow_percent = t->d->flow_percent(t->d->context, &t->packet);
	t->size = flow_frame(&t->packet, &t->flow.rng, t->frame);
	r = ask(t, t->oracle);
	note(t);
	return r == DIFFERENTIAL_E_MISMATCH ? tell_mismatch(t) : r;
}

static int compare_all(struct trial *t)
{
	int r = 0;

	for (size_t i = 0; i < t->c->packet_count && !r; i++) {
		t->packet = t->c->packets[i];
		r = compare(t);
	}
	for (size_t i = 0; i < t->c->random && !r; i++) {
		flow_random_next(&t->flow, &t->packet);
		r = compare(t);
	}
	return r;
}

/* Packets made for those that have not decided yet. */
static int try_harder(struct trial *t)
{
	const struct oracle_ruleset *ruleset = t->c->ruleset;
	int r = 0;

	for (size_t i = 0; i < ruleset->count; i++)
		for (size_t n = 0; n < t->c->tries && !t->decided[i]; n++) {
			flow_random_inside(&t->flow, &ruleset->policies[i], &t->packet);
			r = compare(t);
			if (r)
				return r;
		}
	return 0;
}

/* Random packets have not met it: the one that is computed must. */
static int try_witness(struct trial *t, size_t index)
{
	struct oracle_packet witness;
	enum witness found = witness_find(t->c->ruleset, index, WITNESS_BUDGET, &witness);
	int r;

	t->result->dead += found == WITNESS_NONE;
	if (found != WITNESS_FOUND)
		return 0;
	flow_random_inside(&t->flow, &t->c->ruleset->policies[index], &t->packet);
	memcpy(witness.iface, t->packet.iface, sizeof(witness.iface));
	t->packet = witness;
	r = compare(t);
	return r || t->decided[index] ? r : -EPROTO;
}

static int try_witnesses(struct trial *t)
{
	const struct oracle_ruleset *ruleset = t->c->ruleset;
	int r = 0;

	for (size_t i = 0; i < ruleset->count && t->c->tries && !r; i++) {
		if (t->decided[i])
			continue;
		if (shadowing_proves_dead(ruleset, i))
			t->result->dead++;
		else
			r = try_witness(t, i);
	}
	return r;
}

static void count_decided(struct trial *t)
{
	const struct oracle_ruleset *ruleset = t->c->ruleset;

	t->result->policies += ruleset->count;
	for (size_t i = 0; i < ruleset->count; i++)
		t->result->decided += t->decided[i];
}

static int run_trial(struct trial *t)
{
	int r = t->d->load(t->d->context, t->c->ruleset);

	if (r == -ENOSPC) {
		t->result->refused++;
		return 0;
	}
	if (r)
		return r;
	t->result->rulesets++;
	r = compare_all(t);
	if (!r)
		r = try_harder(t);
	if (!r)
		r = try_witnesses(t);
	if (!r)
		count_decided(t);
	return r;
}

int differential_try(const struct differential *d, const struct differential_case *c,
	struct differential_result *result)
{
	_cleanup_(oracle_freep) struct oracle *oracle = NULL;
	_cleanup_free_ bool *decided = calloc(c->ruleset->count + 1, sizeof(*decided));
	struct trial t = {.d = d, .c = c, .result = result, .decided = decided};
	int r;

	if (!decided)
		return -ENOMEM;
	r = oracle_new(c->ruleset, &oracle);
	if (r)
		return r;
	t.oracle = oracle;
	flow_random_init(&t.flow, c->ruleset, ~c->seed); /* not the numbers that made the ruleset */
	r = run_trial(&t);
	if (r < 0)
		fprintf(out_of(&t), "%s: seed %llu, %zu policies: %s\n", c->name,
			(unsigned long long)c->seed, c->ruleset->count, strerror(-r));
	return r;
}

int differential_run(const struct differential *d, const struct differential_plan *plan,
	struct differential_result *result)
{
	int r = 0;

	for (size_t i = 0; i < plan->rulesets && !r; i++) {
		_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset ruleset = {0};
		struct differential_case c = {.ruleset = &ruleset,
			.name = ruleset_flavour_names[plan->flavour],
			.seed = plan->seed + i,
			.random = plan->packets,
			.tries = amount(MIN(TRIES, TRIES_IN_ALL / (plan->policies + 1)))};

		r = ruleset_random(plan->flavour, plan->policies, c.seed, &ruleset);
		if (!r)
			r = differential_try(d, &c, result);
	}
	return r;
}

void differential_print(const struct differential_result *result, FILE *out)
{
	fprintf(out,
		"%zu rulesets (%zu refused), %zu decisions, %zu by a policy; %zu policies: %zu "
		"decided, "
		"%zu proven dead, %zu unknown\n",
		result->rulesets, result->refused, result->decisions, result->hits,
		result->policies, result->decided, result->dead,
		result->policies - result->decided - result->dead);
}
