/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * struct pep_packet → which policy decides, and what. Compiled for the kernel
 * and, unchanged, for user space, where the including file provides
 * pep_policy_find() in place of the one in maps.h.
 *
 * The generation is read once per packet by the caller and everything is
 * judged by it: the ruleset of its parity, and of each policy the version
 * alive in it. So no packet sees half of a commit.
 */
#ifndef PEP_BPF_CLASSIFY_H
#define PEP_BPF_CLASSIFY_H

#include "parse.h"

#ifdef __bpf__
#include "maps.h"
#define PEP_UNROLL _Pragma("clang loop unroll(full)")
#else
#define PEP_UNROLL
/* NULL when the key has no policy; the caller does not own what it gets. */
static const struct pep_policy *pep_policy_find(const struct pep_policy_key *key);
#endif

/* What a packet is judged by. */
struct pep_view {
	__u64 generation;
	const struct pep_ruleset *ruleset; /* of that generation */
	__u32 iface;                       /* slot */
};

/* What is to be done, before limiter and redirect have had their say. */
struct pep_ruling {
	const struct pep_rule *rule; /* NULL: the default action or a setting decided */
	__u8 action;                 /* enum pep_action */
	__u8 reason;                 /* enum pep_reason */
	__u8 tally;                  /* enum pep_tally */
};

#define PEP_RUNG_BIT(rung) (1u << (rung))
#define PEP_RUNGS_WITH_PORTS                                                                       \
	(PEP_RUNG_BIT(PEP_RUNG_FIVE_TUPLE) | PEP_RUNG_BIT(PEP_RUNG_SRC_DPORT_PROTO) |              \
		PEP_RUNG_BIT(PEP_RUNG_DST_DPORT_PROTO) | PEP_RUNG_BIT(PEP_RUNG_DPORT_PROTO))
#define PEP_RUNGS_WITHOUT_ADDRESS                                                                  \
	(PEP_RUNG_BIT(PEP_RUNG_DPORT_PROTO) | PEP_RUNG_BIT(PEP_RUNG_PROTO))

/* Which rungs can hold a policy for this packet, of those that the ruleset uses. */
PEP_INLINE __u32 pep_rungs(const struct pep_ruleset *ruleset, const struct pep_packet *packet)
{
	__u32 rungs = ruleset->rungs;

	if (!packet->has_ports)
		rungs &= ~PEP_RUNGS_WITH_PORTS;
	if (packet->discovery)
		rungs &= ~PEP_RUNGS_WITHOUT_ADDRESS;
	return rungs;
}

PEP_INLINE void pep_policy_key_init(
	struct pep_policy_key *key, const struct pep_packet *packet, enum pep_rung rung)
{
	int has_src = rung == PEP_RUNG_FIVE_TUPLE || rung == PEP_RUNG_SRC_DPORT_PROTO ||
		      rung == PEP_RUNG_SRC;
	int has_dst = rung == PEP_RUNG_FIVE_TUPLE || rung == PEP_RUNG_DST_DPORT_PROTO;

	*key = (struct pep_policy_key){.rung = (__u8)rung};
	if (has_src || has_dst)
		key->family = packet->family;
	if (rung != PEP_RUNG_SRC)
		key->proto = packet->proto;
	if (rung == PEP_RUNG_FIVE_TUPLE)
		key->sport = packet->sport;
	if (PEP_RUNG_BIT(rung) & PEP_RUNGS_WITH_PORTS)
		key->dport = packet->dport;
	if (has_src)
		__builtin_memcpy(key->src, packet->src, sizeof(key->src));
	if (has_dst)
		__builtin_memcpy(key->dst, packet->dst, sizeof(key->dst));
}

PEP_INLINE int pep_rule_alive(const struct pep_rule *rule, __u64 generation)
{
	return rule->born <= generation && generation < rule->dies;
}

/* NULL when the key has no policy in this generation. */
PEP_INLINE const struct pep_rule *pep_rule_find(const struct pep_policy_key *key, __u64 generation)
{
	const struct pep_policy *policy = pep_policy_find(key);

	if (!policy)
		return NULL;
	if (pep_rule_alive(&policy->version[0], generation))
		return &policy->version[0];
	if (pep_rule_alive(&policy->version[1], generation))
		return &policy->version[1];
	return NULL;
}

