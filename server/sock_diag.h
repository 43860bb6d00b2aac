/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The kernel's list of TCP connections, by netlink (sock_diag(7)): it knows of every
 * session, whoever has it and whatever it runs in.
 */
#ifndef PEP_SERVER_SOCK_DIAG_H
#define PEP_SERVER_SOCK_DIAG_H

#include "common/flow.h"
#include "server/links.h"

#define SOCK_DIAG_PORTS_MAX 32u

/* An established connection. */
struct session {
	struct flow flow; /* from the peer; tcp, the flag ack; IPv4 also of a mapped address */
	bool loopback;    /* the peer is this host: its packets never arrive on another interface */
	uint32_t bound;   /* index of the interface or VRF that the socket is bound to, 0 = none */
	size_t way, way_count; /* of sock_diag.ways: where its packets have VLAN tags */
};

struct sock_diag {
	struct session *sessions; /* owned */
	size_t count, room;
	size_t most; /* no more than so many are taken */
	bool cut;    /* there are more */
	struct ways ways;
};
#define _cleanup_sock_diag_ _cleanup_(sock_diag_deinit)
void sock_diag_deinit(struct sock_diag *list);

/*
 * Adds the established connections of this network namespace to the local ports (host order,
 * 1 .. SOCK_DIAG_PORTS_MAX of them). 0 or -errno: -ENOENT or -EOPNOTSUPP of a kernel without
 * tcp_diag.
 */
int sock_diag_read(const uint16_t *ports, size_t port_count, struct sock_diag *list);

/* Once for a list: what is loopback, and the ways from the interfaces of these names. 0 or -errno. */
int sock_diag_place(struct sock_diag *list, const char *const *ifaces, size_t iface_count);

/*
 * Takes the next part of an answer. 1 = more is to come, 0 = that was all, or as many as are
 * taken; -EBADMSG = it is none; otherwise the kernel's -errno.
 */
int sock_diag_parse(const void *part, size_t size, struct sock_diag *list);

#endif
