/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "oracle.h"

#include <errno.h>

/* One policy, in deciding order. */
struct row {
	struct policy_match match; /* borrows the policy's interfaces */
	uint32_t priority;
	bool shadow;
	size_t position;
	size_t src_set; /* index of the set that src names, or ORACLE_NONE */
	size_t dst_set;
};

struct oracle {
	const struct oracle_ruleset *ruleset;
	struct row *rows;
};

/* A packet while it is judged: what is in which set is found once, when first asked. */
struct view {
	const struct oracle_packet *packet;
	const struct oracle_set *sets;
	uint64_t src_known, src_in; /* a bit for each set */
	uint64_t dst_known, dst_in;
};

void oracle_ruleset_deinit(struct oracle_ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->count; i++)
		policy_deinit(&ruleset->policies[i]);
	for (size_t i = 0; i < ruleset->set_count; i++)
		free(ruleset->sets[i].members);
	free(ruleset->policies);
	free(ruleset->sets);
	free(ruleset->defaults);
	*ruleset = (struct oracle_ruleset){0};
}

/* Narrower first; 0-65535, which is any, is the widest there is. */
static int compare_ports(const struct policy_ports *a, const struct policy_ports *b)
{
	return (a->last - a->first) - (b->last - b->first);
}

/* Longer prefix first, then a set, then any. */
static int compare_addresses(const struct policy_address *a, const struct policy_address *b)
{
	static const int place[] = {[POLICY_PREFIX] = 0, [POLICY_SET] = 1, [POLICY_ANY] = 2};

	if (a->kind != b->kind)
		return place[a->kind] - place[b->kind];
	return a->kind == POLICY_PREFIX ? b->length - a->length : 0;
}

static int compare_rows(const void *left, const void *right)
{
	const struct row *a = left, *b = right;
	int order;

	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	if ((order = compare_ports(&a->match.dport, &b->match.dport)) ||
		(order = compare_addresses(&a->match.src, &b->match.src)) ||
		(order = compare_addresses(&a->match.dst, &b->match.dst)) ||
		(order = compare_ports(&a->match.sport, &b->match.sport)))
		return order;
	if (a->match.has_proto != b->match.has_proto)
		return a->match.has_proto ? -1 : 1;
	return a->position < b->position ? -1 : a->position > b->position;
}

const struct oracle_set *oracle_set_find(const struct oracle_ruleset *ruleset, const char *name)
{
	for (size_t i = 0; i < ruleset->set_count; i++)
		if (streq(ruleset->sets[i].name, name))
			return &ruleset->sets[i];
	return NULL;
}

static int set_index(const struct oracle_ruleset *ruleset, const struct policy_address *address,
	size_t *ret_index)
{
	const struct oracle_set *set;

	*ret_index = ORACLE_NONE;
	if (address->kind != POLICY_SET)
		return 0;
	set = oracle_set_find(ruleset, address->set);
	if (!set)
		return -EINVAL;
	*ret_index = (size_t)(set - ruleset->sets);
	return 0;
}

static struct row row_of(const struct oracle_ruleset *ruleset, size_t position)
{
	const struct policy *policy = &ruleset->policies[position];

	return (struct row){.match = policy->match,
		.priority = policy->priority,
		.shadow = policy->shadow,
		.position = position};
}

bool oracle_outranks(const struct oracle_ruleset *ruleset, size_t index, size_t other)
{
	struct row a = row_of(ruleset, index), b = row_of(ruleset, other);

	return compare_rows(&a, &b) < 0;
}

static int fill_rows(const struct oracle_ruleset *ruleset, struct row *rows)
{
	for (size_t i = 0; i < ruleset->count; i++) {
		rows[i] = row_of(ruleset, i);
		if (set_index(ruleset, &rows[i].match.src, &rows[i].src_set) ||
			set_index(ruleset, &rows[i].match.dst, &rows[i].dst_set))
			return -EINVAL;
	}
	qsort(rows, ruleset->count, sizeof(*rows), compare_rows);
	return 0;
}

