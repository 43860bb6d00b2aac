/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "common/policy_proto.h"
#include "common/text.h"
#include "random_policy.h"

static void line_to_policy(const char *line, struct policy *ret)
{
	struct text_problems problems = {0};
	struct change_list list = {0};
	char file[256];

	snprintf(file, sizeof(file), "policy %s", line);
	if (text_parse_file(file, strlen(file), &list, &problems))
		fail_msg("%s", problems.items[0].message);
	assert_int_equal(policy_copy(&list.items[0].policy, ret), 0);
	change_list_deinit(&list);
}

static void test_there_and_back(void **state)
{
	(void)state;
	random_policy_seed(4711);
	for (size_t i = 0; i < 2000; i++) {
		_cleanup_policy_ struct policy p, back;
		_cleanup_error_ struct error err = ERROR_INIT;
		Pepctl__V1__Policy *message;
		struct arena arena;
		uint8_t *bytes;
		size_t size;

		policy_init(&back);
		random_policy(&p);
		arena_init(&arena, ARENA_BUDGET_DEFAULT);
		message = policy_to_proto(&p, &arena);
		assert_non_null(message);
		size = pepctl__v1__policy__get_packed_size(message);
		bytes = arena_alloc(&arena, size);
		pepctl__v1__policy__pack(message, bytes);
		message = pepctl__v1__policy__unpack(&arena.allocator, size, bytes);
		if (policy_from_proto(message, "policy", &back, &err))
			fail_msg("%s", error_message(&err));
		assert_true(policy_equal(&p, &back));
		arena_deinit(&arena);
	}
}

/* A faulty field of an otherwise good message, and the path that names it. */
static void test_paths(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	Pepctl__V1__PortRange ports;
	Pepctl__V1__RateLimit limit;
	Pepctl__V1__Action action;
	Pepctl__V1__Policy policy;
	Pepctl__V1__Match match;
	struct policy ret;
	char name[80], src[] = "10.0.0.0/33";
	static const char *const paths[] = {
		"operations[3].put_policy.name", "operations[3].put_policy.action.rate_limit.unit",
		"operations[3].put_policy.match.src", "operations[3].put_policy.match.dport",
		"operations[3].put_policy.match.proto", "operations[3].put_policy.match.vlan",
		"operations[3].put_policy.ttl_nano",
	};

	(void)state;
	pepctl__v1__policy__init(&policy);
	pepctl__v1__action__init(&action);
	pepctl__v1__match__init(&match);
	pepctl__v1__port_range__init(&ports);
	pepctl__v1__rate_limit__init(&limit);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	policy.name = name;
	policy.action = &action;
	action.kind = PEPCTL__V1__ACTION_KIND__ACTION_RATE_LIMIT;
	action.rate_limit = &limit;
	limit.rate = 1;
	limit.unit = (Pepctl__V1__RateUnit)7;
	policy.match = &match;
	match.src = src;
	match.dport = &ports;
	ports.first = 1;
	ports.last = 65536;
	match.proto_present_case = PEPCTL__V1__MATCH__PROTO_PRESENT_PROTO;
	match.proto = 256;
	match.vlan_present_case = PEPCTL__V1__MATCH__VLAN_PRESENT_VLAN;
	match.vlan = 4095;
	policy.ttl_nano = -1;
	assert_int_equal(policy_from_proto(&policy, "operations[3].put_policy", &ret, &err), -EINVAL);
	assert_int_equal(err.violation_count, ARRAY_SIZE(paths));
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		assert_string_equal(err.violations[i].field, paths[i]);
}

static void test_missing_parts(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	Pepctl__V1__Operation operation;
	Pepctl__V1__Policy policy;
	struct change change;
	struct policy ret;

	(void)state;
	pepctl__v1__policy__init(&policy);
	assert_int_equal(policy_from_proto(NULL, "policy", &ret, &err), -EINVAL);
	assert_string_equal(err.violations[0].field, "policy");
	error_deinit(&err);
	assert_int_equal(policy_from_proto(&policy, "", &ret, &err), -EINVAL);
	assert_string_equal(err.violations[0].field, "action");
	error_deinit(&err);
	pepctl__v1__operation__init(&operation);
	assert_int_equal(change_from_proto(&operation, "operations[0]", &change, &err), -EINVAL);
	assert_string_equal(err.violations[0].field, "operations[0]");
	error_deinit(&err);
	operation.operation_case = PEPCTL__V1__OPERATION__OPERATION_FLUSH_POLICIES;
	assert_int_equal(change_from_proto(&operation, "operations[0]", &change, &err), -EINVAL);
	assert_string_equal(err.violations[0].field, "operations[0].flush_policies");
}

static void test_changes(void **state)
{
	static const char file[] = "default block\ndefault allow iface eth1\nsetting capture 64\n"
				   "interface eth0 mode generic\npolicy a block dport 1\n";
	struct text_problems problems = {0};
	struct change_list list = {0};
	struct arena arena;

	(void)state;
	arena_init(&arena, ARENA_BUDGET_DEFAULT);
	assert_int_equal(text_parse_file(file, strlen(file), &list, &problems), 0);
	for (size_t i = 0; i < list.count; i++) {
		struct change back;
		char *before, *after;

		assert_int_equal(change_from_proto(change_to_proto(&list.items[i], &arena), "", &back, NULL),
			0);
		before = text_format_change(&list.items[i]);
		after = text_format_change(&back);
		assert_string_equal(before, after);
		change_deinit(&back);
		free(before);
		free(after);
	}
	change_list_deinit(&list);
	arena_deinit(&arena);
}

static void test_merge(void **state)
{
	char dport[] = "match.dport", action[] = "action", comment[] = "comment", odd[] = "name";
	char *mask[] = {dport, action, comment}, *wrong[] = {dport, odd};
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_policy_ struct policy into, from;
	char *line;

	(void)state;
	line_to_policy("a block src 10.0.0.1 dport 80 proto tcp comment \"old\"", &into);
	line_to_policy("a redirect eth1 dport 443 priority 5 comment \"new\"", &from);
	assert_int_equal(policy_merge(&into, &from, mask, 3, &err), 0);
	line = text_format_policy(&into);
	assert_string_equal(line, "a redirect eth1 proto tcp src 10.0.0.1 dport 443 comment \"new\"");
	free(line);
	assert_int_equal(policy_merge(&into, &from, wrong, 2, &err), -EINVAL);
	assert_string_equal(err.violations[0].field, "update_mask[1]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_missing_parts),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
