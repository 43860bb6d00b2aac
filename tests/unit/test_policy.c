/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/policy.h"

static struct policy_address prefix(uint8_t family, uint8_t length)
{
	return (struct policy_address){POLICY_PREFIX, family, length, {0}, ""};
}

static const struct policy_ports one = {80, 80};

/* In deciding order: the first of any two that match decides. */
static void assert_order(const struct policy *policies, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++) {
			int order = policy_rank_compare(
				policy_rank(&policies[i], 1), policy_rank(&policies[j], 1));

			assert_int_equal(order, (i > j) - (i < j));
		}
}

static void test_the_six_rungs(void **state)
{
	enum { FIVE_TUPLE, SRC_DPORT_PROTO, DST_DPORT_PROTO, DPORT_PROTO, SRC, PROTO, RUNGS };
	struct policy p[RUNGS];

	(void)state;
	for (size_t i = 0; i < RUNGS; i++)
		policy_init(&p[i]);
	p[FIVE_TUPLE].match.sport = one;
	for (size_t i = FIVE_TUPLE; i <= DPORT_PROTO; i++)
		p[i].match.dport = one;
	p[FIVE_TUPLE].match.src = p[SRC_DPORT_PROTO].match.src = p[SRC].match.src = prefix(4, 32);
	p[FIVE_TUPLE].match.dst = p[DST_DPORT_PROTO].match.dst = prefix(6, 128);
	for (size_t i = 0; i < RUNGS; i++)
		p[i].match.has_proto = i != SRC;
	assert_order(p, RUNGS);
}

static void test_prefix_beats_set_beats_any(void **state)
{
	struct policy p[5];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		policy_init(&p[i]);
	p[0].match.src = prefix(6, 128);
	p[1].match.src = prefix(6, 64);
	p[2].match.src = prefix(6, 0);
	p[3].match.src = (struct policy_address){POLICY_SET, 0, 0, {0}, "bad"};
	assert_order(p, ARRAY_SIZE(p));
}

static void test_priority_beats_everything_and_position_is_last(void **state)
{
	struct policy first, second;

	(void)state;
	policy_init(&first);
	policy_init(&second);
	assert_true(policy_rank_compare(policy_rank(&first, 1), policy_rank(&second, 2)) < 0);
	assert_true(policy_rank_compare(policy_rank(&first, UINT32_MAX), policy_rank(&second, 0)) > 0);
	second.match.has_proto = true;
	assert_true(policy_rank_compare(policy_rank(&second, UINT32_MAX), policy_rank(&first, 0)) < 0);
	second.match.dport = one;
	first.priority = 0;
	second.priority = UINT32_MAX;
	assert_true(policy_rank_compare(policy_rank(&first, UINT32_MAX), policy_rank(&second, 0)) < 0);
}

static void test_copy_is_equal_and_its_own(void **state)
{
	_cleanup_policy_ struct policy p, copy;

	(void)state;
	policy_init(&p);
	strcpy(p.name, "voice");
	p.comment = strdup("until noon");
	p.match.ifaces = calloc(1, IFACE_NAME_SIZE);
	p.match.iface_count = 1;
	strcpy(p.match.ifaces[0], "eth0");
	p.action.kind = POLICY_REDIRECT;
	p.action.targets = calloc(1, sizeof(*p.action.targets));
	p.action.target_count = 1;
	strcpy(p.action.targets[0].iface, "eth1");
	assert_int_equal(policy_copy(&p, &copy), 0);
	assert_true(policy_equal(&p, &copy));
	copy.action.targets[0].weight = 3;
	assert_false(policy_equal(&p, &copy));
	assert_true(policy_same_match(&p, &copy));
	copy.match.ifaces[0][3] = '7';
	assert_false(policy_same_match(&p, &copy));
}

static void test_names(void **state)
{
	char longest[POLICY_NAME_MAX + 2];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[POLICY_NAME_MAX + 1] = 0;
	assert_false(policy_name_valid(longest));
	longest[POLICY_NAME_MAX] = 0;
	assert_true(policy_name_valid(longest));
	assert_true(policy_name_valid("a.B-9_"));
	assert_false(policy_name_valid(""));
	assert_false(policy_name_valid("a/b"));
	assert_false(policy_name_valid("\xc3\xa4"));
	assert_true(iface_name_valid("eth0.100"));
	assert_true(iface_name_valid("123456789012345"));
	assert_false(iface_name_valid("1234567890123456"));
	assert_false(iface_name_valid(".."));
	assert_false(iface_name_valid("a/b"));
	assert_false(iface_name_valid(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_six_rungs),
		cmocka_unit_test(test_prefix_beats_set_beats_any),
		cmocka_unit_test(test_priority_beats_everything_and_position_is_last),
		cmocka_unit_test(test_copy_is_equal_and_its_own),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