int oracle_new(const struct oracle_ruleset *ruleset, struct oracle **ret)
{
	_cleanup_(oracle_freep) struct oracle *oracle = calloc(1, sizeof(*oracle));

	if (!oracle)
		return -ENOMEM;
	oracle->ruleset = ruleset;
	oracle->rows = calloc(ruleset->count + 1, sizeof(*oracle->rows));
	if (!oracle->rows)
		return -ENOMEM;
	if (ruleset->set_count > ORACLE_SETS_MAX || fill_rows(ruleset, oracle->rows))
		return -EINVAL;
	*ret = TAKE_PTR(oracle);
	return 0;
}

void oracle_free(struct oracle *oracle)
{
	free(oracle->rows);
	free(oracle);
}

bool oracle_covers(const uint8_t *prefix, size_t length, const uint8_t *address)
{
	for (; length >= 8; length -= 8)
		if (*prefix++ != *address++)
			return false;
	return !length || !((*prefix ^ *address) >> (8 - length));
}

static bool in_set(const struct oracle_set *set, uint8_t family, const uint8_t *address)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->members[i].family == family &&
			oracle_covers(set->members[i].bytes, set->members[i].length, address))
			return true;
	return false;
}

static bool in_set_once(
	const struct view *view, size_t set, const uint8_t *address, uint64_t *known, uint64_t *in)
{
	uint64_t bit = 1ull << set;

	if (!(*known & bit) && in_set(&view->sets[set], view->packet->family, address))
		*in |= bit;
	*known |= bit;
	return *in & bit;
}

static bool match_prefix(
	const struct policy_address *wanted, uint8_t family, const uint8_t *address)
{
	return wanted->family == family && oracle_covers(wanted->bytes, wanted->length, address);
}

static bool match_src(struct view *view, const struct row *row)
{
	const struct policy_address *src = &row->match.src;
	const struct oracle_packet *packet = view->packet;

	if (src->kind == POLICY_SET)
		return in_set_once(
			view, row->src_set, packet->src, &view->src_known, &view->src_in);
	return src->kind == POLICY_ANY || match_prefix(src, packet->family, packet->src);
}

static bool match_dst(struct view *view, const struct row *row)
{
	const struct policy_address *dst = &row->match.dst;
	const struct oracle_packet *packet = view->packet;

	if (dst->kind == POLICY_SET)
		return in_set_once(
			view, row->dst_set, packet->dst, &view->dst_known, &view->dst_in);
	return dst->kind == POLICY_ANY || match_prefix(dst, packet->family, packet->dst);
}

/* TCP, UDP, UDP-Lite, SCTP, DCCP. */
static bool ported(uint8_t proto)
{
	return proto == 6 || proto == 17 || proto == 136 || proto == 132 || proto == 33;
}

static bool match_ports(const struct policy_match *m, const struct oracle_packet *packet)
{
	if (oracle_any_port(&m->sport) && oracle_any_port(&m->dport))
		return true;
	return ported(packet->proto) && packet->has_ports && !packet->fragment &&
	       packet->dport >= m->dport.first && packet->dport <= m->dport.last &&
	       packet->sport >= m->sport.first && packet->sport <= m->sport.last;
}

/* ICMP is a protocol of IPv4, ICMPv6 one of IPv6. */
static bool has_icmp(const struct oracle_packet *packet)
{
	return packet->has_icmp && !packet->fragment &&
	       packet->proto == (packet->family == 4 ? 1 : 58);
}

static bool match_icmp(const struct policy_match *m, const struct oracle_packet *packet)
{
	if (!m->has_icmp_type)
		return true;
	return has_icmp(packet) && m->icmp_type == packet->icmp_type &&
	       (!m->has_icmp_code || m->icmp_code == packet->icmp_code);
}

