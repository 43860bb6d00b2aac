/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Frame → struct pep_packet. Compiled for the kernel and, unchanged, for user
 * space, where tests and the fuzzer run the code that decides on packets.
 *
 * What was parsed before an error still counts: the caller finds in the struct
 * every field that could be read, and the first error. Only "headers" (more
 * tags or extension headers than are followed) replaces an earlier error,
 * because it alone is always dropped.
 *
 * What a header must be long enough for is what the Linux stack requires of
 * it: a frame is malformed here when the stack would discard it.
 */
#ifndef PEP_BPF_PARSE_H
#define PEP_BPF_PARSE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "frame.h"

#define PEP_PROTO_UDPLITE  136 /* <linux/in.h> and <linux/in6.h> cannot both be relied on */
#define PEP_PROTO_SCTP     132
#define PEP_PROTO_DCCP     33
#define PEP_PROTO_ICMPV6   58
#define PEP_PROTO_HOPOPTS  0
#define PEP_PROTO_ROUTING  43
#define PEP_PROTO_FRAGMENT 44
#define PEP_PROTO_AH       51
#define PEP_PROTO_DSTOPTS  60

#define PEP_IPV4_OFFSET_MASK 0x1fffu /* RFC 791, in units of 8 bytes */
#define PEP_IPV6_OFFSET_MASK 0xfff8u /* RFC 8200, in bytes */
#define PEP_IPV4_LENGTH_MAX  0xffffu

#define PEP_TCP_SIZE  20u
#define PEP_UDP_SIZE  8u
#define PEP_SCTP_SIZE 12u
#define PEP_DCCP_SIZE 12u
#define PEP_ICMP_SIZE 8u

struct pep_vlan_tag {
	__be16 tci;
	__be16 ethertype;
};

/* The common part of hop-by-hop, routing, destination options, fragment and AH. */
struct pep_extension {
	__u8 next;
	__u8 length; /* 8-byte units without the first; AH: 4-byte units without two; fragment:
			unused */
	__be16 fragment_offset;
	__be32 rest;
};

struct pep_tcp {
	__be16 sport;
	__be16 dport;
	__be32 seq;
	__be32 ack;
	__u8 data_offset; /* upper four bits, in 4-byte units */
	__u8 flags;
	__be16 window;
	__be16 checksum;
	__be16 urgent;
};

struct pep_ports {
	__be16 sport;
	__be16 dport;
	__be16 length; /* UDP only */
};

struct pep_icmp {
	__u8 type;
	__u8 code;
};

PEP_INLINE int pep_is_vlan(__be16 ethertype)
{
	return ethertype == PEP_BE16(ETH_P_8021Q) || ethertype == PEP_BE16(ETH_P_8021AD);
}

/* Sets where the next header begins and what it is, beyond all tags. */
PEP_INLINE enum pep_parse_error pep_parse_ethernet(
	struct pep_frame *frame, struct pep_packet *packet, __u32 *ret_at, __be16 *ret_ethertype)
{
	const struct ethhdr *ethernet = pep_frame_at(frame, 0, sizeof(*ethernet));
	const struct pep_vlan_tag *tag;
	__be16 ethertype;
	__u32 at = sizeof(*ethernet);
	int tags;

	if (!ethernet)
		return PEP_PARSE_ETH_SHORT;
	ethertype = ethernet->h_proto;
	for (tags = 0; tags < PEP_VLAN_TAGS_MAX && pep_is_vlan(ethertype); tags++) {
		tag = pep_frame_at(frame, at, sizeof(*tag));
		if (!tag)
			return PEP_PARSE_VLAN_SHORT;
		if (!tags)
			packet->vlan = PEP_BE16(tag->tci) & 0xfff;
		ethertype = tag->ethertype;
		at += sizeof(*tag);
	}
	if (pep_is_vlan(ethertype))
		return PEP_PARSE_HEADERS;
	*ret_at = at;
	*ret_ethertype = ethertype;
	return PEP_PARSE_OK;
}

