/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The driver finds known faults and shrinks them. A fault is an oracle that
 * is given a changed ruleset: what it then decides wrongly must be noticed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "differential.h"
#include "flow_random.h"
#include "shadowing.h"

enum fault {
	NO_FAULT,
	LAST_PORT_LEFT_OUT, /* of a range */
	DST_BEFORE_SRC,     /* in the order */
	LATER_BEFORE_EARLIER,
	LAST_MEMBER_FORGOTTEN, /* of a set */
	SHADOW_DECIDES,
};

/* A decider with a fault. */
struct decider {
	enum fault fault;
	size_t refuse_over;            /* policies; 0 = never */
	struct oracle_ruleset ruleset; /* shallow: arrays of its own for policies and sets */
	struct oracle *oracle;
};

static void unload(struct decider *d)
{
	if (d->oracle)
		oracle_free(d->oracle);
	free(d->ruleset.policies);
	free(d->ruleset.sets);
	d->oracle = NULL;
	d->ruleset = (struct oracle_ruleset){0};
}

static void swap_ends(struct policy_match *m)
{
	struct policy_address src = m->src;

	m->src = m->dst;
	m->dst = src;
}

static void spoil_policy(enum fault fault, struct policy *p)
{
	if (fault == LAST_PORT_LEFT_OUT && p->match.dport.last > p->match.dport.first &&
		p->match.dport.last < 65535)
		p->match.dport.last--;
	if (fault == DST_BEFORE_SRC)
		swap_ends(&p->match);
	if (fault == SHADOW_DECIDES)
		p->shadow = false;
}

static int load(void *context, const struct oracle_ruleset *ruleset)
{
	struct decider *d = context;

	unload(d);
	if (d->refuse_over && ruleset->count > d->refuse_over)
		return -ENOSPC;
	d->ruleset = *ruleset;
	d->ruleset.policies = calloc(ruleset->count + 1, sizeof(*d->ruleset.policies));
	d->ruleset.sets = calloc(ruleset->set_count + 1, sizeof(*d->ruleset.sets));
	assert_non_null(d->ruleset.policies);
	assert_non_null(d->ruleset.sets);
	for (size_t i = 0; i < ruleset->count; i++) {
		size_t from = d->fault == LATER_BEFORE_EARLIER ? ruleset->count - 1 - i : i;

		d->ruleset.policies[i] = ruleset->policies[from];
		spoil_policy(d->fault, &d->ruleset.policies[i]);
	}
	for (size_t i = 0; i < ruleset->set_count; i++) {
		d->ruleset.sets[i] = ruleset->sets[i];
		if (d->fault == LAST_MEMBER_FORGOTTEN && d->ruleset.sets[i].count)
			d->ruleset.sets[i].count--;
	}
	return oracle_new(&d->ruleset, &d->oracle);
}

static size_t forward(const struct decider *d, size_t index)
{
	if (d->fault != LATER_BEFORE_EARLIER || index == ORACLE_NONE)
		return index;
	return d->ruleset.count - 1 - index;
}

static int decide(void *context, const struct oracle_packet *packet, const uint8_t *frame,
	size_t size, struct oracle_ruling *ret)
{
	struct decider *d = context;
	struct oracle_packet seen = *packet;

	assert_non_null(frame);
	assert_true(size >= 14);
	if (d->fault == DST_BEFORE_SRC) {
		memcpy(seen.src, packet->dst, sizeof(seen.src));
		memcpy(seen.dst, packet->src, sizeof(seen.dst));
	}
	*ret = oracle_decide(d->oracle, &seen);
	ret->policy = forward(d, ret->policy);
	ret->shadow = forward(d, ret->shadow);
	return 0;
}

static size_t occurrences(const char *text, const char *word)
{
	size_t count = 0;

	for (; (text = strstr(text, word)); text += strlen(word))
		count++;
	return count;
}

/* The fault is found in a ruleset of 300 and told with so many policies. */
static char *find_fault(enum fault fault, enum ruleset_flavour flavour, size_t policies)
{
	struct decider d = {.fault = fault};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	const struct differential differential = {
		.load = load, .decide = decide, .context = &d, .out = out};
	const struct differential_plan plan = {
		.flavour = flavour, .rulesets = 20, .policies = 300, .packets = 5000, .seed = 1};
	struct differential_result result = {0};

	assert_non_null(out);
	assert_int_equal(differential_run(&differential, &plan, &result), DIFFERENTIAL_E_MISMATCH);
	fclose(out);
	unload(&d);
	printf("%s", text);
	assert_int_equal(occurrences(text, "\npolicy "), policies);
	assert_int_equal(occurrences(text, "seed "), 1);
	assert_int_equal(occurrences(text, "\npacket iface "), 1);
	assert_int_equal(occurrences(text, "expected: "), 2);
	assert_null(strstr(text, "\nsetting "));
	return text;
}

