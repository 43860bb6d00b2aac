/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Real connections come and go; the kernel is asked for the list when one has, and only then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "server/session_list.h"
#include "tcp_connection.h"

static unsigned int asked;
static int refuses, uncounted;

int __real_sock_diag_read(const uint16_t *ports, size_t port_count, struct sock_diag *list);
int __wrap_sock_diag_read(const uint16_t *ports, size_t port_count, struct sock_diag *list);
int __wrap_sock_diag_read(const uint16_t *ports, size_t port_count, struct sock_diag *list)
{
	asked++;
	return refuses ? refuses : __real_sock_diag_read(ports, port_count, list);
}

int __real_tcp_tally_read(struct tcp_tally *ret);
int __wrap_tcp_tally_read(struct tcp_tally *ret);
int __wrap_tcp_tally_read(struct tcp_tally *ret)
{
	return uncounted ? uncounted : __real_tcp_tally_read(ret);
}

/* The connections to the ports, of at most `most`, and whether the kernel was asked for them. */
static void assert_read(struct session_list *l, const uint16_t *ports, size_t port_count, size_t most,
	size_t wanted, bool anew)
{
	_cleanup_sock_diag_ struct sock_diag list = {.most = most};
	unsigned int before = asked;

	assert_int_equal(session_list_read(l, ports, port_count, NULL, 0, &list), 0);
	assert_int_equal(list.count, wanted);
	for (size_t i = 0; i < list.count; i++) {
		assert_int_equal(list.sessions[i].flow.dport, ports[0]);
		assert_true(list.sessions[i].loopback);
	}
	assert_int_equal(asked - before, anew);
}

static void test_what_comes_and_goes_is_seen(void **state)
{
	struct session_list l = {0};
	struct connection s, other;

	(void)state;
	connection_open(&s, AF_INET, "127.0.0.1");
	assert_read(&l, &s.port, 1, 10, 1, true);
	assert_read(&l, &s.port, 1, 10, 1, false);
	connection_open(&other, AF_INET6, "::1");
	assert_read(&l, &s.port, 1, 10, 1, true);
	connection_close(&other);
	assert_read(&l, &s.port, 1, 10, 1, true);
	assert_read(&l, &s.port, 1, 10, 1, false);
	connection_close(&s);
	assert_read(&l, &s.port, 1, 10, 0, true);
	assert_read(&l, &s.port, 1, 10, 0, false);
	session_list_deinit(&l);
}

/* The one that ends hides the one that comes only from a count of those that are there. */
static void test_as_many_are_not_the_same(void **state)
{
	struct session_list l = {0};
	struct connection s, next;

	(void)state;
	connection_open(&s, AF_INET, "127.0.0.1");
	assert_read(&l, &s.port, 1, 10, 1, true);
	connection_close(&s);
	connection_open(&next, AF_INET, "127.0.0.1");
	assert_read(&l, &s.port, 1, 10, s.port == next.port, true);
	connection_close(&next);
	session_list_deinit(&l);
}

static void test_another_question_is_asked(void **state)
{
	struct session_list l = {0};
	uint16_t ports[2] = {0, 1};
	struct connection s;

	(void)state;
	connection_open(&s, AF_INET, "127.0.0.1");
	ports[0] = s.port;
	assert_read(&l, ports, 2, 10, 1, true);
	assert_read(&l, ports, 1, 10, 1, true);
	ports[1] = 2;
	assert_read(&l, ports, 2, 10, 1, true);
	assert_read(&l, ports, 2, 11, 1, true);
	assert_read(&l, ports, 2, 11, 1, false);
	connection_close(&s);
	session_list_deinit(&l);
}

static void test_what_was_refused_is_not_kept(void **state)
{
	_cleanup_sock_diag_ struct sock_diag list = {.most = 10};
	struct session_list l = {0};
	struct connection s;

	(void)state;
	connection_open(&s, AF_INET, "127.0.0.1");
	assert_read(&l, &s.port, 1, 10, 1, true);
	uncounted = -ENOENT;
	assert_read(&l, &s.port, 1, 10, 1, true);
	assert_read(&l, &s.port, 1, 10, 1, true);
	uncounted = 0;
	refuses = -ENOENT;
	assert_int_equal(session_list_read(&l, &s.port, 1, NULL, 0, &list), -ENOENT);
	refuses = 0;
	assert_read(&l, &s.port, 1, 10, 1, true);
	assert_read(&l, &s.port, 1, 10, 1, false);
	connection_close(&s);
	session_list_deinit(&l);
}

/* Others' connections would be counted too. Who is not root may have a network in a user namespace. */
static int network_of_its_own(void **state)
{
	int fd, r = unshare(CLONE_NEWNET);
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};

	(void)state;
	if (r < 0)
		r = unshare(CLONE_NEWUSER | CLONE_NEWNET);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (!r)
		r = ioctl(fd, SIOCSIFFLAGS, &lo);
	close(fd);
	return r;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_comes_and_goes_is_seen),
		cmocka_unit_test(test_as_many_are_not_the_same),
		cmocka_unit_test(test_another_question_is_asked),
		cmocka_unit_test(test_what_was_refused_is_not_kept),
	};

	return cmocka_run_group_tests(tests, network_of_its_own, NULL);
}
