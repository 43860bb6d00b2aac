/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "common/policy.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

void policy_init(struct policy *policy)
{
	*policy = (struct policy){
		.priority = POLICY_PRIORITY_DEFAULT,
		.match = {
			.sport = {0, 65535},
			.dport = {0, 65535},
			.percent = POLICY_PERCENT_ALL,
		},
	};
}

void policy_deinit(struct policy *policy)
{
	free(policy->match.ifaces);
	free(policy->action.targets);
	free(policy->comment);
	policy_init(policy);
}

/* A copy of `count` items of `size` bytes; NULL also for none. */
static void *copy_items(const void *items, size_t count, size_t size)
{
	void *copy = count ? calloc(count, size) : NULL;

	if (copy)
		memcpy(copy, items, count * size);
	return copy;
}

int policy_copy(const struct policy *policy, struct policy *ret)
{
	struct policy copy = *policy;

	copy.match.ifaces = copy_items(policy->match.ifaces, policy->match.iface_count, IFACE_NAME_SIZE);
	copy.action.targets = copy_items(policy->action.targets, policy->action.target_count,
		sizeof(*copy.action.targets));
	copy.comment = policy->comment ? strdup(policy->comment) : NULL;
	if ((policy->match.iface_count && !copy.match.ifaces) ||
		(policy->action.target_count && !copy.action.targets) ||
		(policy->comment && !copy.comment)) {
		policy_deinit(&copy);
		return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

static bool address_equal(const struct policy_address *a, const struct policy_address *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == POLICY_SET)
		return streq(a->set, b->set);
	return a->kind == POLICY_ANY || (a->family == b->family && a->length == b->length &&
						memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0);
}

static bool ports_equal(const struct policy_ports *a, const struct policy_ports *b)
{
	return a->first == b->first && a->last == b->last;
}

static bool ifaces_equal(const struct policy_match *a, const struct policy_match *b)
{
	if (a->iface_count != b->iface_count)
		return false;
	for (size_t i = 0; i < a->iface_count; i++)
		if (!streq(a->ifaces[i], b->ifaces[i]))
			return false;
	return true;
}

static bool match_equal(const struct policy_match *a, const struct policy_match *b)
{
	return address_equal(&a->src, &b->src) && address_equal(&a->dst, &b->dst) &&
	       ports_equal(&a->sport, &b->sport) && ports_equal(&a->dport, &b->dport) &&
	       a->has_proto == b->has_proto && (!a->has_proto || a->proto == b->proto) &&
	       a->has_vlan == b->has_vlan && (!a->has_vlan || a->vlan == b->vlan) &&
	       a->has_icmp_type == b->has_icmp_type &&
	       (!a->has_icmp_type || a->icmp_type == b->icmp_type) &&
	       a->has_icmp_code == b->has_icmp_code &&
	       (!a->has_icmp_code || a->icmp_code == b->icmp_code) &&
	       a->has_tcp_flags == b->has_tcp_flags &&
	       (!a->has_tcp_flags || (a->tcp_flags_value == b->tcp_flags_value &&
					     a->tcp_flags_mask == b->tcp_flags_mask)) &&
	       a->percent == b->percent && ifaces_equal(a, b);
}

static bool targets_equal(const struct policy_action *a, const struct policy_action *b)
{
	if (a->target_count != b->target_count)
		return false;
	for (size_t i = 0; i < a->target_count; i++)
		if (!streq(a->targets[i].iface, b->targets[i].iface) ||
			a->targets[i].weight != b->targets[i].weight)
			return false;
	return true;
}

static bool action_equal(const struct policy_action *a, const struct policy_action *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == POLICY_RATE_LIMIT)
		return a->rate == b->rate && a->rate_unit == b->rate_unit && a->burst == b->burst &&
		       a->scope == b->scope && a->scope_length == b->scope_length;
	if (a->kind == POLICY_REDIRECT)
		return targets_equal(a, b) && a->fib == b->fib && a->has_mac == b->has_mac &&
		       (!a->has_mac || memcmp(a->mac, b->mac, sizeof(a->mac)) == 0);
	return true;
}

bool policy_same_match(const struct policy *a, const struct policy *b)
{
	return a->priority == b->priority && match_equal(&a->match, &b->match);
}

bool policy_same_limit(const struct policy *a, const struct policy *b)
{
	return a->action.kind == POLICY_RATE_LIMIT && action_equal(&a->action, &b->action);
}

bool policy_equal(const struct policy *a, const struct policy *b)
{
	return streq(a->name, b->name) && policy_same_match(a, b) &&
	       action_equal(&a->action, &b->action) && a->log == b->log && a->nolog == b->nolog &&
	       a->shadow == b->shadow && a->ttl == b->ttl &&
	       streq(a->comment ? a->comment : "", b->comment ? b->comment : "");
}

bool policy_name_valid(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t length = strspn(name, allowed);

	return length >= 1 && length <= POLICY_NAME_MAX && !name[length];
}

bool iface_name_valid(const char *name)
{
	/* What the kernel refuses, and what a policy line could not write without quotes. */
	size_t length = strcspn(name, "/ \t\n\v\f\r:,*\"\\#");

	return length >= 1 && length < IFACE_NAME_SIZE && !name[length] && !streq(name, ".") &&
	       !streq(name, "..");
}

bool proto_has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_UDPLITE ||
	       proto == IPPROTO_SCTP || proto == IPPROTO_DCCP;
}

static uint64_t rank_ports(const struct policy_ports *ports)
{
	return (uint64_t)(ports->last - ports->first);
}

static uint64_t rank_address(const struct policy_address *address)
{
	switch (address->kind) {
	case POLICY_PREFIX:
		return (address->family == 4 ? 32u : 128u) - address->length;
	case POLICY_SET:
		return 254;
	default:
		return 255;
	}
}

struct policy_rank policy_rank(const struct policy *policy, uint32_t position)
{
	const struct policy_match *m = &policy->match;

	return (struct policy_rank){
		.high = (uint64_t)policy->priority << 32 | rank_ports(&m->dport) << 16 |
			rank_address(&m->src) << 8 | rank_address(&m->dst),
		.low = rank_ports(&m->sport) << 33 | (uint64_t)!m->has_proto << 32 | position,
	};
}

int policy_rank_compare(struct policy_rank a, struct policy_rank b)
{
	if (a.high != b.high)
		return a.high < b.high ? -1 : 1;
	return (a.low > b.low) - (a.low < b.low);
}
