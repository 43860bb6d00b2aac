/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "flow_frame.h"

/* A frame under construction. */
struct draft {
	const struct oracle_packet *packet;
	struct rng *rng;
	uint8_t *data;
	size_t size;
	size_t kind; /* offset of the byte or ethertype that names the header to come */
	size_t l3;   /* offset of the IP header */
	size_t l4;   /* offset of what follows it and its extensions */
};

static bool coin(struct draft *d)
{
	return rng_percent(d->rng, 50);
}

static void put16(uint8_t *to, size_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static uint8_t *grow(struct draft *d, size_t size)
{
	uint8_t *at = d->data + d->size;

	if (size > FLOW_FRAME_MAX - d->size)
		abort();
	memset(at, 0, size);
	d->size += size;
	return at;
}

static void grow_random(struct draft *d, size_t size)
{
	rng_fill(d->rng, grow(d, size), size);
}

static void add_tag(struct draft *d, uint16_t id)
{
	uint8_t *at;

	put16(d->data + d->kind, coin(d) ? 0x8100 : 0x88a8);
	at = grow(d, 4);
	put16(at, rng_below(d->rng, 16) << 12 | id);
	d->kind = d->size - 2;
}

/* The outermost tag is the packet's, an inner one is chosen; `headers` may be three. */
static void add_ethernet(struct draft *d, size_t tags)
{
	static const uint8_t macs[] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};

	memcpy(grow(d, 14), macs, sizeof(macs));
	d->kind = 12;
	for (size_t i = 0; i < tags; i++)
		add_tag(d, i ? (uint16_t)rng_below(d->rng, 4096) : d->packet->vlan);
}

static void add_non_ip(struct draft *d)
{
	static const uint16_t kinds[] = {0x0806, 0x88cc, 0x8864, 0x8847, 0x0026};

	put16(d->data + d->kind, RNG_PICK(d->rng, kinds));
	grow_random(d, 46);
}

/* An IP header that cannot be read: it is cut, or says another version. */
static void add_unreadable_ip(struct draft *d)
{
	bool six = coin(d);
	uint8_t *at;

	put16(d->data + d->kind, six ? 0x86dd : 0x0800);
	if (coin(d)) {
		grow_random(d, rng_below(d->rng, six ? 40 : 20));
		return;
	}
	at = grow(d, 60);
	*at = six ? 0x45 : 0x60;
}

static void add_ip4(struct draft *d)
{
	size_t options = rng_percent(d->rng, 20) ? rng_between(d->rng, 1, 10) * 4 : 0;
	uint8_t *at;

	put16(d->data + d->kind, 0x0800);
	at = grow(d, 20);
	at[0] = (uint8_t)(0x40 | (20 + options) / 4);
	at[8] = 64;
	memcpy(at + 12, d->packet->src, 4);
	memcpy(at + 16, d->packet->dst, 4);
	if (d->packet->fragment)
		put16(at + 6, rng_between(d->rng, 1, 0x1fff) | (coin(d) ? 0x2000 : 0));
	else if (rng_percent(d->rng, 10))
		put16(at + 6,
			coin(d) ? 0x2000 : 0x4000); /* the first fragment, or must not be one */
	d->kind = d->l3 + 9;
	memset(grow(d, options), 1, options);
}

static void add_extension(struct draft *d, uint8_t kind)
{
	size_t units = rng_below(d->rng, 3);
	uint8_t *at;

	d->data[d->kind] = kind;
	at = grow(d, kind == 44 ? 8 : kind == 51 ? (units + 2) * 4 : (units + 1) * 8);
	at[1] = kind == 44 ? 0 : (uint8_t)units;
	d->kind = (size_t)(at - d->data);
}

static void add_fragment_header(struct draft *d)
{
	bool more = coin(d);
	size_t offset = d->packet->fragment ? rng_between(d->rng, 1, 0x1fff) : 0;

	add_extension(d, 44);
	put16(d->data + d->size - 6, offset << 3 | more);
}

static void add_ip6(struct draft *d, bool headers)
{
	static const uint8_t kinds[] = {0, 43, 60, 51, 60};
	bool plain = d->packet->discovery || (!headers && rng_percent(d->rng, 60));
	size_t count = headers ? 9 : plain ? 0 : rng_between(d->rng, 1, 7);
	uint8_t *at;

	put16(d->data + d->kind, 0x86dd);
	at = grow(d, 40);
	at[0] = 0x60;
	at[7] = d->packet->discovery ? 255 : 64;
	memcpy(at + 8, d->packet->src, 16);
	memcpy(at + 24, d->packet->dst, 16);
	d->kind = d->l3 + 6;
	for (size_t i = 0; i < count; i++)
		add_extension(d, RNG_PICK(d->rng, kinds));
	if (d->packet->fragment || (!plain && !headers && rng_percent(d->rng, 20)))
		add_fragment_header(d);
}

