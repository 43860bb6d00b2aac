/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "common/text.h"

static void test_statements(void **state)
{
	static const char file[] = "set bad { 203.0.113.7 198.51.100.0/24 2001:db8:bad::/48 }\n"
				   "set tight {192.0.2.1 192.0.2.2}   # braces that touch\n"
				   "set lines {   # over several lines\n"
				   "    192.0.2.1\n"
				   "\n"
				   "    192.0.2.4-192.0.2.5 ::1   # two more\n"
				   "}\n"
				   "set jail bannable max-ttl 24h\n"
				   "set both max-ttl 1h { ::1 }\n"
				   "set firehol file \"a b.netset\"\n"
				   "set none {}\n"
				   "policy bad block src @bad\n";
	static const char *const canonical[] = {
		"set bad { 203.0.113.7 198.51.100.0/24 2001:db8:bad::/48 }",
		"set tight { 192.0.2.1 192.0.2.2 }",
		"set lines { 192.0.2.1 192.0.2.4/31 ::1 }",
		"set jail bannable max-ttl 1d",
		"set both max-ttl 1h { ::1 }",
		"set firehol file \"a b.netset\"",
		"set none",
		"policy bad block src @bad",
	};
	struct text_problems problems = {0};
	struct change_list list = {0};

	(void)state;
	if (text_parse_file(file, sizeof(file) - 1, &list, &problems))
		fail_msg("%u: %s", problems.items[0].line, problems.items[0].message);
	assert_int_equal(list.count, ARRAY_SIZE(canonical));
	for (size_t i = 0; i < list.count; i++) {
		char *line = text_format_change(&list.items[i]);

		assert_string_equal(line, canonical[i]);
		free(line);
	}
	change_list_deinit(&list);
}

static void test_problems(void **state)
{
	static const char file[] = "set\n"
				   "set a/b { 192.0.2.1 }\n"
				   "set a { 192.0.2.1 wrong 10.0.0.1/8 }\n"
				   "set b colour max-ttl soon\n"
				   "set c {1.2.3\n"
				   "   192.0.2.1 ::x }\n"
				   "set d { ::1 } now\n"
				   "set d {\n"
				   "} \n"
				   "set e file\n"
				   "set f file x y\n"
				   "set g max-ttl 0s\n"
				   "set h { 1.2.3.4\n"
				   "default nope\n"
				   "set i {\n1.2.3.4 set\n";
	static const struct {
		unsigned int line, column;
		const char *says;
	} rows[] = {
		{1, 4, "the set's name is missing"},
		{2, 5, "\"a/b\" is no name"},
		{3, 19, "\"wrong\" is no IPv4"},
		{3, 25, "write 10.0.0.0/8"},
		{4, 7, "\"colour\" is not bannable"},
		{4, 22, "\"soon\" is no duration"},
		{5, 8, "\"1.2.3\" is no IPv4"},
		{6, 14, "\"::x\" is no IPv4"},
		{7, 15, "\"now\" is one word too many"},
		{8, 5, "set d comes twice, first in line 7"},
		{10, 11, "the file's path is missing"},
		{11, 14, "\"y\" is one word too many"},
		{12, 15, "longer than 0"},
		{13, 0, "the brace of set h does not end"},
		{14, 9, "\"nope\""},
		{16, 9, "\"set\" is no IPv4"},
		{15, 0, "the brace of set i does not end"},
	};
	struct text_problems problems = {0};
	struct change_list list = {0};

	(void)state;
	assert_int_equal(text_parse_file(file, sizeof(file) - 1, &list, &problems), -EINVAL);
	for (size_t i = 0; i < MIN(problems.count, ARRAY_SIZE(rows)); i++)
		if (problems.items[i].line != rows[i].line ||
			problems.items[i].column != rows[i].column ||
			!strstr(problems.items[i].message, rows[i].says))
			fail_msg("row %zu is %u:%u: %s", i, problems.items[i].line,
				problems.items[i].column, problems.items[i].message);
	assert_int_equal(problems.count, ARRAY_SIZE(rows));
	text_problems_deinit(&problems);
	change_list_deinit(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statements),
		cmocka_unit_test(test_problems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
