/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/ladder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "bpf/limiter.h"

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

/* The fields of a match that a rung is made of. */
enum { SRC = 1, DST = 2, SPORT = 4, DPORT = 8, PROTO = 16 };
static const unsigned int rung_fields[PEP_RUNG_MAX] = {
	[PEP_RUNG_FIVE_TUPLE] = SRC | DST | SPORT | DPORT | PROTO,
	[PEP_RUNG_SRC_DPORT_PROTO] = SRC | DPORT | PROTO,
	[PEP_RUNG_DST_DPORT_PROTO] = DST | DPORT | PROTO,
	[PEP_RUNG_DPORT_PROTO] = DPORT | PROTO,
	[PEP_RUNG_SRC] = SRC,
	[PEP_RUNG_PROTO] = PROTO,
};

static int refuse(const struct policy *policy, const char *path, const char *field,
	const char *what, struct error *err)
{
	char where[160];

	snprintf(where, sizeof(where), "%s%s%s", path, *path ? "." : "", field);
	error_set(err, ERROR_UNIMPLEMENTED, "POLICY_UNSUPPORTED", "policy %s: %s", policy->name, what);
	error_violation(err, where, "%s", what);
	return -EOPNOTSUPP;
}

static bool is_range(const struct policy_ports *ports)
{
	return ports->first != ports->last && !(ports->first == 0 && ports->last == 65535);
}

static bool is_wide(const struct policy_address *address)
{
	return address->kind == POLICY_PREFIX && address->length != (address->family == 4 ? 32 : 128);
}

