/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/iface_pattern.h"

static void test_what_is_one(void **state)
{
	static const struct {
		const char *name;
		bool pattern, either;
	} rows[] = {
		{"veth*", true, true},
		{"*", true, true},
		{"*.100", true, true},
		{"v*h*", true, true},
		{"12345678901234*", true, true},
		{"123456789012345*", false, false},
		{"eth0", false, true},
		{"", false, false},
		{"a b*", false, false},
		{"a/*", false, false},
		{"a,*", false, false},
		{".", false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (iface_pattern_valid(rows[i].name) != rows[i].pattern ||
			iface_or_pattern_valid(rows[i].name) != rows[i].either)
			fail_msg("%s", rows[i].name);
	}
}

static void test_what_matches(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool matches;
	} rows[] = {
		{"veth*", "veth", true},
		{"veth*", "veth0", true},
		{"veth*", "vet", false},
		{"veth*", "xveth0", false},
		{"*", "eth0", true},
		{"*0", "eth0", true},
		{"*0", "eth00", true},
		{"*0", "eth01", false},
		{"e*h*0", "eth0.10", true},
		{"e*h*0", "eth0.1", false},
		{"*aab", "aaab", true},
		{"a*b*c", "abcbc", true},
		{"a*b*c", "abcb", false},
		{"a**", "a", true},
		{"eth0", "eth0", true},
		{"eth0", "eth", false},
		{"eth", "eth0", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (iface_pattern_matches(rows[i].pattern, rows[i].name) != rows[i].matches)
			fail_msg("%s of %s", rows[i].pattern, rows[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_one),
		cmocka_unit_test(test_what_matches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
