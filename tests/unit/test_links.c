/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Messages of interfaces and addresses made by hand, good and bad, and ways over what they tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

#include "server/links.h"

/* --- messages */

struct message {
	_Alignas(struct nlmsghdr) uint8_t bytes[512];
};

static struct nlmsghdr *header_of(struct message *m)
{
	return (void *)m->bytes;
}

static void begin(struct message *m, uint16_t type, const void *body, size_t size)
{
	*m = (struct message){0};
	header_of(m)->nlmsg_type = type;
	memcpy(header_of(m) + 1, body, size);
	header_of(m)->nlmsg_len = (uint32_t)(sizeof(struct nlmsghdr) + NLMSG_ALIGN(size));
}

/* Returns where it stands, for end_nest(). */
static size_t put(struct message *m, uint16_t type, const void *data, size_t size)
{
	size_t at = header_of(m)->nlmsg_len;
	struct nlattr attribute = {.nla_len = (uint16_t)(NLA_HDRLEN + size), .nla_type = type};

	assert_true(at + NLA_HDRLEN + NLA_ALIGN(size) <= sizeof(m->bytes));
	memcpy(&m->bytes[at], &attribute, sizeof(attribute));
	if (size)
		memcpy(&m->bytes[at + NLA_HDRLEN], data, size);
	header_of(m)->nlmsg_len += (uint32_t)(NLA_HDRLEN + NLA_ALIGN(size));
	return at;
}

static void end_nest(struct message *m, size_t at)
{
	((struct nlattr *)(void *)&m->bytes[at])->nla_len = (uint16_t)(header_of(m)->nlmsg_len - at);
}

static void put_u32(struct message *m, uint16_t type, uint32_t value)
{
	if (value)
		put(m, type, &value, sizeof(value));
}

struct row {
	const char *name, *kind;
	uint32_t index, lower, master;
	uint16_t vlan;
	bool elsewhere; /* the interface below is in another namespace */
};

static void put_info(struct message *m, const struct row *row)
{
	size_t info = put(m, IFLA_LINKINFO | NLA_F_NESTED, NULL, 0), data;

	put(m, IFLA_INFO_KIND, row->kind, strlen(row->kind) + 1);
	if (streq(row->kind, "vlan")) {
		uint16_t proto = htons(0x88a8);

		data = put(m, IFLA_INFO_DATA, NULL, 0);
		put(m, IFLA_VLAN_PROTOCOL, &proto, sizeof(proto));
		put(m, IFLA_VLAN_ID, &row->vlan, sizeof(row->vlan));
		end_nest(m, data);
	}
	end_nest(m, info);
}

static void make_link(struct message *m, const struct row *row)
{
	struct ifinfomsg body = {.ifi_index = (int)row->index};

	begin(m, RTM_NEWLINK, &body, sizeof(body));
	put(m, IFLA_IFNAME, row->name, strlen(row->name) + 1);
	put_u32(m, IFLA_LINK, row->lower);
	put_u32(m, IFLA_MASTER, row->master);
	if (row->elsewhere)
		put(m, IFLA_LINK_NETNSID, &(int32_t){0}, sizeof(int32_t));
	if (row->kind)
		put_info(m, row);
}

static void take(struct links *l, const struct row *rows, size_t count, const char *wanted)
{
	struct message m;

	for (size_t i = 0; i < count; i++) {
		make_link(&m, &rows[i]);
		assert_int_equal(links_take(header_of(&m), l), 1);
	}
	links_settle(l, &wanted, 1);
}

/* --- ways */

/* As "eth0 5.7 eth0 6", outermost first. */
static void assert_ways(const struct links *l, uint32_t index, const char *wanted)
{
	struct ways ways = {0};
	char text[256] = "";

	assert_int_equal(links_ways(l, index, &ways), 0);
	for (size_t i = 0; i < ways.count; i++) {
		const struct way *way = &ways.items[i];
		size_t length = strlen(text);

		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s %u", i ? " " : "",
			way->iface, way->vlan[0]);
		if (way->tags > 1)
			snprintf(text + length, sizeof(text) - length, ".%u", way->vlan[1]);
	}
	assert_string_equal(text, wanted);
	free(ways.items);
}

