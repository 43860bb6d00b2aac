/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/event_pack.h"

#include <arpa/inet.h>

enum wire { WIRE_VARINT = 0, WIRE_BYTES = 2 };

/* Fields of pepctl.v1.Event and its parts that are written here. */
enum event_field {
	EVENT_SEQ = 1,
	EVENT_TIME = 2,
	EVENT_PACKET = 3,
	EVENT_LOST = 4,
	EVENT_MARKER = 5
};

static const char *const parse_errors[PEP_PARSE_MAX] = {
	[PEP_PARSE_OK] = "",
	[PEP_PARSE_ETH_SHORT] = "eth-short",
	[PEP_PARSE_VLAN_SHORT] = "vlan-short",
	[PEP_PARSE_IP_SHORT] = "ip-short",
	[PEP_PARSE_IP_VERSION] = "ip-version",
	[PEP_PARSE_IP_IHL] = "ip-ihl",
	[PEP_PARSE_IP_LENGTH] = "ip-length",
	[PEP_PARSE_EXT_SHORT] = "ext-short",
	[PEP_PARSE_L4_SHORT] = "l4-short",
	[PEP_PARSE_L4_LENGTH] = "l4-length",
	[PEP_PARSE_HEADERS] = "headers",
};

const char *event_parse_error_name(enum pep_parse_error error)
{
	return error < PEP_PARSE_MAX ? parse_errors[error] : "unknown";
}

static uint8_t *put_varint(uint8_t *out, uint64_t value)
{
	while (value >= 0x80) {
		*out++ = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	*out++ = (uint8_t)value;
	return out;
}

static uint8_t *put_tag(uint8_t *out, unsigned int field, enum wire wire)
{
	return put_varint(out, field << 3 | wire);
}

static uint8_t *put_always(uint8_t *out, unsigned int field, uint64_t value)
{
	return put_varint(put_tag(out, field, WIRE_VARINT), value);
}

/* proto3: a zero is not written. */
static uint8_t *put_number(uint8_t *out, unsigned int field, uint64_t value)
{
	return value ? put_always(out, field, value) : out;
}

static uint8_t *put_bytes(uint8_t *out, unsigned int field, const void *bytes, size_t size)
{
	if (!size)
		return out;
	out = put_varint(put_tag(out, field, WIRE_BYTES), size);
	memcpy(out, bytes, size);
	return out + size;
}

static uint8_t *put_text(uint8_t *out, unsigned int field, const char *text, size_t max)
{
	return put_bytes(out, field, text, strnlen(text, max));
}

static char *put_octet(char *out, unsigned int octet)
{
	if (octet >= 100)
		*out++ = (char)('0' + octet / 100);
	if (octet >= 10)
		*out++ = (char)('0' + octet / 10 % 10);
	*out++ = (char)('0' + octet % 10);
	return out;
}

/* By hand: inet_ntop() of glibc goes through sprintf(). */
static size_t format_ip4(const uint8_t address[static 4], char out[static INET_ADDRSTRLEN])
{
	char *at = out;

	for (unsigned int i = 0; i < 4; i++) {
		if (i)
			*at++ = '.';
		at = put_octet(at, address[i]);
	}
	return (size_t)(at - out);
}

static uint8_t *put_address(
	uint8_t *out, unsigned int field, uint8_t family, const __be32 address[4])
{
	char text[INET6_ADDRSTRLEN];
	size_t size = 0;

	if (family == 4)
		size = format_ip4((const uint8_t *)address, text);
	else if (family == 6 && inet_ntop(AF_INET6, address, text, sizeof(text)))
		size = strlen(text);
	return put_bytes(out, field, text, size);
}

static uint8_t *put_packet(uint8_t *out, const struct hub_packet *packet)
{
	const struct pep_event *e = packet->event;

	out = put_number(out, 1, e->time);
	out = put_number(out, 2, e->cpu);
	out = put_number(out, 3, e->number);
	out = put_text(out, 4, packet->iface, IFACE_NAME_SIZE - 1);
	out = put_address(out, 5, e->family, e->src);
	out = put_address(out, 6, e->family, e->dst);
	out = put_number(out, 7, ntohs(e->sport));
	out = put_number(out, 8, ntohs(e->dport));
	out = put_number(out, 9, e->proto);
	if (e->vlan != PEP_VLAN_NONE)
		out = put_always(out, 10, e->vlan);
	out = put_number(out, 11, e->length);
	out = put_number(out, 12, e->action);
	out = put_number(out, 13, e->reason);
	out = put_text(out, 14, e->policy, PEP_NAME_SIZE - 1);
	out = put_number(out, 15, e->revision);
	out = put_bytes(out, 16, e->data, MIN(e->captured, PEP_CAPTURE_MAX));
	out = put_number(out, 17, e->icmp_type);
	out = put_number(out, 18, e->icmp_code);
	out = put_number(out, 19, e->tcp_flags);
	out = put_number(out, 20, e->ifindex);
	return put_text(out, 21, event_parse_error_name(e->parse_error), 32);
}

size_t event_pack_head(uint64_t seq, int64_t time, uint8_t out[static EVENT_PACK_HEAD_MAX])
{
	uint8_t *at = put_number(out, EVENT_SEQ, seq);

	return (size_t)(put_number(at, EVENT_TIME, (uint64_t)time) - out);
}

/*
 * A submessage's size is known only afterwards: its body is written behind room
 * for a length of two bytes, right for nearly every packet, and moved back when one does.
 */
static uint8_t *open_message(uint8_t *out, enum event_field field)
{
	return put_tag(out, field, WIRE_BYTES) + 2;
}

static uint8_t *close_message(uint8_t *body, const uint8_t *end)
{
	size_t size = (size_t)(end - body);
	uint8_t *packed = put_varint(body - 2, size);

	if (packed != body)
		memmove(packed, body, size);
	return packed + size;
}

size_t event_pack(uint64_t seq, const struct hub_packet *packet, uint8_t out[static EVENT_PACK_MAX])
{
	uint8_t *body =
		open_message(out + event_pack_head(seq, packet->wall_time, out), EVENT_PACKET);

	return (size_t)(close_message(body, put_packet(body, packet)) - out);
}

size_t event_pack_lost(int64_t time, uint64_t count, uint64_t suppressed, uint64_t ring_full,
	uint8_t out[static EVENT_PACK_CONTROL_MAX])
{
	uint8_t *body = open_message(out + event_pack_head(0, time, out), EVENT_LOST);
	uint8_t *at = put_number(body, 1, count);

	at = put_number(at, 2, suppressed);
	at = put_number(at, 3, ring_full);
	return (size_t)(close_message(body, at) - out);
}

size_t event_pack_marker(int64_t time, const struct hub_accounting *accounting,
	const char *subscription, uint8_t out[static EVENT_PACK_CONTROL_MAX])
{
	uint8_t *body = open_message(out + event_pack_head(0, time, out), EVENT_MARKER);
	uint8_t *at = put_number(body, 1, accounting->decisions);

	at = put_number(at, 2, accounting->delivered);
	at = put_number(at, 3, accounting->filtered);
	at = put_number(at, 4, accounting->lost);
	at = put_number(at, 5, accounting->suppressed);
	at = put_number(at, 6, accounting->ring_full);
	at = put_text(at, 7, subscription, 31);
	return (size_t)(close_message(body, at) - out);
}
