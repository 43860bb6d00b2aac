/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "common/flow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <stdio.h>

#include "common/policy.h"
#include "common/text.h"

#define VLAN_MAX 4094u

/* --- the bytes */

static uint8_t *put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

static uint8_t *put_ethernet(const struct flow *flow, uint8_t *at)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}; /* of nobody */

	memcpy(at, macs, sizeof(macs));
	at += sizeof(macs);
	if (flow->has_vlan)
		at = put16(put16(at, 0x8100), flow->vlan);
	if (flow->has_inner)
		at = put16(put16(at, 0x8100), flow->inner);
	return put16(at, flow->family == 6 ? 0x86dd : 0x0800);
}

/* Nobody looks at a checksum: the program does not, and no one else sees the frame. */
static uint8_t *put_ip4(const struct flow *flow, uint32_t length, uint8_t *at)
{
	at[0] = 0x45;
	put16(&at[2], length);
	at[8] = 64;
	at[9] = flow->proto;
	memcpy(&at[12], flow->src, 4);
	memcpy(&at[16], flow->dst, 4);
	return at + 20;
}

/* Neighbour discovery is only that with the hop limit that it is sent with (RFC 4861). */
static uint8_t *put_ip6(const struct flow *flow, uint32_t length, uint8_t *at)
{
	bool discovery = flow->proto == IPPROTO_ICMPV6 && flow->icmp_type >= ND_ROUTER_SOLICIT &&
			 flow->icmp_type <= ND_REDIRECT;

	at[0] = 0x60;
	put16(&at[4], length - 40);
	at[6] = flow->proto;
	at[7] = discovery ? 255 : 64;
	memcpy(&at[8], flow->src, 16);
	memcpy(&at[24], flow->dst, 16);
	return at + 40;
}

