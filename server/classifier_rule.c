/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A policy as the packet program reads it. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "bpf/limiter.h"
#include "server/classifier_internal.h"

_Static_assert((int)POLICY_ALLOW == PEP_ACTION_ALLOW && (int)POLICY_BLOCK == PEP_ACTION_BLOCK &&
		       (int)POLICY_RATE_LIMIT == PEP_ACTION_RATE_LIMIT &&
		       (int)POLICY_REJECT == PEP_ACTION_REJECT &&
		       (int)POLICY_REFLECT == PEP_ACTION_REFLECT &&
		       (int)POLICY_REDIRECT == PEP_ACTION_REDIRECT &&
		       (int)POLICY_ACTION_MAX == PEP_ACTION_MAX,
	"actions of the model and of the packet program");
_Static_assert((int)POLICY_BITS == PEP_LIMIT_BITS && (int)POLICY_BYTES == PEP_LIMIT_BYTES &&
		       (int)POLICY_PACKETS == PEP_LIMIT_PACKETS,
	"units of the model and of the packet program");
_Static_assert(
	(int)POLICY_SCOPE_POLICY == PEP_SCOPE_POLICY && (int)POLICY_SCOPE_SRC == PEP_SCOPE_SRC &&
		(int)POLICY_SCOPE_DST == PEP_SCOPE_DST && (int)POLICY_SCOPE_FLOW == PEP_SCOPE_FLOW,
	"scopes of the model and of the packet program");
_Static_assert(POLICY_PERCENT_ALL == PEP_PERCENT_ALL, "percent of the model and of the program");

static int refuse(const struct policy *policy, const char *path, const char *field,
	const char *what, struct error *err)
{
	char where[160];

	snprintf(where, sizeof(where), "%s%s%s", path, *path ? "." : "", field);
	error_set(err, ERROR_UNIMPLEMENTED, "POLICY_UNSUPPORTED", "policy %s: %s", policy->name, what);
	error_violation(err, where, "%s", what);
	return -EOPNOTSUPP;
}

/* --- the match */

static void set_words(__be32 *first, __be32 rest[3], const uint8_t bytes[16], size_t words)
{
	__be32 all[4] = {0};

	memcpy(all, bytes, 4 * words);
	*first = all[0];
	memcpy(rest, &all[1], 3 * sizeof(*rest));
}

static void set_mask(__be32 *first, __be32 rest[3], uint8_t length)
{
	uint8_t bytes[16] = {0};

	for (size_t i = 0; i < length; i++)
		bytes[i / 8] |= (uint8_t)(0x80u >> i % 8);
	set_words(first, rest, bytes, 4);
}

static uint8_t given_address(const struct policy_address *a, uint8_t set_bit)
{
	if (a->kind == POLICY_ANY)
		return 0;
	if (a->kind == POLICY_SET)
		return set_bit;
	return a->family == 4 ? PEP_GIVEN_IP4 : PEP_GIVEN_IP6;
}

static void match_addresses(const struct classifier_edit *edit, struct pep_entry *e,
	struct pep_more *more)
{
	const struct policy_address *src = &edit->after->match.src, *dst = &edit->after->match.dst;

	e->given = given_address(src, PEP_GIVEN_SRC_SET) | given_address(dst, PEP_GIVEN_DST_SET);
	if (!e->given)
		e->given = PEP_GIVEN_NO_ADDRESS;
	if (src->kind == POLICY_PREFIX) {
		set_words(&e->src, more->src, src->bytes, src->family == 4 ? 1 : 4);
		set_mask(&e->src_mask, more->src_mask, src->length);
	} else if (src->kind == POLICY_SET) {
		e->src = edit->src_set;
	}
	if (dst->kind == POLICY_PREFIX) {
		set_words(&e->dst, more->dst, dst->bytes, dst->family == 4 ? 1 : 4);
		set_mask(&e->dst_mask, more->dst_mask, dst->length);
	} else if (dst->kind == POLICY_SET) {
		e->dst = edit->dst_set;
	}
}

static bool is_narrow(const struct policy_ports *ports)
{
	return ports->first != 0 || ports->last != UINT16_MAX;
}

