/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/links.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "common/array.h"

#define ATTEMPTS 5u /* while interfaces come and go */

void links_deinit(struct links *l)
{
	free(l->items);
	free(l->addresses);
	*l = (struct links){0};
}

/* --- messages */

/* Bytes behind the message's own header, -EBADMSG = it is cut. */
static int attributes_of(const struct nlmsghdr *header, size_t own, const void **ret)
{
	size_t head = sizeof(*header) + NLMSG_ALIGN(own);

	*ret = (const uint8_t *)header + head;
	return header->nlmsg_len < head ? -EBADMSG : (int)(header->nlmsg_len - head);
}

/*
 * What has an interface below that it takes frames from as they are. Of others IFLA_LINK is the
 * other end, or what a tunnel's packets leave through; of one in another namespace, its index there.
 */
static bool takes_frames(const char *kind, size_t size)
{
	static const char *const kinds[] = {"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap"};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strnlen(kind, size) == strlen(kinds[i]) && !memcmp(kind, kinds[i], strlen(kinds[i])))
			return true;
	return false;
}

static void read_info(const void *attributes, size_t size, struct link *ret)
{
	size_t info_size, kind_size, data_size, id_size;
	const void *info = netlink_find(attributes, size, IFLA_LINKINFO, 0, &info_size);
	const char *kind = info ? netlink_find(info, info_size, IFLA_INFO_KIND, 1, &kind_size) : NULL;
	const void *data = info ? netlink_find(info, info_size, IFLA_INFO_DATA, 0, &data_size) : NULL;
	const void *id = data ? netlink_find(data, data_size, IFLA_VLAN_ID, sizeof(ret->vlan), &id_size)
			      : NULL;

	if (!kind || !takes_frames(kind, kind_size) ||
		netlink_find(attributes, size, IFLA_LINK_NETNSID, 0, &id_size))
		return;
	ret->lower = netlink_find_u32(attributes, size, IFLA_LINK);
	ret->is_vlan = id && *kind == 'v';
	if (ret->is_vlan)
		memcpy(&ret->vlan, id, sizeof(ret->vlan));
}

int links_take(const struct nlmsghdr *header, void *links)
{
	const struct ifinfomsg *m = (const void *)(header + 1);
	const void *attributes;
	int size = attributes_of(header, sizeof(*m), &attributes);
	struct links *l = links;
	struct link link = {0};
	size_t length = 0;
	const char *name;

	if (size < 0)
		return size;
	name = netlink_find(attributes, (size_t)size, IFLA_IFNAME, 1, &length);
	if (!name || m->ifi_index <= 0)
		return -EBADMSG;
	link.index = (uint32_t)m->ifi_index;
	link.master = netlink_find_u32(attributes, (size_t)size, IFLA_MASTER);
	memcpy(link.name, name, MIN(length, sizeof(link.name) - 1));
	read_info(attributes, (size_t)size, &link);
	if (array_grow(&l->items, &l->room, l->count, sizeof(link)))
		return -ENOMEM;
	l->has_vlans |= link.is_vlan;
	l->items[l->count++] = link;
	return 1;
}

/* The own address of a point-to-point interface is IFA_LOCAL; IPv6 has only IFA_ADDRESS elsewhere. */
int links_take_address(const struct nlmsghdr *header, void *links)
{
	const struct ifaddrmsg *m = (const void *)(header + 1);
	const void *attributes, *own;
	int size = attributes_of(header, sizeof(*m), &attributes);
	struct link_address address = {0};
	struct links *l = links;
	size_t length, least;

	if (size < 0)
		return size;
	if (m->ifa_family != AF_INET && m->ifa_family != AF_INET6)
		return 1;
	least = m->ifa_family == AF_INET ? 4 : 16;
	own = netlink_find(attributes, (size_t)size, IFA_LOCAL, least, &length);
	if (!own)
		own = netlink_find(attributes, (size_t)size, IFA_ADDRESS, least, &length);
	if (!own)
		return -EBADMSG;
	address.index = m->ifa_index;
	address.family = least == 4 ? 4 : 6;
	memcpy(address.bytes, own, least);
	if (array_grow(&l->addresses, &l->address_room, l->address_count, sizeof(address)))
		return -ENOMEM;
	l->addresses[l->address_count++] = address;
	return 1;
}

