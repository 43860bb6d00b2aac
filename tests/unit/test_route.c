/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The kernel's own routes of the host to itself, which every network namespace has with lo. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "common/macros.h"
#include "server/route.h"

static void test_the_host_reaches_itself_through_lo(void **state)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	static const uint8_t here[4] = {127, 0, 0, 1}, also[4] = {127, 9, 8, 7};
	static const uint8_t one[16] = {[15] = 1};
	uint32_t lo = if_nametoindex("lo");

	(void)state;
	assert_int_equal(route_find(fd, 4, here, also, 0).device, lo);
	assert_true(route_find(fd, 4, here, also, 0).local);
	assert_int_equal(route_find(fd, 4, here, also, lo).device, lo);
	assert_int_equal(route_find(fd, 6, one, one, 0).device, lo);
}

/* A refusal is one answer, so that the next question gets its own. */
static void test_there_is_no_route(void **state)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	static const uint8_t here[4] = {127, 0, 0, 1}, nobodys[4] = {192, 0, 2, 1};

	(void)state;
	assert_int_equal(route_find(fd, 4, nobodys, here, 0).device, 0);
	assert_int_equal(route_find(fd, 4, here, here, 0).device, if_nametoindex("lo"));
	assert_int_equal(route_find(-1, 4, here, here, 0).device, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_host_reaches_itself_through_lo),
		cmocka_unit_test(test_there_is_no_route),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