/* Bounds the frame to the IP packet of the given length that begins at the offset. */
PEP_INLINE enum pep_parse_error pep_parse_length(
	struct pep_frame *frame, struct pep_packet *packet, __u32 at, __u32 length)
{
	if (pep_frame_has(frame, at + length)) {
		packet->ip_length = length;
		pep_frame_bound(frame, at + length);
		return PEP_PARSE_OK;
	}
	packet->ip_length = frame->length - at;
	return PEP_PARSE_IP_LENGTH;
}

/* *ret_at becomes the transport header's offset, or 0 when none is to be read. */
PEP_INLINE enum pep_parse_error pep_parse_ipv4(
	struct pep_frame *frame, struct pep_packet *packet, __u32 at, __u32 *ret_at)
{
	const struct iphdr *ip = pep_frame_at(frame, at, sizeof(*ip));
	__u32 header;
	__u32 length;

	if (!ip)
		return PEP_PARSE_IP_SHORT;
	if (ip->version != 4)
		return PEP_PARSE_IP_VERSION;
	packet->family = 4;
	packet->proto = ip->protocol;
	packet->src[0] = ip->saddr;
	packet->dst[0] = ip->daddr;
	packet->fragment = (ip->frag_off & PEP_BE16(PEP_IPV4_OFFSET_MASK)) != 0;
	header = ip->ihl * 4u;
	length = PEP_BE16(ip->tot_len);
	/* Coalesced buffers of "BIG TCP" say 0 for what 16 bits cannot hold. */
	if (!length && pep_frame_has(frame, at + PEP_IPV4_LENGTH_MAX + 1))
		length = pep_source_length(frame->source) - at;
	if (header < sizeof(*ip) || !pep_frame_has(frame, at + header) || length < header) {
		packet->ip_length = pep_source_length(frame->source) - at;
		return header < sizeof(*ip) ? PEP_PARSE_IP_IHL
		       : length < header    ? PEP_PARSE_IP_LENGTH
					    : PEP_PARSE_IP_SHORT;
	}
	*ret_at = packet->fragment ? 0 : at + header;
	return pep_parse_length(frame, packet, at, length);
}

PEP_INLINE int pep_is_extension(__u8 proto)
{
	return proto == PEP_PROTO_HOPOPTS || proto == PEP_PROTO_ROUTING ||
	       proto == PEP_PROTO_FRAGMENT || proto == PEP_PROTO_AH || proto == PEP_PROTO_DSTOPTS;
}

PEP_INLINE __u32 pep_extension_size(__u8 proto, __u8 length)
{
	if (proto == PEP_PROTO_FRAGMENT)
		return sizeof(struct pep_extension);
	if (proto == PEP_PROTO_AH)
		return (length + 2u) * 4;
	return (length + 1u) * 8;
}

/* Steps over the extension header at *at. */
PEP_INLINE enum pep_parse_error pep_parse_extension(
	pep_source *source, struct pep_packet *packet, __u32 *at, __u32 end)
{
	union {
		__u64 word;
		struct pep_extension header;
	} extension;
	__u8 proto = packet->proto;

	if (*at + sizeof(extension) > end || pep_source_word(source, *at, &extension.word))
		return PEP_PARSE_EXT_SHORT;
	if (proto == PEP_PROTO_FRAGMENT &&
		(extension.header.fragment_offset & PEP_BE16(PEP_IPV6_OFFSET_MASK)))
		packet->fragment = 1;
	*at += pep_extension_size(proto, extension.header.length);
	packet->proto = extension.header.next;
	return *at > end && !packet->fragment ? PEP_PARSE_EXT_SHORT : PEP_PARSE_OK;
}

/*
 * Follows the rest of a chain from the offset, packet->proto being its next
 * header and the second of the chain. Returns the transport header's offset, or
 * a negative enum pep_parse_error.
 */
