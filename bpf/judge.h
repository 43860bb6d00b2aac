/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * struct pep_packet → struct pep_ruling: what the settings, the policies (classify.h) and
 * the default action make of a packet. Compiled for the kernel and, unchanged, for user space.
 */
#ifndef PEP_BPF_JUDGE_H
#define PEP_BPF_JUDGE_H

#include "classify.h"

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
	ruling->entry = 0;
	ruling->shadow = 0;
	ruling->flags = 0;
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
	if (packet->family && !(packet->error | packet->fragment))
		return 0; /* as most are */
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

PEP_INLINE void pep_judge_default(
	const struct pep_view *view, const struct pep_packet *packet, struct pep_ruling *ruling)
{
	if (view->ruleset->default_block[view->iface % PEP_IFACES_MAX] && !packet->discovery)
		pep_ruling_set(
			ruling, PEP_ACTION_BLOCK, PEP_REASON_DEFAULT, PEP_TALLY_BLOCK_DEFAULT);
	else
		pep_ruling_set(
			ruling, PEP_ACTION_ALLOW, PEP_REASON_DEFAULT, PEP_TALLY_ALLOW_DEFAULT);
}

/* Returns the entry of the policy that decides, NULL = none does. */
PEP_INLINE const struct pep_entry *pep_judge(
	const struct pep_view *view, const struct pep_packet *packet, struct pep_ruling *ruling)
{
	const struct pep_entry *entry;
	struct pep_search search;

	ruling->parity = (__u16)(view->generation & 1);
	ruling->answered = 0;
	if (pep_judge_setting(view->ruleset, packet, ruling))
		return NULL;
	pep_classify(view, packet, &search);
	entry = search.best ? pep_entry_at(search.best) : NULL;
	if (entry) {
		pep_ruling_set(
			ruling, entry->action, PEP_REASON_POLICY, pep_tally_of(entry->action));
		ruling->entry = search.best;
		ruling->flags = entry->flags;
	} else {
		pep_judge_default(view, packet, ruling);
	}
	if (search.best_shadow && !pep_shadow_better(&search, search.rank))
		ruling->shadow = search.best_shadow;
	return entry;
}

/* Dropped packets make events unasked. */
PEP_INLINE int pep_is_blocked(__u8 tally)
{
	return tally >= PEP_TALLY_BLOCK_DEFAULT && tally <= PEP_TALLY_BLOCK_FAILED;
}

#endif
