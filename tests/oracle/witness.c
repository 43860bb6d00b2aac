/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "witness.h"

enum { SRC, DST, SPORT, DPORT, FIELDS };

typedef unsigned __int128 number;

/* Packets of one family and protocol, both ends included. */
struct box {
	number low[FIELDS], high[FIELDS];
};

/* One class of packets, and what is cut out of it. */
struct search {
	const struct oracle_ruleset *ruleset;
	const struct policy *policy;
	uint8_t family, proto;
	bool portless; /* of a protocol that has ports: a fragment */
	size_t budget;
	struct box *rivals;
	size_t count;
	struct box free; /* of WITNESS_FOUND */
};

static const uint8_t ported[] = {6, 17, 33, 132, 136};

static bool has_ports(uint8_t proto)
{
	return memchr(ported, proto, sizeof(ported)) != NULL;
}

static bool wants_ports(const struct policy_match *m)
{
	return !oracle_any_port(&m->sport) || !oracle_any_port(&m->dport);
}

static bool is_plain(const struct policy_match *m)
{
	return m->src.kind != POLICY_SET && m->dst.kind != POLICY_SET && !m->iface_count &&
	       !m->has_vlan && !m->has_icmp_type && !m->has_icmp_code && !m->has_tcp_flags &&
	       m->percent == POLICY_PERCENT_ALL;
}

static bool names_address(const struct policy_match *m)
{
	return m->src.kind != POLICY_ANY || m->dst.kind != POLICY_ANY;
}

/* --- boxes */

/* False when the address is of the other family. */
static bool set_address(struct box *box, int field, uint8_t family, const struct policy_address *a)
{
	unsigned int bits = family == 4 ? 32 : 128;
	unsigned int length = a->kind == POLICY_PREFIX ? a->length : 0;
	number value = 0, rest;

	if (a->kind == POLICY_PREFIX && a->family != family)
		return false;
	rest = length == bits ? 0 : ~(number)0 >> (128 - bits + length);
	for (unsigned int i = 0; i < bits / 8 && a->kind == POLICY_PREFIX; i++)
		value = value << 8 | a->bytes[i];
	box->low[field] = value & ~rest;
	box->high[field] = box->low[field] | rest;
	return true;
}

static void set_ports(struct box *box, int field, const struct policy_ports *ports)
{
	box->low[field] = ports->first;
	box->high[field] = ports->last;
}

/* What the match has in the class of the search; false = nothing. */
static bool set_box(const struct search *s, const struct policy_match *m, struct box *ret)
{
	if ((m->has_proto && m->proto != s->proto) ||
		(wants_ports(m) && (s->portless || !has_ports(s->proto))))
		return false;
	set_ports(ret, SPORT, &m->sport);
	set_ports(ret, DPORT, &m->dport);
	return set_address(ret, SRC, s->family, &m->src) &&
	       set_address(ret, DST, s->family, &m->dst);
}

static bool overlap(const struct box *a, const struct box *b)
{
	for (int i = 0; i < FIELDS; i++)
		if (a->high[i] < b->low[i] || a->low[i] > b->high[i])
			return false;
	return true;
}

/* Into how many pieces the rest of `box` falls without `by`; 0 = nothing is left. */
static unsigned int pieces(const struct box *box, const struct box *by)
{
	unsigned int count = 0;

	for (int i = 0; i < FIELDS; i++)
		count += (box->low[i] < by->low[i]) + (box->high[i] > by->high[i]);
	return count;
}

/* --- the search */

static enum witness search(struct search *s, struct box box, const struct box *rivals, size_t count);

/* The rest of the box beside `by`, piece by piece, each without the fields' parts done before. */
static enum witness search_rest(
	struct search *s, struct box box, struct box by, const struct box *rivals, size_t count)
{
	enum witness r = WITNESS_NONE;

	for (int i = 0; i < FIELDS && r == WITNESS_NONE; i++) {
		struct box part = box;

		if (box.low[i] < by.low[i]) {
			part.high[i] = by.low[i] - 1;
			r = search(s, part, rivals, count);
			box.low[i] = by.low[i];
		}
		part = box;
		if (r == WITNESS_NONE && box.high[i] > by.high[i]) {
			part.low[i] = by.high[i] + 1;
			r = search(s, part, rivals, count);
			box.high[i] = by.high[i];
		}
	}
	return r;
}

/* Those that overlap the box; `ret_least` is the index of the one that cuts it least. */
static size_t overlapping(const struct box *box, const struct box *rivals, size_t count,
	struct box *ret, size_t *ret_least)
{
	unsigned int least = UINT32_MAX;
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		if (!overlap(box, &rivals[i]))
			continue;
		if (pieces(box, &rivals[i]) < least) {
			least = pieces(box, &rivals[i]);
			*ret_least = found;
		}
		ret[found++] = rivals[i];
	}
	return found;
}

static enum witness search(struct search *s, struct box box, const struct box *rivals, size_t count)
{
	_cleanup_free_ struct box *near = calloc(count + 1, sizeof(*near));
	size_t least = 0, found;
	struct box by;

	if (!near || !s->budget)
		return WITNESS_UNKNOWN;
	s->budget--;
	found = overlapping(&box, rivals, count, near, &least);
	if (!found) {
		s->free = box;
		return WITNESS_FOUND;
	}
	by = near[least];
	near[least] = near[found - 1];
	return search_rest(s, box, by, near, found - 1);
}

