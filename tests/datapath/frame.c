/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "frame.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct builder {
	struct frame *frame;
	size_t next;     /* offset of the byte that names the header to come */
	int next_wide;   /* it is an ethertype, two bytes */
	size_t fragment; /* offset of the field with the fragment's offset */
	size_t tcp;
	size_t udp;
	size_t dport;
	size_t pad;
	long ip_length;
	long cut;
	long chop;
};

static void put16(uint8_t *to, unsigned int value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static uint8_t *grow(struct builder *b, size_t size)
{
	uint8_t *at = b->frame->data + b->frame->size;

	if (size > FRAME_MAX - b->frame->size) {
		fprintf(stderr, "frame: over %d bytes\n", FRAME_MAX);
		abort();
	}
	memset(at, 0, size);
	b->frame->size += size;
	return at;
}

/* The header that begins here is of this kind. */
static void say(struct builder *b, unsigned int kind)
{
	if (b->next_wide)
		put16(b->frame->data + b->next, kind);
	else
		b->frame->data[b->next] = (uint8_t)kind;
}

static void say_next_at(struct builder *b, const uint8_t *at, int wide)
{
	b->next = (size_t)(at - b->frame->data);
	b->next_wide = wide;
}

static void add_ethernet(struct builder *b)
{
	static const uint8_t macs[] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
	uint8_t *at = grow(b, 14);

	memcpy(at, macs, sizeof(macs));
	say_next_at(b, at + 12, 1);
}

static void add_vlan(struct builder *b, unsigned int tpid, long id)
{
	uint8_t *at;

	say(b, tpid);
	at = grow(b, 4);
	put16(at,
		0x6000u |
			(unsigned int)id); /* with a priority, which must not be taken for the id */
	say_next_at(b, at + 2, 1);
}

static void add_ip4(struct builder *b, const char *source)
{
	uint8_t *at;

	say(b, 0x0800);
	b->frame->l3 = b->frame->size;
	at = grow(b, 20);
	at[0] = 0x45;
	at[8] = 64;
	inet_pton(AF_INET, source, at + 12);
	inet_pton(AF_INET, FRAME_DST4, at + 16);
	b->fragment = b->frame->l3 + 6;
	b->frame->l4 = b->frame->size;
	say_next_at(b, at + 9, 0);
	*(at + 9) = 255;
}

static void add_ip6(struct builder *b, const char *source)
{
	uint8_t *at;

	say(b, 0x86dd);
	b->frame->l3 = b->frame->size;
	at = grow(b, 40);
	at[0] = 0x60;
	at[6] = 59;
	at[7] = 64;
	inet_pton(AF_INET6, source, at + 8);
	inet_pton(AF_INET6, FRAME_DST6, at + 24);
	b->frame->l4 = b->frame->size;
	say_next_at(b, at + 6, 0);
}

static void add_options(struct builder *b)
{
	memset(grow(b, 40), 1, 40);
	b->frame->data[b->frame->l3] = 0x4f;
	b->frame->l4 = b->frame->size;
}

static void add_extension(struct builder *b, unsigned int kind, long length)
{
	size_t size = kind == 44   ? 8
		      : kind == 51 ? ((size_t)length + 2) * 4
				   : ((size_t)length + 1) * 8;
	uint8_t *at;

	say(b, kind);
	at = grow(b, size);
	at[0] = 59;
	at[1] = (uint8_t)length;
	if (kind == 44)
		b->fragment = b->frame->size - 6;
	b->frame->l4 = b->frame->size;
	say_next_at(b, at, 0);
}

static void add_ported(struct builder *b, unsigned int kind, size_t size)
{
	uint8_t *at;

	say(b, kind);
	at = grow(b, size);
	put16(at, FRAME_SPORT);
	put16(at + 2, 80);
	b->dport = b->frame->size - size + 2;
}

static void add_tcp(struct builder *b)
{
	b->tcp = b->frame->size;
	add_ported(b, 6, 20);
	b->frame->data[b->tcp + 12] = 5 << 4;
	b->frame->data[b->tcp + 13] = 2; /* SYN */
}

static void add_udp(struct builder *b, unsigned int kind)
{
	b->udp = b->frame->size;
	add_ported(b, kind, 8);
	put16(b->frame->data + b->udp + 4, 8);
}

static void add_icmp(struct builder *b, unsigned int kind, const char *value)
{
	char *end;
	uint8_t *at;

	say(b, kind);
	at = grow(b, 8);
	at[0] = (uint8_t)strtol(value, &end, 0);
	if (*end == '/')
		at[1] = (uint8_t)strtol(end + 1, NULL, 0);
}

static void add_opaque(struct builder *b, unsigned int kind, size_t size)
{
	say(b, kind);
	memset(grow(b, size), 0x50, size); /* a port of 80 would be 00 50: none must be seen here */
}

static int extension_kind(const char *word, size_t size)
{
	static const struct {
		const char *word;
		int kind;
	} kinds[] = {{"hop", 0}, {"route", 43}, {"dst", 60}, {"ah", 51}, {"frag", 44}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strlen(kinds[i].word) == size && !memcmp(kinds[i].word, word, size))
			return kinds[i].kind;
	return -1;
}

static int word_extension(struct builder *b, const char *word)
{
	size_t size = strcspn(word, "*:");
	int kind = extension_kind(word, size);
	long count = word[size] == '*' ? strtol(word + size + 1, NULL, 10) : 1;
	long length = word[size] == ':' ? strtol(word + size + 1, NULL, 10) : 0;

	if (kind < 0)
		return 0;
	for (; count > 0; count--)
		add_extension(b, (unsigned int)kind, kind == 51 && !length ? 4 : length);
	return 1;
}

static int word_header(struct builder *b, const char *word)
{
	if (!strcmp(word, "ip4") || !strcmp(word, "bad4"))
		add_ip4(b, *word == 'b' ? FRAME_BAD4 : FRAME_GOOD4);
	else if (!strcmp(word, "ip6") || !strcmp(word, "bad6"))
		add_ip6(b, *word == 'b' ? FRAME_BAD6 : FRAME_GOOD6);
	else if (!strcmp(word, "opts"))
		add_options(b);
	else if (!strcmp(word, "tcp"))
		add_tcp(b);
	else if (!strcmp(word, "udp"))
		add_udp(b, 17);
	else if (!strcmp(word, "udplite"))
		add_udp(b, 136);
	else if (!strcmp(word, "sctp"))
		add_ported(b, 132, 12);
	else if (!strcmp(word, "dccp"))
		add_ported(b, 33, 12);
	else if (!strcmp(word, "gre"))
		add_opaque(b, 47, 8);
	else if (!strcmp(word, "esp"))
		add_opaque(b, 50, 16);
	else if (!strcmp(word, "arp"))
		add_opaque(b, 0x0806, 28);
	else if (!strcmp(word, "more"))
		b->frame->data[b->fragment + (b->frame->data[b->frame->l3] >> 4 == 6)] |=
			b->frame->data[b->frame->l3] >> 4 == 6 ? 1 : 0x20;
	else
		return 0;
	return 1;
}

static void set_offset(struct builder *b, long bytes)
{
	uint8_t *at = b->frame->data + b->fragment;

	/* IPv4: 13 bits below three flags; IPv6: 13 bits above three others. */
	if (b->frame->data[b->frame->l3] >> 4 == 6)
		put16(at, (unsigned int)bytes | (at[1] & 7u));
	else
		put16(at, (unsigned int)bytes / 8 | (unsigned int)(at[0] & 0xe0) << 8);
}

static int value_header(struct builder *b, const char *name, const char *value)
{
	long n = strtol(value, NULL, !strcmp(name, "ethertype") ? 16 : 0);

	if (!strcmp(name, "vlan"))
		add_vlan(b, 0x8100, n);
	else if (!strcmp(name, "svlan"))
		add_vlan(b, 0x88a8, n);
	else if (!strcmp(name, "icmp"))
		add_icmp(b, 1, value);
	else if (!strcmp(name, "icmp6"))
		add_icmp(b, 58, value);
	else if (!strcmp(name, "proto"))
		add_opaque(b, (unsigned int)n, 8);
	else if (!strcmp(name, "ethertype"))
		add_opaque(b, (unsigned int)n, 46);
	else if (!strcmp(name, "pay"))
		memset(grow(b, (size_t)n), 'x', (size_t)n);
	else if (!strcmp(name, "pad"))
		b->pad = (size_t)n;
	else
		return 0;
	return 1;
}

static int value_field(struct builder *b, const char *name, const char *value)
{
	uint8_t *ip = b->frame->data + b->frame->l3;
	long n = strtol(value, NULL, 0);

	if (!strcmp(name, "dport"))
		put16(b->frame->data + b->dport, (unsigned int)n);
	else if (!strcmp(name, "ttl"))
		ip[*ip >> 4 == 6 ? 7 : 8] = (uint8_t)n;
	else if (!strcmp(name, "offset"))
		set_offset(b, n);
	else if (!strcmp(name, "ver"))
		*ip = (uint8_t)(n << 4 | (*ip & 15));
	else if (!strcmp(name, "ihl"))
		*ip = (uint8_t)((*ip & 0xf0) | n);
	else if (!strcmp(name, "iplen"))
		b->ip_length = n;
	else if (!strcmp(name, "doff"))
		b->frame->data[b->tcp + 12] = (uint8_t)(n << 4);
	else if (!strcmp(name, "udplen"))
		put16(b->frame->data + b->udp + 4, (unsigned int)n);
	else if (!strcmp(name, "cut"))
		b->cut = n;
	else if (!strcmp(name, "chop"))
		b->chop = n;
	else
		return 0;
	return 1;
}

static int add_word(struct builder *b, char *word)
{
	char *equals = strchr(word, '=');

	if (!equals)
		return word_header(b, word) || word_extension(b, word);
	*equals = 0;
	return value_header(b, word, equals + 1) || value_field(b, word, equals + 1);
}

void frame_seal(struct frame *frame)
{
	uint8_t *ip = frame->data + frame->l3;
	size_t size = (ip[0] & 15u) * 4u;
	unsigned long sum = 0;

	if (!frame->l3 || frame->data[frame->l3 - 2] != 0x08 || frame->l3 + size > frame->size || size < 20)
		return;
	put16(ip + 10, 0);
	for (size_t i = 0; i < size; i += 2)
		sum += (unsigned long)ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, (unsigned int)(~sum & 0xffff));
}

static void finish(struct builder *b)
{
	struct frame *frame = b->frame;
	uint8_t *ip = frame->data + frame->l3;
	long length = (long)(frame->size - frame->l3);
	int ip6 = frame->l3 && frame->data[frame->l3 - 2] == 0x86;

	if (frame->l3 && b->ip_length < 0)
		put16(ip + (ip6 ? 4 : 2), (unsigned int)(ip6 ? length - 40 : length));
	else if (frame->l3)
		put16(ip + (ip6 ? 4 : 2), (unsigned int)b->ip_length);
	grow(b, b->pad);
	frame_seal(frame);
	if (b->cut >= 0 && (size_t)b->cut < frame->size)
		frame->size = (size_t)b->cut;
	frame->size -= (size_t)b->chop;
}

void frame_build(struct frame *frame, const char *text)
{
	struct builder b = {.frame = frame, .ip_length = -1, .cut = -1};
	char copy[256];
	char *rest;

	snprintf(copy, sizeof(copy), "%s", text);
	*frame = (struct frame){.size = 0};
	add_ethernet(&b);
	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		if (!add_word(&b, word)) {
			fprintf(stderr, "frame: unknown word \"%s\" in \"%s\"\n", word, text);
			abort();
		}
	}
	finish(&b);
}
