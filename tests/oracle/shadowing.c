/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "shadowing.h"

/* All addresses of `a` are in `b`; both are prefixes. */
static bool prefix_in_prefix(const struct policy_address *a, const struct policy_address *b)
{
	return a->family == b->family && a->length >= b->length &&
	       oracle_covers(b->bytes, b->length, a->bytes);
}

static bool prefix_in(const struct oracle_ruleset *ruleset, const struct policy_address *a,
	const struct policy_address *b)
{
	const struct oracle_set *set;

	if (b->kind == POLICY_PREFIX)
		return prefix_in_prefix(a, b);
	set = oracle_set_find(ruleset, b->set);
	for (size_t i = 0; i < set->count; i++)
		if (prefix_in_prefix(a, &set->members[i]))
			return true;
	return false;
}

static bool address_in(const struct oracle_ruleset *ruleset, const struct policy_address *a,
	const struct policy_address *b)
{
	const struct oracle_set *set;

	if (b->kind == POLICY_ANY)
		return true;
	if (a->kind != POLICY_SET)
		return a->kind == POLICY_PREFIX && prefix_in(ruleset, a, b);
	if (b->kind == POLICY_SET && streq(a->set, b->set))
		return true;
	set = oracle_set_find(ruleset, a->set);
	for (size_t i = 0; i < set->count; i++)
		if (!prefix_in(ruleset, &set->members[i], b))
			return false;
	return true;
}

static bool ports_in(const struct policy_ports *a, const struct policy_ports *b)
{
	return a->first >= b->first && a->last <= b->last;
}

static bool ifaces_in(const struct policy_match *a, const struct policy_match *b)
{
	size_t found = 0;

	for (size_t i = 0; i < a->iface_count; i++)
		for (size_t j = 0; j < b->iface_count; j++)
			found += streq(a->ifaces[i], b->ifaces[j]);
	return !b->iface_count || (a->iface_count && found == a->iface_count);
}

static bool details_in(const struct policy_match *a, const struct policy_match *b)
{
	if (b->has_icmp_type && !(a->has_icmp_type && a->icmp_type == b->icmp_type))
		return false;
	if (b->has_icmp_code && !(a->has_icmp_code && a->icmp_code == b->icmp_code))
		return false;
	if (b->has_tcp_flags &&
		!(a->has_tcp_flags &&
			(a->tcp_flags_mask & b->tcp_flags_mask) == b->tcp_flags_mask &&
			(a->tcp_flags_value & b->tcp_flags_mask) == b->tcp_flags_value))
		return false;
	return (!b->has_vlan || (a->has_vlan && a->vlan == b->vlan)) && a->percent <= b->percent;
}

static bool names_no_address(const struct policy_match *m)
{
	return m->src.kind == POLICY_ANY && m->dst.kind == POLICY_ANY;
}

/* Neighbour discovery tells apart who names an address: only that one matches it. */
static bool discovery_in(const struct policy_match *a, const struct policy_match *b)
{
	bool discovery = !a->has_proto || a->proto == 58;

	return !discovery || names_no_address(a) || !names_no_address(b);
}

/* Every packet that `a` matches is matched by `b`. */
static bool match_in(const struct oracle_ruleset *ruleset, const struct policy_match *a,
	const struct policy_match *b)
{
	return ports_in(&a->dport, &b->dport) && ports_in(&a->sport, &b->sport) &&
	       (!b->has_proto || (a->has_proto && a->proto == b->proto)) && details_in(a, b) &&
	       ifaces_in(a, b) && discovery_in(a, b) && address_in(ruleset, &a->src, &b->src) &&
	       address_in(ruleset, &a->dst, &b->dst);
}

static bool has_family(
	const struct oracle_ruleset *ruleset, const struct policy_address *address, uint8_t family)
{
	const struct oracle_set *set;

	if (address->kind != POLICY_SET)
		return address->kind == POLICY_ANY || address->family == family;
	set = oracle_set_find(ruleset, address->set);
	for (size_t i = 0; i < set->count; i++)
		if (set->members[i].family == family)
			return true;
	return false;
}

static bool possible_over(
	const struct oracle_ruleset *ruleset, const struct policy_match *m, uint8_t family)
{
	return has_family(ruleset, &m->src, family) && has_family(ruleset, &m->dst, family) &&
	       !(m->has_icmp_type && m->proto != (family == 4 ? 1 : 58));
}

bool shadowing_proves_dead(const struct oracle_ruleset *ruleset, size_t index)
{
	const struct policy *policy = &ruleset->policies[index];

	if (!possible_over(ruleset, &policy->match, 4) &&
		!possible_over(ruleset, &policy->match, 6))
		return true;
	for (size_t i = 0; i < ruleset->count; i++) {
		const struct policy *other = &ruleset->policies[i];

		/* A shadow policy takes nothing from one that decides. */
		if (i != index && (policy->shadow || !other->shadow) &&
			match_in(ruleset, &policy->match, &other->match) &&
			oracle_outranks(ruleset, i, index))
			return true;
	}
	return false;
}
