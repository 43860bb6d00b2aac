/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "ruleset_random.h"

#include <errno.h>
#include <stdio.h>

#include "rng.h"

const char *const ruleset_flavour_names[] = {
	"mixed", "nested", "ranges", "hot key", "equal", "sets"};
const char *const ruleset_ifaces[] = {"eth0", "eth1", "veth2", "br0.100"};

enum { BASES = 512, PORTS = 512, SETS = 8, MEMBERS = 48 };

/* How often a policy has something, of 100, and from how much it chooses. */
struct taste {
	unsigned int bases;    /* addresses in use, */
	unsigned int per_base; /* and one more for so many policies */
	unsigned int address;
	unsigned int in_set; /* of those with an address */
	unsigned int ports;
	unsigned int range; /* of those with ports */
	unsigned int proto;
	unsigned int extras;   /* each: vlan, icmp-type, tcp-flags, percent, interfaces */
	unsigned int copies;   /* of an earlier policy, with one thing changed or none */
	unsigned int priority; /* another than the default */
};

static const struct taste tastes[] = {
	[RULESET_MIXED] = {4, 30, 65, 25, 50, 50, 60, 10, 10, 25},
	[RULESET_NESTED] = {1, 200, 95, 5, 20, 30, 30, 2, 5, 10},
	[RULESET_RANGES] = {2, 50, 30, 20, 95, 90, 40, 5, 5, 15},
	[RULESET_HOT_KEY] = {1, 300, 100, 0, 90, 60, 100, 30, 30, 15},
	[RULESET_EQUAL] = {2, 50, 60, 25, 40, 40, 60, 10, 75, 30},
	[RULESET_SETS] = {3, 30, 90, 70, 35, 40, 40, 5, 10, 20},
};

struct maker {
	struct rng rng;
	enum ruleset_flavour flavour;
	const struct taste *taste;
	size_t count;                /* policies wanted */
	uint8_t bases[2][BASES][16]; /* of IPv4 and of IPv6 */
	size_t base_count;
	uint16_t ports[PORTS];
	size_t port_count;
	struct oracle_ruleset *rules;
};

static bool often(struct maker *m, unsigned int times)
{
	return rng_percent(&m->rng, times);
}

/* Lengths that cut at a byte are as frequent as all others. */
static uint8_t some_length(struct maker *m, uint8_t family)
{
	uint8_t bits = family == 4 ? 32 : 128;

	if (m->flavour != RULESET_NESTED && often(m, 50))
		return (uint8_t)(8 * rng_below(&m->rng, bits / 8 + 1u));
	return (uint8_t)rng_below(&m->rng, bits + 1u);
}

static void clear_host_bits(struct policy_address *a)
{
	for (size_t bit = a->length; bit < 128; bit++)
		a->bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
}

/* A prefix of one of the known addresses, or of one that differs in a bit. */
static struct policy_address some_prefix(struct maker *m, uint8_t family)
{
	struct policy_address a = {
		.kind = POLICY_PREFIX, .family = family, .length = some_length(m, family)};
	size_t bit = rng_below(&m->rng, family == 4 ? 32 : 128);

	memcpy(a.bytes, m->bases[family == 6][rng_below(&m->rng, m->base_count)], 16);
	if (often(m, 30))
		a.bytes[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
	clear_host_bits(&a);
	return a;
}

static uint8_t some_family(struct maker *m)
{
	return often(m, 50) ? 4 : 6;
}

static struct policy_address some_address(struct maker *m, uint8_t family)
{
	struct policy_address a = {.kind = POLICY_ANY};

	if (!often(m, m->taste->address))
		return a;
	if (m->rules->set_count && often(m, m->taste->in_set)) {
		a.kind = POLICY_SET;
		strcpy(a.set, m->rules->sets[rng_below(&m->rng, m->rules->set_count)].name);
		return a;
	}
	return some_prefix(m, family);
}

/* A range around a known port: all of them overlap; or one that begins or ends at an end. */
static struct policy_ports some_range(struct maker *m, uint16_t port)
{
	static const uint16_t widths[] = {1, 2, 16, 500, 20000};
	uint16_t width = RNG_PICK(&m->rng, widths);
	uint64_t below = rng_below(&m->rng, MIN(width, port) + 1u);
	uint64_t above = rng_below(&m->rng, MIN(width, 65535u - port) + 1u);

	switch (rng_below(&m->rng, 10)) {
	case 0:
		return (struct policy_ports){0, port};
	case 1:
		return (struct policy_ports){port, 65535};
	case 2:
		return (struct policy_ports){1024, 65535};
	default:
		return (struct policy_ports){(uint16_t)(port - below), (uint16_t)(port + above)};
	}
}

static uint16_t some_port(struct maker *m)
{
	return m->ports[rng_below(&m->rng, m->port_count)];
}

static struct policy_ports some_ports(struct maker *m)
{
	uint16_t port = m->flavour == RULESET_RANGES ? 30000 : some_port(m);

