/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "server/netlink.h"

struct question {
	struct nlmsghdr header;
	struct rtmsg message;
	uint8_t attributes[2 * (NLA_HDRLEN + 16) + NLA_HDRLEN + 4];
};

static void add(struct question *q, uint16_t type, const void *data, size_t size)
{
	uint8_t *at = (uint8_t *)q + q->header.nlmsg_len;
	struct nlattr attribute = {.nla_len = (uint16_t)(NLA_HDRLEN + size), .nla_type = type};

	memcpy(at, &attribute, sizeof(attribute));
	memcpy(at + NLA_HDRLEN, data, size);
	q->header.nlmsg_len += (uint32_t)(NLA_HDRLEN + size); /* sizes of addresses are aligned */
}

static int take(const struct nlmsghdr *header, void *data)
{
	const struct rtmsg *message = (const void *)(header + 1);
	struct route *ret = data;

	if (header->nlmsg_len < sizeof(*header) + sizeof(*message))
		return -EBADMSG;
	ret->local = message->rtm_type == RTN_LOCAL;
	ret->device = netlink_find_u32(message + 1, header->nlmsg_len - sizeof(*header) - sizeof(*message),
		RTA_OIF);
	return 0;
}

struct route route_find(
	int fd, uint8_t family, const uint8_t *from, const uint8_t *to, uint32_t bound)
{
	size_t size = family == 6 ? 16 : 4;
	struct question q = {
		.header = {.nlmsg_len = offsetof(struct question, attributes),
			.nlmsg_type = RTM_GETROUTE,
			.nlmsg_flags = NLM_F_REQUEST},
		.message = {.rtm_family = family == 6 ? AF_INET6 : AF_INET,
			.rtm_src_len = (uint8_t)(8 * size),
			.rtm_dst_len = (uint8_t)(8 * size)},
	};
	struct route ret = {0};

	add(&q, RTA_DST, to, size);
	add(&q, RTA_SRC, from, size);
	if (bound)
		add(&q, RTA_OIF, &bound, sizeof(bound));
	return netlink_ask(fd, &q.header, RTM_NEWROUTE, take, &ret) ? (struct route){0} : ret;
}