/* What is in the model but not in this engine, field by field. */
static int check_match(const struct policy *p, const char *path, struct error *err)
{
	const struct policy_match *m = &p->match;
	const struct {
		bool given;
		const char *field, *what;
	} unsupported[] = {
		{m->src.kind == POLICY_SET, "match.src", "sets are not in this version; give one address"},
		{m->dst.kind == POLICY_SET, "match.dst", "sets are not in this version; give one address"},
		{is_wide(&m->src), "match.src", "prefixes are not in this version; give one address"},
		{is_wide(&m->dst), "match.dst", "prefixes are not in this version; give one address"},
		{is_range(&m->sport), "match.sport", "port ranges are not in this version; give one port"},
		{is_range(&m->dport), "match.dport", "port ranges are not in this version; give one port"},
		{m->has_vlan, "match.vlan", "a match on vlan is not in this version"},
		{m->has_icmp_type, "match.icmp_type", "a match on icmp-type is not in this version"},
		{m->has_tcp_flags, "match.tcp_flags", "a match on tcp-flags is not in this version"},
		{m->percent != POLICY_PERCENT_ALL, "match.percent", "percent is not in this version"},
		{m->iface_count > 0, "match.iface", "a match on iface is not in this version"},
		{p->priority != POLICY_PRIORITY_DEFAULT, "priority",
			"a priority other than 1000 is not in this version"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(unsupported); i++)
		if (unsupported[i].given)
			return refuse(p, path, unsupported[i].field, unsupported[i].what, err);
	return 0;
}

static int check_action(const struct policy *p, const char *path, struct error *err)
{
	const struct policy_action *a = &p->action;
	const struct {
		bool given;
		const char *field, *what;
	} unsupported[] = {
		{a->kind == POLICY_REJECT, "action.kind", "reject is not in this version; use block"},
		{a->kind == POLICY_RATE_LIMIT && a->scope != POLICY_SCOPE_POLICY, "action.rate_limit.scope",
			"of rate-limit scopes only `per policy` is in this version"},
		{a->kind == POLICY_REDIRECT && a->target_count > 1, "action.redirect.targets",
			"redirect to several interfaces is not in this version; give one"},
		{a->kind == POLICY_REDIRECT && a->fib, "action.redirect.fib",
			"redirect with fib is not in this version; give mac or neither"},
		{p->shadow, "shadow", "shadow is not in this version"},
		{p->ttl != 0, "ttl_nano", "ttl is not in this version"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(unsupported); i++)
		if (unsupported[i].given)
			return refuse(p, path, unsupported[i].field, unsupported[i].what, err);
	return 0;
}

static unsigned int match_fields(const struct policy_match *m)
{
	return (m->src.kind != POLICY_ANY ? SRC : 0u) | (m->dst.kind != POLICY_ANY ? DST : 0u) |
	       (m->sport.first == m->sport.last ? SPORT : 0u) |
	       (m->dport.first == m->dport.last ? DPORT : 0u) | (m->has_proto ? PROTO : 0u);
}

int ladder_key(const struct policy *policy, const char *path, struct error *err,
	struct pep_policy_key *ret)
{
	const struct policy_match *m = &policy->match;
	struct pep_policy_key key = {0};
	unsigned int fields = match_fields(m);
	int r;

	r = check_match(policy, path, err);
	if (!r)
		r = check_action(policy, path, err);
	if (r)
		return r;
	while (key.rung < PEP_RUNG_MAX && rung_fields[key.rung] != fields)
		key.rung++;
	if (key.rung == PEP_RUNG_MAX)
		return refuse(policy, path, "match",
			"this version decides on src+dst+sport+dport+proto, src+dport+proto, "
			"dst+dport+proto, dport+proto, src, or proto; give exactly one of these",
			err);
	key.family = fields & SRC ? m->src.family : fields & DST ? m->dst.family : 0;
	key.proto = fields & PROTO ? m->proto : 0;
	key.sport = fields & SPORT ? htons(m->sport.first) : 0;
	key.dport = fields & DPORT ? htons(m->dport.first) : 0;
	memcpy(key.src, m->src.bytes, sizeof(key.src));
	memcpy(key.dst, m->dst.bytes, sizeof(key.dst));
	*ret = key;
	return 0;
}

int ladder_rule(const struct policy *policy, const char *path, struct error *err,
	struct pep_rule *ret)
{
	const struct policy_action *a = &policy->action;
	struct pep_rule rule = {.action = (__u8)a->kind, .log_every = policy->log ? policy->log : 1};
	int r;

	rule.flags = (policy->log ? PEP_RULE_LOG : 0) | (policy->nolog ? PEP_RULE_NOLOG : 0);
	if (a->kind == POLICY_REDIRECT && a->has_mac) {
		rule.flags |= PEP_RULE_MAC;
		memcpy(rule.mac, a->mac, sizeof(rule.mac));
	}
	snprintf(rule.name, sizeof(rule.name), "%s", policy->name);
	if (a->kind == POLICY_RATE_LIMIT) {
		r = pep_limiter_parameters(a->rate, (enum pep_limit_unit)a->rate_unit, a->burst, &rule);
		if (r == -ERANGE)
			return refuse(policy, path, "action.rate_limit.burst",
				"the burst is more than 208 days of the rate; lower it", err);
		if (r)
			return refuse(policy, path, "action.rate_limit.rate",
				"the rate is outside of 1 to 10^12", err);
	}
	*ret = rule;
	return 0;
}

static void address_init(struct policy_address *address, uint8_t family, const __be32 *bytes)
{
	address->kind = POLICY_PREFIX;
	address->family = family;
	address->length = family == 4 ? 32 : 128;
	memcpy(address->bytes, bytes, sizeof(address->bytes));
}

/*
 * The rate is not in the kernel, only what it became: bytes per second that
 * yield the same parameters to within their rounding.
 */
static void limit_policy(const struct pep_rule *rule, struct policy_action *a)
{
	unsigned __int128 second = (unsigned __int128)PEP_LIMIT_SECOND << rule->limit_shift;

	a->rate = (uint64_t)((second + rule->limit_mul / 2) / rule->limit_mul);
	a->rate_unit = rule->flags & PEP_RULE_LIMIT_PACKETS ? POLICY_PACKETS : POLICY_BYTES;
	a->burst = (uint64_t)(((unsigned __int128)rule->limit_tau * a->rate + PEP_LIMIT_SECOND / 2) /
			      PEP_LIMIT_SECOND);
}

int ladder_policy(const struct pep_policy_key *key, const struct pep_rule *rule,
	struct policy *ret)
{
	unsigned int fields;
	struct policy p;

	if (key->rung >= PEP_RUNG_MAX || rule->action >= PEP_ACTION_MAX ||
		!memchr(rule->name, 0, sizeof(rule->name)) || !policy_name_valid(rule->name) ||
		(rule->action == PEP_ACTION_RATE_LIMIT && !rule->limit_mul))
		return -EINVAL;
	fields = rung_fields[key->rung];
	if ((fields & (SRC | DST)) && key->family != 4 && key->family != 6)
		return -EINVAL;
	policy_init(&p);
	memcpy(p.name, rule->name, sizeof(p.name));
	if (fields & SRC)
		address_init(&p.match.src, key->family, key->src);
	if (fields & DST)
		address_init(&p.match.dst, key->family, key->dst);
	if (fields & SPORT)
		p.match.sport.first = p.match.sport.last = ntohs(key->sport);
	if (fields & DPORT)
		p.match.dport.first = p.match.dport.last = ntohs(key->dport);
	p.match.has_proto = fields & PROTO;
	p.match.proto = key->proto;
	p.action.kind = (enum policy_action_kind)rule->action;
	if (rule->action == PEP_ACTION_RATE_LIMIT)
		limit_policy(rule, &p.action);
	p.action.has_mac = rule->flags & PEP_RULE_MAC;
	memcpy(p.action.mac, rule->mac, sizeof(rule->mac));
	p.log = rule->flags & PEP_RULE_LOG ? rule->log_every : 0;
	p.nolog = rule->flags & PEP_RULE_NOLOG;
	*ret = p;
	return 0;
}