PEP_GLOBAL int pep_parse_extensions(
	pep_source *source, struct pep_packet *packet, __u32 at, __u32 end)
{
	enum pep_parse_error error;
	int count;

	if (!packet)
		return 0;
	for (count = 1; count < PEP_EXT_HEADERS_MAX && pep_is_extension(packet->proto); count++) {
		error = pep_parse_extension(source, packet, &at, end);
		if (error)
			return -(int)error;
		if (packet->fragment)
			return (int)at;
	}
	return pep_is_extension(packet->proto) ? -PEP_PARSE_HEADERS : (int)at;
}

/*
 * Follows a chain: the first header here, since few packets have more, the others
 * in a function that is verified apart. *at becomes the transport header's offset.
 */
PEP_INLINE enum pep_parse_error pep_parse_chain(
	struct pep_frame *frame, struct pep_packet *packet, __u32 *at)
{
	enum pep_parse_error error = pep_parse_extension(frame->source, packet, at, frame->end);
	int chain;

	packet->hop_limit = 0;
	if (error || packet->fragment || !pep_is_extension(packet->proto))
		return error;
	chain = pep_parse_extensions(frame->source, packet, *at, frame->end);
	if (chain < 0)
		return (enum pep_parse_error) - chain;
	*at = (__u32)chain;
	return PEP_PARSE_OK;
}

/* As pep_parse_ipv4; follows the extension headers as well. */
PEP_INLINE enum pep_parse_error pep_parse_ipv6(
	struct pep_frame *frame, struct pep_packet *packet, __u32 at, __u32 *ret_at)
{
	const struct ipv6hdr *ip = pep_frame_at(frame, at, sizeof(*ip));
	enum pep_parse_error error;
	enum pep_parse_error chain = PEP_PARSE_OK;
	__u32 length;

	if (!ip)
		return PEP_PARSE_IP_SHORT;
	if (ip->version != 6)
		return PEP_PARSE_IP_VERSION;
	packet->family = 6;
	packet->proto = ip->nexthdr;
	packet->hop_limit = ip->hop_limit;
	__builtin_memcpy(packet->src, &ip->saddr, sizeof(packet->src));
	__builtin_memcpy(packet->dst, &ip->daddr, sizeof(packet->dst));
	length = PEP_BE16(ip->payload_len) + (__u32)sizeof(*ip);
	/* A jumbogram (RFC 2675) has its length in a hop-by-hop option. */
	if (length == sizeof(*ip) && packet->proto == PEP_PROTO_HOPOPTS)
		length = pep_source_length(frame->source) - at;
	error = pep_parse_length(frame, packet, at, length);
	at += sizeof(*ip);
	if (pep_is_extension(packet->proto))
		chain = pep_parse_chain(frame, packet, &at);
	if (chain == PEP_PARSE_HEADERS)
		return chain;
	/* The mask changes nothing: it shows the verifier how far the chain can reach. */
	if (!chain && !packet->fragment)
		*ret_at = at & PEP_OFFSET_MASK;
	return error ? error : chain;
}

PEP_INLINE void pep_parse_ports(struct pep_frame *frame, struct pep_packet *packet, __u32 at)
{
	const struct pep_ports *ports = pep_frame_at(frame, at, 4);

	if (!ports)
		return;
	packet->sport = ports->sport;
	packet->dport = ports->dport;
	packet->has_ports = 1;
}

PEP_INLINE enum pep_parse_error pep_parse_tcp(
	struct pep_frame *frame, struct pep_packet *packet, __u32 at)
{
	const struct pep_tcp *tcp = pep_frame_at(frame, at, PEP_TCP_SIZE);
	__u32 size;

	if (!tcp) {
		pep_parse_ports(frame, packet, at);
		return PEP_PARSE_L4_SHORT;
	}
	packet->sport = tcp->sport;
	packet->dport = tcp->dport;
	packet->has_ports = 1;
	packet->tcp_flags = tcp->flags;
	packet->has_tcp = 1;
	size = (tcp->data_offset >> 4) * 4u;
	if (size < PEP_TCP_SIZE)
		return PEP_PARSE_L4_LENGTH;
	return at + size > frame->end ? PEP_PARSE_L4_SHORT : PEP_PARSE_OK;
}

