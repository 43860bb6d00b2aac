/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What reject answers: a TCP RST, or an ICMP error that quotes the packet. Compiled for the
 * kernel and, unchanged, for user space: here the answer's headers are made, in memory; reject.h
 * makes the frame of them.
 *
 * Never answered, so that an answer cannot go to many, be answered in turn, or go to who has not
 * asked: RFC 1122 3.2.2, RFC 1812 4.3.2.7, RFC 4443 2.4 (e), and RFC 9293 3.10.7.1 of a RST; nor
 * an IPv4 header with a wrong checksum, which RFC 1122 3.2.1.2 has a host discard silently.
 *
 * An answer is longer than its question by no more than its own headers, and no ICMP answer is
 * longer than RFC 1812 4.3.2.3 and RFC 4443 3.1 allow: nobody can make more of it than he sends.
 */
#ifndef PEP_BPF_ANSWER_H
#define PEP_BPF_ANSWER_H

#include "checksum.h"
#include "parse.h"

#define PEP_ANSWER_TTL     64u
#define PEP_ANSWER_MIN     60u /* bytes: not every card pads a shorter frame of XDP_TX */
#define PEP_ANSWER_IP4_MAX 576u
#define PEP_ANSWER_IP6_MAX 1280u
#define PEP_ANSWER_TOS     0xc0u /* internetwork control: RFC 1812 4.3.2.5 of ICMP errors */

#define PEP_IPV4_DF 0x4000u
#define PEP_IPV4_MF 0x2000u
#define PEP_TCP_FIN 0x01u
#define PEP_TCP_SYN 0x02u
#define PEP_TCP_RST 0x04u
#define PEP_TCP_ACK 0x10u

/* Types that are no errors: RFC 792, 950, 1256. */
#define PEP_ICMP_ASKS (1u << 0 | 7u << 8 | 0x3fu << 13)
/* Of ICMPv6 those below are errors; of the others listeners (RFC 2710), neighbours (RFC 4861). */
#define PEP_ICMPV6_ASKS      128u
#define PEP_ICMPV6_LINK      130u
#define PEP_ICMPV6_LINK_LAST 137u

/* Where the answer's IP header stands in head, behind Ethernet and tags. */
#define PEP_ANSWER_IP      24u
#define PEP_ANSWER_L2_MAX  (sizeof(struct ethhdr) + PEP_VLAN_TAGS_MAX * sizeof(struct pep_vlan_tag))
#define PEP_ANSWER_HEAD    96u /* IPv6 and TCP end at 84, a padded frame at 70 */
#define PEP_ANSWER_L2_MASK 31u
#define PEP_QUOTE_MAX      (PEP_ANSWER_IP6_MAX - 48u)
#define PEP_QUOTE_BLOCK    16u /* words that are added up at a time */
#define PEP_QUOTE_MASK     511u
PEP_STATIC_ASSERT(PEP_QUOTE_MAX / 4 <= PEP_QUOTE_MASK, "the mask leaves a word's number as it is");
PEP_STATIC_ASSERT(PEP_ANSWER_L2_MAX <= PEP_ANSWER_IP, "two tags have room");
#define PEP_IP4_HEADER_MAX 60u
PEP_STATIC_ASSERT(PEP_ANSWER_L2_MASK + PEP_IP4_HEADER_MAX <= PEP_CAPTURE_MAX,
	"the question has the whole IPv4 header");

/* Too much for the stack. */
struct pep_answer {
	__u8 question[PEP_CAPTURE_MAX];  /* the frame's first bytes as it came, then zeros */
	__u32 head[PEP_ANSWER_HEAD / 4]; /* begins at byte PEP_ANSWER_IP - l2 */
	struct pep_tcp tcp;              /* the question's */
	__u32 l2;                        /* bytes of Ethernet and tags */
	__u32 l4;                        /* offset of the question's transport header */
	__u32 headers;                   /* bytes of the answer's, with Ethernet */
	__u32 quoted;                    /* bytes of the question's IP packet that follow them */
	__u32 quote[PEP_QUOTE_MASK + 1 + PEP_QUOTE_BLOCK];
};

struct pep_answer_icmp {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be32 unused;
};

/* --- who is answered */

/* No multicast, broadcast or reserved address, "this network" or loopback (RFC 1122 3.2.1.3). */
PEP_INLINE int pep_answer_host4(__be32 address)
{
	__u32 net = PEP_BE32(address) >> 24;

	return net && net != 127 && net < 224;
}

/* No multicast; ::/64 has the unspecified address, loopback and what stands for IPv4 (RFC 4291). */
PEP_INLINE int pep_answer_host6(const __be32 *address)
{
	return (address[0] | address[1]) && (PEP_BE32(address[0]) >> 24) != 0xff;
}

