/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "common/policy.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

#include "common/wirecheck.h"

/* Where violations go: `path`.FIELD. */
struct place {
	const char *path;
	struct error *err;
	bool wrong;
};

PRINTF_LIKE(3, 4)
static void wrong(struct place *place, const char *field, const char *fmt, ...)
{
	char where[256], what[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	snprintf(where, sizeof(where), "%s%s%s", place->path, *place->path ? "." : "", field);
	error_violation(place->err, where, "%s", what);
	place->wrong = true;
}

static bool any_port(const struct policy_ports *ports)
{
	return ports->first == 0 && ports->last == 65535;
}

static void check_ports(struct place *place, const struct policy_match *m)
{
	const struct {
		const char *field;
		const struct policy_ports *ports;
	} fields[] = {{"match.sport", &m->sport}, {"match.dport", &m->dport}};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (fields[i].ports->first > fields[i].ports->last)
			wrong(place, fields[i].field, "the range %u-%u is upside down",
				fields[i].ports->first, fields[i].ports->last);
		else if (!any_port(fields[i].ports) && m->has_proto && !proto_has_ports(m->proto))
			wrong(place, fields[i].field,
				"protocol %u has no ports; only tcp, udp, udplite, sctp and dccp have",
				m->proto);
	}
}

static void check_addresses(struct place *place, const struct policy_match *m)
{
	const struct {
		const char *field;
		const struct policy_address *address;
	} fields[] = {{"match.src", &m->src}, {"match.dst", &m->dst}};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].address->kind == POLICY_SET && !policy_name_valid(fields[i].address->set))
			wrong(place, fields[i].field, "the set name \"%s\" is not 1 to %u of [A-Za-z0-9._-]",
				fields[i].address->set, POLICY_NAME_MAX);
	if (m->src.kind == POLICY_PREFIX && m->dst.kind == POLICY_PREFIX &&
		m->src.family != m->dst.family)
		wrong(place, "match.dst", "src is IPv%u and dst is IPv%u: no packet has both",
			m->src.family, m->dst.family);
}

/* The family that the addresses fix; 0 = either. */
static uint8_t family_of(const struct policy_match *m)
{
	return m->src.kind == POLICY_PREFIX ? m->src.family :
	       m->dst.kind == POLICY_PREFIX ? m->dst.family : 0;
}

static void check_protocol(struct place *place, const struct policy_match *m)
{
	if (m->has_icmp_code && !m->has_icmp_type)
		wrong(place, "match.icmp_type", "a code without a type");
	if (m->has_icmp_type &&
		!(m->has_proto && (m->proto == IPPROTO_ICMP || m->proto == IPPROTO_ICMPV6)))
		wrong(place, "match.icmp_type", "icmp-type needs proto icmp or icmpv6");
	if (m->has_tcp_flags && !(m->has_proto && m->proto == IPPROTO_TCP))
		wrong(place, "match.tcp_flags", "tcp-flags needs proto tcp");
	if (m->has_tcp_flags && (!m->tcp_flags_mask || m->tcp_flags_value & ~m->tcp_flags_mask))
		wrong(place, "match.tcp_flags",
			"the mask 0x%02x does not cover the value 0x%02x, or is empty", m->tcp_flags_mask,
			m->tcp_flags_value);
	if (m->has_proto && ((m->proto == IPPROTO_ICMP && family_of(m) == 6) ||
				    (m->proto == IPPROTO_ICMPV6 && family_of(m) == 4)))
		wrong(place, "match.proto", "%s does not run over IPv%u",
			m->proto == IPPROTO_ICMP ? "icmp" : "icmpv6", family_of(m));
}

static void check_rest(struct place *place, const struct policy_match *m)
{
	if (m->has_vlan && m->vlan > 4094)
		wrong(place, "match.vlan", "%u is not a VLAN id from 0 to 4094", m->vlan);
	if (m->percent < 1 || m->percent > POLICY_PERCENT_ALL)
		wrong(place, "match.percent", "a share is from 0.01 to 100 percent");
	if (m->iface_count > POLICY_IFACES_MAX)
		wrong(place, "match.iface", "%zu interfaces; at most %u", m->iface_count,
			POLICY_IFACES_MAX);
	for (size_t i = 0; i < m->iface_count; i++)
		if (!iface_name_valid(m->ifaces[i]))
			wrong(place, "match.iface", "\"%.15s\" is no interface name", m->ifaces[i]);
}

