/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A packet by its fields, and the smallest sound frame that has them: what a question can be asked
 * about. */
#ifndef PEP_COMMON_FLOW_H
#define PEP_COMMON_FLOW_H

#include "common/error.h"
#include "pepctl.pb-c.h"

#define FLOW_BYTES_MIN 14u   /* bytes that a test run of the packet program takes: */
#define FLOW_BYTES_MAX 3520u /* what is linear in a page */
#define FLOW_SPORT                                                                                 \
	49152u /* when none is given: the first of those that clients choose (RFC 6335) */

/* Addresses in network order, the rest in host order. */
struct flow {
	uint8_t family; /* 4 or 6 */
	uint8_t src[16];
	uint8_t dst[16];
	uint8_t proto;
	uint16_t sport, dport; /* of protocols that have ports */
	bool has_vlan, has_inner; /* a tag, and another behind it */
	uint16_t vlan, inner;
	uint8_t icmp_type, icmp_code; /* of ICMP and ICMPv6 */
	uint8_t tcp_flags;
	uint32_t length; /* of the IP packet; 0 = the shortest */
};

/*
 * What is absent gets its default: IPv4, the address of no host, tcp (icmp with an icmp_type),
 * FLOW_SPORT, an echo request, syn. Every contradiction is a violation of `path`.FIELD. 0 or
 * -EINVAL.
 */
int flow_from_proto(
	const Pepctl__V1__Flow *message, const char *path, struct flow *ret, struct error *err);

/* Bytes of the frame. Zero: the length is shorter than its headers, or longer than a frame may be.
 */
size_t flow_build(const struct flow *flow, uint8_t frame[static FLOW_BYTES_MAX]);

/* The protocol is the name of an IPv6 extension header, of which the builder makes none. */
bool flow_is_extension(const struct flow *flow);

#endif
