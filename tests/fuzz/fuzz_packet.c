/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Any bytes as a frame through parse.h, classify.h and answer.h: what must hold whatever they are,
 * and that the oracle makes the same of what was parsed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/answer.h"
#include "bpf/judge.h"
#include "common/text.h"
#include "tests/datapath/engine_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of every kind, on what the corpus has and what mutation comes to. */
static const char *const policies[] = {
	"five allow src 192.0.2.1 dst 203.0.113.9 sport 40000 dport 80 proto tcp",
	"five6 block src 2001:db8::1 dst 2001:db8:2::9 sport 40000 dport 80 proto tcp",
	"web rate-limit 1Mbit dport 80",
	"high reflect dport 1024-65535 proto udp",
	"low block sport 0-1023 dport 0-79",
	"net redirect eth0 src 192.0.0.0/8 vlan 5",
	"net6 block dst 2001:db8::/33 iface eth1",
	"half allow percent 50 proto 136",
	"syn block proto tcp tcp-flags syn/syn,ack priority 1",
	"echo block proto icmp icmp-type 8 shadow",
	"solicit block proto icmpv6 icmp-type 135/0 src ::/0",
	"gre block proto gre",
	"from block src @bad",
	"to allow dst @good dport 80-443",
	"both block src @bad dst @good vlan 6 shadow",
	"rest allow priority 5000 percent 10",
};
static const char *const members[][2] = {
	{"bad", "198.51.100.66"},
	{"bad", "198.51.100.0/24"},
	{"bad", "2001:db8:bad::/48"},
	{"good", "203.0.113.9"},
	{"good", "2001:db8:2::9"},
	{"good", "128.0.0.0/1"},
	{"good", "2001::/16"},
	{"bad", "10.0.0.0/12"},
	{"bad", "2001:db8::1"},
};
static struct engine_oracle side;
/* By the settings and the default action: all off, all on. */
static struct oracle_ruleset rulesets[2];
static struct oracle *oracles[2];

static void must(int condition)
{
	if (!condition)
		abort();
}

static void member_put(struct oracle_ruleset *r, const char *name, const char *member)
{
	char message[160];
	struct oracle_set *set = r->sets;

	while (set < r->sets + r->set_count && !streq(set->name, name))
		set++;
	if (set == r->sets + r->set_count) {
		strcpy(set->name, name);
		set->members = calloc(ARRAY_SIZE(members), sizeof(*set->members));
		r->set_count++;
	}
	must(set->members && !text_parse_address(member, &set->members[set->count++], message));
}

static void ruleset_make(struct oracle_ruleset *r, bool strict)
{
	r->policies = calloc(ARRAY_SIZE(policies), sizeof(*r->policies));
	r->sets = calloc(ARRAY_SIZE(members), sizeof(*r->sets));
	must(r->policies && r->sets);
	for (size_t i = 0; i < ARRAY_SIZE(policies); i++)
		engine_read(policies[i], &r->policies[r->count++]);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		member_put(r, members[i][0], members[i][1]);
	r->default_block = r->malformed_drop = r->fragments_drop = strict;
}

static void begin(void)
{
	if (side.engine.classifier)
		return;
	for (int i = 0; i < 2; i++) {
		ruleset_make(&rulesets[i], i);
		must(!oracle_new(&rulesets[i], &oracles[i]));
	}
	engine_oracle_init(&side, 32, NULL);
	must(!engine_oracle_load(&side, &rulesets[0]));
	pep_tables = side.engine.tables;
}

static void check_packet(const struct pep_packet *packet, size_t size)
{
	must(packet->length == size);
	must(packet->ip_length <= size);
	must(packet->family == 0 || packet->family == 4 || packet->family == 6);
	must(packet->error < PEP_PARSE_MAX);
	must(packet->vlan <= 0xfff || packet->vlan == PEP_VLAN_NONE);
	must(packet->family || (!packet->has_ports && !packet->fragment && !packet->discovery));
	must(!packet->has_ports || !packet->fragment);
	must(packet->has_ports || (!packet->sport && !packet->dport));
	must(!packet->discovery || (packet->family == 6 && !packet->error && !packet->fragment));
	must(packet->family != 4 || (!packet->src[1] && !packet->dst[1]));
}

static void check_shadow(const struct pep_ruling *ruling)
{
	const struct pep_entry *shadow = &side.engine.tables->entries[ruling->shadow];
	const struct pep_entry *decider = &side.engine.tables->entries[ruling->entry];

	must(*engine_name(&side.engine, ruling->shadow) != 0);
	must(shadow->flags & PEP_RULE_SHADOW);
	must(!ruling->entry || pep_rank_better(shadow->rank, decider->rank));
}