	if (!often(m, m->taste->ports))
		return (struct policy_ports){0, 65535};
	if (often(m, m->taste->range))
		return some_range(m, port);
	return (struct policy_ports){port, port};
}

static void add_proto(struct maker *m, struct policy_match *match, uint8_t family)
{
	static const uint8_t ported[] = {6, 6, 6, 17, 17, 136, 132, 33};
	static const uint8_t all[] = {6, 17, 1, 58, 1, 58, 47, 50, 0, 255, 89, 132};

	match->has_proto = often(m, m->taste->proto);
	if (!match->has_proto)
		return;
	if (!oracle_any_port(&match->sport) || !oracle_any_port(&match->dport))
		match->proto = RNG_PICK(&m->rng, ported);
	else
		match->proto = RNG_PICK(&m->rng, all);
	if (match->proto == 1 || match->proto == 58)
		match->proto = family == 4 ? 1 : 58;
}

static void add_icmp_type(struct maker *m, struct policy_match *match)
{
	static const uint8_t types[] = {0, 3, 8, 11, 128, 129, 133, 134, 135, 136, 137};

	match->has_icmp_type = true;
	match->icmp_type = RNG_PICK(&m->rng, types);
	match->has_icmp_code = often(m, 50);
	match->icmp_code = match->has_icmp_code ? (uint8_t)rng_below(&m->rng, 4) : 0;
}

static void add_tcp_flags(struct maker *m, struct policy_match *match)
{
	static const uint8_t masks[] = {0x02, 0x12, 0x17, 0x3f, 0xff, 0x04, 0x80};

	match->has_tcp_flags = true;
	match->tcp_flags_mask = RNG_PICK(&m->rng, masks);
	match->tcp_flags_value = (uint8_t)rng_next(&m->rng) & match->tcp_flags_mask;
}

/* A run of the list, which is sorted as the model wants it. */
static int add_ifaces(struct maker *m, struct policy_match *match)
{
	size_t first = rng_below(&m->rng, RULESET_IFACES);
	size_t count = rng_between(&m->rng, 1, RULESET_IFACES - first);
	static const char *const sorted[] = {"br0.100", "eth0", "eth1", "veth2"};

	match->ifaces = calloc(count, sizeof(*match->ifaces));
	if (!match->ifaces)
		return -ENOMEM;
	match->iface_count = count;
	for (size_t i = 0; i < count; i++)
		strcpy(match->ifaces[i], sorted[first + i]);
	return 0;
}

static int add_extras(struct maker *m, struct policy_match *match)
{
	static const uint16_t shares[] = {1, 100, 2500, 5000, 5001, 9999};
	static const uint16_t vlans[] = {0, 1, 2, 100, 4094};

	if (often(m, m->taste->extras)) {
		match->has_vlan = true;
		match->vlan = RNG_PICK(&m->rng, vlans);
	}
	if (often(m, m->taste->extras))
		match->percent = RNG_PICK(&m->rng, shares);
	if (match->has_proto && match->proto == 6 && often(m, 2 * m->taste->extras))
		add_tcp_flags(m, match);
	if (match->has_proto && (match->proto == 1 || match->proto == 58) && often(m, 50))
		add_icmp_type(m, match);
	return often(m, m->taste->extras) ? add_ifaces(m, match) : 0;
}

static int add_match(struct maker *m, struct policy_match *match)
{
	uint8_t family = some_family(m);

	match->src = some_address(m, family);
	match->dst = some_address(m, family);
	match->sport = some_ports(m);
	match->dport = some_ports(m);
	add_proto(m, match, family);
	return add_extras(m, match);
}

/* The same addresses and protocol for all, the rest as ever. */
static int add_hot_match(struct maker *m, struct policy_match *match)
{
	uint8_t family = m->bases[0][0][0] & 1 ? 4 : 6;
	struct policy_address *ends[] = {&match->src, &match->dst};
	size_t pair = rng_below(&m->rng, m->base_count);

	for (size_t i = 0; i < 2; i++) {
		*ends[i] = (struct policy_address){.kind = POLICY_PREFIX, .family = family};
		ends[i]->length = family == 4 ? 32 : 128;
		memcpy(ends[i]->bytes, m->bases[family == 6][pair + i], 16);
		clear_host_bits(ends[i]);
	}
	match->sport = some_ports(m);
	if (often(m, 80))
		match->dport = (struct policy_ports){m->ports[0], m->ports[0]};
	else
		match->dport = some_ports(m);
	match->has_proto = true;
	match->proto = 6;
	return add_extras(m, match);
}

static bool is_narrow(const struct policy_ports *ports)
{
	return ports->last - ports->first < 1000;
}

/* More than one such policy before all others would leave nothing to decide. */
static bool is_broad(const struct policy_match *match)
{
	return (match->src.kind != POLICY_PREFIX || match->src.length < 16) &&
	       (match->dst.kind != POLICY_PREFIX || match->dst.length < 16) &&
	       !is_narrow(&match->sport) && !is_narrow(&match->dport);
}

static void add_action(struct maker *m, struct policy *p)
{
	static const uint32_t priorities[] = {0, 999, 1001, UINT32_MAX};
	static const enum policy_action_kind kinds[] = {POLICY_ALLOW, POLICY_ALLOW, POLICY_BLOCK,
		POLICY_BLOCK, POLICY_REJECT, POLICY_REFLECT, POLICY_RATE_LIMIT};

	p->action.kind = RNG_PICK(&m->rng, kinds);
	if (p->action.kind == POLICY_RATE_LIMIT) {
		p->action.rate = rng_between(&m->rng, 1000, 1000000000);
		p->action.rate_unit = (enum policy_rate_unit)rng_below(&m->rng, 3);
	}
	if (often(m, m->taste->priority))
		p->priority = RNG_PICK(&m->rng, priorities);
	if (p->priority < POLICY_PRIORITY_DEFAULT && is_broad(&p->match) &&
		rng_below(&m->rng, m->count))
		p->priority = POLICY_PRIORITY_DEFAULT + 1;
	p->shadow = often(m, 8);
	p->log = often(m, 5) ? (uint32_t)rng_between(&m->rng, 1, 10) : 0;
}

static int add_policy(struct maker *m, size_t index)
{
	struct policy *p = &m->rules->policies[index];

	policy_init(p);
	if (index && often(m, m->taste->copies)) {
		if (policy_copy(&m->rules->policies[rng_below(&m->rng, index)], p))
			return -ENOMEM;
		p->action = (struct policy_action){0};
		if (often(m, 30))
			p->match.dport = p->match.sport;
	} else if (m->flavour == RULESET_HOT_KEY ? add_hot_match(m, &p->match)
						 : add_match(m, &p->match)) {
		return -ENOMEM;
	}
	add_action(m, p);
	snprintf(p->name, sizeof(p->name), "p%zu", index);
	return 0;
}

static int add_set(struct maker *m, size_t index)
{
	struct oracle_set *set = &m->rules->sets[index];

	snprintf(set->name, sizeof(set->name), "set%zu", index);
	set->members = calloc(MEMBERS, sizeof(*set->members));
	if (!set->members)
		return -ENOMEM;
	set->count = often(m, 10) ? 0 : rng_below(&m->rng, MEMBERS + 1);
	for (size_t i = 0; i < set->count; i++) {
		set->members[i] = some_prefix(m, some_family(m));
		/* Few cover everything, or every set would hold every address. */
		if (set->members[i].length < 8 && !often(m, 5))
			set->members[i--] = (struct policy_address){0};
	}
	return 0;
}

static int add_sets(struct maker *m)
{
	size_t count = rng_below(&m->rng, SETS + 1);

	m->rules->sets = calloc(count + 1, sizeof(*m->rules->sets));
	if (!m->rules->sets)
		return -ENOMEM;
	for (; m->rules->set_count < count; m->rules->set_count++)
		if (add_set(m, m->rules->set_count))
			return -ENOMEM;
	return 0;
}

static int add_settings(struct maker *m)
{
	struct oracle_ruleset *rules = m->rules;

	rules->default_block = often(m, 50);
	rules->malformed_drop = often(m, 10);
	rules->fragments_drop = often(m, 10);
	rules->defaults = calloc(RULESET_IFACES, sizeof(*rules->defaults));
	if (!rules->defaults)
		return -ENOMEM;
	for (size_t i = 0; i < RULESET_IFACES; i++)
		if (often(m, 30)) {
			struct oracle_default *d = &rules->defaults[rules->default_count++];

			strcpy(d->iface, ruleset_ifaces[i]);
			d->block = often(m, 50);
		}
	return 0;
}

/* The more policies, the more addresses and ports, or a few would match everything. */
static void choose_world(struct maker *m)
{
	static const uint16_t ports[] = {0, 1, 22, 53, 80, 443, 1023, 1024, 30000, 65534, 65535};

	m->base_count = MIN(m->taste->bases + m->count / m->taste->per_base, BASES - 1u);
	m->port_count = MIN(6 + m->count / 20, (size_t)PORTS);
	rng_fill(&m->rng, &m->bases[0][0][0], sizeof(m->bases));
	for (size_t i = 0; i < m->port_count; i++)
		m->ports[i] = i < 6 ? RNG_PICK(&m->rng, ports) : (uint16_t)rng_next(&m->rng);
}

int ruleset_random(
	enum ruleset_flavour flavour, size_t count, uint64_t seed, struct oracle_ruleset *ret)
{
	_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset rules = {0};
	struct maker m = {
		.flavour = flavour, .taste = &tastes[flavour], .count = count, .rules = &rules};

	rng_init(&m.rng, seed);
	choose_world(&m);
	rules.policies = calloc(count + 1, sizeof(*rules.policies));
	if (!rules.policies || add_settings(&m) || add_sets(&m))
		return -ENOMEM;
	for (; rules.count < count; rules.count++)
		if (add_policy(&m, rules.count))
			return -ENOMEM;
	*ret = rules;
	rules = (struct oracle_ruleset){0};
	return 0;
}