/* --- all of them */

static int compare(const void *a, const void *b)
{
	uint32_t x = ((const struct link *)a)->index, y = ((const struct link *)b)->index;

	return (x > y) - (x < y);
}

static struct link *find(const struct links *l, uint32_t index)
{
	struct link key = {.index = index};

	return index && l->count ? bsearch(&key, l->items, l->count, sizeof(key), compare) : NULL;
}

void links_settle(struct links *l, const char *const *wanted, size_t wanted_count)
{
	if (l->count)
		qsort(l->items, l->count, sizeof(*l->items), compare);
	for (size_t i = 0; i < l->count; i++) {
		struct link *master = find(l, l->items[i].master);

		if (master)
			master->has_ports = true;
		for (size_t at = 0; at < wanted_count; at++)
			l->items[i].wanted |= streq(l->items[i].name, wanted[at]);
	}
}

static int read_links(int fd, struct links *l)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg message;
		struct nlattr attribute;
		uint32_t mask;
	} request = {
		.header = {.nlmsg_len = sizeof(request),
			.nlmsg_type = RTM_GETLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.attribute = {.nla_len = NLA_HDRLEN + sizeof(request.mask), .nla_type = IFLA_EXT_MASK},
		.mask = RTEXT_FILTER_SKIP_STATS,
	};

	return netlink_ask(fd, &request.header, RTM_NEWLINK, links_take, l);
}

static int read_addresses(int fd, struct links *l)
{
	struct {
		struct nlmsghdr header;
		struct ifaddrmsg message;
	} request = {
		.header = {.nlmsg_len = sizeof(request),
			.nlmsg_type = RTM_GETADDR,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
	};

	return netlink_ask(fd, &request.header, RTM_NEWADDR, links_take_address, l);
}

static int read_once(struct links *l)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int r = fd < 0 ? -errno : read_links(fd, l);

	return r ? r : read_addresses(fd, l);
}

int links_read(struct links *l, const char *const *wanted, size_t wanted_count)
{
	int r = -EAGAIN;

	for (size_t i = 0; r == -EAGAIN && i < ATTEMPTS; i++) {
		links_deinit(l);
		r = read_once(l);
	}
	if (!r)
		links_settle(l, wanted, wanted_count);
	return r;
}

/* --- what they tell */

size_t links_address(const struct links *l, size_t at, uint8_t family, const uint8_t *address)
{
	const struct link_address *a = l->addresses;

	while (at < l->address_count &&
		(a[at].family != family || memcmp(a[at].bytes, address, family == 4 ? 4 : 16) != 0))
		at++;
	return at;
}

/* The tag of an interface below is outside. */
static struct way tagged(struct way way, uint16_t vlan)
{
	way.vlan[1] = way.vlan[0];
	way.vlan[0] = vlan;
	way.tags++;
	return way;
}

static int add_way(struct ways *ret, struct way way, const struct link *at)
{
	if (array_grow(&ret->items, &ret->room, ret->count, sizeof(way)))
		return -ENOMEM;
	memcpy(way.iface, at->name, sizeof(way.iface));
	ret->items[ret->count++] = way;
	return 0;
}

/* `way`: what packets have that come up to here. */
static int follow(const struct links *l, const struct link *at, struct way way, unsigned int deep,
	struct ways *ret)
{
	const struct link *lower = find(l, at->lower);
	int r = at->wanted && way.tags ? add_way(ret, way, at) : 0;

	if (r || deep == LINKS_DEEPEST)
		return r;
	if (lower && !at->is_vlan)
		r = follow(l, lower, way, deep + 1, ret);
	else if (lower && way.tags < LINKS_TAGS_MAX)
		r = follow(l, lower, tagged(way, at->vlan), deep + 1, ret);
	for (size_t i = 0; !r && at->has_ports && i < l->count; i++)
		if (l->items[i].master == at->index)
			r = follow(l, &l->items[i], way, deep + 1, ret);
	return r;
}

int links_ways(const struct links *l, uint32_t index, struct ways *ret)
{
	const struct link *at = find(l, index);

	return at ? follow(l, at, (struct way){0}, 0, ret) : 0;
}
