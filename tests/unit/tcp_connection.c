/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "tcp_connection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <unistd.h>

void connection_open(struct connection *s, int family, const char *address)
{
	struct sockaddr_in6 a = {.sin6_family = (sa_family_t)family};
	socklen_t size = sizeof(a);

	if (family == AF_INET)
		inet_pton(AF_INET, address, &((struct sockaddr_in *)&a)->sin_addr);
	else
		inet_pton(AF_INET6, address, &a.sin6_addr);
	s->listener = socket(family, SOCK_STREAM, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&a, size), 0);
	assert_int_equal(listen(s->listener, 1), 0);
	assert_int_equal(getsockname(s->listener, (struct sockaddr *)&a, &size), 0);
	s->port = ntohs(a.sin6_port);
	s->far = socket(family, SOCK_STREAM, 0);
	assert_int_equal(connect(s->far, (struct sockaddr *)&a, size), 0);
	s->near = accept(s->listener, NULL, NULL);
	assert_true(s->near >= 0);
	assert_int_equal(getsockname(s->far, (struct sockaddr *)&a, &size), 0);
	s->peer_port = ntohs(a.sin6_port);
}

void connection_close(struct connection *s)
{
	close(s->far);
	close(s->near);
	close(s->listener);
}