static void match_transport(const struct policy_match *m, struct pep_entry *e)
{
	e->sport_first = m->sport.first;
	e->sport_last = m->sport.last;
	e->dport_first = m->dport.first;
	e->dport_last = m->dport.last;
	if (is_narrow(&m->sport) || is_narrow(&m->dport))
		e->given |= PEP_GIVEN_PORTS;
	if (m->has_proto) {
		e->given |= PEP_GIVEN_PROTO;
		e->proto = m->proto;
	}
}

static void match_more(const struct policy_match *m, struct pep_entry *e, struct pep_more *more)
{
	more->percent = m->percent;
	more->vlan = m->has_vlan ? m->vlan : PEP_VLAN_NONE;
	more->icmp_type = m->icmp_type;
	more->icmp_code = m->icmp_code;
	if (m->has_tcp_flags) {
		more->tcp_value = m->tcp_flags_value;
		more->tcp_mask = m->tcp_flags_mask;
	}
	e->flags |= (m->has_vlan ? PEP_RULE_VLAN : 0) | (m->has_icmp_type ? PEP_RULE_ICMP_TYPE : 0) |
		    (m->has_icmp_code ? PEP_RULE_ICMP_CODE : 0);
	if (m->percent != POLICY_PERCENT_ALL || m->has_vlan || m->has_icmp_type || more->tcp_mask ||
		more->ifaces)
		e->given |= PEP_GIVEN_MORE;
}

static int match_ifaces(struct classifier *c, const struct classifier_edit *edit,
	struct pep_more *more, struct error *err)
{
	const struct policy_match *m = &edit->after->match;

	for (size_t i = 0; i < m->iface_count; i++) {
		uint32_t slot = c->memory.iface_slot(c->memory.data, m->ifaces[i]);

		if (!slot)
			return error_set(err, ERROR_LIMIT, "INTERFACES_FULL",
				"policy %s: %u interfaces are known already, which is the limit",
				edit->after->name, PEP_IFACES_MAX - 1);
		more->ifaces |= 1ull << slot;
	}
	return 0;
}

/* --- the action */

static int make_limit(const struct policy *p, const char *path, struct error *err,
	struct pep_rule *rule)
{
	const struct policy_action *a = &p->action;
	int r = pep_limiter_parameters(a->rate, (enum pep_limit_unit)a->rate_unit, a->burst, rule);

	if (r == -ERANGE)
		return refuse(p, path, "action.rate_limit.burst",
			"the burst is more than 208 days of the rate; lower it", err);
	if (r)
		return refuse(p, path, "action.rate_limit.rate", "the rate is outside of 1 to 10^12", err);
	rule->scope = (uint8_t)a->scope;
	if (a->scope != POLICY_SCOPE_POLICY)
		set_mask(&rule->scope_mask[0], &rule->scope_mask[1],
			a->scope_length ? a->scope_length : 128);
	return 0;
}

static int make_action(const struct classifier_edit *edit, struct error *err, struct pep_entry *e,
	struct pep_rule *rule)
{
	const struct policy *p = edit->after;
	int r = 0;

	e->action = (uint8_t)p->action.kind;
	e->flags = (p->log ? PEP_RULE_LOG : 0) | (p->nolog ? PEP_RULE_NOLOG : 0) |
		   (p->shadow ? PEP_RULE_SHADOW : 0);
	e->log_every = p->log ? p->log : 1;
	rule->fib = p->action.kind == POLICY_REDIRECT && p->action.fib;
	if (p->action.kind == POLICY_REDIRECT && p->action.has_mac) {
		e->flags |= PEP_RULE_MAC;
		memcpy(rule->mac, p->action.mac, sizeof(rule->mac));
	}
	if (p->action.kind == POLICY_RATE_LIMIT)
		r = make_limit(p, edit->path, err, rule);
	e->flags |= rule->flags;
	return r;
}

int rule_make(struct classifier *c, const struct classifier_edit *edit, struct error *err,
	struct rule *ret)
{
	struct policy_rank rank = policy_rank(edit->after, edit->position);
	struct rule rule = {.entry.rank = {rank.high, rank.low}};
	int r = make_action(edit, err, &rule.entry, &rule.rule);

	if (!r)
		r = match_ifaces(c, edit, &rule.more, err);
	if (r)
		return r;
	match_addresses(edit, &rule.entry, &rule.more);
	match_transport(&edit->after->match, &rule.entry);
	match_more(&edit->after->match, &rule.entry, &rule.more);
	*ret = rule;
	return 0;
}
