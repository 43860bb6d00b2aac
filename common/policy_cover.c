/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The policies are walked in deciding order, and each is looked up among the
 * better ones. These stand in a table by the fields of their match that a
 * covering policy must share: for every shape (prefix lengths, protocol given or
 * not, one port or not) that is there, the policy is cut down to that shape and
 * looked up once.
 */
#include "common/policy_cover.h"

#include <errno.h>
#include <netinet/in.h>

#include "common/table.h"

/* --- one policy and another */

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int rest = bits % 8;

	return memcmp(a, b, bits / 8) == 0 &&
	       (!rest || !((a[bits / 8] ^ b[bits / 8]) & (0xff00u >> rest & 0xff)));
}

static bool covers_address(const struct policy_address *a, const struct policy_address *b)
{
	if (a->kind == POLICY_ANY)
		return true;
	if (a->kind != b->kind)
		return false;
	if (a->kind == POLICY_SET)
		return streq(a->set, b->set);
	return a->family == b->family && a->length <= b->length &&
	       same_bits(a->bytes, b->bytes, a->length);
}

static bool covers_ports(const struct policy_ports *a, const struct policy_ports *b)
{
	return a->first <= b->first && a->last >= b->last;
}

static bool covers_ifaces(const struct policy_match *a, const struct policy_match *b)
{
	size_t at = 0;

	if (!a->iface_count)
		return true;
	for (size_t i = 0; i < b->iface_count; i++) {
		while (at < a->iface_count && strcmp(a->ifaces[at], b->ifaces[i]) < 0)
			at++;
		if (at == a->iface_count || !streq(a->ifaces[at], b->ifaces[i]))
			return false;
	}
	return b->iface_count;
}

static bool covers_details(const struct policy_match *a, const struct policy_match *b)
{
	if (a->has_vlan && !(b->has_vlan && a->vlan == b->vlan))
		return false;
	if (a->has_icmp_type && !(b->has_icmp_type && a->icmp_type == b->icmp_type))
		return false;
	if (a->has_icmp_code && !(b->has_icmp_code && a->icmp_code == b->icmp_code))
		return false;
	if (a->has_tcp_flags &&
		!(b->has_tcp_flags && !(a->tcp_flags_mask & ~b->tcp_flags_mask) &&
			(b->tcp_flags_value & a->tcp_flags_mask) == a->tcp_flags_value))
		return false;
	return a->percent == POLICY_PERCENT_ALL && covers_ifaces(a, b);
}

static bool any_ports(const struct policy_ports *ports)
{
	return ports->first == 0 && ports->last == 65535;
}

/* Neighbour discovery passes by policies without an address, not by those with one. */
static bool may_match_discovery(const struct policy_match *m)
{
	bool ipv4 = (m->src.kind == POLICY_PREFIX && m->src.family == 4) ||
		    (m->dst.kind == POLICY_PREFIX && m->dst.family == 4);

	if (ipv4 || (m->src.kind == POLICY_ANY && m->dst.kind == POLICY_ANY))
		return false;
	if (!any_ports(&m->sport) || !any_ports(&m->dport) ||
		(m->has_proto && m->proto != IPPROTO_ICMPV6))
		return false;
	return !m->has_icmp_type || (m->icmp_type >= 133 && m->icmp_type <= 137);
}

bool policy_covers(const struct policy *a, const struct policy *b)
{
	const struct policy_match *m = &a->match, *n = &b->match;

	return covers_ports(&m->dport, &n->dport) && covers_ports(&m->sport, &n->sport) &&
	       covers_address(&m->src, &n->src) && covers_address(&m->dst, &n->dst) &&
	       (!m->has_proto || (n->has_proto && m->proto == n->proto)) && covers_details(m, n) &&
	       !(m->src.kind == POLICY_ANY && m->dst.kind == POLICY_ANY && may_match_discovery(n));
}

/* --- all of a ruleset */

enum port_shape { PORTS_ANY, PORTS_ONE, PORTS_RANGE };

