/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "answer_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define R ANSWER_RESET
#define U ANSWER_UNREACHABLE
#define N ANSWER_NONE

const struct answer_row answer_rows[] = {
	/* TCP: without an acknowledgement its sequence number is answered, else what it says */
	{"ip4 tcp", "", R},
	{"ip6 tcp", "", R},
	{"ip4 tcp pay=100", "t4=fffffff0", R},
	{"ip6 tcp pay=1400", "t4=12345678", R},
	{"ip4 tcp pay=7", "t4=12345678cafebabe5010", R},
	{"ip6 tcp", "t4=12345678cafebabe5012", R},
	{"ip4 tcp", "t4=12345678cafebabe5011", R},
	{"ip4 tcp", "t4=12345678cafebabe5001", R},
	{"ip4 tcp", "t4=ffffffffcafebabe5003", R},
	{"ip4 tcp", "t13=00", R},
	{"ip4 tcp pay=8 doff=7", "t4=00000001", R},
	{"ip4 opts tcp pay=5", "t4=80000000", R},
	{"ip6 dst tcp pay=5", "", R},
	{"ip6 hop dst:20 route tcp", "", R},
	{"ip6 dst*8 tcp", "", R},
	{"ip6 ah tcp", "", R},
	{"vlan=5 ip4 tcp", "", R},
	{"vlan=5 ip6 tcp", "", R},
	{"svlan=7 vlan=5 ip4 tcp", "", R},
	{"svlan=7 vlan=5 ip6 dst tcp pay=3", "", R},
	{"ip4 tcp pad=6", "", R},
	{"ip4 tcp pad=3", "", R},
	{"ip4 tcp pay=1 pad=5", "", R},
	{"vlan=5 ip4 tcp pad=2", "", R},
	/* all else: unreachable, with as much of it as fits */
	{"ip4 udp", "", U},
	{"ip6 udp", "", U},
	{"ip4 udp pay=1", "", U},
	{"ip4 udp pay=2", "", U},
	{"ip4 udp pay=3", "", U},
	{"ip6 udp pay=5", "", U},
	{"ip4 udp pay=31", "", U},
	{"ip4 udp pay=519", "", U},
	{"ip4 udp pay=520", "", U},
	{"ip4 udp pay=521", "", U},
	{"ip4 udp pay=1472", "", U},
	{"ip6 udp pay=1183", "", U},
	{"ip6 udp pay=1184", "", U},
	{"ip6 udp pay=1185", "", U},
	{"ip6 udp pay=1452", "", U},
	{"ip4 udp pad=18", "", U},
	{"ip4 udp pay=3 pad=15", "", U},
	{"ip4 opts udp pay=9", "", U},
	{"ip6 dst udp pay=9", "", U},
	{"ip6 hop dst:40 route udp", "", U},
	{"vlan=5 ip4 udp", "", U},
	{"vlan=5 ip6 udp", "", U},
	{"svlan=7 vlan=5 ip4 udp pay=700", "", U},
	{"svlan=7 vlan=5 ip6 udp pay=1400", "", U},
	{"ip4 udplite", "", U},
	{"ip6 sctp", "", U},
	{"ip4 dccp", "", U},
	{"ip4 gre", "", U},
	{"ip6 esp", "", U},
	{"ip4 proto=200", "", U},
	{"ip4", "", U},
	{"ip6", "", U},
	{"ip4 icmp=8 pay=56", "", U},
	{"ip4 icmp=0", "", U},
	{"ip4 icmp=13", "", U},
	{"ip4 icmp=18", "", U},
	{"ip6 icmp6=128 pay=56", "", U},
	{"ip6 icmp6=129", "", U},
	{"ip6 icmp6=138", "", U},
	/* a reset, errors, and what is between neighbours */
	{"ip4 tcp", "t13=04", N},
	{"ip6 tcp", "t13=14", N},
	{"ip4 icmp=3/3", "", N},
	{"ip4 icmp=4", "", N},
	{"ip4 icmp=5", "", N},
	{"ip4 icmp=11", "", N},
	{"ip4 icmp=12", "", N},
	{"ip4 icmp=1", "", N},
	{"ip4 icmp=40", "", N},
	{"ip4 icmp=255", "", N},
	{"ip6 icmp6=1", "", N},
	{"ip6 icmp6=2", "", N},
	{"ip6 icmp6=127", "", N},
	{"ip6 icmp6=130", "", N},
	{"ip6 icmp6=135 ttl=255", "", N},
	{"ip6 icmp6=137", "", N},
	/* fragments, the first one too */
	{"ip4 udp pay=8 more", "", N},
	{"ip4 tcp more", "", N},
	{"ip4 udp offset=8", "", N},
	{"ip6 frag udp more", "", N},
	{"ip6 frag tcp", "", N},
	{"ip6 dst frag tcp", "", N},
	{"ip6 frag udp offset=8", "", N},
	/* to many, or from no one */
	{"ip4 udp", "e0=01", N},
	{"ip4 tcp", "e0=ffffffffffff", N},
	{"ip4 tcp", "e6=01", N},
	{"ip4 udp", "i16=e0000001", N},
	{"ip4 udp", "i16=efffffff", N},
	{"ip4 tcp", "i16=ffffffff", N},
	{"ip4 tcp", "i16=7f000001", N},
	{"ip4 tcp", "i16=00000000", N},
	{"ip4 udp", "i12=e0000001", N},
	{"ip4 udp", "i12=00000000", N},
	{"ip4 udp", "i12=00000001", N},
	{"ip4 udp", "i12=7f000001", N},
	{"ip4 udp", "i12=ffffffff", N},
	{"ip4 udp", "i12=f0000001", N},
	{"ip4 udp", "i12=dfffffff", U},
	{"ip4 udp", "i12=80000000", U},
	{"ip4 udp", "i12=01000000", U},
	{"ip6 udp", "i24=ff02", N},
	{"ip6 udp", "i24=00000000000000000000000000000001", N},
	{"ip6 udp", "i8=ff02", N},
	{"ip6 udp", "i8=00000000000000000000000000000000", N},
	{"ip6 tcp", "i8=00000000000000000000000000000001", N},
	{"ip6 tcp", "i8=00000000000000000000ffffc0000201", N},
	{"ip6 tcp", "i8=fe80000000000000", R},
	{"ip6 tcp", "i8=0000000000000001", R},
	/* an IPv4 header that did not arrive as it was sent */
	{"ip4 tcp", "c10=0000", N},
	{"ip4 udp", "c10=ffff", N},
	{"ip4 udp", "c8=3f", N},
	{"ip4 tcp", "c12=c0000203", N},
	{"vlan=5 ip4 tcp", "c19=0a", N},
	{"svlan=7 vlan=5 ip4 icmp=8", "c1=10", N},
	{"ip4 opts udp pay=9", "c20=02", N},
	{"ip4 opts tcp", "c59=02", N},
	{"ip4 opts tcp", "c60=02", R}, /* behind it */
	{"svlan=7 vlan=5 ip4 opts udp", "c59=00", N},
	{"svlan=7 vlan=5 ip4 opts udp", "", U},
	/* malformed */
	{"ip4 tcp cut=50", "", N},
	{"ip4 tcp doff=4", "", N},
	{"ip4 tcp doff=6", "", N},
	{"ip4 udp udplen=7", "", N},
	{"ip4 udp pay=100 chop=1", "", N},
	{"ip6 udp pay=100 chop=1", "", N},
	{"ip4 icmp=8 cut=40", "", N},
};
const size_t answer_row_count = sizeof(answer_rows) / sizeof(answer_rows[0]);

