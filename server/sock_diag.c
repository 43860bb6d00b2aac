/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/sock_diag.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common/array.h"
#include "server/route.h"

void sock_diag_deinit(struct sock_diag *list)
{
	free(list->sessions);
	free(list->ways.items);
	*list = (struct sock_diag){0};
}

/* --- the question */

/*
 * The kernel's filter: is the local port this one, and if not, go on behind the jump that a hit
 * comes to. A hit ends at the end exactly, what is no hit beyond it.
 */
struct port_test {
	struct inet_diag_bc_op equal, port, hit;
};

/*
 * The older of the two requests: it alone is answered for IPv4 and IPv6 in one walk through the
 * kernel's table (inet_diag_dump_compat() makes its family AF_UNSPEC), whose empty buckets are
 * what takes the time.
 */
struct question {
	struct nlmsghdr header;
	struct inet_diag_req request;
	struct nlattr filter;
	struct port_test tests[SOCK_DIAG_PORTS_MAX];
};

/* Bytes of the filter. The last test has no jump behind it. */
static uint16_t make_filter(const uint16_t *ports, size_t count, struct port_test *ret)
{
	const uint16_t op = sizeof(struct inet_diag_bc_op);
	uint16_t size = (uint16_t)(count * sizeof(*ret) - op);

	for (size_t i = 0; i < count; i++)
		ret[i] = (struct port_test){
			.equal = {INET_DIAG_BC_S_EQ, (unsigned char)(2 * op), (uint16_t)(3 * op)},
			.port = {.no = ports[i]},
			.hit = {INET_DIAG_BC_JMP, (unsigned char)op,
				(uint16_t)(size - i * sizeof(*ret) - 2ul * op)},
		};
	return size;
}

/* --- the answer */

static bool is_mapped(const void *address)
{
	return IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)address);
}

static struct flow flow_of(const struct inet_diag_msg *m)
{
	bool mapped = m->idiag_family == AF_INET6 && is_mapped(m->id.idiag_src);
	size_t skip = mapped ? 12 : 0;
	struct flow flow = {
		.family = m->idiag_family == AF_INET6 && !mapped ? 6 : 4,
		.proto = IPPROTO_TCP,
		.sport = ntohs(m->id.idiag_dport),
		.dport = ntohs(m->id.idiag_sport),
		.tcp_flags = TH_ACK,
	};
	size_t size = flow.family == 6 ? 16 : 4;

	memcpy(flow.src, (const uint8_t *)m->id.idiag_dst + skip, size);
	memcpy(flow.dst, (const uint8_t *)m->id.idiag_src + skip, size);
	return flow;
}

static int take(const struct nlmsghdr *header, void *data)
{
	const struct inet_diag_msg *m = (const void *)(header + 1);
	struct sock_diag *list = data;

	if (header->nlmsg_len < sizeof(*header) + sizeof(*m) ||
		(m->idiag_family != AF_INET && m->idiag_family != AF_INET6))
		return -EBADMSG;
	if (list->count >= list->most) {
		list->cut = true;
		return 0;
	}
	if (array_grow(&list->sessions, &list->room, list->count, sizeof(*list->sessions)))
		return -ENOMEM;
	list->sessions[list->count++] =
		(struct session){.flow = flow_of(m), .bound = m->id.idiag_if};
	return 1;
}

int sock_diag_parse(const void *part, size_t size, struct sock_diag *list)
{
	return netlink_parse(part, size, TCPDIAG_GETSOCK, take, list);
}

int sock_diag_read(const uint16_t *ports, size_t port_count, struct sock_diag *list)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	struct question q = {
		.header = {.nlmsg_type = TCPDIAG_GETSOCK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.request = {.idiag_states = 1u << TCP_ESTABLISHED},
		.filter = {.nla_type = INET_DIAG_REQ_BYTECODE},
	};
	uint16_t size = make_filter(ports, port_count, q.tests);

	q.filter.nla_len = (uint16_t)(sizeof(q.filter) + size);
	q.header.nlmsg_len = (uint32_t)(offsetof(struct question, tests) + size);
	return fd < 0 ? -errno : netlink_ask(fd, &q.header, TCPDIAG_GETSOCK, take, list);
}

/* --- where they come from */

/*
 * That the peer's address is the host's too is not enough: of link-local ones, and in VRFs, others
 * have the same.
 */
static bool is_loopback(const struct links *links, int fd, const struct session *session)
{
	const struct flow *flow = &session->flow;

	if (flow->family == 4 ? flow->src[0] == 127 : !memcmp(flow->src, &in6addr_loopback, 16))
		return true;
	return links_address(links, 0, flow->family, flow->src) < links->address_count &&
	       route_find(fd, flow->family, flow->dst, flow->src, session->bound).local;
}

static size_t next_own(const struct links *links, size_t at, const struct flow *flow)
{
	return links_address(links, at, flow->family, flow->dst);
}

/* Several interfaces may have one address, as the link-local ones of an interface and its VLANs. */
static bool is_bound(const struct links *links, const struct session *session)
{
	size_t at = next_own(links, 0, &session->flow);

	while (at < links->address_count && links->addresses[at].index != session->bound)
		at = next_own(links, at + 1, &session->flow);
	return at < links->address_count;
}

/*
 * To the interface that has the address, and to the one that is answered through: the address may
 * be that of an interface on which nothing comes, as lo.
 */
static int add_ways(const struct links *links, int fd, const struct session *session, struct ways *ret)
{
	const struct flow *flow = &session->flow;
	uint32_t back;
	int r;

	if (is_bound(links, session))
		return links_ways(links, session->bound, ret);
	back = route_find(fd, flow->family, flow->dst, flow->src, session->bound).device;
	r = links_ways(links, back, ret);
	for (size_t at = next_own(links, 0, flow); !r && at < links->address_count;
		at = next_own(links, at + 1, flow))
		if (links->addresses[at].index != back)
			r = links_ways(links, links->addresses[at].index, ret);
	return r;
}

static int find_ways(struct sock_diag *list, const struct links *links)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int r = fd < 0 ? -errno : 0;

	for (size_t i = 0; !r && i < list->count; i++) {
		struct session *session = &list->sessions[i];

		session->loopback = is_loopback(links, fd, session);
		session->way = list->ways.count;
		if (!session->loopback && links->has_vlans)
			r = add_ways(links, fd, session, &list->ways);
		session->way_count = list->ways.count - session->way;
	}
	return r;
}

int sock_diag_place(struct sock_diag *list, const char *const *ifaces, size_t iface_count)
{
	_cleanup_links_ struct links links = {0};
	int r = list->count ? links_read(&links, ifaces, iface_count) : 0;

	return r || !list->count ? r : find_ways(list, &links);
}
