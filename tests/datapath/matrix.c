/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "matrix.h"

#include <arpa/inet.h>
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

static void add(struct matrix_ruleset *ruleset, enum pep_rung rung, unsigned int proto,
	const char *source, enum pep_action action)
{
	struct matrix_policy *policy = &ruleset->policies[ruleset->policy_count++];
	int port = rung < PEP_RUNG_SRC;

	*policy = (struct matrix_policy){.action = action};
	policy->key.rung = (__u8)rung;
	policy->key.proto = (__u8)proto;
	policy->key.dport = port ? htons(80) : 0;
	if (!source)
		return;
	policy->key.family = strchr(source, ':') ? 6 : 4;
	inet_pton(policy->key.family == 6 ? AF_INET6 : AF_INET, source, policy->key.src);
}

void matrix_rulesets_init(struct matrix_ruleset *ret_rulesets)
{
	static const unsigned char ported[] = {6, 17, 136, 132, 33};
	static const unsigned char protos[] = {1, 58, 47};
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
	add(&r[2], PEP_RUNG_SRC, 0, FRAME_BAD4, PEP_ACTION_BLOCK);
	add(&r[2], PEP_RUNG_SRC, 0, FRAME_BAD6, PEP_ACTION_BLOCK);
	for (size_t i = 0; i < sizeof(ported); i++)
		add(&r[3], PEP_RUNG_DPORT_PROTO, ported[i], NULL, PEP_ACTION_BLOCK);
	for (size_t i = 0; i < sizeof(protos); i++)
		add(&r[4], PEP_RUNG_PROTO, protos[i], NULL, PEP_ACTION_BLOCK);
	add(&r[5], PEP_RUNG_SRC_DPORT_PROTO, 6, FRAME_GOOD4, PEP_ACTION_ALLOW);
	add(&r[5], PEP_RUNG_SRC_DPORT_PROTO, 6, FRAME_GOOD6, PEP_ACTION_ALLOW);
}

void matrix_ruleset_pack(const struct matrix_ruleset *ruleset, struct pep_ruleset *ret_ruleset,
	struct pep_policy *ret_policies)
{
	*ret_ruleset = (struct pep_ruleset){.revision = 1, .event_rate = 1000000};
	ret_ruleset->fragments_drop = (__u8)ruleset->strict;
	ret_ruleset->malformed_drop = (__u8)ruleset->strict;
	memset(ret_ruleset->default_block, ruleset->default_block, PEP_IFACES_MAX);
	for (size_t i = 0; i < ruleset->policy_count; i++) {
		ret_ruleset->rungs |= 1u << ruleset->policies[i].key.rung;
		ret_policies[i] = (struct pep_policy){0};
		ret_policies[i].version[0] = (struct pep_rule){.born = 1,
			.dies = ~0ull,
			.log_every = 1,
			.slot = (__u32)i,
			.action = (__u8)ruleset->policies[i].action,
			.name = "matrix"};
	}
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
