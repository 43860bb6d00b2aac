/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/sock_diag.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common/array.h"

#define PART_BYTES 32768u /* what the kernel puts into a part of a dump at most */

void sock_diag_deinit(struct sock_diag *list)
{
	free(list->sessions);
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

static int ask(int fd, const uint16_t *ports, size_t port_count)
{
	struct question q = {
		.header = {.nlmsg_type = TCPDIAG_GETSOCK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.request = {.idiag_states = 1u << TCP_ESTABLISHED},
		.filter = {.nla_type = INET_DIAG_REQ_BYTECODE},
	};
	uint16_t size = make_filter(ports, port_count, q.tests);

	q.filter.nla_len = (uint16_t)(sizeof(q.filter) + size);
	q.header.nlmsg_len = (uint32_t)(offsetof(struct question, tests) + size);
	return send(fd, &q, q.header.nlmsg_len, 0) < 0 ? -errno : 0;
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

static int take(const struct nlmsghdr *header, struct sock_diag *list)
{
	const struct inet_diag_msg *m = (const void *)(header + 1);

	if (header->nlmsg_len < sizeof(*header) + sizeof(*m) ||
		(m->idiag_family != AF_INET && m->idiag_family != AF_INET6))
		return -EBADMSG;
	if (list->count >= list->most) {
		list->cut = true;
		return 0;
	}
	if (array_grow(&list->sessions, &list->room, list->count, sizeof(*list->sessions)))
		return -ENOMEM;
	list->sessions[list->count++] = (struct session){.flow = flow_of(m)};
	return 1;
}

/* Both the end and a refusal begin with an errno. */
static int read_end(const struct nlmsghdr *header)
{
	int error = 0;

	if (header->nlmsg_len < sizeof(*header) + sizeof(error))
		return -EBADMSG;
	memcpy(&error, header + 1, sizeof(error));
	if (error > 0 || (!error && header->nlmsg_type == NLMSG_ERROR))
		return -EBADMSG;
	return error;
}

int sock_diag_parse(const void *part, size_t size, struct sock_diag *list)
{
	const uint8_t *at = part, *end = at + size;
	int r = size < sizeof(struct nlmsghdr) ? -EBADMSG : 1;

	while (r > 0 && (size_t)(end - at) >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *header = (const void *)at;
		size_t length = header->nlmsg_len;

		if (length < sizeof(*header) || length > (size_t)(end - at))
			return -EBADMSG;
		if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR)
			return read_end(header);
		if (header->nlmsg_type == TCPDIAG_GETSOCK)
			r = take(header, list);
		at += MIN(NLMSG_ALIGN(length), (size_t)(end - at));
	}
	return r;
}

/* --- connections of the host with itself */

static bool is_address(const struct flow *flow, const struct sockaddr *address)
{
	if (!address)
		return false;
	if (flow->family == 4)
		return address->sa_family == AF_INET &&
		       memcmp(flow->src, &((const struct sockaddr_in *)address)->sin_addr, 4) == 0;
	return address->sa_family == AF_INET6 &&
	       memcmp(flow->src, &((const struct sockaddr_in6 *)address)->sin6_addr, 16) == 0;
}

static bool is_loopback(const struct flow *flow, const struct ifaddrs *own)
{
	if (flow->family == 4 ? flow->src[0] == 127 : !memcmp(flow->src, &in6addr_loopback, 16))
		return true;
	while (own && !is_address(flow, own->ifa_addr))
		own = own->ifa_next;
	return own;
}

static int mark_loopback(struct sock_diag *list)
{
	struct ifaddrs *own;

	if (!list->count)
		return 0;
	if (getifaddrs(&own) < 0)
		return -errno;
	for (size_t i = 0; i < list->count; i++)
		list->sessions[i].loopback = is_loopback(&list->sessions[i].flow, own);
	freeifaddrs(own);
	return 0;
}

/* --- all together */

static int read_all(int fd, const uint16_t *ports, size_t port_count, struct sock_diag *list)
{
	_Alignas(struct nlmsghdr) uint8_t part[PART_BYTES];
	int r = ask(fd, ports, port_count);

	if (r)
		return r;
	do {
		ssize_t size = recv(fd, part, sizeof(part), 0);

		r = size < 0 ? -errno : sock_diag_parse(part, (size_t)size, list);
	} while (r > 0 || r == -EINTR);
	return r;
}

int sock_diag_read(const uint16_t *ports, size_t port_count, struct sock_diag *list)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	int r = fd < 0 ? -errno : 0;

	if (!r)
		r = read_all(fd, ports, port_count, list);
	return r ? r : mark_loopback(list);
}