PEP_INLINE int pep_answer_hosts(const struct pep_packet *packet)
{
	if (packet->family == 4)
		return pep_answer_host4(packet->src[0]) && pep_answer_host4(packet->dst[0]);
	return packet->family == 6 && pep_answer_host6(packet->src) &&
	       pep_answer_host6(packet->dst);
}

PEP_INLINE int pep_answer_asks(const struct pep_packet *packet)
{
	__u8 type = packet->icmp_type;

	if (packet->proto == IPPROTO_TCP)
		return packet->has_tcp && !(packet->tcp_flags & PEP_TCP_RST);
	if (packet->proto == IPPROTO_ICMP)
		return type < 32 && (PEP_ICMP_ASKS >> type & 1);
	if (packet->proto == PEP_PROTO_ICMPV6)
		return type >= PEP_ICMPV6_ASKS &&
		       (type < PEP_ICMPV6_LINK || type > PEP_ICMPV6_LINK_LAST);
	return 1;
}

/* What the parser knows; that it is no first fragment, and no frame for many, is seen later. */
PEP_INLINE int pep_answer_wanted(const struct pep_packet *packet)
{
	return !packet->error && !packet->fragment && pep_answer_hosts(packet) &&
	       pep_answer_asks(packet);
}

/* --- the question */

/* 1 to `most` bytes, as the verifier of Linux 6.1 can follow it. */
PEP_INLINE int pep_answer_copy(pep_source *source, __u32 offset, void *to, __u32 size, __u32 most)
{
	__u32 last = size - 1;

	asm volatile("" : "+r"(last));
	return last < most ? pep_source_copy(source, offset, to, last + 1) : -1;
}

PEP_INLINE __be16 pep_answer_ethertype(const __u8 *frame, __u32 at)
{
	return (__be16)(frame[at + 1] << 8 | frame[at]);
}

/* Where IP begins, behind the tags. */
PEP_INLINE __u32 pep_answer_l2(const __u8 *frame)
{
	if (!pep_is_vlan(pep_answer_ethertype(frame, 12)))
		return sizeof(struct ethhdr);
	return pep_is_vlan(pep_answer_ethertype(frame, 16)) ? 22 : 18;
}

/* *ret_l2 becomes where IP begins. 0 = the frame is not for one host, or not from one. */
PEP_INLINE int pep_answer_ethernet(pep_source *source, const struct pep_packet *packet,
	struct pep_answer *answer, __u32 *ret_l2)
{
	__u32 size = packet->length < PEP_CAPTURE_MAX ? packet->length : PEP_CAPTURE_MAX;

	__builtin_memset(answer->question, 0, sizeof(answer->question));
	if (pep_answer_copy(source, 0, answer->question, size, PEP_CAPTURE_MAX))
		return 0;
	*ret_l2 = pep_answer_l2(answer->question);
	return !((answer->question[0] | answer->question[6]) & 1);
}

/* The offset behind the extension headers; 0 = there is a fragment's among them. */
PEP_GLOBAL int pep_answer_chain(pep_source *source, __u32 proto, __u32 at)
{
	union {
		__u64 word;
		struct pep_extension header;
	} extension;
	int count;

	for (count = 0; count < PEP_EXT_HEADERS_MAX && pep_is_extension((__u8)proto); count++) {
		if (proto == PEP_PROTO_FRAGMENT || pep_source_word(source, at, &extension.word))
			return 0;
		at += pep_extension_size((__u8)proto, extension.header.length);
		proto = extension.header.next;
	}
	return (int)at;
}

/* The offset of the transport header, 0 = a fragment. */
PEP_INLINE __u32 pep_answer_transport(pep_source *source, const struct pep_packet *packet,
	const struct pep_answer *answer, __u32 l2)
{
	const __u8 *ip;

	PEP_BOUND(l2, PEP_ANSWER_L2_MASK);
	ip = answer->question + l2;
	if (packet->family == 4)
		return (__be16)(ip[7] << 8 | ip[6]) & PEP_BE16(PEP_IPV4_MF | PEP_IPV4_OFFSET_MASK)
			       ? 0
			       : l2 + (ip[0] & 15u) * 4;
	if (!pep_is_extension(ip[6]))
		return l2 + (__u32)sizeof(struct ipv6hdr);
	return (__u32)pep_answer_chain(source, ip[6], l2 + (__u32)sizeof(struct ipv6hdr));
}

/* Whether an IPv4 header arrived as it was sent; who is answered otherwise may not be who asked. */
PEP_INLINE int pep_answer_intact(const struct pep_answer *answer)
{
	__u32 at = answer->l2;
	const __be16 *ip;
	__u64 sum = 0;
	__u32 words;
	__u32 i;

	PEP_BOUND(at, PEP_ANSWER_L2_MASK);
	ip = (const void *)(answer->question + at);
	words = (answer->question[at] & 15u) * 2;
	PEP_UNROLL
	for (i = 0; i < sizeof(struct iphdr) / 2; i++)
		sum += ip[i];
	for (i = sizeof(struct iphdr) / 2; i < PEP_IP4_HEADER_MAX / 2 && i < words; i++)
		sum += ip[i]; /* options */
	return !pep_checksum_fold(sum);
}