static void check_ruling(
	const struct pep_packet *packet, const struct pep_ruling *ruling, int strict)
{
	must(ruling->tally < PEP_TALLY_MAX);
	must(!ruling->entry == (ruling->reason != PEP_REASON_POLICY));
	must(packet->error != PEP_PARSE_HEADERS || ruling->tally == PEP_TALLY_BLOCK_HEADERS);
	if (strict && packet->error)
		must(pep_is_blocked(ruling->tally));
	if (!packet->family && !packet->error)
		must(ruling->tally == PEP_TALLY_NON_IP);
	if (ruling->entry) {
		must(*engine_name(&side.engine, ruling->entry) != 0);
		must(!(ruling->flags & PEP_RULE_SHADOW));
	}
	if (ruling->shadow)
		check_shadow(ruling);
}

/* What the oracle is asked: the same packet in its words. */
static struct oracle_packet told(const struct pep_packet *p, uint32_t iface)
{
	struct oracle_packet o = {.family = p->family,
		.proto = p->proto,
		.has_ports = p->has_ports,
		.has_icmp = p->has_icmp,
		.has_tcp = p->has_tcp,
		.has_vlan = p->vlan != PEP_VLAN_NONE,
		.sport = PEP_BE16(p->sport),
		.dport = PEP_BE16(p->dport),
		.vlan = p->vlan,
		.icmp_type = p->icmp_type,
		.icmp_code = p->icmp_code,
		.tcp_flags = p->tcp_flags,
		.fragment = p->fragment,
		.discovery = p->discovery,
		.fault = p->error == PEP_PARSE_HEADERS ? ORACLE_HEADERS
			 : p->error                    ? ORACLE_MALFORMED
						       : ORACLE_SOUND};

	memcpy(o.src, p->src, sizeof(o.src));
	memcpy(o.dst, p->dst, sizeof(o.dst));
	o.flow_percent = (uint16_t)pep_flow_percent(p, pep_config()->roots.seed);
	if (iface && iface <= side.engine.iface_count)
		memcpy(o.iface, side.engine.ifaces[iface - 1], sizeof(o.iface));
	return o;
}

/* An ICMP type under the protocol number of the other family means nothing. */
static bool is_foreign_icmp(const struct pep_packet *p)
{
	return p->proto == (p->family == 4 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

static void check_oracle(const struct pep_packet *packet, const struct pep_ruling *ruling,
	uint32_t iface, int strict)
{
	struct oracle_packet asked = told(packet, iface);

	if (!is_foreign_icmp(packet))
		must(oracle_ruling_equal(oracle_decide(oracles[strict], &asked),
			engine_oracle_ruling(&side, ruling)));
}

static void judge(const struct pep_packet *packet, unsigned int flags)
{
	const struct pep_config *config = pep_config();
	struct pep_ruleset ruleset = *engine_ruleset(&side.engine);
	struct pep_view view = {.generation = config->generation,
		.roots = &config->roots,
		.ruleset = &ruleset,
		.iface = flags >> 1 & (PEP_IFACES_MAX - 1)};
	struct pep_ruling ruling;

	ruleset.malformed_drop = ruleset.fragments_drop = flags & 1;
	ruleset.default_block[view.iface] = flags & 1;
	pep_judge(&view, packet, &ruling);
	check_ruling(packet, &ruling, flags & 1);
	check_oracle(packet, &ruling, view.iface, flags & 1);
}

/* Few frames have the IPv4 checksum right by themselves. */
static void seal(uint8_t *frame)
{
	uint8_t *ip = frame + pep_answer_l2(frame);
	unsigned long sum = 0;

	ip[10] = ip[11] = 0;
	for (unsigned int i = 0; i < (ip[0] & 15u) * 4u; i += 2)
		sum += (unsigned long)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

/* As reject does, of whatever the ruleset: no answer is longer than it may be. */
static void answer(pep_source *source, const struct pep_packet *packet)
{
	static struct pep_answer made;

	if (!pep_answer_begin(source, packet, &made) || pep_answer_make(source, packet, &made))
		return;
	must(made.l2 <= PEP_ANSWER_L2_MAX && made.l4 <= packet->length);
	must(made.headers <= PEP_ANSWER_HEAD - PEP_ANSWER_IP + made.l2);
	must(made.l2 + made.quoted <= packet->length);
	must(made.headers - made.l2 + made.quoted <=
		(packet->family == 4 ? PEP_ANSWER_IP4_MAX : PEP_ANSWER_IP6_MAX));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Bit 0: strict settings and default block; bits 1-6: interface slot. */
	unsigned int flags = size ? data[size - 1] : 0;
	uint8_t *copy = malloc(size ? size : 1); /* ends where the frame ends */
	pep_source source = {.data = copy, .length = (__u32)size};
	struct pep_packet packet;
	struct pep_frame frame;

	must(copy != NULL);
	if (size)
		memcpy(copy, data, size);
	begin();
	pep_frame_init(&frame, &source);
	pep_parse(&frame, &packet);
	packet.length = pep_source_length(&source);
	check_packet(&packet, size);
	answer(&source, &packet);
	if (packet.family == 4 && !packet.error) {
		seal(copy);
		answer(&source, &packet);
	}
	free(copy);
	judge(&packet, flags);
	judge(&packet, flags ^ 1);
	return 0;
}
