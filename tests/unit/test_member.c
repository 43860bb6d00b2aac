/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "common/member.h"

/* The list as words, "a b c". */
static void list_text(const struct member_list *list, char *ret, size_t size)
{
	*ret = 0;
	for (size_t i = 0; i < member_list_count(list); i++) {
		struct member m = member_list_at(list, i);
		char text[MEMBER_TEXT_SIZE];
		size_t length = member_format(&m, text);

		assert_int_equal(length, strlen(text));
		snprintf(ret + strlen(ret), size - strlen(ret), "%s%s", *ret ? " " : "", text);
	}
}

static void test_words(void **state)
{
	static const char *const rows[][2] = {
		{"192.0.2.1", "192.0.2.1"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"10.0.0.0/8", "10.0.0.0/8"},
		{"192.0.2.1/32", "192.0.2.1"},
		{"255.255.255.255", "255.255.255.255"},
		{"2001:db8::/32", "2001:db8::/32"},
		{"::1", "::1"},
		{"::/0", "::/0"},
		{"192.0.2.1-192.0.2.1", "192.0.2.1"},
		{"192.0.2.0-192.0.2.255", "192.0.2.0/24"},
		{"192.0.2.1-192.0.2.6", "192.0.2.1 192.0.2.2/31 192.0.2.4/31 192.0.2.6"},
		{"0.0.0.0-255.255.255.255", "0.0.0.0/0"},
		{"255.255.255.254-255.255.255.255", "255.255.255.254/31"},
		{"2001:db8::1-2001:db8::4", "2001:db8::1 2001:db8::2/127 2001:db8::4"},
		{"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0"},
	};
	char text[400], message[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_members_ struct member_list list = {0};

		if (member_list_add_text(&list, rows[i][0], strlen(rows[i][0]), message))
			fail_msg("%s", message);
		list_text(&list, text, sizeof(text));
		assert_string_equal(text, rows[i][1]);
	}
}

static void test_wrong_words(void **state)
{
	static const char *const rows[][2] = {
		{"", "is no IPv4 or IPv6 address or prefix"},
		{"192.0.2", "is no IPv4"},
		{"192.0.2.256", "is no IPv4"},
		{"192.0.2.01", "is no IPv4"},
		{"1.2.3.4.5", "is no IPv4"},
		{"@bad", "is no IPv4 or IPv6 address or prefix"},
		{"1.2.3.4/33", "from 0 to 32"},
		{"::1/129", "from 0 to 128"},
		{"1.2.3.4/", "from 0 to 32"},
		{"10.1.2.3/8",
			"\"10.1.2.3/8\" has bits set behind its prefix length; write 10.0.0.0/8"},
		{"2001:db8::1/32", "write 2001:db8::/32"},
		{"192.0.2.9-192.0.2.1", "is upside down"},
		{"192.0.2.1-::1", "begins in IPv4 and ends in IPv6"},
		{"192.0.2.1-", "is no range"},
		{"192.0.2.0/24-192.0.3.0/24", "is no range"},
		{"-", "is no range"},
		{"1-2-3", "is no range"},
		{"a very long word that is not at all an address, and goes on and on and on and on "
		 "and on "
		 "and on and on and on and on and on until it does not fit",
			"...\" is no IPv4"},
	};
	_cleanup_members_ struct member_list list = {0};
	char message[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(
			member_list_add_text(&list, rows[i][0], strlen(rows[i][0]), message),
			-EINVAL);
		if (!strstr(message, rows[i][1]))
			fail_msg("%s: %s", rows[i][0], message);
	}
	assert_int_equal(member_list_add_text(&list, "1.2.3.4\0x", 9, message), -EINVAL);
	assert_int_equal(member_list_count(&list), 0);
}

/* Against every address of the neighbourhood: a range covers exactly itself. */
static void test_ranges_cover_exactly(void **state)
{
	(void)state;
	for (unsigned int first = 0; first < 40; first++)
		for (unsigned int last = first; last < 40; last++) {
			_cleanup_members_ struct member_list list = {0};
			char word[64], message[160];
			unsigned int next = first;

			snprintf(word, sizeof(word), "10.0.0.%u-10.0.0.%u", first, last);
			assert_int_equal(
				member_list_add_text(&list, word, strlen(word), message), 0);
			for (size_t i = 0; i < list.v4_count; i++) {
				assert_int_equal(list.v4[i].bytes[3], next);
				assert_false(
					member_host_bits(list.v4[i].bytes, 4, list.v4[i].length));
				next += 1u << (32 - list.v4[i].length);
			}
			assert_int_equal(next, last + 1);
		}
}

static void test_host_bits(void **state)
{
	uint8_t bytes[4] = {10, 1, 2, 3};

	(void)state;
	assert_false(member_host_bits(bytes, 4, 32));
	assert_true(member_host_bits(bytes, 4, 31));
	assert_true(member_host_bits(bytes, 4, 0));
	member_clear_host_bits(bytes, 4, 31);
	assert_int_equal(bytes[3], 2);
	member_clear_host_bits(bytes, 4, 12);
	assert_int_equal(bytes[1] | bytes[2] | bytes[3], 0);
	assert_false(member_host_bits(bytes, 4, 12));
}

static void test_lists_own_and_sort(void **state)
{
	static const char *const words[] = {
		"::2", "10.0.0.0/8", "9.0.0.1", "::1", "10.0.0.0/7", "::/0"};
	struct member_list list = {0}, copy;
	char text[200], message[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		assert_int_equal(
			member_list_add_text(&list, words[i], strlen(words[i]), message), 0);
	assert_int_equal(member_list_copy(&list, &copy), 0);
	member_list_deinit(&list);
	member_list_sort(&copy);
	list_text(&copy, text, sizeof(text));
	assert_string_equal(text, "9.0.0.1 10.0.0.0/7 10.0.0.0/8 ::/0 ::1 ::2");
	member_list_deinit(&copy);
}

static void test_owners(void **state)
{
	char longest[MEMBER_OWNER_MAX + 2];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[MEMBER_OWNER_MAX + 1] = 0;
	assert_false(member_owner_valid(longest));
	longest[MEMBER_OWNER_MAX] = 0;
	assert_true(member_owner_valid(longest));
	assert_true(member_owner_valid("uid:0"));
	assert_true(member_owner_valid("Fail2ban.ssh_a-b"));
	assert_false(member_owner_valid(""));
	assert_false(member_owner_valid("a b"));
	assert_false(member_owner_valid("a/b"));
	assert_false(member_owner_valid("\xc3\xa9"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owners),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_wrong_words),
		cmocka_unit_test(test_ranges_cover_exactly),
		cmocka_unit_test(test_host_bits),
		cmocka_unit_test(test_lists_own_and_sort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