/* Of the pseudo header: addresses, length and protocol. */
PEP_INLINE __u64 pep_answer_pseudo(const struct pep_packet *packet, __u32 length, __u8 proto)
{
	__u64 sum = (__u64)PEP_BE32(length) + PEP_BE32((__u32)proto);
	__u32 words = packet->family == 4 ? 1 : 4;
	__u32 i;

	PEP_UNROLL
	for (i = 0; i < 4; i++)
		if (i < words)
			sum += (__u64)packet->src[i] + packet->dst[i];
	return sum;
}

/* Copies the quote and adds it up. */
PEP_INLINE int pep_answer_quote(
	pep_source *source, struct pep_answer *answer, __u32 l2, __u32 size, __u64 *ret_sum)
{
	__u32 word = size / 4;
	__u64 sum = 0;
	__u32 i;

	if (pep_answer_copy(source, l2, answer->quote, size, PEP_QUOTE_MAX))
		return -1;
	PEP_BOUND(word, PEP_QUOTE_MASK);
	answer->quote[word] &= (1u << 8 * (size & 3)) - 1;
	PEP_UNROLL
	for (i = 1; i < PEP_QUOTE_BLOCK; i++)
		answer->quote[word + i] = 0;
	for (i = 0; i <= PEP_QUOTE_MAX / 4; i += PEP_QUOTE_BLOCK) {
		if (4 * i >= size)
			break;
		sum += pep_checksum_add(&answer->quote[i], PEP_QUOTE_BLOCK);
	}
	*ret_sum = sum;
	return 0;
}

/* --- the answer */

/* Ethernet and tags, with the MAC addresses swapped. */
PEP_INLINE void pep_answer_back(struct pep_answer *answer)
{
	__u32 from = PEP_ANSWER_IP - answer->l2;
	__u8 *to;

	PEP_BOUND(from, PEP_ANSWER_L2_MASK);
	to = (__u8 *)answer->head + from;
	__builtin_memcpy(to, answer->question + 6, 6);
	__builtin_memcpy(to + 6, answer->question, 6);
	/* Two tags and the ethertype: where there are fewer, the IP header comes over the rest. */
	__builtin_memcpy(to + 12, answer->question + 12, 10);
}

PEP_INLINE void pep_answer_ip4(
	struct pep_answer *answer, const struct pep_packet *packet, __u32 length, __u8 proto)
{
	struct iphdr *ip = (void *)&answer->head[PEP_ANSWER_IP / 4];

	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tos = proto == IPPROTO_ICMP ? PEP_ANSWER_TOS : 0;
	ip->tot_len = PEP_BE16((__u32)sizeof(*ip) + length);
	ip->id = 0; /* of what is never fragmented it says nothing: RFC 6864 */
	ip->frag_off = PEP_BE16(PEP_IPV4_DF);
	ip->ttl = PEP_ANSWER_TTL;
	ip->protocol = proto;
	ip->check = 0;
	ip->saddr = packet->dst[0];
	ip->daddr = packet->src[0];
	ip->check =
		pep_checksum_fold(pep_checksum_add(&answer->head[PEP_ANSWER_IP / 4], sizeof(*ip) / 4));
}

PEP_INLINE void pep_answer_ip6(
	struct pep_answer *answer, const struct pep_packet *packet, __u32 length, __u8 proto)
{
	struct ipv6hdr *ip = (void *)&answer->head[PEP_ANSWER_IP / 4];

	answer->head[PEP_ANSWER_IP / 4] = PEP_BE32(6u << 28);
	ip->payload_len = PEP_BE16(length);
	ip->nexthdr = proto;
	ip->hop_limit = PEP_ANSWER_TTL;
	__builtin_memcpy(&ip->saddr, packet->dst, sizeof(packet->dst));
	__builtin_memcpy(&ip->daddr, packet->src, sizeof(packet->src));
}

/* length: of what follows the IP header. */
PEP_INLINE void pep_answer_headers(
	struct pep_answer *answer, const struct pep_packet *packet, __u32 length, __u8 proto)
{
	pep_answer_back(answer);
	if (packet->family == 4)
		pep_answer_ip4(answer, packet, length, proto);
	else
		pep_answer_ip6(answer, packet, length, proto);
}

