/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The oracle beside the decider, over rulesets of every flavour and in the shape of the
 * published ones, of several sizes, small and many to few and big.
 * test_differential_* [SEED [SCALE [LARGEST]]]: so many times the rulesets; those in a published
 * shape have up to so many policies. The seed is otherwise the time, and printed. With an amount()
 * below all there are fewer of the small rulesets, fewer packets for the big ones, and no largest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/lib/amount.h"
#include "classbench.h"
#include "decider.h"
#include "ruleset_classbench.h"

#define LARGEST_MIN 2000u /* the published ones are a little over 1,000 */
#define LARGEST     10000u

static const struct size {
	size_t rulesets, policies, packets;
} sizes[] = {{40, 3, 300}, {30, 20, 700}, {6, 200, 3000}, {1, 1000, 8000}};

static const struct shaped_size {
	size_t policies, packets;
} shaped_sizes[] = {{1000, 12000}, {10000, 6000}, {100000, 20000}};

struct run {
	struct differential decider;
	struct differential_result result;
	uint64_t seed;
	size_t scale, largest;
};

static struct differential_plan plan_of(const struct run *run, const struct size *size, int flavour)
{
	bool many = size->rulesets > 1;

	return (struct differential_plan){(enum ruleset_flavour)flavour,
		(many ? amount(size->rulesets) : 1) * run->scale, size->policies,
		many ? size->packets : amount(size->packets), run->seed};
}

static int try_flavours(struct run *run)
{
	int r = 0;

	for (int flavour = 0; flavour < RULESET_FLAVOURS && !r; flavour++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes) && !r; i++) {
			struct differential_plan plan = plan_of(run, &sizes[i], flavour);

			r = differential_run(&run->decider, &plan, &run->result);
			decider_tell_cost(ruleset_flavour_names[flavour], sizes[i].policies);
		}
	return r;
}

static int try_shape(struct run *run, const char *name, const struct shaped_size *size,
	struct ruleset_shape *shape)
{
	_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset ruleset = {0};
	struct differential_case c = {.ruleset = &ruleset,
		.name = name,
		.seed = shape->seed,
		.random = amount(size->packets),
		.tries = 1};
	int r = ruleset_classbench(shape, &ruleset);

	if (!r)
		r = differential_try(&run->decider, &c, &run->result);
	decider_tell_cost(name, size->policies);
	fflush(stdout);
	return r;
}

/* The published rules themselves: each decides at least once, or is proven to be shadowed. */
static int try_model(struct run *run, const char *name, const struct oracle_ruleset *model)
{
	struct differential_case c = {.ruleset = model,
		.name = name,
		.seed = run->seed,
		.random = amount(1000),
		.tries = 1};
	struct differential_result result = {0};
	int r = differential_try(&run->decider, &c, &result);

	printf("%s: ", name);
	differential_print(&result, stdout);
	run->result.decisions += result.decisions;
	run->result.hits += result.hits;
	return r ? r : result.policies != model->count ||
			       result.decided + result.dead != result.policies;
}

/* Each seed is of another family, and of another order every third time. */
static int try_shapes(struct run *run, const char *name, const struct oracle_ruleset *model)
{
	static const uint8_t families[] = {0, 4, 6};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(shaped_sizes); i++)
		for (size_t n = 0; n < run->scale && !r; n++) {
			struct ruleset_shape shape = {.model = model,
				.count = shaped_sizes[i].policies,
				.family = families[(run->seed + n) % 3],
				.first_match = (run->seed + n) / 3 % 2,
				.seed = run->seed + n};

			if (shaped_sizes[i].policies <= run->largest)
				r = try_shape(run, name, &shaped_sizes[i], &shape);
		}
	return r;
}

static int try_published(struct run *run)
{
	int r = 0;

	for (size_t i = 0; i < CLASSBENCH_SETS && !r; i++) {
		_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset model = {0};
		_cleanup_error_ struct error err = ERROR_INIT;

		r = classbench_published(classbench_sets[i], &model, NULL, &err);
		if (r)
			fprintf(stderr, "%s\n", error_message(&err));
		else
			r = try_model(run, classbench_sets[i], &model);
		if (!r)
			r = try_shapes(run, classbench_sets[i], &model);
	}
	return r;
}

int main(int argc, char *argv[])
{
	struct run run = {.seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL),
		.scale = argc > 2 ? strtoull(argv[2], NULL, 0) : 1,
		.largest = argc > 3 ? strtoull(argv[3], NULL, 0) : amount(LARGEST)};
	int r;

	printf("seed %llu\n", (unsigned long long)run.seed);
	run.decider = decider_begin((uint32_t)MAX(run.largest, LARGEST_MIN));
	r = try_flavours(&run);
	if (!r)
		r = try_published(&run);
	differential_print(&run.result, stdout);
	decider_end();
	return r || !run.result.decisions || run.result.hits * 2 < run.result.decisions;
}
