/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The counters in texts good and bad; the kernel's own change with connections (test_session_list). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "server/tcp_tally.h"

static void test_names_tell_which_number_is_meant(void **state)
{
	struct tcp_tally t;

	(void)state;
	assert_int_equal(tcp_tally_parse("Ip: Forwarding DefaultTTL\nIp: 1 64\n"
					 "Tcp: RtoAlgorithm MaxConn ActiveOpens PassiveOpens AttemptFails CurrEstab InSegs\n"
					 "Tcp: 1 -1 12 34 5 6 18446744073709551615\nUdp: CurrEstab\nUdp: 7\n", &t), 0);
	assert_int_equal(t.active, 12);
	assert_int_equal(t.passive, 34);
	assert_int_equal(t.established, 6);
	assert_int_equal(tcp_tally_parse("Tcp: CurrEstab PassiveOpens ActiveOpens\nTcp: 1 2 3", &t), 0);
	assert_int_equal(t.active, 3);
	assert_int_equal(t.passive, 2);
	assert_int_equal(t.established, 1);
}

static void test_what_is_not_there_is_no_zero(void **state)
{
	static const char *const bad[] = {"", "\n", "Tcp:", "Tcp: ", "Tcp: CurrEstab PassiveOpens ActiveOpens\n",
		"Tcp: CurrEstab PassiveOpens ActiveOpens\nTcp: 1 2\n",
		"Tcp: CurrEstab PassiveOpens ActiveOpen\nTcp: 1 2 3\n",
		"Tcp: CurrEstab PassiveOpens ActiveOpensX\nTcp: 1 2 3\n",
		"Udp: CurrEstab PassiveOpens ActiveOpens\nTcp: 1 2 3\n",
		"Tcp: CurrEstab PassiveOpens ActiveOpens\nUdp: 1 2 3\n"};
	struct tcp_tally t;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(tcp_tally_parse(bad[i], &t), -EBADMSG);
}

static void test_any_of_the_three_tells(void **state)
{
	const struct tcp_tally a = {1, 2, 3}, others[] = {{2, 2, 3}, {1, 3, 3}, {1, 2, 4}};

	(void)state;
	assert_true(tcp_tally_equal(&a, &a));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(tcp_tally_equal(&a, &others[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_tell_which_number_is_meant),
		cmocka_unit_test(test_what_is_not_there_is_no_zero),
		cmocka_unit_test(test_any_of_the_three_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