/* As of a closed connection (RFC 9293 3.10.7.1); `taken` are the question's sequence numbers. */
PEP_INLINE void pep_answer_tcp(struct pep_tcp *tcp, const struct pep_tcp *to, __u32 taken)
{
	int acknowledged = (to->flags & PEP_TCP_ACK) != 0;

	tcp->sport = to->dport;
	tcp->dport = to->sport;
	tcp->seq = acknowledged ? to->ack : 0;
	tcp->ack = acknowledged ? 0 : PEP_BE32(PEP_BE32(to->seq) + taken);
	tcp->data_offset = (PEP_TCP_SIZE / 4) << 4;
	tcp->flags = acknowledged ? PEP_TCP_RST : PEP_TCP_RST | PEP_TCP_ACK;
	tcp->window = 0;
	tcp->checksum = 0;
	tcp->urgent = 0;
}

PEP_INLINE int pep_answer_reset(
	pep_source *source, const struct pep_packet *packet, struct pep_answer *answer)
{
	__u32 at = packet->family == 4 ? (PEP_ANSWER_IP + sizeof(struct iphdr)) / 4
				       : (PEP_ANSWER_IP + sizeof(struct ipv6hdr)) / 4;
	struct pep_tcp *tcp = (void *)&answer->head[at];
	__u32 taken;

	if (pep_source_copy(source, answer->l4, &answer->tcp, sizeof(answer->tcp)))
		return -1;
	taken = packet->ip_length - (answer->l4 - answer->l2) - (answer->tcp.data_offset >> 4) * 4u;
	taken += (answer->tcp.flags & PEP_TCP_SYN) != 0;
	taken += (answer->tcp.flags & PEP_TCP_FIN) != 0;
	pep_answer_headers(answer, packet, PEP_TCP_SIZE, IPPROTO_TCP);
	pep_answer_tcp(tcp, &answer->tcp, taken);
	tcp->checksum = pep_checksum_fold(pep_answer_pseudo(packet, PEP_TCP_SIZE, IPPROTO_TCP) +
					pep_checksum_add(&answer->head[at], PEP_TCP_SIZE / 4));
	answer->head[at + PEP_TCP_SIZE / 4] = 0; /* what a short frame is filled up with */
	answer->head[at + PEP_TCP_SIZE / 4 + 1] = 0;
	answer->quoted = 0;
	return 0;
}

/* Communication, or with the destination, administratively prohibited. */
PEP_INLINE int pep_answer_unreachable(
	pep_source *source, const struct pep_packet *packet, struct pep_answer *answer)
{
	__u32 most = packet->family == 4 ? PEP_ANSWER_IP4_MAX - 28 : PEP_ANSWER_IP6_MAX - 48;
	__u32 size = packet->ip_length < most ? packet->ip_length : most;
	__u32 at = packet->family == 4 ? (PEP_ANSWER_IP + sizeof(struct iphdr)) / 4
				       : (PEP_ANSWER_IP + sizeof(struct ipv6hdr)) / 4;
	struct pep_answer_icmp *icmp = (void *)&answer->head[at];
	__u32 length = size + (__u32)sizeof(*icmp);
	__u64 sum;

	if (pep_answer_quote(source, answer, answer->l2, size, &sum))
		return -1;
	pep_answer_headers(
		answer, packet, length, packet->family == 4 ? IPPROTO_ICMP : PEP_PROTO_ICMPV6);
	*icmp = packet->family == 4 ? (struct pep_answer_icmp){.type = 3, .code = 13}
				    : (struct pep_answer_icmp){.type = 1, .code = 1};
	if (packet->family == 6)
		sum += pep_answer_pseudo(packet, length, PEP_PROTO_ICMPV6);
	icmp->checksum = pep_checksum_fold(sum + pep_checksum_add(&answer->head[at], 2));
	answer->quoted = size;
	return 0;
}

/* Whether the packet is to be answered. If so, the frame's beginning is in *answer as it came. */
PEP_INLINE int pep_answer_begin(
	pep_source *source, const struct pep_packet *packet, struct pep_answer *answer)
{
	__u32 l2;

	if (!pep_answer_wanted(packet) || !pep_answer_ethernet(source, packet, answer, &l2))
		return 0;
	answer->l2 = l2;
	answer->l4 = pep_answer_transport(source, packet, answer, l2);
	return answer->l4 != 0 && (packet->family != 4 || pep_answer_intact(answer));
}

/* After pep_answer_begin(): what is to be sent. Not 0 when the packet cannot be read. */
PEP_INLINE int pep_answer_make(
	pep_source *source, const struct pep_packet *packet, struct pep_answer *answer)
{
	__u32 ip = packet->family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);

	if (packet->proto == IPPROTO_TCP) {
		answer->headers = answer->l2 + ip + PEP_TCP_SIZE;
		return pep_answer_reset(source, packet, answer);
	}
	answer->headers = answer->l2 + ip + (__u32)sizeof(struct pep_answer_icmp);
	return pep_answer_unreachable(source, packet, answer);
}

#endif
