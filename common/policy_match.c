/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "common/policy_match.h"

#include <stdio.h>

#include "common/text.h"

struct look {
	const struct policy_match *match;
	const struct policy_packet *packet;
	const struct policy_members *members;
	char *why;
};

/* Says why, and is false. */
PRINTF_LIKE(2, 3)
static bool differs(const struct look *l, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(l->why, POLICY_WHY_SIZE, fmt, args);
	va_end(args);
	return false;
}

static bool match_iface(const struct look *l)
{
	const struct policy_match *m = l->match;
	char wanted[64] = "";

	if (!m->iface_count)
		return true;
	for (size_t i = 0; i < m->iface_count; i++)
		if (streq(m->ifaces[i], l->packet->iface))
			return true;
	for (size_t i = 0; i < MIN(m->iface_count, 3u); i++)
		snprintf(wanted + strlen(wanted), sizeof(wanted) - strlen(wanted), "%s%s",
			i ? "," : "", m->ifaces[i]);
	if (!*l->packet->iface)
		return differs(l, "no iface is given, and only %s will do", wanted);
	return differs(l, "iface %s is not %s%s", l->packet->iface, wanted,
		m->iface_count > 3 ? ",..." : "");
}

static bool match_vlan(const struct look *l)
{
	const struct policy_packet *p = l->packet;

	if (!l->match->has_vlan || (p->has_vlan && p->vlan == l->match->vlan))
		return true;
	if (!p->has_vlan)
		return differs(l, "the packet has no VLAN tag, and vlan is %u", l->match->vlan);
	return differs(l, "vlan %u is not %u", p->vlan, l->match->vlan);
}

static bool match_proto(const struct look *l)
{
	char is[16], wanted[16];

	if (!l->match->has_proto || l->match->proto == l->packet->proto)
		return true;
	text_format_proto(l->packet->proto, is);
	text_format_proto(l->match->proto, wanted);
	return differs(l, "proto %s is not %s", is, wanted);
}

static bool covers(const struct policy_address *prefix, uint8_t family, const uint8_t *address)
{
	uint8_t whole = prefix->length / 8, rest = prefix->length % 8;

	if (prefix->family != family || memcmp(prefix->bytes, address, whole) != 0)
		return false;
	return !rest || !((prefix->bytes[whole] ^ address[whole]) >> (8 - rest));
}

static bool match_address(const struct look *l, const char *field,
	const struct policy_address *wanted, const uint8_t *address)
{
	struct policy_address is = {.kind = POLICY_PREFIX,
		.family = l->packet->family,
		.length = l->packet->family == 4 ? 32 : 128};
	char text[72], other[72];

	if (wanted->kind == POLICY_ANY)
		return true;
	if (wanted->kind == POLICY_PREFIX && covers(wanted, l->packet->family, address))
		return true;
	if (wanted->kind == POLICY_SET &&
		l->members->has(l->members->data, wanted->set, l->packet->family, address))
		return true;
	memcpy(is.bytes, address, is.length / 8);
	text_format_address(&is, text);
	text_format_address(wanted, other);
	return differs(l, "%s %s is not %s%s", field, text,
		wanted->kind == POLICY_SET ? "a member of " : "in ", other);
}

static bool match_ports(
	const struct look *l, const char *field, const struct policy_ports *wanted, uint16_t is)
{
	if (wanted->first == 0 && wanted->last == UINT16_MAX)
		return true;
	if (!l->packet->has_ports)
		return differs(l, "the packet has no ports, and %s is wanted", field);
	if (is >= wanted->first && is <= wanted->last)
		return true;
	if (wanted->first == wanted->last)
		return differs(l, "%s %u is not %u", field, is, wanted->first);
	return differs(l, "%s %u is not in %u-%u", field, is, wanted->first, wanted->last);
}

static bool match_icmp(const struct look *l)
{
	const struct policy_match *m = l->match;
	const struct policy_packet *p = l->packet;

	if (!m->has_icmp_type)
		return true;
	if (!p->has_icmp)
		return differs(l, "the packet has no icmp-type");
	if (p->icmp_type != m->icmp_type)
		return differs(l, "icmp-type %u is not %u", p->icmp_type, m->icmp_type);
	if (m->has_icmp_code && p->icmp_code != m->icmp_code)
		return differs(l, "icmp-type %u/%u is not %u/%u", p->icmp_type, p->icmp_code,
			m->icmp_type, m->icmp_code);
	return true;
}

static bool match_flags(const struct look *l)
{
	const struct policy_match *m = l->match;

	if (!m->has_tcp_flags || !m->tcp_flags_mask)
		return true;
	if (!l->packet->has_tcp)
		return differs(l, "the packet has no tcp-flags");
	if ((l->packet->tcp_flags & m->tcp_flags_mask) == m->tcp_flags_value)
		return true;
	return differs(l, "tcp-flags 0x%02x are not 0x%02x/0x%02x", l->packet->tcp_flags,
		m->tcp_flags_value, m->tcp_flags_mask);
}

static bool match_share(const struct look *l)
{
	if (l->packet->flow_percent < l->match->percent || l->match->percent == POLICY_PERCENT_ALL)
		return true;
	return differs(l, "the flow is not in the share of percent %u.%02u",
		l->match->percent / 100, l->match->percent % 100);
}

static bool match_discovery(const struct look *l)
{
	const struct policy_match *m = l->match;

	if (!l->packet->discovery || m->src.kind != POLICY_ANY || m->dst.kind != POLICY_ANY)
		return true;
	return differs(l, "neighbour discovery is exempt from policies without src and dst");
}

bool policy_match(const struct policy *policy, const struct policy_packet *packet,
	const struct policy_members *members, char why[static POLICY_WHY_SIZE])
{
	const struct policy_match *m = &policy->match;
	const struct look look = {m, packet, members, why}, *l = &look;

	*why = 0;
	return match_iface(l) && match_vlan(l) && match_proto(l) &&
	       match_address(l, "src", &m->src, packet->src) &&
	       match_address(l, "dst", &m->dst, packet->dst) &&
	       match_ports(l, "sport", &m->sport, packet->sport) &&
	       match_ports(l, "dport", &m->dport, packet->dport) && match_icmp(l) &&
	       match_flags(l) && match_share(l) && match_discovery(l);
}