static const struct row tree[] = {
	{"eth0.5.7", "vlan", 9, 8, 0, 7, false},
	{"eth0", NULL, 2, 0, 0, 0, false},
	{"eth0.5", "vlan", 8, 2, 0, 5, false},
	{"eth0.5.7.1", "vlan", 10, 9, 0, 1, false},
	{"mac0", "macvlan", 11, 8, 0, 0, false},
	/* A bridge of a VLAN and of a bond's VLAN, which has two ports. */
	{"br0", "bridge", 20, 0, 0, 0, false},
	{"eth0.6", "vlan", 21, 2, 20, 6, false},
	{"bond0", "bond", 22, 0, 0, 0, false},
	{"eth1", NULL, 3, 0, 22, 0, false},
	{"eth2", NULL, 4, 0, 22, 0, false},
	{"bond0.8", "vlan", 23, 22, 20, 8, false},
	{"br0.9", "vlan", 24, 20, 0, 9, false},
	/* No frames of what is below: the other end, and what a tunnel leaves through. */
	{"veth0", "veth", 30, 8, 0, 0, false},
	{"vxlan0", "vxlan", 31, 8, 0, 0, false},
	{"far.4", "vlan", 32, 2, 0, 4, true},
};

static void test_ways_lead_down_to_who_is_wanted(void **state)
{
	static const struct {
		uint32_t index;
		const char *from_eth0, *from_eth2;
	} rows[] = {
		{2, "", ""},
		{8, "eth0 5", ""},
		{9, "eth0 5.7", ""},
		{10, "", ""}, /* three tags, which nothing lets pass */
		{11, "eth0 5", ""},
		{20, "eth0 6", "eth2 8"},
		{22, "", ""}, /* no tag */
		{23, "", "eth2 8"},
		{24, "eth0 6.9", "eth2 8.9"},
		{30, "", ""},
		{31, "", ""},
		{32, "", ""},
		{99, "", ""}, /* there is none */
		{0, "", ""},
	};
	_cleanup_links_ struct links from_eth0 = {0}, from_eth2 = {0}, from_vlan = {0};

	(void)state;
	take(&from_eth0, tree, ARRAY_SIZE(tree), "eth0");
	take(&from_eth2, tree, ARRAY_SIZE(tree), "eth2");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_ways(&from_eth0, rows[i].index, rows[i].from_eth0);
		assert_ways(&from_eth2, rows[i].index, rows[i].from_eth2);
	}
	take(&from_vlan, tree, ARRAY_SIZE(tree), "eth0.5");
	assert_ways(&from_vlan, 9, "eth0.5 7");
	assert_ways(&from_vlan, 8, "");
	assert_true(from_vlan.has_vlans);
}

/* The kernel allows none, but tells of one interface after another while they change. */
static void test_loops_end(void **state)
{
	static const struct row loops[] = {
		{"a", "macvlan", 1, 2, 0, 0, false},
		{"b", "macvlan", 2, 1, 0, 0, false},
		{"c", "vlan", 3, 3, 0, 5, false},
		{"d", "bridge", 4, 0, 4, 0, false},
		{"e", "vlan", 5, 4, 4, 6, false},
	};
	_cleanup_links_ struct links l = {0};
	struct ways ways = {0};

	(void)state;
	take(&l, loops, ARRAY_SIZE(loops), "d");
	assert_ways(&l, 1, "");
	assert_ways(&l, 3, "");
	assert_int_equal(links_ways(&l, 5, &ways), 0);
	assert_in_range(ways.count, 1, 1u << LINKS_DEEPEST);
	for (size_t i = 0; i < ways.count; i++)
		assert_in_range(ways.items[i].tags, 1, LINKS_TAGS_MAX);
	free(ways.items);
}

/* --- what is wrong */

/* Cut anywhere, a message is refused or tells less, and nothing is read behind its end. */
static void test_cut_links(void **state)
{
	static const struct row row = {"eth0.5", "vlan", 8, 2, 3, 5, false};
	struct message m;
	size_t whole, vlans = 0;

	(void)state;
	make_link(&m, &row);
	whole = header_of(&m)->nlmsg_len;
	for (size_t size = sizeof(struct nlmsghdr); size <= whole; size++) {
		_cleanup_links_ struct links l = {0};
		struct nlmsghdr *copy = malloc(size); /* so that a sanitizer sees its end */
		int r;

		assert_non_null(copy);
		memcpy(copy, m.bytes, size);
		copy->nlmsg_len = (uint32_t)size;
		r = links_take(copy, &l);
		free(copy);
		assert_int_equal(r, size < sizeof(struct nlmsghdr) + sizeof(struct ifinfomsg) + 11 ? -EBADMSG : 1);
		vlans += l.has_vlans;
	}
	assert_int_equal(vlans, 1); /* nothing is cut */
}