static void check_limit(struct place *place, const struct policy_action *a, uint8_t family)
{
	if (a->rate < 1 || a->rate > POLICY_RATE_MAX)
		wrong(place, "action.rate_limit.rate", "the rate is from 1 to 10^12 a second");
	if (a->burst > POLICY_RATE_MAX)
		wrong(place, "action.rate_limit.burst", "the burst is at most 10^12");
	if (a->rate_unit > POLICY_PACKETS || a->scope > POLICY_SCOPE_FLOW)
		wrong(place, "action.rate_limit", "the unit or the scope is unknown");
	if (a->scope_length && a->scope != POLICY_SCOPE_SRC)
		wrong(place, "action.rate_limit.prefix_length", "a prefix length goes with scope src only");
	if (a->scope_length > (family == 4 ? 32 : 128))
		wrong(place, "action.rate_limit.prefix_length", "%u bits are more than an address has",
			a->scope_length);
}

static void check_redirect(struct place *place, const struct policy_action *a)
{
	if (a->target_count < 1 || a->target_count > POLICY_TARGETS_MAX)
		wrong(place, "action.redirect.targets", "redirect needs 1 to %u interfaces, not %zu",
			POLICY_TARGETS_MAX, a->target_count);
	for (size_t i = 0; i < a->target_count; i++) {
		if (!iface_name_valid(a->targets[i].iface))
			wrong(place, "action.redirect.targets", "\"%.15s\" is no interface name",
				a->targets[i].iface);
		if (a->targets[i].weight < 1 || a->targets[i].weight > 255)
			wrong(place, "action.redirect.targets", "a weight is from 1 to 255, not %u",
				a->targets[i].weight);
		for (size_t j = 0; j < i; j++)
			if (streq(a->targets[i].iface, a->targets[j].iface))
				wrong(place, "action.redirect.targets", "%s comes twice",
					a->targets[i].iface);
	}
	if (a->has_mac && a->fib)
		wrong(place, "action.redirect.mac", "mac and fib exclude each other");
}

static void check_options(struct place *place, const struct policy *p)
{
	if (p->log && p->nolog)
		wrong(place, "nolog", "log and nolog exclude each other");
	if (p->ttl > TTL_MAX)
		wrong(place, "ttl_nano", "a ttl is at most 10 years");
	if (!p->comment)
		return;
	if (strlen(p->comment) > POLICY_COMMENT_MAX)
		wrong(place, "comment", "%zu bytes; at most %u", strlen(p->comment), POLICY_COMMENT_MAX);
	else if (!wirecheck_utf8((const uint8_t *)p->comment, strlen(p->comment)))
		wrong(place, "comment", "is not valid UTF-8");
	if (wirecheck_has_control(p->comment))
		wrong(place, "comment", "has a control character");
}

int policy_validate(const struct policy *policy, const char *path, struct error *err)
{
	struct place place = {.path = path, .err = err};

	if (!policy_name_valid(policy->name))
		wrong(&place, "name", "\"%s\" is not 1 to %u of [A-Za-z0-9._-]", policy->name,
			POLICY_NAME_MAX);
	check_addresses(&place, &policy->match);
	check_ports(&place, &policy->match);
	check_protocol(&place, &policy->match);
	check_rest(&place, &policy->match);
	if (policy->action.kind >= POLICY_ACTION_MAX)
		wrong(&place, "action.kind", "there is no action %d", (int)policy->action.kind);
	if (policy->action.kind == POLICY_RATE_LIMIT)
		check_limit(&place, &policy->action, family_of(&policy->match));
	if (policy->action.kind == POLICY_REDIRECT)
		check_redirect(&place, &policy->action);
	check_options(&place, policy);
	return place.wrong ? -EINVAL : 0;
}
