/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "describe.h"

#include <arpa/inet.h>

#include "common/text.h"

static bool is_used(const struct oracle_ruleset *ruleset, const char *set)
{
	for (size_t i = 0; i < ruleset->count; i++) {
		const struct policy_match *m = &ruleset->policies[i].match;

		if ((m->src.kind == POLICY_SET && streq(m->src.set, set)) ||
			(m->dst.kind == POLICY_SET && streq(m->dst.set, set)))
			return true;
	}
	return false;
}

static void describe_set(const struct oracle_set *set, FILE *out)
{
	char text[72];

	fprintf(out, "set %s {", set->name);
	for (size_t i = 0; i < set->count; i++) {
		text_format_address(&set->members[i], text);
		fprintf(out, " %s", text);
	}
	fprintf(out, " }\n");
}

static void describe_settings(const struct oracle_ruleset *ruleset, FILE *out)
{
	if (ruleset->default_block)
		fprintf(out, "default block\n");
	for (size_t i = 0; i < ruleset->default_count; i++)
		fprintf(out, "default %s iface %s\n",
			ruleset->defaults[i].block ? "block" : "allow", ruleset->defaults[i].iface);
	if (ruleset->fragments_drop)
		fprintf(out, "setting fragments drop\n");
	if (ruleset->malformed_drop)
		fprintf(out, "setting malformed drop\n");
}

void describe_ruleset(const struct oracle_ruleset *ruleset, FILE *out)
{
	describe_settings(ruleset, out);
	for (size_t i = 0; i < ruleset->set_count; i++)
		if (is_used(ruleset, ruleset->sets[i].name))
			describe_set(&ruleset->sets[i], out);
	for (size_t i = 0; i < ruleset->count; i++) {
		_cleanup_free_ char *line = text_format_policy(&ruleset->policies[i]);

		fprintf(out, "policy %s\n", line ? line : "(no memory)");
	}
}

static void describe_transport(const struct oracle_packet *packet, FILE *out)
{
	if (packet->has_ports)
		fprintf(out, " sport %u dport %u", packet->sport, packet->dport);
	if (packet->has_icmp)
		fprintf(out, " icmp-type %u/%u", packet->icmp_type, packet->icmp_code);
	if (packet->has_tcp)
		fprintf(out, " tcp-flags 0x%02x", packet->tcp_flags);
	if (packet->fragment)
		fprintf(out, " fragment");
	if (packet->discovery)
		fprintf(out, " discovery");
}

void describe_packet(const struct oracle_packet *packet, FILE *out)
{
	static const char *const faults[] = {"", " malformed", " headers"};
	char src[INET6_ADDRSTRLEN] = "", dst[INET6_ADDRSTRLEN] = "";
	int family = packet->family == 4 ? AF_INET : AF_INET6;

	fprintf(out, "packet iface %s", *packet->iface ? packet->iface : "none");
	if (packet->has_vlan)
		fprintf(out, " vlan %u", packet->vlan);
	if (packet->family) {
		inet_ntop(family, packet->src, src, sizeof(src));
		inet_ntop(family, packet->dst, dst, sizeof(dst));
		fprintf(out, " src %s dst %s proto %u", src, dst, packet->proto);
		describe_transport(packet, out);
	} else {
		fprintf(out, " without an IP header");
	}
	fprintf(out, "%s flow %u.%02u%%\n", faults[packet->fault], packet->flow_percent / 100,
		packet->flow_percent % 100);
}

static const char *name_of(const struct oracle_ruleset *ruleset, size_t index)
{
	if (index == ORACLE_NONE)
		return "none";
	return index < ruleset->count ? ruleset->policies[index].name : "(no such index)";
}

void describe_ruling(
	const struct oracle_ruleset *ruleset, const struct oracle_ruling *ruling, FILE *out)
{
	static const char *const reasons[] = {[ORACLE_BY_POLICY] = "policy",
		[ORACLE_BY_DEFAULT] = "default",
		[ORACLE_BY_NON_IP] = "not IP",
		[ORACLE_BY_MALFORMED] = "malformed",
		[ORACLE_BY_FRAGMENTS] = "fragments",
		[ORACLE_BY_HEADERS] = "headers"};

	fprintf(out, "%s", reasons[ruling->reason]);
	if (ruling->reason == ORACLE_BY_POLICY)
		fprintf(out, " %s", name_of(ruleset, ruling->policy));
	else
		fprintf(out, ", %s", ruling->pass ? "passes" : "dropped");
	fprintf(out, ", shadow %s\n", name_of(ruleset, ruling->shadow));
}

void describe_frame(const uint8_t *frame, size_t size, FILE *out)
{
	fprintf(out, "frame ");
	for (size_t i = 0; i < size; i++)
		fprintf(out, "%02x", frame[i]);
	fprintf(out, "\n");
}