PEP_INLINE enum pep_parse_error pep_parse_udp(
	struct pep_frame *frame, struct pep_packet *packet, __u32 at)
{
	const struct pep_ports *udp = pep_frame_at(frame, at, PEP_UDP_SIZE);
	__u32 length;

	if (!udp) {
		pep_parse_ports(frame, packet, at);
		return PEP_PARSE_L4_SHORT;
	}
	packet->sport = udp->sport;
	packet->dport = udp->dport;
	packet->has_ports = 1;
	length = PEP_BE16(udp->length);
	/* UDP-Lite has its checksum coverage there; over IPv6 0 is a jumbogram's. */
	if (packet->proto == PEP_PROTO_UDPLITE || (!length && packet->family == 6))
		return PEP_PARSE_OK;
	return length < PEP_UDP_SIZE ? PEP_PARSE_L4_LENGTH : PEP_PARSE_OK;
}

PEP_INLINE enum pep_parse_error pep_parse_icmp(
	struct pep_frame *frame, struct pep_packet *packet, __u32 at)
{
	const struct pep_icmp *icmp = pep_frame_at(frame, at, sizeof(*icmp));

	if (!icmp)
		return PEP_PARSE_L4_SHORT;
	packet->icmp_type = icmp->type;
	packet->icmp_code = icmp->code;
	packet->has_icmp = 1;
	return at + PEP_ICMP_SIZE > frame->end ? PEP_PARSE_L4_SHORT : PEP_PARSE_OK;
}

PEP_INLINE enum pep_parse_error pep_parse_transport(
	struct pep_frame *frame, struct pep_packet *packet, __u32 at)
{
	__u8 proto = packet->proto;

	if (proto == IPPROTO_TCP)
		return pep_parse_tcp(frame, packet, at);
	if (proto == IPPROTO_UDP || proto == PEP_PROTO_UDPLITE)
		return pep_parse_udp(frame, packet, at);
	if (proto == IPPROTO_ICMP || proto == PEP_PROTO_ICMPV6)
		return pep_parse_icmp(frame, packet, at);
	if (proto == PEP_PROTO_SCTP || proto == PEP_PROTO_DCCP) {
		pep_parse_ports(frame, packet, at);
		return at + PEP_SCTP_SIZE > frame->end ? PEP_PARSE_L4_SHORT : PEP_PARSE_OK;
	}
	return PEP_PARSE_OK;
}
PEP_STATIC_ASSERT(PEP_SCTP_SIZE == PEP_DCCP_SIZE, "one check serves both");

/* RFC 4861: a receiver takes these only with hop limit 255 and code 0. */
PEP_INLINE int pep_is_discovery(const struct pep_packet *packet)
{
	return packet->family == 6 && packet->proto == PEP_PROTO_ICMPV6 && !packet->error &&
	       packet->hop_limit == 255 && packet->icmp_type >= 133 && packet->icmp_type <= 137 &&
	       !packet->icmp_code;
}

/* Fills *packet, but for its length, whatever the frame holds; moves frame->end to the IP packet's
 * end. */
PEP_INLINE void pep_parse(struct pep_frame *frame, struct pep_packet *packet)
{
	enum pep_parse_error transport;
	enum pep_parse_error error;
	__be16 ethertype = 0;
	__u32 at = 0;
	__u32 l4 = 0;

	*packet = (struct pep_packet){.vlan = PEP_VLAN_NONE};
	error = pep_parse_ethernet(frame, packet, &at, &ethertype);
	if (!error && ethertype == PEP_BE16(ETH_P_IP))
		error = pep_parse_ipv4(frame, packet, at, &l4);
	else if (!error && ethertype == PEP_BE16(ETH_P_IPV6))
		error = pep_parse_ipv6(frame, packet, at, &l4);
	if (l4) {
		transport = pep_parse_transport(frame, packet, l4);
		error = error ? error : transport;
	}
	packet->error = error;
	packet->discovery = pep_is_discovery(packet);
}

#endif