/* The best rung's policy, or NULL. */
PEP_INLINE const struct pep_rule *pep_classify(
	const struct pep_view *view, const struct pep_packet *packet)
{
	__u32 rungs = pep_rungs(view->ruleset, packet);
	const struct pep_rule *rule;
	struct pep_policy_key key;
	int rung;

	if (!rungs)
		return NULL;
	PEP_UNROLL
	for (rung = 0; rung < PEP_RUNG_MAX; rung++) {
		if (!(rungs & PEP_RUNG_BIT(rung)))
			continue;
		pep_policy_key_init(&key, packet, (enum pep_rung)rung);
		rule = pep_rule_find(&key, view->generation);
		if (rule)
			return rule;
	}
	return NULL;
}

PEP_INLINE enum pep_tally pep_tally_of(__u8 action)
{
	switch (action) {
	case PEP_ACTION_ALLOW:
	case PEP_ACTION_RATE_LIMIT:
		return PEP_TALLY_ALLOW_POLICY;
	case PEP_ACTION_REJECT:
		return PEP_TALLY_BLOCK_REJECT;
	case PEP_ACTION_REFLECT:
		return PEP_TALLY_REFLECT;
	case PEP_ACTION_REDIRECT:
		return PEP_TALLY_REDIRECT;
	default: /* an action of a newer daemon blocks rather than lets pass */
		return PEP_TALLY_BLOCK_POLICY;
	}
}

PEP_INLINE void pep_ruling_set(struct pep_ruling *ruling, enum pep_action action,
	enum pep_reason reason, enum pep_tally tally)
{
	ruling->rule = NULL;
	ruling->action = (__u8)action;
	ruling->reason = (__u8)reason;
	ruling->tally = (__u8)tally;
}

/*
 * What a setting decides before any policy is asked; 0 when none does. A frame
 * that is no IP packet, or of which no address is known, is the kernel's.
 */
PEP_INLINE int pep_judge_setting(const struct pep_ruleset *ruleset, const struct pep_packet *packet,
	struct pep_ruling *ruling)
{
	if (packet->error == PEP_PARSE_HEADERS)
		pep_ruling_set(
			ruling, PEP_ACTION_BLOCK, PEP_REASON_HEADERS, PEP_TALLY_BLOCK_HEADERS);
	else if (packet->error && ruleset->malformed_drop)
		pep_ruling_set(
			ruling, PEP_ACTION_BLOCK, PEP_REASON_MALFORMED, PEP_TALLY_BLOCK_MALFORMED);
	else if (!packet->family)
		pep_ruling_set(ruling, PEP_ACTION_ALLOW, PEP_REASON_NONE,
			packet->error ? PEP_TALLY_ALLOW_MALFORMED : PEP_TALLY_NON_IP);
	else if (packet->fragment && ruleset->fragments_drop)
		pep_ruling_set(
			ruling, PEP_ACTION_BLOCK, PEP_REASON_FRAGMENT, PEP_TALLY_BLOCK_FRAGMENT);
	else
		return 0;
	return 1;
}

PEP_INLINE void pep_judge(
	const struct pep_view *view, const struct pep_packet *packet, struct pep_ruling *ruling)
{
	const struct pep_rule *rule;

	if (pep_judge_setting(view->ruleset, packet, ruling))
		return;
	rule = pep_classify(view, packet);
	if (rule) {
		pep_ruling_set(ruling, rule->action, PEP_REASON_POLICY, pep_tally_of(rule->action));
		ruling->rule = rule;
		return;
	}
	if (view->ruleset->default_block[view->iface % PEP_IFACES_MAX] && !packet->discovery)
		pep_ruling_set(
			ruling, PEP_ACTION_BLOCK, PEP_REASON_DEFAULT, PEP_TALLY_BLOCK_DEFAULT);
	else
		pep_ruling_set(
			ruling, PEP_ACTION_ALLOW, PEP_REASON_DEFAULT, PEP_TALLY_ALLOW_DEFAULT);
}

/* Dropped packets make events unasked. */
PEP_INLINE int pep_is_blocked(__u8 tally)
{
	return tally >= PEP_TALLY_BLOCK_DEFAULT && tally <= PEP_TALLY_BLOCK_FAILED;
}

#endif
