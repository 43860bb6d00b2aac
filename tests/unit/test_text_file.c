/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "common/text.h"

static int parse(const char *text, struct change_list *ret, struct text_problems *problems)
{
	return text_parse_file(text, strlen(text), ret, problems);
}

static void test_statements(void **state)
{
	static const char file[] =
		"# a comment\n"
		"\n"
		"default block\n"
		"default allow iface eth1   # behind a statement\n"
		"setting fragments drop\r\n"
		"setting event-rate 5000\n"
		"setting protect-ports 2222,22\n"
		"interface eth0 mode generic\n"
		"interface eth2\n"
		"interface veth* mode native\n"
		"policy web allow proto tcp \\\n"
		"    dport 80\n"
		"policy \"x\" block comment \"say \\\"hi\\\" # not a comment\"";
	static const char *const canonical[] = {
		"default block", "default allow iface eth1", "setting fragments drop",
		"setting event-rate 5000", "setting protect-ports 22,2222",
		"interface eth0 mode generic", "interface eth2 mode auto",
		"interface veth* mode native",
		"policy web allow proto tcp dport 80",
		"policy x block comment \"say \\\"hi\\\" # not a comment\"",
	};
	struct text_problems problems = {0};
	struct change_list list = {0};

	(void)state;
	if (parse(file, &list, &problems))
		fail_msg("%s", problems.items[0].message);
	assert_int_equal(list.count, ARRAY_SIZE(canonical));
	for (size_t i = 0; i < list.count; i++) {
		char *line = text_format_change(&list.items[i]);

		assert_string_equal(line, canonical[i]);
		free(line);
	}
	change_list_deinit(&list);
}

static void test_every_problem_with_its_place(void **state)
{
	static const char file[] =
		"policy a block\n"
		"policy b drop\n"
		"\tpolicy c block dport 99999\n"
		"policy a allow\n"
		"defualt block\n"
		"default\n"
		"setting color red\n"
		"interface eth0 mode fast\n"
		"default block now\n"
		"policy d block comment \"open\n";
	static const struct {
		unsigned int line, column;
		const char *says;
	} rows[] = {
		{2, 10, "\"drop\" is no action"}, {3, 23, "\"99999\" is no port"},
		{4, 8, "comes twice, first in line 1"}, {5, 1, "\"defualt\" is no statement"},
		{6, 8, "allow or block is missing"}, {7, 9, "no setting \"color\""},
		{8, 21, "\"fast\" is no mode"}, {9, 15, "\"now\" is not iface DEV"},
		{10, 24, "the quote does not end"},
	};
	struct text_problems problems = {0};
	struct change_list list = {0};

	(void)state;
	assert_int_equal(parse(file, &list, &problems), -EINVAL);
	assert_int_equal(list.count, 1);
	assert_string_equal(list.items[0].policy.name, "a");
	change_list_deinit(&list);
	assert_int_equal(problems.count, ARRAY_SIZE(rows));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (problems.items[i].line != rows[i].line || problems.items[i].column != rows[i].column ||
			!strstr(problems.items[i].message, rows[i].says))
			fail_msg("%u:%u: %s", problems.items[i].line, problems.items[i].column,
				problems.items[i].message);
	text_problems_deinit(&problems);
}

static void test_nothing_is_swallowed(void **state)
{
	static const char nul[] = "policy a block\0 src 192.0.2.1\ndefault block\n";
	static const char comment[] = "# note \\\ndefault block\n  # more \\\ndefault allow\n";
	struct text_problems problems = {0};
	struct change_list list = {0};

	(void)state;
	assert_int_equal(text_parse_file(nul, sizeof(nul) - 1, &list, &problems), -EINVAL);
	assert_int_equal(problems.items[0].line, 1);
	text_problems_deinit(&problems);
	change_list_deinit(&list);
	assert_int_equal(parse(comment, &list, &problems), 0);
	assert_int_equal(list.count, 2);
	change_list_deinit(&list);
}

/* Two faults each in the statements that have several words. */
static void test_all_of_a_statement(void **state)
{
	static const char file[] = "default drop iface a/b\ninterface a/b mode fast\n"
				   "policy a drop dport x\n";
	static const unsigned int columns[] = {9, 20, 11, 20, 10, 21};
	struct text_problems problems = {0};
	struct change_list list = {0};

	(void)state;
	assert_int_equal(parse(file, &list, &problems), -EINVAL);
	assert_int_equal(problems.count, ARRAY_SIZE(columns));
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		assert_int_equal(problems.items[i].column, columns[i]);
	text_problems_deinit(&problems);
}

/* A field of a change leads back to its word, over comments and continued lines. */
static void test_locate(void **state)
{
	static const char file[] =
		"# first\n"
		"default block iface eth1\n"
		"policy web rate-limit 5pps burst 9 \\\n"
		"    proto tcp dport 80\n"
		"\n"
		"interface eth0 mode native\r\n"
		"setting capture 64\n"
		"policy x redirect eth1,eth2 fib src 10.0.0.1\n"
		"set file bannable file file";
	static const struct {
		size_t change;
		const char *field, *word;
		unsigned int line, column;
	} rows[] = {
		{0, "default_action.iface", "eth1", 2, 21}, {0, "default_action", "block", 2, 9},
		{1, "put_policy", "web", 3, 8}, {1, "put_policy.match.dport", "80", 3, 57},
		{1, "put_policy.action.rate_limit.burst", "9", 3, 34},
		{1, "put_policy.action", "rate-limit", 3, 12}, {1, "put_policy.match.src", "web", 3, 8},
		{2, "attach", "eth0", 6, 11}, {2, "attach.mode", "native", 6, 21},
		{3, "setting", "64", 7, 17}, {4, "put_policy.action.redirect.targets", "eth1,eth2", 8, 19},
		{4, "put_policy.match.src", "10.0.0.1", 8, 37}, {5, "put_set.file", "file", 9, 24},
		{5, "put_set.name", "file", 9, 5},
	};
	struct change_list list = {0};
	struct text_problems problems = {0};

	(void)state;
	assert_int_equal(parse(file, &list, &problems), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct text_problem *p;

		assert_int_equal(text_locate(file, sizeof(file) - 1, &list.items[rows[i].change].origin,
					 rows[i].field, "wrong", &problems), 0);
		p = &problems.items[i];
		if (p->line != rows[i].line || p->column != rows[i].column || !streq(p->word, rows[i].word))
			fail_msg("%s: %u:%u %s", rows[i].field, p->line, p->column, p->word);
	}
	assert_int_equal(text_locate(file, sizeof(file) - 1, &(struct change_origin){0}, "x", "wrong",
				 &problems), 0);
	assert_int_equal(problems.count, ARRAY_SIZE(rows));
	text_problems_deinit(&problems);
	change_list_deinit(&list);
}

static void test_caret(void **state)
{
	struct text_problems problems = {0};
	struct change_list list = {0};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(parse("policy b drop dport 1\n", &list, &problems), -EINVAL);
	text_problem_print(&problems.items[0], "my.rules", out);
	fclose(out);
	assert_non_null(strstr(text, "my.rules:1:10: \"drop\" is no action"));
	assert_non_null(strstr(text, "\n    policy b drop dport 1\n             ^~~~\n"));
	free(text);
	text_problems_deinit(&problems);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statements),
		cmocka_unit_test(test_every_problem_with_its_place),
		cmocka_unit_test(test_nothing_is_swallowed),
		cmocka_unit_test(test_all_of_a_statement),
		cmocka_unit_test(test_locate),
		cmocka_unit_test(test_caret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