static size_t transport_size(uint8_t proto)
{
	return proto == 6 ? 20 : proto == 132 || proto == 33 ? 12 : 8;
}

static void add_transport(struct draft *d)
{
	const struct oracle_packet *packet = d->packet;
	size_t size = transport_size(packet->proto);
	uint8_t *at = grow(d, size);

	rng_fill(d->rng, at, size);
	if (proto_has_ports(packet->proto)) {
		put16(at, packet->has_ports ? packet->sport : rng_below(d->rng, 65536));
		put16(at + 2, packet->has_ports ? packet->dport : rng_below(d->rng, 65536));
	}
	if (packet->proto == 6) {
		at[12] = 5 << 4;
		at[13] = packet->tcp_flags;
	} else if (packet->proto == 17) {
		put16(at + 4, 8);
	} else if (packet->has_icmp) {
		at[0] = packet->icmp_type;
		at[1] = packet->icmp_code;
	}
}

/* How much of a damaged packet's transport header is there, so that just that can be read. */
static size_t kept_size(struct draft *d)
{
	const struct oracle_packet *packet = d->packet;
	size_t whole = transport_size(packet->proto);
	bool icmp = packet->proto == (packet->family == 4 ? 1 : 58);

	if (proto_has_ports(packet->proto)) {
		if (!packet->has_ports)
			return rng_below(d->rng, 4);
		if (packet->proto == 6)
			return packet->has_tcp ? whole : rng_between(d->rng, 4, 13);
		return coin(d) ? whole : rng_between(d->rng, 4, 7);
	}
	if (icmp && !packet->has_icmp)
		return rng_below(d->rng, 2);
	return icmp && coin(d) ? rng_between(d->rng, 2, 7) : whole;
}

static void put_ip_length(struct draft *d, size_t length)
{
	if (d->packet->family == 4)
		put16(d->data + d->l3 + 2, length);
	else
		put16(d->data + d->l3 + 4, length - 40);
}

/* The frame ends early, or the IP length lies, or an IPv4 header says that it is too short. */
static void damage(struct draft *d)
{
	size_t kept = kept_size(d);

	if (d->packet->family == 4 && kept < 2 && coin(d))
		d->data[d->l3] = (uint8_t)(0x40 | rng_below(d->rng, 5));
	else if (kept == transport_size(d->packet->proto))
		put_ip_length(d, d->size - d->l3 + rng_between(d->rng, 1, 1000));
	else if (coin(d))
		put_ip_length(d, d->l4 - d->l3 + kept);
	else
		d->size = d->l4 + kept;
}

static void add_ip(struct draft *d, bool too_many)
{
	d->l3 = d->size;
	if (d->packet->family == 4)
		add_ip4(d);
	else
		add_ip6(d, too_many);
	d->data[d->kind] = d->packet->proto;
	d->l4 = d->size;
	if (d->packet->fragment)
		grow_random(d, rng_below(d->rng, 32));
	else
		add_transport(d);
	if (coin(d))
		grow_random(d, rng_below(d->rng, 40));
	put_ip_length(d, d->size - d->l3);
	if (d->packet->fault == ORACLE_MALFORMED)
		damage(d);
	else if (rng_percent(d->rng, 10))
		grow_random(d, rng_below(d->rng, 20)); /* padding, no part of the packet */
}

size_t flow_frame(const struct oracle_packet *packet, struct rng *rng, uint8_t *frame)
{
	struct draft d = {.packet = packet, .rng = rng, .data = frame};
	bool too_many = packet->fault == ORACLE_HEADERS;
	bool extensions = too_many && packet->family == 6 && coin(&d);
	size_t tags = packet->has_vlan ? 1 + rng_below(rng, 2) : 0;

	add_ethernet(&d, too_many && !extensions ? 3 : tags);
	if (packet->family)
		add_ip(&d, extensions);
	else if (packet->fault == ORACLE_MALFORMED)
		add_unreadable_ip(&d);
	else
		add_non_ip(&d);
	return d.size;
}
