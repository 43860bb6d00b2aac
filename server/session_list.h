/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What sock_diag_read() found the last time, for as long as it is so: the kernel walks through all
 * its table for it, 1 ms where that has 262,144 places, and its counters say for 20 us whether a
 * connection has come or gone since.
 */
#ifndef PEP_SERVER_SESSION_LIST_H
#define PEP_SERVER_SESSION_LIST_H

#include "server/sock_diag.h"
#include "server/tcp_tally.h"

struct session_list {
	struct sock_diag found; /* owned */
	struct tcp_tally tally; /* from before it was looked for */
	uint16_t ports[SOCK_DIAG_PORTS_MAX];
	size_t port_count; /* 0 = nothing is known */
};

/* As sock_diag_read() and sock_diag_place(), which looks anew each time, into an empty list. */
int session_list_read(struct session_list *l, const uint16_t *ports, size_t port_count,
	const char *const *ifaces, size_t iface_count, struct sock_diag *ret);
void session_list_deinit(struct session_list *l);

#endif
