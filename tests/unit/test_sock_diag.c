/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Parts of answers made by hand, good and bad, and the kernel's own about real connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <netinet/tcp.h>

#include "server/sock_diag.h"
#include "tcp_connection.h"

/* --- by hand */

struct part {
	_Alignas(struct nlmsghdr) uint8_t bytes[4096];
	size_t size;
};

/* `extra` bytes of attributes are appended, as the kernel does. */
static void add(struct part *part, uint16_t type, const void *body, size_t size, size_t extra)
{
	struct nlmsghdr header = {
		.nlmsg_type = type, .nlmsg_len = (uint32_t)(sizeof(header) + size + extra)};

	assert_true(part->size + header.nlmsg_len + 4 <= sizeof(part->bytes));
	memcpy(&part->bytes[part->size], &header, sizeof(header));
	memcpy(&part->bytes[part->size + sizeof(header)], body, size);
	memset(&part->bytes[part->size + sizeof(header) + size], 0xee, extra);
	part->size += NLMSG_ALIGN(header.nlmsg_len);
}

static void add_socket(struct part *part, uint8_t family, const char *local, uint16_t port,
	const char *peer, uint16_t peer_port)
{
	struct inet_diag_msg m = {.idiag_family = family, .idiag_state = TCP_ESTABLISHED};

	m.id.idiag_sport = htons(port);
	m.id.idiag_dport = htons(peer_port);
	assert_int_equal(inet_pton(family, local, m.id.idiag_src), 1);
	assert_int_equal(inet_pton(family, peer, m.id.idiag_dst), 1);
	add(part, TCPDIAG_GETSOCK, &m, sizeof(m), 7);
}

static void add_end(struct part *part, uint16_t type, int error)
{
	struct nlmsgerr e = {.error = error};

	add(part, type, &e, type == NLMSG_DONE ? sizeof(int) : sizeof(e), 0);
}

static void assert_flow(const struct flow *flow, uint8_t family, const char *src, uint16_t sport,
	const char *dst, uint16_t dport)
{
	char text[INET6_ADDRSTRLEN];
	int af = family == 6 ? AF_INET6 : AF_INET;

	assert_int_equal(flow->family, family);
	assert_string_equal(inet_ntop(af, flow->src, text, sizeof(text)), src);
	assert_string_equal(inet_ntop(af, flow->dst, text, sizeof(text)), dst);
	assert_int_equal(flow->sport, sport);
	assert_int_equal(flow->dport, dport);
	assert_int_equal(flow->proto, IPPROTO_TCP);
	assert_int_equal(flow->tcp_flags, TH_ACK);
	assert_false(flow->has_vlan);
}

static void test_flows_come_from_the_peer(void **state)
{
	_cleanup_sock_diag_ struct sock_diag list = {.most = 10};
	struct part part = {0};

	(void)state;
	add_socket(&part, AF_INET, "192.0.2.10", 22, "203.0.113.9", 50123);
	add_socket(&part, AF_INET6, "2001:db8::1", 2222, "2001:db8:9::9", 1);
	add_socket(&part, AF_INET6, "::ffff:192.0.2.10", 22, "::ffff:203.0.113.10", 65535);
	assert_int_equal(sock_diag_parse(part.bytes, part.size, &list), 1);
	assert_int_equal(list.count, 3);
	assert_flow(&list.sessions[0].flow, 4, "203.0.113.9", 50123, "192.0.2.10", 22);
	assert_flow(&list.sessions[1].flow, 6, "2001:db8:9::9", 1, "2001:db8::1", 2222);
	assert_flow(&list.sessions[2].flow, 4, "203.0.113.10", 65535, "192.0.2.10", 22);
	part.size = 0;
	add_socket(&part, AF_INET, "192.0.2.10", 22, "203.0.113.9", 50124);
	add_end(&part, NLMSG_DONE, 0);
	assert_int_equal(sock_diag_parse(part.bytes, part.size, &list), 0);
	assert_int_equal(list.count, 4);
	assert_false(list.cut);
}

static void test_no_more_than_most_are_taken(void **state)
{
	_cleanup_sock_diag_ struct sock_diag list = {.most = 2};
	struct part part = {0};

	(void)state;
	for (uint16_t i = 1; i <= 2; i++)
		add_socket(&part, AF_INET, "192.0.2.10", 22, "203.0.113.9", i);
	assert_int_equal(sock_diag_parse(part.bytes, part.size, &list), 1);
	assert_false(list.cut);
	assert_int_equal(sock_diag_parse(part.bytes, part.size, &list), 0);
	assert_int_equal(list.count, 2);
	assert_true(list.cut);
}