/* What of a match is in the key. */
struct shape {
	uint8_t src_kind, src_family, src_length;
	uint8_t dst_kind, dst_family, dst_length;
	uint8_t has_proto, sport, dport; /* enum port_shape */
};

struct better {
	struct table_node node;
	struct policy_ports dport; /* of the policy: most that share a key differ in it */
	struct better *worse;      /* the next with the same key */
	const struct policy *policy;
	size_t index;
	struct better *last; /* of the first: the end of its chain */
};

struct cover {
	struct table table; /* struct better by key, the first of each */
	struct better *items;
	size_t item_count;
	struct shape *shapes;
	size_t shape_count, shape_room;
};

static enum port_shape shape_ports(const struct policy_ports *ports)
{
	return any_ports(ports) ? PORTS_ANY : ports->first == ports->last ? PORTS_ONE : PORTS_RANGE;
}

static struct shape shape_of(const struct policy_match *m)
{
	return (struct shape){
		.src_kind = (uint8_t)m->src.kind,
		.src_family = m->src.kind == POLICY_PREFIX ? m->src.family : 0,
		.src_length = m->src.kind == POLICY_PREFIX ? m->src.length : 0,
		.dst_kind = (uint8_t)m->dst.kind,
		.dst_family = m->dst.kind == POLICY_PREFIX ? m->dst.family : 0,
		.dst_length = m->dst.kind == POLICY_PREFIX ? m->dst.length : 0,
		.has_proto = m->has_proto,
		.sport = (uint8_t)shape_ports(&m->sport),
		.dport = (uint8_t)shape_ports(&m->dport),
	};
}

static bool fits_address(
	uint8_t kind, uint8_t family, uint8_t length, const struct policy_address *a)
{
	return kind == POLICY_ANY ||
	       (kind == a->kind &&
		       (kind == POLICY_SET || (family == a->family && length <= a->length)));
}

/* Whether a policy of that shape may cover one with that match. */
static bool shape_fits(const struct shape *s, const struct policy_match *m)
{
	return fits_address(s->src_kind, s->src_family, s->src_length, &m->src) &&
	       fits_address(s->dst_kind, s->dst_family, s->dst_length, &m->dst) &&
	       (!s->has_proto || m->has_proto) &&
	       (s->dport != PORTS_ONE || m->dport.first == m->dport.last) &&
	       (s->sport != PORTS_ONE || m->sport.first == m->sport.last);
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 29;
}

/* The first `length` bits, or the set. */
static uint64_t mix_address(
	uint64_t hash, uint8_t kind, uint8_t length, const struct policy_address *a)
{
	uint8_t bytes[16] = {0};
	uint64_t words[2];

	if (kind == POLICY_SET)
		return mix(hash, table_hash(a->set, strlen(a->set)));
	if (kind == POLICY_ANY)
		return hash;
	memcpy(bytes, a->bytes, (length + 7u) / 8);
	if (length % 8)
		bytes[length / 8] &= (uint8_t)(0xff00u >> length % 8);
	memcpy(words, bytes, sizeof(words));
	return mix(mix(hash, words[0]), words[1]);
}

/* Two that the key does not tell apart are told apart by policy_covers(). */
static uint64_t key_of(const struct shape *s, size_t shape, const struct policy_match *m)
{
	uint64_t hash =
		mix(shape, (uint64_t)(s->has_proto ? m->proto : 0) << 32 |
				   (uint64_t)(s->dport == PORTS_ONE ? m->dport.first : 0) << 16 |
				   (s->sport == PORTS_ONE ? m->sport.first : 0));

	hash = mix_address(hash, s->src_kind, s->src_length, &m->src);
	return mix_address(hash, s->dst_kind, s->dst_length, &m->dst);
}

static struct better *find(const struct cover *c, uint64_t key)
{
	struct table_node *node = table_first(&c->table, key);

	return node ? CONTAINER_OF(node, struct better, node) : NULL;
}

