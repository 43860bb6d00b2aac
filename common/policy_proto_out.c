/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The model into messages, and one model into another by an update mask. */
#include <errno.h>
#include <stdio.h>

#include "common/member_proto.h"
#include "common/text.h"

/* An initialised message in the arena, or NULL. */
static void *message_new(struct arena *arena, const ProtobufCMessageDescriptor *descriptor)
{
	ProtobufCMessage *message = arena_alloc(arena, descriptor->sizeof_message);

	if (message)
		protobuf_c_message_init(descriptor, message);
	return message;
}
#define MESSAGE(arena, name) message_new(arena, &pepctl__v1__##name##__descriptor)

static char *address_text(const struct policy_address *address, struct arena *arena)
{
	char text[72] = "";

	if (address->kind != POLICY_ANY)
		text_format_address(address, text);
	return arena_strdup(arena, text);
}

static Pepctl__V1__PortRange *ports_message(const struct policy_ports *ports, struct arena *arena,
	bool *failed)
{
	Pepctl__V1__PortRange *m;

	if (ports->first == 0 && ports->last == 65535)
		return NULL;
	m = MESSAGE(arena, port_range);
	*failed |= !m;
	if (m) {
		m->first = ports->first;
		m->last = ports->last;
	}
	return m;
}

static Pepctl__V1__RateLimit *limit_message(const struct policy_action *a, struct arena *arena)
{
	Pepctl__V1__RateLimit *m = MESSAGE(arena, rate_limit);

	if (!m)
		return NULL;
	m->rate = a->rate;
	m->unit = (Pepctl__V1__RateUnit)a->rate_unit;
	m->burst = a->burst;
	m->scope = (Pepctl__V1__LimitScope)a->scope;
	m->prefix_length = a->scope_length;
	return m;
}

static Pepctl__V1__Redirect *redirect_message(const struct policy_action *a, struct arena *arena)
{
	Pepctl__V1__Redirect *m = MESSAGE(arena, redirect);

	if (!m)
		return NULL;
	m->targets = arena_array(arena, a->target_count, sizeof(*m->targets));
	for (size_t i = 0; m->targets && i < a->target_count; i++) {
		m->targets[i] = MESSAGE(arena, redirect_target);
		if (!m->targets[i] || !(m->targets[i]->iface = arena_strdup(arena, a->targets[i].iface)))
			return NULL;
		m->targets[i]->weight = a->targets[i].weight;
	}
	m->n_targets = a->target_count;
	m->fib = a->fib;
	if (a->has_mac)
		m->mac = arena_printf(arena, "%02x:%02x:%02x:%02x:%02x:%02x", a->mac[0], a->mac[1],
			a->mac[2], a->mac[3], a->mac[4], a->mac[5]);
	return m->targets && m->mac ? m : NULL;
}

static Pepctl__V1__Action *action_message(const struct policy_action *a, struct arena *arena)
{
	Pepctl__V1__Action *m = MESSAGE(arena, action);

	if (!m)
		return NULL;
	m->kind = (Pepctl__V1__ActionKind)a->kind;
	if (a->kind == POLICY_RATE_LIMIT && !(m->rate_limit = limit_message(a, arena)))
		return NULL;
	if (a->kind == POLICY_REDIRECT && !(m->redirect = redirect_message(a, arena)))
		return NULL;
	return m;
}

static bool set_details(Pepctl__V1__Match *m, const struct policy_match *match, struct arena *arena)
{
	if (match->has_icmp_type) {
		m->icmp_type = MESSAGE(arena, icmp_type);
		if (!m->icmp_type)
			return false;
		m->icmp_type->type = match->icmp_type;
		if (match->has_icmp_code) {
			m->icmp_type->code_present_case = PEPCTL__V1__ICMP_TYPE__CODE_PRESENT_CODE;
			m->icmp_type->code = match->icmp_code;
		}
	}
	if (match->has_tcp_flags) {
		m->tcp_flags = MESSAGE(arena, tcp_flags);
		if (!m->tcp_flags)
			return false;
		m->tcp_flags->value = match->tcp_flags_value;
		m->tcp_flags->mask = match->tcp_flags_mask;
	}
	if (match->percent != POLICY_PERCENT_ALL)
		m->percent = match->percent;
	return true;
}