static bool is_icmp(uint8_t proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

static uint32_t transport_size(uint8_t proto)
{
	if (proto == IPPROTO_TCP)
		return 20;
	if (proto == IPPROTO_UDP || proto == IPPROTO_UDPLITE || is_icmp(proto))
		return 8;
	return proto_has_ports(proto) ? 12 : 0; /* SCTP, DCCP */
}

static void put_transport(const struct flow *flow, uint32_t size, uint8_t *at)
{
	if (is_icmp(flow->proto)) {
		at[0] = flow->icmp_type;
		at[1] = flow->icmp_code;
	}
	if (!proto_has_ports(flow->proto))
		return;
	put16(put16(at, flow->sport), flow->dport);
	if (flow->proto == IPPROTO_TCP) {
		at[12] = 5 << 4;
		at[13] = flow->tcp_flags;
	} else if (flow->proto == IPPROTO_UDP || flow->proto == IPPROTO_UDPLITE) {
		put16(&at[4], size);
	}
}

size_t flow_build(const struct flow *flow, uint8_t frame[static FLOW_BYTES_MAX])
{
	uint32_t head = 14 + (flow->has_vlan ? 4 : 0) + (flow->has_inner ? 4 : 0), ip = flow->family == 6 ? 40 : 20;
	uint32_t least = ip + transport_size(flow->proto);
	uint32_t length = flow->length ? flow->length : least;
	uint8_t *at;

	if (length < least || length > FLOW_BYTES_MAX - head)
		return 0;
	memset(frame, 0, FLOW_BYTES_MAX);
	at = put_ethernet(flow, frame);
	at = flow->family == 6 ? put_ip6(flow, length, at) : put_ip4(flow, length, at);
	put_transport(flow, length - ip, at);
	return head + length;
}

bool flow_is_extension(const struct flow *flow)
{
	static const uint8_t protos[] = {
		IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT, IPPROTO_AH, IPPROTO_DSTOPTS};

	return flow->family == 6 && memchr(protos, flow->proto, sizeof(protos));
}

/* --- the message */

struct reading {
	const Pepctl__V1__Flow *message;
	const char *path;
	struct error *err;
	bool failed;
};

PRINTF_LIKE(3, 4)
static void wrong(struct reading *r, const char *field, const char *fmt, ...)
{
	char path[96], what[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	snprintf(path, sizeof(path), "%s.%s", r->path, field);
	error_violation(r->err, path, "%s", what);
	r->failed = true;
}

/* The family, 0 = there is none. */
static uint8_t read_address(struct reading *r, const char *field, const char *text, uint8_t *ret)
{
	struct policy_address address;
	char message[160];

	if (!*text)
		return 0;
	if (text_parse_prefix(text, &address, message) < 0) {
		wrong(r, field, "%s", message);
		return 0;
	}
	if (address.length != (address.family == 4 ? 32 : 128)) {
		wrong(r, field, "\"%.80s\" is a prefix, and a packet has one address", text);
		return 0;
	}
	memcpy(ret, address.bytes, 16);
	return address.family;
}

static void read_addresses(struct reading *r, struct flow *ret)
{
	uint8_t src = read_address(r, "src", r->message->src, ret->src);
	uint8_t dst = read_address(r, "dst", r->message->dst, ret->dst);

	if (src && dst && src != dst)
		wrong(r, "dst", "%s is IPv%u, and src %s is IPv%u", r->message->dst, dst,
			r->message->src, src);
	ret->family = MAX(4, MAX(src, dst));
}

static uint32_t limited(struct reading *r, const char *field, uint32_t value, uint32_t maximum)
{
	if (value > maximum)
		wrong(r, field, "%u is not in 0 .. %u", value, maximum);
	return MIN(value, maximum);
}

static void read_proto(struct reading *r, struct flow *ret)
{
	const Pepctl__V1__Flow *m = r->message;

	if (m->proto_present_case)
		ret->proto = (uint8_t)limited(r, "proto", m->proto, UINT8_MAX);
	else if (m->icmp_type)
		ret->proto = ret->family == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	else
		ret->proto = IPPROTO_TCP;
	if (flow_is_extension(ret))
		wrong(r, "proto",
			"%u is an extension header with IPv6; give the frame to ask about one",
			ret->proto);
}

static void read_ports(struct reading *r, struct flow *ret)
{
	const Pepctl__V1__Flow *m = r->message;
	bool has = proto_has_ports(ret->proto);

	if (!has && (m->sport || m->dport))
		wrong(r, m->dport ? "dport" : "sport", "proto %u has no ports", ret->proto);
	ret->sport = (uint16_t)limited(r, "sport", m->sport, UINT16_MAX);
	ret->dport = (uint16_t)limited(r, "dport", m->dport, UINT16_MAX);
	if (has && !ret->sport)
		ret->sport = FLOW_SPORT;
}

static void read_icmp(struct reading *r, struct flow *ret)
{
	const Pepctl__V1__IcmpType *m = r->message->icmp_type;

	ret->icmp_type = ret->proto == IPPROTO_ICMPV6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
	if (!m)
		return;
	if (!is_icmp(ret->proto))
		wrong(r, "icmp_type", "proto %u is neither icmp nor icmpv6", ret->proto);
	ret->icmp_type = (uint8_t)limited(r, "icmp_type.type", m->type, UINT8_MAX);
	ret->icmp_code = (uint8_t)limited(r, "icmp_type.code", m->code, UINT8_MAX);
}

static void read_rest(struct reading *r, struct flow *ret)
{
	const Pepctl__V1__Flow *m = r->message;
	uint8_t frame[FLOW_BYTES_MAX];

	ret->tcp_flags = TH_SYN;
	if (m->tcp_flags_present_case) {
		if (ret->proto != IPPROTO_TCP)
			wrong(r, "tcp_flags", "proto %u is not tcp", ret->proto);
		ret->tcp_flags = (uint8_t)limited(r, "tcp_flags", m->tcp_flags, UINT8_MAX);
	}
	ret->has_vlan = m->vlan_present_case;
	if (ret->has_vlan)
		ret->vlan = (uint16_t)limited(r, "vlan", m->vlan, VLAN_MAX);
	ret->length = m->length;
	if (!flow_build(ret, frame))
		wrong(r, "length",
			"%u is shorter than the packet's headers, or the frame is longer than %u",
			m->length, FLOW_BYTES_MAX);
}

int flow_from_proto(
	const Pepctl__V1__Flow *message, const char *path, struct flow *ret, struct error *err)
{
	struct reading r = {.message = message, .path = path, .err = err};

	*ret = (struct flow){0};
	read_addresses(&r, ret);
	read_proto(&r, ret);
	read_ports(&r, ret);
	read_icmp(&r, ret);
	read_rest(&r, ret);
	return r.failed ? -EINVAL : 0;
}