static void test_wrong_attributes(void **state)
{
	static const struct row row = {"eth0", NULL, 8, 2, 3, 0, false};
	_cleanup_links_ struct links l = {0};
	struct nlattr *name;
	struct message m;

	(void)state;
	make_link(&m, &row);
	name = (void *)(m.bytes + sizeof(struct nlmsghdr) + sizeof(struct ifinfomsg));
	for (uint16_t length = 0; length <= NLA_HDRLEN; length++) {
		name->nla_len = length;
		assert_int_equal(links_take(header_of(&m), &l), -EBADMSG);
	}
	name->nla_len = UINT16_MAX;
	assert_int_equal(links_take(header_of(&m), &l), -EBADMSG);
	make_link(&m, &row);
	((struct ifinfomsg *)(header_of(&m) + 1))->ifi_index = -1;
	assert_int_equal(links_take(header_of(&m), &l), -EBADMSG);
	assert_int_equal(l.count, 0);
}

/* --- addresses */

static int take_address(struct links *l, uint8_t family, uint32_t index, const char *local,
	const char *address, size_t size)
{
	struct ifaddrmsg body = {.ifa_family = family, .ifa_index = index};
	uint8_t bytes[16];
	struct message m;

	begin(&m, RTM_NEWADDR, &body, sizeof(body));
	if (address) {
		assert_int_equal(inet_pton(family, address, bytes), 1);
		put(&m, IFA_ADDRESS, bytes, size);
	}
	if (local) {
		assert_int_equal(inet_pton(family, local, bytes), 1);
		put(&m, IFA_LOCAL, bytes, size);
	}
	return links_take_address(header_of(&m), l);
}

static size_t find(const struct links *l, size_t at, const char *text)
{
	uint8_t family = strchr(text, ':') ? 6 : 4, bytes[16];

	assert_int_equal(inet_pton(family == 6 ? AF_INET6 : AF_INET, text, bytes), 1);
	return links_address(l, at, family, bytes);
}

static void test_addresses(void **state)
{
	_cleanup_links_ struct links l = {0};

	(void)state;
	assert_int_equal(take_address(&l, AF_INET, 2, "10.0.0.1", "10.0.0.1", 4), 1);
	assert_int_equal(take_address(&l, AF_INET, 3, "10.0.0.2", "10.0.0.9", 4), 1); /* and its peer */
	assert_int_equal(take_address(&l, AF_INET6, 2, NULL, "fe80::1", 16), 1);
	assert_int_equal(take_address(&l, AF_INET6, 3, NULL, "fe80::1", 16), 1);
	assert_int_equal(take_address(&l, AF_INET6, 3, NULL, NULL, 16), -EBADMSG);
	assert_int_equal(take_address(&l, AF_INET6, 3, NULL, "fe80::1", 15), -EBADMSG);
	assert_int_equal(l.address_count, 4);
	assert_int_equal(find(&l, 0, "10.0.0.2"), 1);
	assert_int_equal(find(&l, 0, "10.0.0.9"), 4);
	assert_int_equal(find(&l, 0, "a00:1::"), 4); /* the bytes of the first */
	assert_int_equal(find(&l, 0, "fe80::1"), 2);
	assert_int_equal(find(&l, 3, "fe80::1"), 3);
	assert_int_equal(find(&l, 4, "fe80::1"), 4);
}

static void test_the_kernel_tells_of_lo(void **state)
{
	_cleanup_links_ struct links l = {0};
	size_t at;

	(void)state;
	assert_int_equal(links_read(&l, &(const char *){"lo"}, 1), 0);
	at = find(&l, 0, "127.0.0.1");
	assert_true(at < l.address_count);
	assert_int_equal(l.addresses[at].index, if_nametoindex("lo"));
	assert_string_equal(l.items[0].name, "lo");
	assert_true(l.items[0].wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ways_lead_down_to_who_is_wanted),
		cmocka_unit_test(test_loops_end),
		cmocka_unit_test(test_cut_links),
		cmocka_unit_test(test_wrong_attributes),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_the_kernel_tells_of_lo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
