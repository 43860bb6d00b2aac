/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "shadowing.h"

/* Pairs of ports. */
struct area {
	struct policy_ports sport;
	struct policy_ports dport;
};

/*
 * A policy under suspicion for packets of one family, and what outranks it and matches all but
 * perhaps its ports.
 */
struct suspect {
	const struct oracle_ruleset *ruleset;
	size_t index;
	uint8_t family;
	struct area *rivals;
	size_t count;
};

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

/* All addresses of that family in `a` are in `b`. */
static bool address_in(
	const struct suspect *s, const struct policy_address *a, const struct policy_address *b)
{
	const struct policy_address all = {.kind = POLICY_PREFIX, .family = s->family};
	const struct oracle_set *set;

	if (b->kind == POLICY_ANY ||
		(a->kind == POLICY_SET && b->kind == POLICY_SET && streq(a->set, b->set)))
		return true;
	if (a->kind != POLICY_SET)
		return prefix_in(s->ruleset, a->kind == POLICY_ANY ? &all : a, b);
	set = oracle_set_find(s->ruleset, a->set);
	for (size_t i = 0; i < set->count; i++)
		if (set->members[i].family == s->family &&
			!prefix_in(s->ruleset, &set->members[i], b))
			return false;
	return true;
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

/* Every packet that `a` matches is matched by `b`, once its ports are. */
static bool match_in(
	const struct suspect *s, const struct policy_match *a, const struct policy_match *b)
{
	return (!b->has_proto || (a->has_proto && a->proto == b->proto)) && details_in(a, b) &&
	       ifaces_in(a, b) && discovery_in(a, b) && address_in(s, &a->src, &b->src) &&
	       address_in(s, &a->dst, &b->dst);
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

static bool disjoint(const struct policy_ports *a, const struct policy_ports *b)
{
	return a->last < b->first || a->first > b->last;
}

static bool is_covered(struct area a, const struct area *rivals, size_t count);

/* The rest of the area beside the rival, cut into four, is covered by the other rivals. */
static bool rest_is_covered(struct area a, struct area by, const struct area *rivals, size_t count)
{
	struct area middle = a;

	if (a.sport.first < by.sport.first) {
		struct area left = {{a.sport.first, (uint16_t)(by.sport.first - 1)}, a.dport};

		if (!is_covered(left, rivals, count))
			return false;
		middle.sport.first = by.sport.first;
	}
	if (a.sport.last > by.sport.last) {
		struct area right = {{(uint16_t)(by.sport.last + 1), a.sport.last}, a.dport};

		if (!is_covered(right, rivals, count))
			return false;
		middle.sport.last = by.sport.last;
	}
	if (a.dport.first < by.dport.first) {
		struct area below = {middle.sport, {a.dport.first, (uint16_t)(by.dport.first - 1)}};

		if (!is_covered(below, rivals, count))
			return false;
	}
	if (a.dport.last > by.dport.last) {
		struct area above = {middle.sport, {(uint16_t)(by.dport.last + 1), a.dport.last}};

		return is_covered(above, rivals, count);
	}
	return true;
}

static bool is_covered(struct area a, const struct area *rivals, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!disjoint(&a.sport, &rivals[i].sport) && !disjoint(&a.dport, &rivals[i].dport))
			return rest_is_covered(a, rivals[i], rivals + i + 1, count - i - 1);
	return false;
}

/* A shadow policy takes nothing from one that decides. */
static bool is_rival(const struct suspect *s, size_t index)
{
	const struct policy *policy = &s->ruleset->policies[s->index];
	const struct policy *other = &s->ruleset->policies[index];

	return index != s->index && (policy->shadow || !other->shadow) &&
	       !disjoint(&policy->match.sport, &other->match.sport) &&
	       !disjoint(&policy->match.dport, &other->match.dport) &&
	       match_in(s, &policy->match, &other->match) &&
	       oracle_outranks(s->ruleset, index, s->index);
}

/* Only what takes any port takes what has none from one that takes any port. */
static void find_rivals(struct suspect *s)
{
	const struct policy_match *m = &s->ruleset->policies[s->index].match;
	bool ports = !oracle_any_port(&m->sport) || !oracle_any_port(&m->dport);

	for (size_t i = 0; i < s->ruleset->count; i++) {
		const struct policy_match *other = &s->ruleset->policies[i].match;

		if ((ports || (oracle_any_port(&other->sport) && oracle_any_port(&other->dport))) &&
			is_rival(s, i))
			s->rivals[s->count++] = (struct area){other->sport, other->dport};
	}
}

static bool is_dead(struct suspect *s)
{
	const struct policy_match *m = &s->ruleset->policies[s->index].match;

	if (!possible_over(s->ruleset, m, s->family))
		return true;
	s->count = 0;
	find_rivals(s);
	return is_covered((struct area){m->sport, m->dport}, s->rivals, s->count);
}

bool shadowing_proves_dead(const struct oracle_ruleset *ruleset, size_t index)
{
	_cleanup_free_ struct area *rivals = calloc(ruleset->count, sizeof(*rivals));
	struct suspect four = {.ruleset = ruleset, .index = index, .family = 4, .rivals = rivals};
	struct suspect six = four;

	six.family = 6;
	return rivals && is_dead(&four) && is_dead(&six);
}
