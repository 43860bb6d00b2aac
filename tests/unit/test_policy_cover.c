/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Against packets, one by one, and against every pair of policies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>

#include "common/policy_cover.h"
#include "common/text.h"

#define RULESETS 300u
#define POLICIES 40u
#define PACKETS  400u

static uint32_t seed = 20260101;

static uint32_t pick(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

/* --- a small world, in which policies meet often */

static const uint8_t protos[] = {
	IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_GRE};
static const uint8_t types[] = {8, 128, 133, 137};

struct packet {
	uint8_t family, src, dst; /* addresses: the first byte */
	uint8_t proto, icmp_type, icmp_code, flags;
	uint16_t sport, dport;
	bool has_vlan, fragment, discovery;
	uint16_t vlan;
	char iface;
};

static void random_address(struct policy_address *a, uint8_t family)
{
	if (pick(2))
		return;
	a->kind = pick(6) ? POLICY_PREFIX : POLICY_SET;
	if (a->kind == POLICY_SET) {
		snprintf(a->set, sizeof(a->set), "s%u", pick(2));
		return;
	}
	a->family = family;
	a->length = (uint8_t)pick(4);
	a->bytes[0] = (uint8_t)(pick(1u << a->length) << (8 - a->length));
}

static struct policy_ports random_ports(void)
{
	uint16_t first = (uint16_t)pick(4);

	return pick(2) ? (struct policy_ports){0, 65535}
		       : (struct policy_ports){first, (uint16_t)(first + pick(3))};
}

static void random_details(struct policy_match *m)
{
	if (m->has_proto && (m->proto == IPPROTO_ICMP || m->proto == IPPROTO_ICMPV6)) {
		m->has_icmp_type = pick(2);
		m->icmp_type = types[pick(ARRAY_SIZE(types))];
		m->has_icmp_code = m->has_icmp_type && pick(2);
		m->icmp_code = (uint8_t)(m->has_icmp_code ? pick(2) : 0);
	}
	m->has_tcp_flags = m->has_proto && m->proto == IPPROTO_TCP && pick(2);
	if (m->has_tcp_flags) {
		m->tcp_flags_mask = (uint8_t)(1 + pick(7));
		m->tcp_flags_value = (uint8_t)(pick(8) & m->tcp_flags_mask);
	}
	m->has_vlan = pick(8) == 0;
	m->vlan = (uint16_t)(m->has_vlan ? pick(2) : 0);
	m->percent = pick(10) ? POLICY_PERCENT_ALL : 5000;
	if (pick(6))
		return;
	m->ifaces = calloc(2, IFACE_NAME_SIZE);
	m->iface_count = 1 + pick(2);
	for (size_t i = 0; i < m->iface_count; i++)
		m->ifaces[i][0] = (char)('a' + (m->iface_count == 1 ? pick(2) : i));
}

/* Only what the grammar accepts. */
static void random_policy(struct policy *p)
{
	do {
		uint8_t family = pick(2) ? 4 : 6;

		policy_deinit(p);
		policy_init(p);
		snprintf(p->name, sizeof(p->name), "p");
		random_address(&p->match.src, family);
		random_address(&p->match.dst, family);
		p->match.sport = random_ports();
		p->match.dport = random_ports();
		p->match.has_proto = pick(2);
		p->match.proto = p->match.has_proto ? protos[pick(ARRAY_SIZE(protos))] : 0;
		random_details(&p->match);
		p->priority = 1000 + pick(2);
		p->shadow = pick(10) == 0;
		p->ttl = pick(10) == 0;
	} while (policy_validate(p, "", NULL));
}

static struct packet random_packet(void)
{
	struct packet p = {
		.family = pick(2) ? 4 : 6,
		.src = (uint8_t)pick(256),
		.dst = (uint8_t)pick(256),
		.icmp_type = types[pick(ARRAY_SIZE(types))],
		.icmp_code = (uint8_t)pick(2),
		.flags = (uint8_t)pick(8),
		.sport = (uint16_t)pick(6),
		.dport = (uint16_t)pick(6),
		.has_vlan = pick(3) == 0,
		.vlan = (uint16_t)pick(2),
		.fragment = pick(6) == 0,
		.iface = (char)('a' + pick(3)),
	};

	do
		p.proto = protos[pick(ARRAY_SIZE(protos))];
	while (p.proto == (p.family == 4 ? IPPROTO_ICMPV6 : IPPROTO_ICMP));
	p.discovery = p.proto == IPPROTO_ICMPV6 && p.icmp_type >= 133 && !p.icmp_code &&
		      !p.fragment && pick(4);
	return p;
}

/* --- what the contract says of one policy and one packet */

static bool in_address(const struct policy_address *a, uint8_t family, uint8_t byte)
{
	if (a->kind == POLICY_SET) /* s0: odd addresses, s1: the upper half; of both families */
		return a->set[1] == '0' ? byte & 1 : byte & 0x80;
	return a->kind == POLICY_ANY ||
	       (a->family == family && (a->bytes[0] ^ byte) >> (8 - a->length) == 0);
}

static bool in_ports(const struct policy_ports *ports, const struct packet *p, uint16_t port)
{
	if (ports->first == 0 && ports->last == 65535)
		return true;
	return proto_has_ports(p->proto) && !p->fragment && port >= ports->first &&
	       port <= ports->last;
}

static bool on_iface(const struct policy_match *m, char iface)
{
	for (size_t i = 0; i < m->iface_count; i++)
		if (m->ifaces[i][0] == iface)
			return true;
	return !m->iface_count;
}

/* `half`: which half of the flows the packet is of, for percent. */
static bool matches(const struct policy_match *m, const struct packet *p, bool half)
{
	if (p->discovery && m->src.kind == POLICY_ANY && m->dst.kind == POLICY_ANY)
		return false;
	return in_address(&m->src, p->family, p->src) && in_address(&m->dst, p->family, p->dst) &&
	       in_ports(&m->sport, p, p->sport) && in_ports(&m->dport, p, p->dport) &&
	       (!m->has_proto || m->proto == p->proto) &&
	       (!m->has_vlan || (p->has_vlan && m->vlan == p->vlan)) &&
	       (!m->has_icmp_type || (!p->fragment && m->icmp_type == p->icmp_type)) &&
	       (!m->has_icmp_code || (!p->fragment && m->icmp_code == p->icmp_code)) &&
	       (!m->has_tcp_flags ||
		       (!p->fragment && (p->flags & m->tcp_flags_mask) == m->tcp_flags_value)) &&
	       (m->percent == POLICY_PERCENT_ALL || half) && on_iface(m, p->iface);
}

/* --- the tests */

static bool outranks(const struct policy *policies, size_t a, size_t b)
{
	return policy_rank_compare(policy_rank(&policies[a], (uint32_t)a),
		       policy_rank(&policies[b], (uint32_t)b)) < 0;
}

static bool is_covered(const struct policy *policies, size_t index)
{
	for (size_t i = 0; i < POLICIES; i++)
		if (i != index && !policies[i].shadow && !policies[i].ttl &&
			outranks(policies, i, index) &&
			policy_covers(&policies[i], &policies[index]))
			return true;
	return false;
}

static void check_packets(const struct policy *policies, const struct policy_covered *c)
{
	for (size_t i = 0; i < PACKETS; i++) {
		struct packet packet = random_packet();

		for (unsigned int half = 0; half < 2; half++)
			if (matches(&policies[c->index].match, &packet, half) &&
				!matches(&policies[c->by].match, &packet, half))
				fail_msg("policy %zu does not cover %zu", c->by, c->index);
	}
}

static void test_random_rulesets(void **state)
{
	size_t total = 0;

	(void)state;
	for (size_t round = 0; round < RULESETS; round++) {
		struct policy policies[POLICIES] = {0};
		const struct policy *pointers[POLICIES];
		struct policy_covered *found;
		size_t count, at = 0;

		for (size_t i = 0; i < POLICIES; i++) {
			random_policy(&policies[i]);
			pointers[i] = &policies[i];
		}
		assert_int_equal(policy_cover_find(pointers, POLICIES, &found, &count), 0);
		for (size_t i = 0; i < POLICIES; i++) {
			bool told = at < count && found[at].index == i;

			assert_int_equal(told, !policies[i].shadow && is_covered(policies, i));
			if (!told)
				continue;
			assert_true(outranks(policies, found[at].by, i));
			check_packets(policies, &found[at++]);
		}
		assert_int_equal(at, count);
		total += count;
		free(found);
		for (size_t i = 0; i < POLICIES; i++)
			policy_deinit(&policies[i]);
	}
	assert_true(total > RULESETS); /* the world is small enough to tell something */
}

/* Pairs by hand: the first always outranks the second. */
static void test_by_hand(void **state)
{
	static const struct {
		const char *file;
		bool covered;
	} rows[] = {
		{"policy a block\npolicy b allow proto tcp dport 80 priority 2000\n", true},
		{"policy a block priority 1\npolicy b allow src 2001:db8::/32\n", false},
		{"policy a block priority 1\npolicy b allow src 2001:db8::/32 proto tcp\n", true},
		{"policy a block priority 1\npolicy b allow src 2001:db8::/32 proto icmpv6 "
		 "icmp-type 128\n",
			true},
		{"policy a block priority 1\npolicy b allow src @jail\n", false},
		{"policy a block src @jail priority 1\npolicy b allow src @jail dport 1\n", true},
		{"policy a block src @jail priority 1\npolicy b allow src @other\n", false},
		{"policy a block src 0.0.0.0/0 priority 1\npolicy b allow dst 10.0.0.0/8\n", false},
		{"policy a block src 10.0.0.0/9 priority 1\npolicy b allow src 10.128.0.0/16\n",
			false},
		{"policy a block src 10.0.0.0/9 priority 1\npolicy b allow src 10.127.0.0/16\n",
			true},
		{"policy a block proto tcp dport 1-9 priority 1\npolicy b allow proto tcp dport "
		 "2-9\n",
			true},
		{"policy a block proto tcp dport 1-9 priority 1\npolicy b allow proto tcp dport "
		 "2-10\n",
			false},
		{"policy a block dport 5 priority 1\npolicy b allow proto udp dport 5\n", true},
		{"policy a block proto udp dport 5 priority 1\npolicy b allow dport 5\n", false},
		{"policy a block proto udp percent 50 priority 1\npolicy b allow proto udp\n",
			false},
		{"policy a block proto udp ttl 1h priority 1\npolicy b allow proto udp\n", false},
		{"policy a block proto udp shadow priority 1\npolicy b allow proto udp\n", false},
		{"policy a block proto udp priority 1\npolicy b allow proto udp shadow\n", false},
		{"policy a block iface eth0,eth1 priority 1\npolicy b allow proto udp iface eth1\n",
			true},
		{"policy a block iface eth0 priority 1\npolicy b allow proto udp iface eth0,eth1\n",
			false},
		{"policy a block proto tcp\npolicy b allow proto tcp\n", true},
		{"policy a block proto tcp tcp-flags syn/syn priority 1\n"
		 "policy b allow proto tcp tcp-flags syn/syn,ack\n",
			true},
		{"policy a block proto tcp tcp-flags syn/syn,ack priority 1\n"
		 "policy b allow proto tcp tcp-flags syn/syn\n",
			false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct text_problems problems = {0};
		struct change_list list = {0};
		struct policy_covered *found;
		size_t count;

		assert_int_equal(
			text_parse_file(rows[i].file, strlen(rows[i].file), &list, &problems), 0);
		assert_int_equal(policy_cover_find((const struct policy *[]){&list.items[0].policy,
							   &list.items[1].policy},
					 2, &found, &count),
			0);
		if ((count == 1) != rows[i].covered)
			fail_msg("%s: %zu", rows[i].file, count);
		if (count)
			assert_int_equal(found[0].index, 1);
		free(found);
		change_list_deinit(&list);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_rulesets),
		cmocka_unit_test(test_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
