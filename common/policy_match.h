/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Whether a policy matches a packet, and what of it does not: semantics read off the
 * model, for people. What decides is the packet program; tests hold the two against each other.
 */
#ifndef PEP_COMMON_POLICY_MATCH_H
#define PEP_COMMON_POLICY_MATCH_H

#include "common/policy.h"

#define POLICY_WHY_SIZE 320u

/* A packet as the packet program's parser sees it; ports in host order. */
struct policy_packet {
	uint8_t family; /* 4 or 6 */
	uint8_t proto;  /* the last one reached */
	uint8_t src[16];
	uint8_t dst[16]; /* network order; IPv4 in the first four bytes */
	bool has_ports, has_icmp, has_tcp, has_vlan;
	uint16_t sport, dport;
	uint16_t vlan; /* of the outermost tag */
	uint8_t icmp_type, icmp_code;
	uint8_t tcp_flags;
	bool discovery;        /* neighbour discovery: only policies with an address match it */
	uint16_t flow_percent; /* 0 .. 9999: below a policy's percent the flow is in its share */
	char iface[IFACE_NAME_SIZE]; /* "" = none that has a name */
};

/* Sets, by name; `address` has 4 or 16 bytes. */
struct policy_members {
	bool (*has)(void *data, const char *set, uint8_t family, const uint8_t *address);
	void *data;
};

/*
 * False: `why` says of the first field that differs what it is and what was wanted, as in
 * "dport 22 is not in 80-443". True: `why` is empty. Shadow policies match like any other.
 */
bool policy_match(const struct policy *policy, const struct policy_packet *packet,
	const struct policy_members *members, char why[static POLICY_WHY_SIZE]);

#endif
