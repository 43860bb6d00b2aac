/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "flow_random.h"

#include "flow_disturb.h"
#include "ruleset_random.h"

enum field { SRC, DST, SPORT, DPORT, PROTO, REST, FIELDS };
enum edge { INSIDE, FIRST, LAST, BEFORE, AFTER };

/* Which policy each field is taken from, and where in that policy's range it lies. */
struct plan {
	const struct policy *of[FIELDS];
	enum edge edge[FIELDS];
};

static bool often(struct flow_random *flow, unsigned int times)
{
	return rng_percent(&flow->rng, times);
}

void flow_random_init(struct flow_random *flow, const struct oracle_ruleset *rules, uint64_t seed)
{
	flow->rules = rules;
	rng_init(&flow->rng, seed);
}

static const struct policy *some_policy(struct flow_random *flow)
{
	static const struct policy any = {
		.match = {.sport = {0, 65535}, .dport = {0, 65535}, .percent = POLICY_PERCENT_ALL}};

	if (!flow->rules->count)
		return &any;
	return &flow->rules->policies[rng_below(&flow->rng, flow->rules->count)];
}

/* A member of the set, of that family if the family is known and one is found in a few tries. */
static const struct policy_address *some_member(
	struct flow_random *flow, const char *name, uint8_t family)
{
	const struct oracle_set *set = oracle_set_find(flow->rules, name);
	const struct policy_address *member = NULL;

	for (size_t i = 0; set && set->count && i < 16; i++) {
		member = &set->members[rng_below(&flow->rng, set->count)];
		if (!family || member->family == family)
			break;
	}
	return member;
}

/* The prefix that the address is to be taken from; NULL = anywhere. */
static const struct policy_address *resolve(
	struct flow_random *flow, const struct policy_address *wanted, uint8_t family)
{
	if (wanted->kind == POLICY_SET)
		return some_member(flow, wanted->set, family);
	return wanted->kind == POLICY_PREFIX ? wanted : NULL;
}

/* Moves an address by one, as a number of that many bytes. */
static void step(uint8_t *bytes, size_t size, int by)
{
	for (size_t i = size; i-- > 0;) {
		bytes[i] = (uint8_t)(bytes[i] + by);
		if (bytes[i] != (by > 0 ? 0 : 255))
			return;
	}
}

static void put_address(struct flow_random *flow, const struct policy_address *prefix,
	enum edge edge, uint8_t family, uint8_t bytes[16])
{
	size_t size = family == 4 ? 4 : 16;

	memset(bytes, 0, 16);
	rng_fill(&flow->rng, bytes, size);
	if (!prefix || prefix->family != family)
		return;
	for (size_t bit = 0; bit < size * 8; bit++) {
		uint8_t mask = (uint8_t)(0x80u >> bit % 8);
		bool one = bit < prefix->length ? prefix->bytes[bit / 8] & mask
			   : edge == INSIDE     ? bytes[bit / 8] & mask
						: edge == LAST || edge == AFTER;

		bytes[bit / 8] = (uint8_t)((bytes[bit / 8] & ~mask) | (one ? mask : 0));
	}
	if (edge == BEFORE || edge == AFTER)
		step(bytes, size, edge == BEFORE ? -1 : 1);
}

static uint16_t some_port(
	struct flow_random *flow, const struct policy_ports *ports, enum edge edge)
{
	switch (edge) {
	case FIRST:
		return ports->first;
	case LAST:
		return ports->last;
	case BEFORE:
		return (uint16_t)(ports->first - 1);
	case AFTER:
		return (uint16_t)(ports->last + 1);
	default:
		return (uint16_t)rng_between(&flow->rng, ports->first, ports->last);
	}
}

/* The family that the addresses or the protocol ask for; 0 = either. */
static uint8_t wanted_family(const struct plan *plan)
{
	const struct policy_match *proto = &plan->of[PROTO]->match;

	if (plan->of[SRC]->match.src.kind == POLICY_PREFIX)
		return plan->of[SRC]->match.src.family;
	if (plan->of[DST]->match.dst.kind == POLICY_PREFIX)
		return plan->of[DST]->match.dst.family;
	if (proto->has_proto && (proto->proto == 1 || proto->proto == 58))
		return proto->proto == 1 ? 4 : 6;
	return 0;
}

