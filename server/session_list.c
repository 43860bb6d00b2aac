/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/session_list.h"

#include <errno.h>

static bool is_known(const struct session_list *l, const struct tcp_tally *now, const uint16_t *ports,
	size_t port_count, size_t most)
{
	return l->port_count && l->port_count == port_count && l->found.most == most &&
	       !memcmp(l->ports, ports, port_count * sizeof(*ports)) && tcp_tally_equal(&l->tally, now);
}

static int copy(const struct sock_diag *from, struct sock_diag *ret)
{
	ret->sessions = calloc(from->count + 1, sizeof(*ret->sessions));
	if (!ret->sessions)
		return -ENOMEM;
	if (from->count)
		memcpy(ret->sessions, from->sessions, from->count * sizeof(*ret->sessions));
	ret->count = from->count;
	ret->room = from->count + 1;
	ret->cut = from->cut;
	return 0;
}

static int find(struct session_list *l, const uint16_t *ports, size_t port_count, struct sock_diag *ret)
{
	struct tcp_tally now = {0};
	bool counted = !tcp_tally_read(&now);
	int r;

	if (counted && is_known(l, &now, ports, port_count, ret->most))
		return copy(&l->found, ret);
	session_list_deinit(l);
	r = sock_diag_read(ports, port_count, ret);
	if (r || !counted || copy(ret, &l->found))
		return r;
	l->found.most = ret->most;
	l->tally = now;
	memcpy(l->ports, ports, port_count * sizeof(*ports));
	l->port_count = port_count;
	return 0;
}

int session_list_read(struct session_list *l, const uint16_t *ports, size_t port_count,
	const char *const *ifaces, size_t iface_count, struct sock_diag *ret)
{
	int r = find(l, ports, port_count, ret);

	return r ? r : sock_diag_place(ret, ifaces, iface_count);
}

void session_list_deinit(struct session_list *l)
{
	sock_diag_deinit(&l->found);
	l->port_count = 0;
}