static bool set_ifaces(Pepctl__V1__Match *m, const struct policy_match *match, struct arena *arena)
{
	m->n_iface = match->iface_count;
	m->iface = arena_array(arena, match->iface_count, sizeof(*m->iface));
	for (size_t i = 0; m->iface && i < match->iface_count; i++)
		if (!(m->iface[i] = arena_strdup(arena, match->ifaces[i])))
			return false;
	return m->iface;
}

static Pepctl__V1__Match *match_message(const struct policy_match *match, struct arena *arena)
{
	Pepctl__V1__Match *m = MESSAGE(arena, match);
	bool failed = false;

	if (!m)
		return NULL;
	m->src = address_text(&match->src, arena);
	m->dst = address_text(&match->dst, arena);
	m->sport = ports_message(&match->sport, arena, &failed);
	m->dport = ports_message(&match->dport, arena, &failed);
	if (match->has_proto) {
		m->proto_present_case = PEPCTL__V1__MATCH__PROTO_PRESENT_PROTO;
		m->proto = match->proto;
	}
	if (match->has_vlan) {
		m->vlan_present_case = PEPCTL__V1__MATCH__VLAN_PRESENT_VLAN;
		m->vlan = match->vlan;
	}
	if (failed || !m->src || !m->dst || !set_details(m, match, arena) ||
		!set_ifaces(m, match, arena))
		return NULL;
	return m;
}

Pepctl__V1__Policy *policy_to_proto(const struct policy *policy, struct arena *arena)
{
	Pepctl__V1__Policy *m = MESSAGE(arena, policy);

	if (!m)
		return NULL;
	m->name = arena_strdup(arena, policy->name);
	m->action = action_message(&policy->action, arena);
	m->match = match_message(&policy->match, arena);
	m->priority_present_case = PEPCTL__V1__POLICY__PRIORITY_PRESENT_PRIORITY;
	m->priority = policy->priority;
	m->log = policy->log;
	m->nolog = policy->nolog;
	m->shadow = policy->shadow;
	m->ttl_nano = (int64_t)policy->ttl;
	m->comment = arena_strdup(arena, policy->comment ? policy->comment : "");
	return m->name && m->action && m->match && m->comment ? m : NULL;
}

static Pepctl__V1__Operation *operation_new(struct arena *arena,
	Pepctl__V1__Operation__OperationCase which)
{
	Pepctl__V1__Operation *m = MESSAGE(arena, operation);

	if (m)
		m->operation_case = which;
	return m;
}

static Pepctl__V1__InterfaceDefault *default_message(const struct change *c, struct arena *arena)
{
	Pepctl__V1__InterfaceDefault *m = MESSAGE(arena, interface_default);

	if (!m || !(m->iface = arena_strdup(arena, c->iface)))
		return NULL;
	m->action = c->block ? PEPCTL__V1__ACTION_KIND__ACTION_BLOCK :
			       PEPCTL__V1__ACTION_KIND__ACTION_ALLOW;
	m->unset = c->kind == CHANGE_UNSET_DEFAULT;
	return m;
}

static Pepctl__V1__Setting *setting_message(const struct change *c, struct arena *arena)
{
	Pepctl__V1__Setting *m = MESSAGE(arena, setting);
	char value[24];

	if (!m)
		return NULL;
	setting_format(c->setting, c->value, value);
	m->name = arena_strdup(arena, setting_info(c->setting)->name);
	m->value = arena_strdup(arena, value);
	return m->name && m->value ? m : NULL;
}

