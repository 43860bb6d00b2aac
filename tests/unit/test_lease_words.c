/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The words behind ban, unban and set lease|release|reconcile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "client/cli/lease.h"

#define WORDS_MAX 16

/* What words.c has of it, which needs the whole command. */
int usage_error(const char *fmt, ...)
{
	(void)fmt;
	return EXIT_USAGE;
}

const char *words_next(struct words *words)
{
	return words->at < words->count ? words->list[words->at++] : NULL;
}

static int read_line(const char *line, unsigned int takes, struct lease_words *ret)
{
	static char text[200];
	char *list[WORDS_MAX];
	struct words words = {.list = list};

	snprintf(text, sizeof(text), "%s", line);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		list[words.count++] = word;
	*ret = (struct lease_words){.set = "default", .owner = "", .ttl = 7};
	return lease_read_words(&words, takes, ret);
}

static void check_wrong(const char *line, unsigned int takes)
{
	struct lease_words w;

	assert_int_equal(read_line(line, takes, &w), EXIT_USAGE);
	member_list_deinit(&w.members);
}

static void test_all_words(void **state)
{
	struct lease_words w;

	(void)state;
	assert_int_equal(
		read_line("192.0.2.1 in jail ttl 1m30s 10.0.0.0-10.0.0.2 owner f2b shorten "
			  "file - ::1",
			LEASE_BAN, &w),
		EXIT_DONE);
	assert_int_equal(member_list_count(&w.members), 4);
	assert_string_equal(w.set, "jail");
	assert_string_equal(w.owner, "f2b");
	assert_string_equal(w.file, "-");
	assert_int_equal(w.ttl, 90000000000);
	assert_true(w.given & LEASE_SHORTEN);
	member_list_deinit(&w.members);
}

static void test_what_is_not_said(void **state)
{
	struct lease_words w;

	(void)state;
	assert_int_equal(read_line("::1", LEASE_BAN, &w), EXIT_DONE);
	assert_string_equal(w.set, "default");
	assert_string_equal(w.owner, "");
	assert_int_equal(w.ttl, 7);
	assert_int_equal(w.given, 0);
	assert_null(w.file);
	member_list_deinit(&w.members);
	assert_int_equal(read_line("all any-owner", LEASE_RELEASE, &w), EXIT_DONE);
	assert_int_equal(w.given, LEASE_ALL | LEASE_ANY_OWNER);
}

static void test_wrong_words(void **state)
{
	(void)state;
	check_wrong("::1 ttl", LEASE_BAN);
	check_wrong("::1 ttl 0s", LEASE_BAN);
	check_wrong("::1 ttl 3651d", LEASE_BAN);
	check_wrong("::1 ttl 1h until-released", LEASE_BAN);
	check_wrong("::1 ttl 1h ttl 1h", LEASE_BAN);
	check_wrong("::1 in a/b", LEASE_BAN);
	check_wrong("::1 owner a/b", LEASE_BAN);
	check_wrong("::1 all", LEASE_BAN);
	check_wrong("::1 ttl 1h", LEASE_UNBAN);
	check_wrong("::1 all", LEASE_RELEASE);
	check_wrong("all file x", LEASE_RELEASE);
	check_wrong("::1 owner a any-owner", LEASE_RELEASE);
	check_wrong("shorten", LEASE_RECONCILE);
	check_wrong("10.0.0.1/8", LEASE_BAN);
}

static void test_words_for_completion(void **state)
{
	(void)state;
	assert_string_equal(lease_key_word(LEASE_UNBAN, 0), "in");
	assert_string_equal(lease_key_word(LEASE_UNBAN, 1), "file");
	assert_string_equal(lease_key_word(LEASE_UNBAN, 2), "owner");
	assert_null(lease_key_word(LEASE_UNBAN, 3));
	assert_true(lease_key_has_value("ttl"));
	assert_false(lease_key_has_value("shorten"));
	assert_false(lease_key_has_value("192.0.2.1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_words),
		cmocka_unit_test(test_what_is_not_said),
		cmocka_unit_test(test_wrong_words),
		cmocka_unit_test(test_words_for_completion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