static void test_refusals_and_bad_parts(void **state)
{
	_cleanup_sock_diag_ struct sock_diag list = {.most = 10};
	struct part part = {0};
	struct nlmsghdr *header = (void *)part.bytes;

	(void)state;
	add_end(&part, NLMSG_ERROR, -ENOENT);
	assert_int_equal(sock_diag_parse(part.bytes, part.size, &list), -ENOENT);
	part.size = 0;
	add_end(&part, NLMSG_DONE, -ENOMEM);
	assert_int_equal(sock_diag_parse(part.bytes, part.size, &list), -ENOMEM);
	part.size = 0;
	add_end(&part, NLMSG_ERROR, 0);
	assert_int_equal(sock_diag_parse(part.bytes, part.size, &list), -EBADMSG);
	header->nlmsg_len = sizeof(*header) + 3;
	assert_int_equal(sock_diag_parse(part.bytes, part.size, &list), -EBADMSG);
	part.size = 0;
	add_socket(&part, AF_INET, "192.0.2.10", 22, "203.0.113.9", 1);
	assert_int_equal(sock_diag_parse(part.bytes, part.size - 1 - 7, &list), -EBADMSG);
	header->nlmsg_len = 15;
	assert_int_equal(sock_diag_parse(part.bytes, part.size, &list), -EBADMSG);
	header->nlmsg_len = sizeof(*header) + sizeof(struct inet_diag_msg) - 1;
	assert_int_equal(sock_diag_parse(part.bytes, part.size, &list), -EBADMSG);
	header->nlmsg_len = (uint32_t)part.size;
	((struct inet_diag_msg *)(header + 1))->idiag_family = AF_UNIX;
	assert_int_equal(sock_diag_parse(part.bytes, part.size, &list), -EBADMSG);
	header->nlmsg_flags = NLM_F_DUMP_INTR;
	assert_int_equal(sock_diag_parse(part.bytes, part.size, &list), -EAGAIN);
	assert_int_equal(sock_diag_parse(part.bytes, 15, &list), -EBADMSG);
	assert_int_equal(list.count, 0);
}

/* --- the kernel's */

static bool has(const struct sock_diag *list, const struct connection *s)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->sessions[i].flow.dport == s->port &&
			list->sessions[i].flow.sport == s->peer_port)
			return true;
	return false;
}

/* Each port alone, and any of as many as may be asked about, the last included. */
static void test_the_kernel_lists_the_ports_asked_about(void **state)
{
	uint16_t ports[SOCK_DIAG_PORTS_MAX];
	struct connection s[3];

	(void)state;
	connection_open(&s[0], AF_INET, "127.0.0.1");
	connection_open(&s[1], AF_INET6, "::1");
	connection_open(&s[2], AF_INET6, "::ffff:127.0.0.1");
	for (size_t i = 0; i < 3; i++) {
		_cleanup_sock_diag_ struct sock_diag list = {.most = 10};

		assert_int_equal(sock_diag_read(&s[i].port, 1, &list), 0);
		assert_int_equal(sock_diag_place(&list, NULL, 0), 0);
		assert_int_equal(list.count, 1); /* the listener and the peer's end are not meant */
		assert_flow(&list.sessions[0].flow, i == 1 ? 6 : 4, i == 1 ? "::1" : "127.0.0.1",
			s[i].peer_port, i == 1 ? "::1" : "127.0.0.1", s[i].port);
		assert_true(list.sessions[0].loopback);
	}
	for (size_t i = 0; i < SOCK_DIAG_PORTS_MAX; i++)
		ports[i] = (uint16_t)(i + 1);
	for (size_t at = 0; at < SOCK_DIAG_PORTS_MAX; at++) {
		_cleanup_sock_diag_ struct sock_diag list = {.most = 1000};

		ports[at] = s[at % 3].port;
		assert_int_equal(sock_diag_read(ports, SOCK_DIAG_PORTS_MAX, &list), 0);
		assert_int_equal(sock_diag_place(&list, NULL, 0), 0);
		assert_true(has(&list, &s[at % 3]));
		assert_int_equal(has(&list, &s[(at + 1) % 3]), at >= 2);
	}
	for (size_t i = 0; i < 3; i++)
		connection_close(&s[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flows_come_from_the_peer),
		cmocka_unit_test(test_no_more_than_most_are_taken),
		cmocka_unit_test(test_refusals_and_bad_parts),
		cmocka_unit_test(test_the_kernel_lists_the_ports_asked_about),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