static void test_an_off_by_one_in_ranges_is_found(void **state)
{
	_cleanup_free_ char *text = find_fault(LAST_PORT_LEFT_OUT, RULESET_MIXED, 1);

	(void)state;
	assert_non_null(strstr(text, "dport"));
}

static void test_src_and_dst_swapped_in_the_order_is_found(void **state)
{
	_cleanup_free_ char *text = find_fault(DST_BEFORE_SRC, RULESET_NESTED, 2);

	(void)state;
	assert_int_equal(occurrences(text, "policy p"), 2 + 4);
}

static void test_the_wrong_one_of_equals_is_found(void **state)
{
	_cleanup_free_ char *text = find_fault(LATER_BEFORE_EARLIER, RULESET_EQUAL, 2);

	(void)state;
	assert_non_null(text);
}

static void test_a_forgotten_member_is_found(void **state)
{
	_cleanup_free_ char *text = find_fault(LAST_MEMBER_FORGOTTEN, RULESET_SETS, 1);
	const char *set = text;

	(void)state;
	assert_in_range(occurrences(text, "\nset set"), 1, 2);
	/* One member each: "{ ADDRESS }". */
	while ((set = strstr(set + 1, "\nset set"))) {
		const char *member = strchr(set, '{') + 2;

		assert_int_equal(strcspn(member, "}"), strcspn(member, " ") + 1);
	}
}

static void test_a_shadow_policy_that_decides_is_found(void **state)
{
	_cleanup_free_ char *text = find_fault(SHADOW_DECIDES, RULESET_MIXED, 1);

	(void)state;
	assert_non_null(strstr(text, " shadow"));
}

/* What agrees is counted; most policies have decided or are proven to be unreachable. */
static void test_agreement_is_counted(void **state)
{
	struct decider d = {.fault = NO_FAULT};
	const struct differential differential = {.load = load, .decide = decide, .context = &d};

	(void)state;
	for (unsigned int flavour = 0; flavour < RULESET_FLAVOURS; flavour++) {
		const struct differential_plan plan = {.flavour = flavour,
			.rulesets = 4,
			.policies = 100,
			.packets = 3000,
			.seed = 100};
		struct differential_result r = {0};

		assert_int_equal(differential_run(&differential, &plan, &r), 0);
		printf("%s: ", ruleset_flavour_names[flavour]);
		differential_print(&r, stdout);
		assert_int_equal(r.rulesets, 4);
		assert_int_equal(r.policies, 400);
		assert_true(r.decisions >= 12000 && r.hits >= r.decisions / 2);
		assert_true(r.decided + r.dead >= r.policies * 9 / 10);
	}
	unload(&d);
}

static void test_a_refused_ruleset_is_counted(void **state)
{
	struct decider d = {.fault = NO_FAULT, .refuse_over = 50};
	const struct differential differential = {.load = load, .decide = decide, .context = &d};
	const struct differential_plan plan = {
		.flavour = RULESET_MIXED, .rulesets = 3, .policies = 51, .packets = 10};
	struct differential_result r = {0};

	(void)state;
	assert_int_equal(differential_run(&differential, &plan, &r), 0);
	assert_int_equal(r.refused, 3);
	assert_int_equal(r.decisions, 0);
	unload(&d);
}

/* No policy that decides, or is reported, is called dead. */
static void test_the_proof_is_sound(void **state)
{
	size_t dead = 0;

	(void)state;
	for (unsigned int flavour = 0; flavour < RULESET_FLAVOURS; flavour++) {
		_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset ruleset = {0};
		_cleanup_(oracle_freep) struct oracle *oracle = NULL;
		struct oracle_packet packet;
		struct flow_random flow;
		bool is_dead[200];

		assert_int_equal(ruleset_random(flavour, ARRAY_SIZE(is_dead), 5, &ruleset), 0);
		assert_int_equal(oracle_new(&ruleset, &oracle), 0);
		for (size_t i = 0; i < ARRAY_SIZE(is_dead); i++)
			dead += is_dead[i] = shadowing_proves_dead(&ruleset, i);
		flow_random_init(&flow, &ruleset, 6);
		for (size_t i = 0; i < 20000; i++) {
			struct oracle_ruling ruling;

			flow_random_next(&flow, &packet);
			ruling = oracle_decide(oracle, &packet);
			assert_false(ruling.policy != ORACLE_NONE && is_dead[ruling.policy]);
			assert_false(ruling.shadow != ORACLE_NONE && is_dead[ruling.shadow]);
		}
	}
	assert_true(dead > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_off_by_one_in_ranges_is_found),
		cmocka_unit_test(test_src_and_dst_swapped_in_the_order_is_found),
		cmocka_unit_test(test_the_wrong_one_of_equals_is_found),
		cmocka_unit_test(test_a_forgotten_member_is_found),
		cmocka_unit_test(test_a_shadow_policy_that_decides_is_found),
		cmocka_unit_test(test_agreement_is_counted),
		cmocka_unit_test(test_a_refused_ruleset_is_counted),
		cmocka_unit_test(test_the_proof_is_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
