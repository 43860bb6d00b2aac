/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The interfaces of this network namespace, how they lie on one another, and whose the host's
 * addresses are (rtnetlink(7)): what is sent to an address comes up to its interface through those
 * below, and has at each the VLAN tags of those above.
 */
#ifndef PEP_SERVER_LINKS_H
#define PEP_SERVER_LINKS_H

#include <net/if.h>

#include "server/netlink.h"

#define LINKS_DEEPEST 8u  /* levels that the kernel allows (MAX_NEST_DEV) */
#define LINKS_TAGS_MAX 2u /* with more, the packet program lets nothing pass */

struct link {
	uint32_t index;
	uint32_t lower;  /* whose frames it takes, 0 = none */
	uint32_t master; /* the bridge, bond, team or VRF that it is a port of, 0 = none */
	bool is_vlan;    /* it takes those with the tag `vlan`, and takes that off */
	uint16_t vlan;
	bool wanted, has_ports; /* set by links_settle() */
	char name[IF_NAMESIZE];
};

struct link_address {
	uint32_t index; /* of its interface */
	uint8_t family; /* 4 or 6 */
	uint8_t bytes[16];
};

struct links {
	struct link *items; /* owned; by index once settled */
	struct link_address *addresses; /* owned */
	size_t count, room, address_count, address_room;
	bool has_vlans;
};
#define _cleanup_links_ _cleanup_(links_deinit)
void links_deinit(struct links *l);

/* How packets come to a wanted interface. IDs as policies have them: which of 802.1Q and 802.1ad a
 * tag is of makes no difference to the packet program. */
struct way {
	char iface[IF_NAMESIZE];
	uint16_t vlan[LINKS_TAGS_MAX]; /* outermost first */
	uint8_t tags;                  /* 1 .. LINKS_TAGS_MAX */
};

struct ways {
	struct way *items; /* owned */
	size_t count, room;
};

/* Reads all and settles. 0 or -errno. */
int links_read(struct links *l, const char *const *wanted, size_t wanted_count);

/* Take a message RTM_NEWLINK, or RTM_NEWADDR, into the struct links. 1, -EBADMSG or -ENOMEM. */
int links_take(const struct nlmsghdr *header, void *links);
int links_take_address(const struct nlmsghdr *header, void *links);

/* After the last was taken. Those of the names are wanted. */
void links_settle(struct links *l, const char *const *wanted, size_t wanted_count);

/* The place of the next that is this address (of 4 or 16 bytes), from `at` on; address_count = none. */
size_t links_address(const struct links *l, size_t at, uint8_t family, const uint8_t *address);

/* Appends the ways with tags from wanted interfaces up to this one. 0 or -ENOMEM. */
int links_ways(const struct links *l, uint32_t index, struct ways *ret);

#endif
