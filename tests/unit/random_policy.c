/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "random_policy.h"

#include <netinet/in.h>
#include <stdio.h>

static uint32_t seed;

void random_policy_seed(uint32_t value)
{
	printf("seed %u\n", value);
	seed = value;
}

void random_start(uint32_t value)
{
	seed = value * 2654435761u;
}

uint32_t random_below(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static uint32_t pick(uint32_t below)
{
	return random_below(below);
}

static void random_address(struct policy_address *a, uint8_t family)
{
	if (pick(3) == 0)
		return;
	a->kind = pick(5) ? POLICY_PREFIX : POLICY_SET;
	if (a->kind == POLICY_SET) {
		snprintf(a->set, sizeof(a->set), "set-%u", pick(9));
		return;
	}
	a->family = family;
	a->length = (uint8_t)pick(family == 4 ? 33 : 129);
	for (size_t bit = 0; bit < a->length; bit++)
		a->bytes[bit / 8] |= (uint8_t)(pick(2) << (7 - bit % 8));
}

static void random_ports(struct policy_ports *ports)
{
	if (pick(2))
		return;
	ports->first = (uint16_t)pick(65536);
	ports->last = (uint16_t)(ports->first + pick(65536u - ports->first));
}

static void random_action(struct policy_action *a)
{
	a->kind = (enum policy_action_kind)pick(POLICY_ACTION_MAX);
	if (a->kind == POLICY_RATE_LIMIT) {
		a->rate = 1 + (uint64_t)pick(1000000) * (pick(2) ? 1 : 1000);
		a->rate_unit = (enum policy_rate_unit)pick(3);
		a->burst = pick(3) ? 0 : pick(1u << 24);
		a->scope = (enum policy_scope)pick(4);
		a->scope_length = a->scope == POLICY_SCOPE_SRC ? (uint8_t)pick(33) : 0;
	}
	if (a->kind != POLICY_REDIRECT)
		return;
	a->target_count = 1 + pick(4);
	a->targets = calloc(a->target_count, sizeof(*a->targets));
	for (size_t i = 0; i < a->target_count; i++) {
		snprintf(a->targets[i].iface, IFACE_NAME_SIZE, "eth%u", (uint8_t)i);
		a->targets[i].weight = 1 + pick(255);
	}
	a->has_mac = pick(2);
	for (size_t i = 0; a->has_mac && i < 6; i++)
		a->mac[i] = (uint8_t)pick(256);
	a->fib = !a->has_mac && pick(2);
}

static void random_icmp(struct policy_match *m, uint8_t family)
{
	m->has_proto = true;
	m->proto = family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	m->has_icmp_type = pick(3);
	m->icmp_type = (uint8_t)pick(256);
	m->has_icmp_code = m->has_icmp_type && pick(2);
	m->icmp_code = (uint8_t)pick(256);
}

static void random_match(struct policy_match *m)
{
	static const uint8_t protos[] = {6, 17, 132, 136, 33};
	uint8_t family = pick(2) ? 4 : 6;

	random_address(&m->src, family);
	random_address(&m->dst, family);
	random_ports(&m->sport);
	random_ports(&m->dport);
	m->has_proto = pick(2);
	m->proto = protos[pick(ARRAY_SIZE(protos))];
	m->has_tcp_flags = m->has_proto && m->proto == IPPROTO_TCP && pick(2);
	if (m->has_tcp_flags) {
		m->tcp_flags_mask = (uint8_t)(1 + pick(255));
		m->tcp_flags_value = (uint8_t)(pick(256) & m->tcp_flags_mask);
	}
	if (m->sport.last - m->sport.first == 65535 && m->dport.last - m->dport.first == 65535 &&
		!m->has_tcp_flags && pick(3) == 0)
		random_icmp(m, family);
	m->has_vlan = pick(2);
	m->vlan = (uint16_t)pick(4095);
	m->percent = pick(2) ? POLICY_PERCENT_ALL : (uint16_t)(1 + pick(POLICY_PERCENT_ALL));
	m->iface_count = pick(3);
	m->ifaces = m->iface_count ? calloc(m->iface_count, sizeof(*m->ifaces)) : NULL;
	for (size_t i = 0; i < m->iface_count; i++)
		snprintf(m->ifaces[i], IFACE_NAME_SIZE, "veth%u", (uint8_t)i);
}

void random_policy(struct policy *p)
{
	policy_init(p);
	snprintf(p->name, sizeof(p->name), "p%u", pick(1000));
	random_action(&p->action);
	random_match(&p->match);
	p->priority = pick(2) ? POLICY_PRIORITY_DEFAULT : pick(UINT32_MAX);
	p->log = pick(3) ? 0 : 1 + pick(1000);
	p->nolog = !p->log && pick(2);
	p->shadow = pick(2);
	p->ttl = pick(2) ? 0 : (1 + (uint64_t)pick(UINT32_MAX)) * (1 + pick(1000000000));
	p->comment = pick(2) ? NULL : strdup(pick(2) ? "a \"b\" \\ c # d" : "\xc3\xa4 x");
}
