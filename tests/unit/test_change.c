/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>

#include "common/change.h"

static void test_settings_there_and_back(void **state)
{
	static const struct {
		const char *name, *value;
		uint64_t number;
	} rows[] = {
		{"fragments", "drop", 1}, {"fragments", "match", 0}, {"malformed", "pass", 0},
		{"event-rate", "0", 0}, {"event-rate", "10000000", 10000000}, {"capture", "96", 96},
		{"protect-ports", "none", 0}, {"protect-ports", "22", 22},
		{"protect-ports", "1,22,2222,65535", 0xffff08ae00160001},
	};
	enum setting setting;
	char text[24];
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(setting_parse(rows[i].name, rows[i].value, "", &setting, &value, NULL), 0);
		assert_int_equal(value, rows[i].number);
		setting_format(setting, value, text);
		assert_string_equal(text, rows[i].value);
		assert_string_equal(setting_info(setting)->name, rows[i].name);
	}
}

static void test_wrong_settings(void **state)
{
	static const char *const rows[][3] = {
		{"colour", "red", "there is no setting \"colour\"; known are fragments, malformed"},
		{"fragments", "pass", "\"match\" or \"drop\", not \"pass\""},
		{"event-rate", "-1", "from 0 to 10000000, not \"-1\""},
		{"event-rate", "10000001", "from 0 to 10000000"},
		{"capture", "97", "from 0 to 96"},
		{"capture", "", "from 0 to 96"},
		{"protect-ports", "", "up to 4 ports from 1 to 65535, as 22,2222, or none, not \"\""},
		{"protect-ports", "0", "not \"0\""},
		{"protect-ports", "22,", "not \"22,\""},
		{"protect-ports", ",22", "not \",22\""},
		{"protect-ports", "22,65536", "not \"22,65536\""},
		{"protect-ports", "22,4294967318", "not \"22,4294967318\""},
		{"protect-ports", "22-23", "not \"22-23\""},
		{"protect-ports", "22,none", "not \"22,none\""},
		{"protect-ports", "none,22", "not \"none,22\""},
		{"protect-ports", "1,2,3,4,5", "up to 4 ports"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		enum setting setting;
		uint64_t value;

		assert_int_equal(
			setting_parse(rows[i][0], rows[i][1], "setting", &setting, &value, &err), -EINVAL);
		assert_non_null(strstr(err.violations[0].description, rows[i][2]));
	}
}

static void test_ports_are_sorted_and_each_once(void **state)
{
	enum setting setting;
	uint16_t ports[SETTING_PORTS_MAX];
	uint64_t value;

	(void)state;
	assert_int_equal(
		setting_parse("protect-ports", "2222,22,2222,7,22,7", "", &setting, &value, NULL), 0);
	assert_int_equal(setting_ports(value, ports), 3);
	assert_int_equal(ports[0], 7);
	assert_int_equal(ports[1], 22);
	assert_int_equal(ports[2], 2222);
	assert_int_equal(setting_ports(0, ports), 0);
}

static void test_list_owns(void **state)
{
	struct change_list list = {0};
	struct change copy;

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		struct change change;

		change_init(&change, CHANGE_PUT_POLICY);
		change.policy.comment = strdup("mine");
		assert_int_equal(change_list_push(&list, &change), 0);
		assert_null(change.policy.comment);
	}
	list.items[99].file = strdup("a.netset");
	assert_int_equal(member_list_push4(&list.items[99].members, (uint8_t[4]){192, 0, 2, 1}, 32), 0);
	assert_int_equal(change_copy(&list.items[99], &copy), 0);
	change_list_deinit(&list);
	assert_string_equal(copy.policy.comment, "mine");
	assert_string_equal(copy.file, "a.netset");
	assert_int_equal(copy.members.v4[0].bytes[3], 1);
	change_deinit(&copy);
}

static void test_modes(void **state)
{
	enum attach_mode mode;

	(void)state;
	for (int i = ATTACH_AUTO; i <= ATTACH_OFFLOAD; i++) {
		assert_true(attach_mode_parse(attach_mode_name((enum attach_mode)i), &mode));
		assert_int_equal(mode, i);
	}
	assert_false(attach_mode_parse("fast", &mode));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings_there_and_back),
		cmocka_unit_test(test_wrong_settings),
		cmocka_unit_test(test_ports_are_sorted_and_each_once),
		cmocka_unit_test(test_list_owns),
		cmocka_unit_test(test_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
