/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The published rule sets as policies, and rulesets of other sizes in their shape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "classbench.h"
#include "flow_random.h"
#include "ruleset_classbench.h"

/*
 * The sum of the numbers of the first rules that match, over a trace: computed by a
 * few lines of Python that read the files by themselves.
 */
static const struct {
	const char *name;
	size_t rules, packets, sum, made_from_first;
} published[] = {
	{"acl", 1016, 2000, 720986, 2000},
	{"fw", 856, 2000, 928030, 1911},
	{"ipc", 1007, 2000, 915459, 1995},
};

static void read_set(
	const char *name, struct oracle_ruleset *ret_rules, struct classbench_trace *ret_trace)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (classbench_published(name, ret_rules, ret_trace, &err))
		fail_msg("%s", error_message(&err));
}

static void test_the_first_match_of_each_trace(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(published); i++) {
		_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset rules = {0};
		_cleanup_(oracle_freep) struct oracle *oracle = NULL;
		_cleanup_(classbench_trace_deinit) struct classbench_trace trace = {0};
		size_t sum = 0, same = 0;

		read_set(published[i].name, &rules, &trace);
		assert_int_equal(rules.count, published[i].rules);
		assert_int_equal(trace.count, published[i].packets);
		assert_int_equal(oracle_new(&rules, &oracle), 0);
		for (size_t n = 0; n < trace.count; n++) {
			struct oracle_ruling ruling = oracle_decide(oracle, &trace.packets[n]);

			assert_int_equal(ruling.reason, ORACLE_BY_POLICY);
			assert_true(ruling.policy <= trace.rules[n]);
			same += ruling.policy == trace.rules[n];
			sum += ruling.policy;
		}
		assert_int_equal(sum, published[i].sum);
		assert_int_equal(same, published[i].made_from_first);
	}
}

static void assert_refused(const char *line, const char *message)
{
	_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset rules = {0};
	_cleanup_error_ struct error err = ERROR_INIT;
	char path[] = "/tmp/test_classbench.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	dprintf(fd, "@1.2.3.0/24 0.0.0.0/0 0 : 65535 53 : 53 0x11/0xFF 0x0000/0x0000\n%s\n", line);
	close(fd);
	assert_true(classbench_read_rules(path, &rules, &err) < 0);
	unlink(path);
	assert_non_null(strstr(error_message(&err), ":2: "));
	if (!strstr(error_message(&err), message))
		fail_msg("%s", error_message(&err));
}

static void test_what_is_no_rule_is_refused(void **state)
{
	(void)state;
	assert_refused("@1.2.3.0/24 0.0.0.0/0 0 : 65535", "no ClassBench rule");
	assert_refused("@1.2.3.4/24 0.0.0.0/0 0 : 1 1 : 1 0x11/0xFF", "bits set");
	assert_refused("@1.2.3.0/33 0.0.0.0/0 0 : 1 1 : 1 0x11/0xFF", "prefix length");
	assert_refused("@1.2.3.0/24 0.0.0.0/0 0 : 65536 1 : 1 0x11/0xFF", "0 to 65535");
	assert_refused("@1.2.3.0/24 0.0.0.0/0 0 : 1 1 : 1 0x11/0xF0", "mask");
	assert_refused("@1.2.3.0/24 0.0.0.0/0 2 : 1 1 : 1 0x11/0xFF", "upside down");
}

static void test_any_size_and_family_is_valid(void **state)
{
	static const size_t counts[] = {10, 1000, 20000};
	static const uint8_t families[] = {4, 6, 0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(published); i++) {
		_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset model = {0};

		read_set(published[i].name, &model, NULL);
		for (size_t n = 0; n < 9; n++) {
			const struct ruleset_shape shape = {.model = &model,
				.count = counts[n / 3],
				.family = families[n % 3],
				.seed = n};
			_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset rules = {0};

			assert_int_equal(ruleset_classbench(&shape, &rules), 0);
			assert_int_equal(rules.count, shape.count);
			for (size_t p = 0; p < rules.count; p++)
				assert_int_equal(policy_validate(&rules.policies[p], "", NULL), 0);
		}
	}
}

/* How many pairs nest, and how many have both lengths of src and dst in common, among the first. */
static void count_pairs(const struct oracle_ruleset *rules, size_t *nested, size_t *alike)
{
	for (size_t i = 0; i < 500; i++)
		for (size_t j = 0; j < 500; j++) {
			const struct policy_match *a = &rules->policies[i].match;
			const struct policy_match *b = &rules->policies[j].match;

			*nested += a->src.length <= b->src.length &&
				   oracle_covers(a->src.bytes, a->src.length, b->src.bytes);
			*alike += a->src.length == b->src.length && a->dst.length == b->dst.length;
		}
}

static void test_the_shape_is_kept(void **state)
{
	_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset model = {0};
	size_t nested = 0, alike = 0, differ = 0;

	(void)state;
	read_set("ipc", &model, NULL);
	count_pairs(&model, &nested, &alike);
	for (uint8_t family = 4; family <= 6; family += 2) {
		const struct ruleset_shape shape = {
			.model = &model, .count = model.count, .family = family, .seed = 3};
		_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset rules = {0};
		size_t same_nested = 0, same_alike = 0;

		assert_int_equal(ruleset_classbench(&shape, &rules), 0);
		count_pairs(&rules, &same_nested, &same_alike);
		assert_int_equal(same_nested, nested);
		assert_int_equal(same_alike, alike);
		for (size_t i = 0; i < rules.count; i++)
			differ += memcmp(rules.policies[i].match.src.bytes,
					  model.policies[i].match.src.bytes, 16) != 0;
	}
	assert_true(differ > model.count);
}

/* In a list whose first match wins, at least half of 5,000 policies can be reached by few packets.
 */
static void test_policies_are_reached(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(published); i++) {
		_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset model = {0}, rules = {0};
		_cleanup_(oracle_freep) struct oracle *oracle = NULL;
		struct ruleset_shape shape = {
			.model = &model, .count = 5000, .first_match = true, .seed = 1};
		struct flow_random flow;
		size_t reached = 0;

		read_set(published[i].name, &model, NULL);
		assert_int_equal(ruleset_classbench(&shape, &rules), 0);
		assert_int_equal(oracle_new(&rules, &oracle), 0);
		flow_random_init(&flow, &rules, 2);
		for (size_t p = 0; p < rules.count; p++) {
			struct oracle_packet packet;

			flow_random_inside(&flow, &rules.policies[p], &packet);
			reached += oracle_decide(oracle, &packet).policy == p;
		}
		printf("%s: %zu of %zu\n", published[i].name, reached, rules.count);
		assert_true(reached >= rules.count / 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_match_of_each_trace),
		cmocka_unit_test(test_what_is_no_rule_is_refused),
		cmocka_unit_test(test_any_size_and_family_is_valid),
		cmocka_unit_test(test_the_shape_is_kept),
		cmocka_unit_test(test_policies_are_reached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