static const struct better *find_covering(const struct cover *c, const struct policy *policy)
{
	for (size_t i = 0; i < c->shape_count; i++) {
		if (!shape_fits(&c->shapes[i], &policy->match))
			continue;
		for (const struct better *b = find(c, key_of(&c->shapes[i], i, &policy->match)); b;
			b = b->worse)
			if (covers_ports(&b->dport, &policy->match.dport) &&
				policy_covers(b->policy, policy))
				return b;
	}
	return NULL;
}

/* The shape's index; a new one is added. -1 = no memory. */
static ssize_t shape_index(struct cover *c, const struct shape *shape)
{
	for (size_t i = 0; i < c->shape_count; i++)
		if (memcmp(&c->shapes[i], shape, sizeof(*shape)) == 0)
			return (ssize_t)i;
	if (c->shape_count == c->shape_room) {
		size_t room = MAX(2 * c->shape_room, 64u);
		struct shape *grown = reallocarray(c->shapes, room, sizeof(*grown));

		if (!grown)
			return -1;
		c->shapes = grown;
		c->shape_room = room;
	}
	c->shapes[c->shape_count] = *shape;
	return (ssize_t)c->shape_count++;
}

static int add(struct cover *c, const struct policy *policy, size_t index)
{
	struct shape shape = shape_of(&policy->match);
	ssize_t which = shape_index(c, &shape);
	struct better *item, *first;
	uint64_t key;

	if (which < 0)
		return -ENOMEM;
	key = key_of(&shape, (size_t)which, &policy->match);
	item = &c->items[c->item_count++];
	*item = (struct better){.dport = policy->match.dport, .policy = policy, .index = index};
	item->last = item;
	first = find(c, key);
	if (first) {
		first->last->worse = item;
		first->last = item;
	} else {
		table_add(&c->table, &item->node, key);
	}
	return 0;
}

struct ranked {
	struct policy_rank rank;
	size_t index;
};

static int by_rank(const void *a, const void *b)
{
	return policy_rank_compare(
		((const struct ranked *)a)->rank, ((const struct ranked *)b)->rank);
}

static int by_index(const void *a, const void *b)
{
	const struct policy_covered *p = a, *q = b;

	return (p->index > q->index) - (p->index < q->index);
}

/* Shadow policies decide nothing by themselves; one with a ttl will be gone. */
static int walk(struct cover *c, const struct policy *const policies[], const struct ranked *order,
	size_t count, struct policy_covered *found, size_t *ret_count)
{
	int r = 0;

	for (size_t i = 0; i < count && !r; i++) {
		const struct policy *policy = policies[order[i].index];
		const struct better *by = policy->shadow ? NULL : find_covering(c, policy);

		if (by)
			found[(*ret_count)++] = (struct policy_covered){order[i].index, by->index};
		else if (!policy->shadow && !policy->ttl)
			r = add(c, policy, order[i].index);
	}
	return r;
}

int policy_cover_find(const struct policy *const policies[], size_t count,
	struct policy_covered **ret, size_t *ret_count)
{
	_cleanup_free_ struct ranked *order = calloc(count + 1, sizeof(*order));
	_cleanup_free_ struct policy_covered *found = calloc(count + 1, sizeof(*found));
	struct cover c = {.items = calloc(count + 1, sizeof(*c.items))};
	size_t found_count = 0;
	int r = -ENOMEM;

	if (order && found && c.items && table_reserve(&c.table, count) == 0) {
		for (size_t i = 0; i < count; i++)
			order[i] = (struct ranked){policy_rank(policies[i], (uint32_t)i), i};
		qsort(order, count, sizeof(*order), by_rank);
		r = walk(&c, policies, order, count, found, &found_count);
	}
	table_deinit(&c.table);
	free(c.items);
	free(c.shapes);
	if (r)
		return r;
	if (found_count)
		qsort(found, found_count, sizeof(*found), by_index);
	*ret = TAKE_PTR(found);
	*ret_count = found_count;
	return 0;
}
