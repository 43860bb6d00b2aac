/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Every policy in turn: which one decides, and which shadow policy would have. */
#include "store_model.h"

static bool covers(const struct model_prefix *p, const struct model_prefix *address)
{
	bool same = p->family == address->family;

	for (uint8_t bit = 0; bit < p->length && same; bit++)
		same = ((p->bytes[bit / 8] ^ address->bytes[bit / 8]) >> (7 - bit % 8) & 1) == 0;
	return same;
}

static bool member_covers(uint32_t member, const struct model_prefix *address)
{
	static struct model_prefix all[MODEL_MEMBERS];

	if (!all[member].family)
		all[member] = model_prefix_of(model_members[member]);
	return covers(&all[member], address);
}

static bool set_covers(const struct model *m, uint32_t set, const struct model_prefix *address)
{
	for (uint32_t i = 0; i < MODEL_MEMBERS; i++)
		if (member_covers(i, address) && model_has(m, set, i))
			return true;
	return false;
}

static bool has_ports(const struct model_packet *p)
{
	return !p->fragment && (p->proto == 6 || p->proto == 17);
}

static bool ends_match(const struct model *m, const struct model_rule *rule, const struct model_packet *p)
{
	const struct model_prefix *ends[] = {&p->src, &p->dst};
	uint16_t ports[] = {p->sport, p->dport};

	for (size_t i = 0; i < 2; i++) {
		bool any_port = rule->first[i] == 0 && rule->last[i] == 65535;

		if (rule->address[i] == POLICY_PREFIX && !member_covers(rule->which[i], ends[i]))
			return false;
		if (rule->address[i] == POLICY_SET && !set_covers(m, rule->which[i], ends[i]))
			return false;
		if (!any_port && (!has_ports(p) || ports[i] < rule->first[i] || ports[i] > rule->last[i]))
			return false;
	}
	return true;
}

static bool matches(const struct model *m, const struct model_rule *rule, const struct model_packet *p)
{
	return (!rule->proto || rule->proto == p->proto) && (!rule->vlan || rule->vlan == p->vlan) &&
	       (!rule->ifaces || (p->iface < MODEL_IFACES && rule->ifaces >> p->iface & 1)) &&
	       ends_match(m, rule, p);
}

/* --- the deciding order: the lower figure of the first that differs */

static uint32_t openness(const struct model_rule *rule, size_t end)
{
	struct model_prefix p;

	if (rule->address[end] == POLICY_ANY)
		return 1001;
	if (rule->address[end] == POLICY_SET)
		return 1000;
	p = model_prefix_of(model_members[rule->which[end]]);
	return (p.family == 4 ? 32u : 128u) - p.length;
}

static void rank(const struct model_policy *p, uint64_t ret[static 7])
{
	const struct model_rule *rule = &p->rule;

	ret[0] = rule->priority;
	ret[1] = rule->last[1] - rule->first[1];
	ret[2] = openness(rule, 0);
	ret[3] = openness(rule, 1);
	ret[4] = rule->last[0] - rule->first[0];
	ret[5] = !rule->proto;
	ret[6] = p->place;
}

static bool outranks(const struct model_policy *a, const struct model_policy *b)
{
	uint64_t one[7], other[7];

	if (!b)
		return true;
	rank(a, one);
	rank(b, other);
	for (size_t i = 0; i < 7; i++)
		if (one[i] != other[i])
			return one[i] < other[i];
	return false;
}

static const struct model_policy *best(const struct model *m, const struct model_packet *p, bool shadow)
{
	const struct model_policy *found = NULL;

	for (uint64_t i = 0; i < m->now.count; i++) {
		const struct model_policy *policy = &m->now.policies[i];

		if (policy->rule.shadow == shadow && matches(m, &policy->rule, p) && outranks(policy, found))
			found = policy;
	}
	return found;
}

static bool default_passes(const struct model *m, uint32_t iface)
{
	if (iface < MODEL_IFACES && m->now.defaults[iface])
		return m->now.defaults[iface] == 1;
	return !m->now.block;
}

struct model_verdict model_judge(const struct model *m, const struct model_packet *p)
{
	const struct model_policy *decider = best(m, p, false), *shadow = best(m, p, true);
	struct model_verdict v = {.policy = MODEL_POLICIES, .shadow = MODEL_POLICIES};

	if ((p->malformed && m->now.settings[SETTING_MALFORMED]) ||
		(p->fragment && m->now.settings[SETTING_FRAGMENTS])) {
		v.by_setting = true;
		return v;
	}
	if (decider)
		v.policy = decider->name;
	else
		v.passes = default_passes(m, p->iface);
	if (shadow && outranks(shadow, decider))
		v.shadow = shadow->name;
	return v;
}
