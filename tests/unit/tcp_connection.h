/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A real connection of this host with itself. */
#ifndef PEP_TESTS_TCP_CONNECTION_H
#define PEP_TESTS_TCP_CONNECTION_H

#include <stdint.h>

struct connection {
	int listener, near, far;
	uint16_t port, peer_port;
};

/* `family` AF_INET or AF_INET6, to any free port of the address. */
void connection_open(struct connection *s, int family, const char *address);
void connection_close(struct connection *s);

#endif