static void fill_addresses(
	struct flow_random *flow, const struct plan *plan, struct oracle_packet *packet)
{
	uint8_t family = wanted_family(plan);
	const struct policy_address *src = resolve(flow, &plan->of[SRC]->match.src, family);
	const struct policy_address *dst;

	if (!family && src)
		family = src->family;
	dst = resolve(flow, &plan->of[DST]->match.dst, family);
	if (!family)
		family = dst ? dst->family : often(flow, 50) ? 4 : 6;
	packet->family = family;
	put_address(flow, src, plan->edge[SRC], family, packet->src);
	put_address(flow, dst, plan->edge[DST], family, packet->dst);
}

/* Never one that means another extension header over IPv6, or ICMP of the other family. */
static uint8_t fitting_proto(uint8_t proto, uint8_t family)
{
	static const uint8_t extensions[] = {0, 43, 44, 51, 60};

	if (proto == 1 || proto == 58)
		return family == 4 ? 1 : 58;
	for (size_t i = 0; family == 6 && i < sizeof(extensions); i++)
		if (proto == extensions[i])
			return 47;
	return proto;
}

static uint8_t some_proto(struct flow_random *flow, const struct plan *plan, uint8_t family)
{
	static const uint8_t ported[] = {6, 6, 17, 17, 136, 132, 33};
	static const uint8_t all[] = {6, 6, 6, 17, 17, 1, 1, 47, 50, 59, 89, 136, 132, 33, 255};
	const struct policy_match *m = &plan->of[PROTO]->match;
	bool ports = !oracle_any_port(&plan->of[SPORT]->match.sport) ||
		     !oracle_any_port(&plan->of[DPORT]->match.dport);
	uint8_t proto;

	if (m->has_proto)
		proto = plan->edge[PROTO] >= BEFORE ? (uint8_t)(m->proto + 1) : m->proto;
	else
		proto = ports ? RNG_PICK(&flow->rng, ported) : RNG_PICK(&flow->rng, all);
	return fitting_proto(proto, family);
}

static void fill_icmp(
	struct flow_random *flow, const struct policy_match *m, struct oracle_packet *packet)
{
	static const uint8_t types[] = {0, 3, 8, 11, 128, 129, 133, 134, 135, 136, 137};

	packet->has_icmp = true;
	packet->icmp_type = m->has_icmp_type ? m->icmp_type : RNG_PICK(&flow->rng, types);
	packet->icmp_code = m->has_icmp_code ? m->icmp_code : (uint8_t)rng_below(&flow->rng, 4);
}

static void fill_transport(
	struct flow_random *flow, const struct plan *plan, struct oracle_packet *packet)
{
	const struct policy_match *m = &plan->of[REST]->match;

	packet->proto = some_proto(flow, plan, packet->family);
	if (proto_has_ports(packet->proto)) {
		packet->has_ports = true;
		packet->sport = some_port(flow, &plan->of[SPORT]->match.sport, plan->edge[SPORT]);
		packet->dport = some_port(flow, &plan->of[DPORT]->match.dport, plan->edge[DPORT]);
	}
	if (packet->proto == 6) {
		packet->has_tcp = true;
		packet->tcp_flags = (uint8_t)rng_next(&flow->rng);
		if (m->has_tcp_flags)
			packet->tcp_flags = (uint8_t)((packet->tcp_flags & ~m->tcp_flags_mask) |
						      m->tcp_flags_value);
	}
	if (packet->proto == (packet->family == 4 ? 1 : 58))
		fill_icmp(flow, m, packet);
}

static void fill_rest(
	struct flow_random *flow, const struct plan *plan, struct oracle_packet *packet)
{
	static const uint16_t vlans[] = {0, 1, 2, 100, 4094, 4095};
	const struct policy_match *m = &plan->of[REST]->match;

	packet->has_vlan = m->has_vlan || often(flow, 15);
	packet->vlan = !packet->has_vlan ? 0 : m->has_vlan ? m->vlan : RNG_PICK(&flow->rng, vlans);
	packet->flow_percent = often(flow, 30) ? (uint16_t)(m->percent - 1)
					       : (uint16_t)rng_below(&flow->rng, m->percent);
	if (m->iface_count)
		strcpy(packet->iface, m->ifaces[rng_below(&flow->rng, m->iface_count)]);
	else
		strcpy(packet->iface, ruleset_ifaces[rng_below(&flow->rng, RULESET_IFACES)]);
}