static bool match_tcp_flags(const struct policy_match *m, const struct oracle_packet *packet)
{
	if (!m->has_tcp_flags)
		return true;
	return packet->has_tcp && !packet->fragment &&
	       (packet->tcp_flags & m->tcp_flags_mask) == m->tcp_flags_value;
}

static bool match_iface(const struct policy_match *m, const char *iface)
{
	for (size_t i = 0; i < m->iface_count; i++)
		if (streq(m->ifaces[i], iface))
			return true;
	return m->iface_count == 0;
}

/* Discovery is exempt from policies that name no address. */
static bool is_exempt(const struct policy_match *m, const struct oracle_packet *packet)
{
	return packet->discovery && m->src.kind == POLICY_ANY && m->dst.kind == POLICY_ANY;
}

static bool row_matches(struct view *view, const struct row *row)
{
	const struct oracle_packet *packet = view->packet;
	const struct policy_match *m = &row->match;

	return match_ports(m, packet) && (!m->has_proto || m->proto == packet->proto) &&
	       match_src(view, row) && match_dst(view, row) &&
	       (!m->has_vlan || (packet->has_vlan && m->vlan == packet->vlan)) &&
	       match_icmp(m, packet) && match_tcp_flags(m, packet) &&
	       match_iface(m, packet->iface) && packet->flow_percent < m->percent &&
	       !is_exempt(m, packet);
}

/* What is settled before a policy is looked for. */
static bool decide_by_setting(const struct oracle_ruleset *ruleset,
	const struct oracle_packet *packet, struct oracle_ruling *ruling)
{
	if (packet->fault == ORACLE_HEADERS) {
		ruling->reason = ORACLE_BY_HEADERS;
		return true;
	}
	if (packet->fault == ORACLE_MALFORMED && (ruleset->malformed_drop || !packet->family)) {
		ruling->reason = ORACLE_BY_MALFORMED;
		ruling->pass = !ruleset->malformed_drop;
		return true;
	}
	if (!packet->family) {
		ruling->reason = ORACLE_BY_NON_IP;
		ruling->pass = true;
		return true;
	}
	ruling->reason = ORACLE_BY_FRAGMENTS;
	return packet->fragment && ruleset->fragments_drop;
}

static void decide_by_default(const struct oracle_ruleset *ruleset,
	const struct oracle_packet *packet, struct oracle_ruling *ruling)
{
	bool block = ruleset->default_block;

	for (size_t i = 0; i < ruleset->default_count; i++)
		if (streq(ruleset->defaults[i].iface, packet->iface))
			block = ruleset->defaults[i].block;
	ruling->reason = ORACLE_BY_DEFAULT;
	ruling->pass = !block || packet->discovery;
}

struct oracle_ruling oracle_decide(const struct oracle *oracle, const struct oracle_packet *packet)
{
	const struct oracle_ruleset *ruleset = oracle->ruleset;
	struct oracle_ruling ruling = {.policy = ORACLE_NONE, .shadow = ORACLE_NONE};
	struct view view = {.packet = packet, .sets = ruleset->sets};

	if (decide_by_setting(ruleset, packet, &ruling))
		return ruling;
	for (const struct row *row = oracle->rows; row < oracle->rows + ruleset->count; row++) {
		if ((row->shadow && ruling.shadow != ORACLE_NONE) || !row_matches(&view, row))
			continue;
		if (!row->shadow) {
			ruling.reason = ORACLE_BY_POLICY;
			ruling.policy = row->position;
			return ruling;
		}
		ruling.shadow = row->position;
	}
	decide_by_default(ruleset, packet, &ruling);
	return ruling;
}

bool oracle_ruling_equal(struct oracle_ruling a, struct oracle_ruling b)
{
	return a.reason == b.reason && a.pass == b.pass && a.policy == b.policy &&
	       a.shadow == b.shadow;
}
