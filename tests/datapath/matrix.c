/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "matrix.h"

#include <string.h>

#include "frame.h"

const char *const matrix_errors[PEP_PARSE_MAX] = {
	[PEP_PARSE_OK] = "",
	[PEP_PARSE_ETH_SHORT] = "ethernet cut",
	[PEP_PARSE_VLAN_SHORT] = "tag cut",
	[PEP_PARSE_IP_SHORT] = "IP header cut",
	[PEP_PARSE_IP_VERSION] = "IP version",
	[PEP_PARSE_IP_IHL] = "IP header length",
	[PEP_PARSE_IP_LENGTH] = "IP length",
	[PEP_PARSE_EXT_SHORT] = "extension cut",
	[PEP_PARSE_L4_SHORT] = "transport cut",
	[PEP_PARSE_L4_LENGTH] = "transport length",
	[PEP_PARSE_HEADERS] = "headers",
};

static void add(struct matrix_ruleset *ruleset, const char *line)
{
	ruleset->policies[ruleset->policy_count++] = line;
}

void matrix_rulesets_init(struct matrix_ruleset *ret_rulesets)
{
	struct matrix_ruleset *r = ret_rulesets;

	memset(r, 0, sizeof(*r) * MATRIX_RULESETS);
	r[0].name = "open", r[0].meaning = "no policy";
	r[1].name = "closed", r[1].meaning = "no policy, default block";
	r[2].name = "banned", r[2].meaning = "block src " FRAME_BAD4 " and src " FRAME_BAD6;
	r[3].name = "port", r[3].meaning = "block dport 80 of TCP, UDP, UDP-Lite, SCTP and DCCP";
	r[4].name = "proto", r[4].meaning = "block proto icmp, icmpv6 and gre";
	r[5].name = "web", r[5].meaning = "default block; allow src " FRAME_GOOD4 " or " FRAME_GOOD6
					  " dport 80 proto tcp";
	r[6].name = "strict", r[6].meaning = "no policy, malformed drop, fragments drop";
	r[1].default_block = r[5].default_block = r[6].strict = 1;
	add(&r[2], "four block src " FRAME_BAD4);
	add(&r[2], "six block src " FRAME_BAD6);
	add(&r[3], "tcp block dport 80 proto tcp");
	add(&r[3], "udp block dport 80 proto udp");
	add(&r[3], "udplite block dport 80 proto 136");
	add(&r[3], "sctp block dport 80 proto sctp");
	add(&r[3], "dccp block dport 80 proto 33");
	add(&r[4], "icmp block proto icmp");
	add(&r[4], "icmpv6 block proto icmpv6");
	add(&r[4], "gre block proto gre");
	add(&r[5], "four allow src " FRAME_GOOD4 " dport 80 proto tcp");
	add(&r[5], "six allow src " FRAME_GOOD6 " dport 80 proto tcp");
}

void matrix_ruleset_apply(const struct matrix_ruleset *ruleset, struct engine *engine)
{
	struct pep_ruleset *settings;

	engine_clear(engine);
	for (size_t i = 0; i < ruleset->policy_count; i++)
		engine_add(engine, ruleset->policies[i]);
	settings = engine_ruleset(engine);
	settings->fragments_drop = settings->malformed_drop = (__u8)ruleset->strict;
	memset(settings->default_block, ruleset->default_block, PEP_IFACES_MAX);
}

char matrix_letter(enum pep_tally tally)
{
	static const char letters[PEP_TALLY_MAX + 1] = "-apmDPRJMFHXTV";

	return letters[tally];
}

enum pep_reason matrix_reason(char letter)
{
	switch (letter) {
	case 'D':
		return PEP_REASON_DEFAULT;
	case 'P':
		return PEP_REASON_POLICY;
	case 'M':
		return PEP_REASON_MALFORMED;
	case 'F':
		return PEP_REASON_FRAGMENT;
	case 'H':
		return PEP_REASON_HEADERS;
	default:
		return PEP_REASON_NONE;
	}
}