static Pepctl__V1__Attachment *attach_message(const struct change *c, struct arena *arena)
{
	Pepctl__V1__Attachment *m = MESSAGE(arena, attachment);

	if (!m || !(m->iface = arena_strdup(arena, c->iface)))
		return NULL;
	m->mode = (Pepctl__V1__AttachMode)c->mode;
	return m;
}

static const Pepctl__V1__Operation__OperationCase cases[] = {
	[CHANGE_CREATE_POLICY] = PEPCTL__V1__OPERATION__OPERATION_CREATE_POLICY,
	[CHANGE_PUT_POLICY] = PEPCTL__V1__OPERATION__OPERATION_PUT_POLICY,
	[CHANGE_DELETE_POLICY] = PEPCTL__V1__OPERATION__OPERATION_DELETE_POLICY,
	[CHANGE_FLUSH_POLICIES] = PEPCTL__V1__OPERATION__OPERATION_FLUSH_POLICIES,
	[CHANGE_DEFAULT] = PEPCTL__V1__OPERATION__OPERATION_DEFAULT_ACTION,
	[CHANGE_UNSET_DEFAULT] = PEPCTL__V1__OPERATION__OPERATION_DEFAULT_ACTION,
	[CHANGE_SETTING] = PEPCTL__V1__OPERATION__OPERATION_SETTING,
	[CHANGE_ATTACH] = PEPCTL__V1__OPERATION__OPERATION_ATTACH,
	[CHANGE_DETACH] = PEPCTL__V1__OPERATION__OPERATION_DETACH,
	[CHANGE_CREATE_SET] = PEPCTL__V1__OPERATION__OPERATION_CREATE_SET,
	[CHANGE_PUT_SET] = PEPCTL__V1__OPERATION__OPERATION_PUT_SET,
	[CHANGE_DELETE_SET] = PEPCTL__V1__OPERATION__OPERATION_DELETE_SET,
	[CHANGE_ADD_MEMBERS] = PEPCTL__V1__OPERATION__OPERATION_ADD_MEMBERS,
	[CHANGE_REMOVE_MEMBERS] = PEPCTL__V1__OPERATION__OPERATION_REMOVE_MEMBERS,
	[CHANGE_REPLACE_MEMBERS] = PEPCTL__V1__OPERATION__OPERATION_REPLACE_MEMBERS,
};

Pepctl__V1__Operation *change_to_proto(const struct change *change, struct arena *arena)
{
	Pepctl__V1__Operation *m = operation_new(arena, cases[change->kind]);

	if (!m)
		return NULL;
	m->allow_missing = change->allow_missing;
	switch (change->kind) {
	case CHANGE_CREATE_POLICY:
	case CHANGE_PUT_POLICY:
		return (m->put_policy = policy_to_proto(&change->policy, arena)) ? m : NULL;
	case CHANGE_DELETE_POLICY:
		return (m->delete_policy = arena_strdup(arena, change->name)) ? m : NULL;
	case CHANGE_FLUSH_POLICIES:
		m->flush_policies = true;
		return m;
	case CHANGE_DEFAULT:
	case CHANGE_UNSET_DEFAULT:
		return (m->default_action = default_message(change, arena)) ? m : NULL;
	case CHANGE_SETTING:
		return (m->setting = setting_message(change, arena)) ? m : NULL;
	case CHANGE_ATTACH:
		return (m->attach = attach_message(change, arena)) ? m : NULL;
	case CHANGE_DETACH:
		return (m->detach = arena_strdup(arena, change->iface)) ? m : NULL;
	case CHANGE_CREATE_SET:
	case CHANGE_PUT_SET:
		return (m->put_set = set_to_proto(change, arena)) ? m : NULL;
	case CHANGE_DELETE_SET:
		return (m->delete_set = arena_strdup(arena, change->name)) ? m : NULL;
	case CHANGE_ADD_MEMBERS:
	case CHANGE_REMOVE_MEMBERS:
	case CHANGE_REPLACE_MEMBERS:
		return (m->add_members = set_members_to_proto(change, arena)) ? m : NULL;
	default:
		return m;
	}
}
