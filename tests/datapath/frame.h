/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Frames from a line of text, so that a table of them can be read.
 *
 * Words from the outside in; each header says to the one before what it is:
 *	vlan=ID svlan=ID        tags 802.1Q and 802.1ad
 *	ip4 ip6                 from 192.0.2.1 / 2001:db8::1
 *	bad4 bad6               from 198.51.100.66 / 2001:db8:bad::66
 *	opts                    40 bytes of IPv4 options (after ip4)
 *	hop route dst ah frag   extension headers; dst*9 nine of them; dst:LEN its length field
 *	tcp udp udplite sctp dccp gre esp
 *	icmp=TYPE icmp6=TYPE[/CODE] proto=N arp ethertype=HEX
 *	pay=N                   bytes of payload; pad=N bytes behind the IP packet
 * and words that change a field:
 *	dport=N ttl=N (the hop limit) offset=N (fragment, in bytes) more
 *	ver=N ihl=N iplen=N (the length field) doff=N udplen=N
 *	cut=N (only so many bytes of the frame) chop=N (so many fewer)
 */
#ifndef PEP_TESTS_FRAME_H
#define PEP_TESTS_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 20000

struct frame {
	uint8_t data[FRAME_MAX];
	size_t size;
	size_t l3; /* offset of the IP header, 0 = none */
	size_t l4; /* offset of what follows the last extension header, 0 = none */
};

/* Aborts with the word when the text is not understood. */
void frame_build(struct frame *frame, const char *text);
/* Makes the checksum of an IPv4 header right, which is whole. frame_build() has done so. */
void frame_seal(struct frame *frame);

#define FRAME_BAD4  "198.51.100.66"
#define FRAME_BAD6  "2001:db8:bad::66"
#define FRAME_GOOD4 "192.0.2.1"
#define FRAME_GOOD6 "2001:db8::1"
#define FRAME_DST4  "203.0.113.9"
#define FRAME_DST6  "2001:db8:2::9"
#define FRAME_SPORT 40000

#endif