/* Neighbour discovery is exempt from policies without an address, and is not looked for here. */
static bool is_whole(const struct search *s, const struct policy_match *m)
{
	bool discovery = s->family == 6 && s->proto == 58 && names_address(&s->policy->match);

	return is_plain(m) && (!discovery || names_address(m));
}

static void find_rivals(struct search *s, size_t index, const struct box *box, bool whole_only)
{
	s->count = 0;
	for (size_t i = 0; i < s->ruleset->count; i++) {
		const struct policy *other = &s->ruleset->policies[i];
		struct policy_match m = other->match;

		if (i == index || (other->shadow && !s->policy->shadow) ||
			(whole_only && !is_whole(s, &m)))
			continue;
		if (m.src.kind == POLICY_SET)
			m.src.kind = POLICY_ANY;
		if (m.dst.kind == POLICY_SET)
			m.dst.kind = POLICY_ANY;
		if (set_box(s, &m, &s->rivals[s->count]) && overlap(box, &s->rivals[s->count]) &&
			oracle_outranks(s->ruleset, i, index))
			s->count++;
	}
}

/* What numbers a packet can carry as its last protocol, and mean the same in both families. */
static bool is_spoken(uint8_t family, uint8_t proto)
{
	static const uint8_t headers[] = {0, 43, 44, 51, 60};

	return !memchr(headers, proto, sizeof(headers)) && proto != (family == 4 ? 58 : 1);
}

/* One class. A fragment that the setting drops is no packet for a policy, but one cut short may be. */
static enum witness search_class(struct search *s, size_t index, size_t budget)
{
	bool speakable = is_spoken(s->family, s->proto) &&
			 !(s->portless && s->ruleset->fragments_drop);
	struct box box;
	enum witness r;

	if (!set_box(s, &s->policy->match, &box))
		return WITNESS_NONE;
	find_rivals(s, index, &box, false);
	s->budget = budget;
	r = search(s, box, s->rivals, s->count);
	if (r == WITNESS_FOUND)
		return speakable ? r : WITNESS_UNKNOWN;
	find_rivals(s, index, &box, true);
	s->budget = budget;
	r = search(s, box, s->rivals, s->count);
	return r == WITNESS_NONE ? r : WITNESS_UNKNOWN;
}

static void put_address(uint8_t *bytes, uint8_t family, number value)
{
	for (int i = family == 4 ? 3 : 15; i >= 0; i--, value >>= 8)
		bytes[i] = (uint8_t)value;
}

static void fill_packet(const struct search *s, struct oracle_packet *ret)
{
	*ret = (struct oracle_packet){.family = s->family,
		.proto = s->proto,
		.fragment = s->portless,
		.has_ports = !s->portless && has_ports(s->proto),
		.has_tcp = !s->portless && s->proto == 6,
		.has_icmp = s->proto == (s->family == 4 ? 1 : 58),
		.icmp_type = s->proto == 1 ? 8 : s->proto == 58 ? 128 : 0};
	put_address(ret->src, s->family, s->free.low[SRC]);
	put_address(ret->dst, s->family, s->free.low[DST]);
	if (ret->has_ports) {
		ret->sport = (uint16_t)s->free.low[SPORT];
		ret->dport = (uint16_t)s->free.low[DPORT];
	}
}

/* Protocols that policies tell apart, and one that none names. */
static void classes_of(const struct oracle_ruleset *ruleset, bool ret[static 256])
{
	uint8_t other = 254;

	memset(ret, 0, 256);
	for (size_t i = 0; i < sizeof(ported); i++)
		ret[ported[i]] = true;
	ret[58] = true;
	for (size_t i = 0; i < ruleset->count; i++)
		if (ruleset->policies[i].match.has_proto)
			ret[ruleset->policies[i].match.proto] = true;
	while (other > 61 && ret[other])
		other--;
	ret[other] = true;
}

static enum witness search_all(struct search *s, size_t index, size_t budget)
{
	enum witness all = WITNESS_NONE;
	bool classes[256];

	classes_of(s->ruleset, classes);
	for (unsigned int i = 0; i < 4 * 256; i++) {
		enum witness r;

		s->proto = (uint8_t)(i / 4);
		s->family = i & 1 ? 6 : 4;
		s->portless = i & 2;
		if (!classes[s->proto] || (s->portless && !has_ports(s->proto)))
			continue;
		r = search_class(s, index, budget);
		if (r == WITNESS_FOUND)
			return r;
		if (r == WITNESS_UNKNOWN)
			all = r;
	}
	return all;
}

enum witness witness_find(const struct oracle_ruleset *ruleset, size_t index, size_t budget,
	struct oracle_packet *ret)
{
	_cleanup_free_ struct box *rivals = calloc(ruleset->count + 1, sizeof(*rivals));
	struct search s = {
		.ruleset = ruleset, .policy = &ruleset->policies[index], .rivals = rivals};
	enum witness r;

	if (!rivals || !is_plain(&s.policy->match))
		return WITNESS_UNKNOWN;
	r = search_all(&s, index, budget);
	if (r == WITNESS_FOUND)
		fill_packet(&s, ret);
	return r;
}
