/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/veth.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "server/netlink.h"

#define NO_NSID (-1) /* of the own namespace; and what the kernel says of one that it gives no number */

struct answer {
	bool is_veth;
	bool elsewhere;
	int32_t nsid; /* of the other end's namespace, with elsewhere */
	uint32_t peer; /* its index there */
	uint8_t xdp;   /* XDP_ATTACHED_* */
};

static int take(const struct nlmsghdr *header, void *data)
{
	const uint8_t *at = (const uint8_t *)(header + 1) + sizeof(struct ifinfomsg);
	struct answer *ret = data;
	const void *nested, *value;
	size_t size, length;

	if (header->nlmsg_len < sizeof(*header) + sizeof(struct ifinfomsg))
		return 0;
	size = header->nlmsg_len - sizeof(*header) - sizeof(struct ifinfomsg);
	nested = netlink_find(at, size, IFLA_LINKINFO, 0, &length);
	value = nested ? netlink_find(nested, length, IFLA_INFO_KIND, sizeof("veth"), &length) : NULL;
	ret->is_veth = value && !memcmp(value, "veth", sizeof("veth"));
	ret->peer = netlink_find_u32(at, size, IFLA_LINK);
	value = netlink_find(at, size, IFLA_LINK_NETNSID, sizeof(ret->nsid), &length);
	ret->elsewhere = value;
	if (value)
		memcpy(&ret->nsid, value, sizeof(ret->nsid));
	nested = netlink_find(at, size, IFLA_XDP, 0, &length);
	value = nested ? netlink_find(nested, length, IFLA_XDP_ATTACHED, 1, &length) : NULL;
	ret->xdp = value ? *(const uint8_t *)value : XDP_ATTACHED_NONE;
	return 0;
}

static int ask(int fd, uint32_t index, int32_t nsid, struct answer *ret)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg message;
		struct nlattr attribute;
		int32_t nsid;
	} request = {
		.header = {.nlmsg_len = nsid == NO_NSID ? offsetof(__typeof__(request), attribute)
							: sizeof(request),
			.nlmsg_type = RTM_GETLINK,
			.nlmsg_flags = NLM_F_REQUEST},
		.message = {.ifi_index = (int)index},
		.attribute = {.nla_len = NLA_HDRLEN + sizeof(nsid), .nla_type = IFLA_TARGET_NETNSID},
		.nsid = nsid,
	};

	*ret = (struct answer){0};
	return netlink_ask(fd, &request.header, RTM_NEWLINK, take, ret);
}

enum veth_end veth_end_of(const char *name)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	uint32_t index = if_nametoindex(name);
	struct answer here, there;

	if (fd < 0 || !index || ask(fd, index, NO_NSID, &here) || !here.is_veth)
		return VETH_NONE;
	if (!here.peer || (here.elsewhere && here.nsid == NO_NSID) ||
		ask(fd, here.peer, here.elsewhere ? here.nsid : NO_NSID, &there) || !there.is_veth)
		return VETH_UNKNOWN;
	return there.xdp == XDP_ATTACHED_DRV || there.xdp == XDP_ATTACHED_MULTI ? VETH_PROGRAM
										: VETH_PLAIN;
}