/* One of the things that do not rank is just not what the policy wants. */
static void miss_rest(struct flow_random *flow, struct oracle_packet *packet)
{
	switch (rng_below(&flow->rng, 5)) {
	case 0:
		packet->has_vlan = !packet->has_vlan;
		packet->vlan = 0;
		break;
	case 1:
		packet->tcp_flags ^= (uint8_t)(packet->has_tcp << rng_below(&flow->rng, 8));
		break;
	case 2:
		packet->flow_percent = (uint16_t)((packet->flow_percent + 1) % POLICY_PERCENT_ALL);
		break;
	case 3:
		packet->icmp_code = (uint8_t)(packet->icmp_code + packet->has_icmp);
		break;
	default:
		strcpy(packet->iface, "other0");
	}
}

static void make(struct flow_random *flow, const struct plan *plan, struct oracle_packet *ret)
{
	*ret = (struct oracle_packet){0};
	fill_addresses(flow, plan, ret);
	fill_transport(flow, plan, ret);
	fill_rest(flow, plan, ret);
	if (plan->edge[REST] >= BEFORE)
		miss_rest(flow, ret);
}

static struct plan plan_of(struct flow_random *flow, const struct policy *policy)
{
	struct plan plan;

	for (size_t i = 0; i < FIELDS; i++) {
		plan.of[i] = policy;
		plan.edge[i] = often(flow, 50) ? INSIDE : (enum edge)rng_below(&flow->rng, 3);
	}
	return plan;
}

static bool names_address(const struct policy_match *m)
{
	return m->src.kind != POLICY_ANY || m->dst.kind != POLICY_ANY;
}

/* Neighbour discovery can reach a policy that names an address past one that names none. */
static bool can_be_discovery(const struct policy_match *m)
{
	return (!m->has_proto || m->proto == 58) && oracle_any_port(&m->sport) &&
	       oracle_any_port(&m->dport) && !m->icmp_code &&
	       (!m->has_icmp_type || (m->icmp_type >= 133 && m->icmp_type <= 137));
}

/* A port of the range that lies just beyond the range of another policy, if one is found. */
static void squeeze(
	struct flow_random *flow, const struct policy_ports *range, bool dport, uint16_t *port)
{
	for (size_t i = 0; i < 8; i++) {
		const struct policy_match *other = &some_policy(flow)->match;
		uint16_t beyond = some_port(flow, dport ? &other->dport : &other->sport,
			often(flow, 50) ? BEFORE : AFTER);

		if (beyond >= range->first && beyond <= range->last) {
			*port = beyond;
			return;
		}
	}
}

void flow_random_inside(
	struct flow_random *flow, const struct policy *policy, struct oracle_packet *ret)
{
	struct plan plan = plan_of(flow, policy);

	make(flow, &plan, ret);
	if (names_address(&policy->match) && can_be_discovery(&policy->match) && often(flow, 20)) {
		flow_become_discovery(&flow->rng, ret);
		if (ret->discovery && policy->match.has_icmp_type)
			ret->icmp_type = policy->match.icmp_type;
	}
	if (ret->has_ports && often(flow, 60)) {
		squeeze(flow, &policy->match.sport, false, &ret->sport);
		squeeze(flow, &policy->match.dport, true, &ret->dport);
	}
}

/* Half of them inside a policy, the others beyond one border, between policies, anywhere. */
static struct plan some_plan(struct flow_random *flow)
{
	const struct policy *other = some_policy(flow);
	struct plan plan = plan_of(flow, some_policy(flow));
	uint64_t way = rng_below(&flow->rng, 100);
	size_t beyond = rng_below(&flow->rng, FIELDS);

	if (way >= 50 && way < 75)
		plan.edge[beyond] = often(flow, 50) ? BEFORE : AFTER;
	for (size_t i = 0; way >= 75 && i < FIELDS; i++)
		if (way >= 95)
			plan.of[i] = some_policy(flow);
		else if (often(flow, 50))
			plan.of[i] = other;
	return plan;
}

void flow_random_next(struct flow_random *flow, struct oracle_packet *ret)
{
	struct plan plan = some_plan(flow);

	make(flow, &plan, ret);
	flow_disturb(&flow->rng, ret);
}
