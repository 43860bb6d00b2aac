/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "common/netset.h"

static void test_a_file(void **state)
{
	static const char file[] = "# a list\n"
				   "; of the other kind\r\n"
				   "\n"
				   "192.0.2.1\n"
				   "  198.51.100.0/24\t# why\r\n"
				   "203.0.113.4 ; SBL1\n"
				   "203.0.113.5;SBL2\n"
				   "10.0.0.0-10.0.0.3\n"
				   "2001:db8::/32\n"
				   "192.0.2.9"; /* no newline at the end */
	static const char wanted[] =
		"192.0.2.1\n198.51.100.0/24\n203.0.113.4\n203.0.113.5\n10.0.0.0/30\n"
		"192.0.2.9\n2001:db8::/32\n";
	struct text_problems problems = {0};
	struct member_list list = {0}, again = {0};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	if (netset_parse(file, sizeof(file) - 1, &list, &problems))
		fail_msg("%s", problems.items[0].message);
	assert_int_equal(netset_write(&list, out), 0);
	fclose(out);
	assert_string_equal(text, wanted);
	assert_int_equal(netset_parse(text, size, &again, &problems), 0);
	assert_int_equal(member_list_count(&again), 7);
	free(text);
	member_list_deinit(&list);
	member_list_deinit(&again);
}

static void test_every_bad_line(void **state)
{
	static const char file[] =
		"192.0.2.1\nnonsense\n\t10.0.0.1/8 # ours\n192.0.2.1 192.0.2.2\n::g\n"
		"1.2.3.4\0\n";
	static const struct {
		unsigned int line, column;
		const char *word, *says;
	} rows[] = {
		{2, 1, "nonsense", "\"nonsense\" is no IPv4"},
		{3, 2, "10.0.0.1/8", "write 10.0.0.0/8"},
		{4, 11, "192.0.2.2", "a line has one"},
		{5, 1, "::g", "\"::g\" is no IPv4"},
		{6, 1, "1.2.3.4", "NUL"},
	};
	struct text_problems problems = {0};
	struct member_list list = {0};

	(void)state;
	assert_int_equal(netset_parse(file, sizeof(file) - 1, &list, &problems), -EINVAL);
	assert_int_equal(problems.count, ARRAY_SIZE(rows));
	for (size_t i = 0; i < problems.count; i++) {
		assert_int_equal(problems.items[i].line, rows[i].line);
		assert_int_equal(problems.items[i].column, rows[i].column);
		assert_string_equal(problems.items[i].word, rows[i].word);
		assert_non_null(strstr(problems.items[i].message, rows[i].says));
	}
	assert_string_equal(problems.items[1].source, "\t10.0.0.1/8 # ours");
	text_problems_deinit(&problems);
	member_list_deinit(&list);
}

static void test_rubbish_is_not_told_for_ever(void **state)
{
	struct text_problems problems = {0};
	struct member_list list = {0};
	size_t size = 2 * (NETSET_PROBLEMS_MAX + 5);
	char *file = malloc(size);

	(void)state;
	for (size_t i = 0; i < size; i++)
		file[i] = "x\n"[i % 2];
	assert_int_equal(netset_parse(file, size, &list, &problems), -EINVAL);
	assert_int_equal(problems.count, NETSET_PROBLEMS_MAX + 1);
	assert_non_null(strstr(problems.items[NETSET_PROBLEMS_MAX].message, "many more"));
	text_problems_deinit(&problems);
	member_list_deinit(&list);
	free(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_file),
		cmocka_unit_test(test_every_bad_line),
		cmocka_unit_test(test_rubbish_is_not_told_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