/* --- the question */

static void put_bytes(struct frame *frame, const char *word)
{
	char *hex;
	size_t at = strtoul(word + 1, &hex, 10);

	at += *word == 'i' || *word == 'c' ? frame->l3 : *word == 't' ? frame->l4 : 0;
	for (hex++; *hex && *hex != ' '; hex += 2) {
		unsigned int byte;

		if (sscanf(hex, "%2x", &byte) != 1 || at >= frame->size)
			abort();
		frame->data[at++] = (uint8_t)byte;
	}
}

void answer_question(const struct answer_row *row, struct frame *ret)
{
	frame_build(ret, row->text);
	for (const char *word = row->bytes; *word; word += strcspn(word, " "), word += *word == ' ') {
		if (*word != 'c')
			put_bytes(ret, word);
		frame_seal(ret);
		if (*word == 'c')
			put_bytes(ret, word);
	}
}

/* --- the answer */

static void put16(uint8_t *to, size_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static unsigned long get32(const uint8_t *at)
{
	return (unsigned long)at[0] << 24 | (unsigned long)at[1] << 16 | (unsigned long)at[2] << 8 |
	       at[3];
}

static void put32(uint8_t *to, unsigned long value)
{
	put16(to, value >> 16 & 0xffff);
	put16(to + 2, value & 0xffff);
}

/* RFC 1071, as it is written there. */
static unsigned long checksum(unsigned long sum, const uint8_t *at, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum += i % 2 ? at[i] : (unsigned long)at[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

struct wanted {
	const uint8_t *question; /* its IP header */
	uint8_t *ip;
	size_t ip_size;
	int six;
};

static void set_ip(const struct wanted *w, unsigned int proto, size_t length)
{
	uint8_t *ip = w->ip;

	memset(ip, 0, w->ip_size);
	if (w->six) {
		ip[0] = 0x60;
		put16(ip + 4, length);
		ip[6] = (uint8_t)proto;
		ip[7] = 64;
		memcpy(ip + 8, w->question + 24, 16);
		memcpy(ip + 24, w->question + 8, 16);
		return;
	}
	ip[0] = 0x45;
	ip[1] = proto == 1 ? 0xc0 : 0;
	put16(ip + 2, 20 + length);
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = (uint8_t)proto;
	memcpy(ip + 12, w->question + 16, 4);
	memcpy(ip + 16, w->question + 12, 4);
	put16(ip + 10, ~checksum(0, ip, 20) & 0xffff);
}

static void set_checksum(const struct wanted *w, size_t at, unsigned int proto, size_t length)
{
	uint8_t *body = w->ip + w->ip_size;
	unsigned long sum = 0;

	if (proto != 1)
		sum = checksum(proto + length, w->ip + (w->six ? 8 : 12), w->six ? 32 : 8);
	put16(body + at, 0);
	put16(body + at, ~checksum(sum, body, length) & 0xffff);
}

static size_t set_reset(const struct wanted *w, const uint8_t *tcp, size_t length)
{
	uint8_t *to = w->ip + w->ip_size;
	size_t data = length - (size_t)(tcp - w->question) - (size_t)(tcp[12] >> 4) * 4;

	set_ip(w, 6, 20);
	memset(to, 0, 20);
	memcpy(to, tcp + 2, 2);
	memcpy(to + 2, tcp, 2);
	to[12] = 0x50;
	to[13] = tcp[13] & 0x10 ? 0x04 : 0x14;
	if (tcp[13] & 0x10)
		memcpy(to + 4, tcp + 8, 4);
	else
		put32(to + 8, get32(tcp + 4) + data + (tcp[13] >> 1 & 1) + (tcp[13] & 1));
	set_checksum(w, 16, 6, 20);
	return w->ip_size + 20;
}

static size_t set_unreachable(const struct wanted *w, size_t length)
{
	size_t most = w->six ? 1280 - 48 : 576 - 28;
	size_t quoted = length < most ? length : most;
	uint8_t *to = w->ip + w->ip_size;

	set_ip(w, w->six ? 58 : 1, 8 + quoted);
	memset(to, 0, 8);
	to[0] = w->six ? 1 : 3;
	to[1] = w->six ? 1 : 13;
	memcpy(to + 8, w->question, quoted);
	set_checksum(w, 2, w->six ? 58 : 1, 8 + quoted);
	return w->ip_size + 8 + quoted;
}

size_t answer_wanted(const struct frame *question, enum answer_kind kind, uint8_t out[FRAME_MAX])
{
	const uint8_t *ip = question->data + question->l3;
	struct wanted w = {.question = ip, .ip = out + question->l3, .six = *ip >> 4 == 6};
	size_t length = (size_t)(w.six ? 40 + (ip[4] << 8 | ip[5]) : (ip[2] << 8 | ip[3])), size;

	w.ip_size = w.six ? 40 : 20;
	memcpy(out, question->data + 6, 6);
	memcpy(out + 6, question->data, 6);
	memcpy(out + 12, question->data + 12, question->l3 - 12);
	size = question->l3 + (kind == ANSWER_RESET
					      ? set_reset(&w, question->data + question->l4, length)
					      : set_unreachable(&w, length));
	for (; size < 60 && size < question->size; size++)
		out[size] = 0;
	return size;
}
