/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Messages into the model. Every wrong field is told, by its path. */
#include "common/policy_proto.h"

#include <errno.h>
#include <stdio.h>

#include "common/iface_pattern.h"
#include "common/member_proto.h"
#include "common/text.h"

_Static_assert((int)PEPCTL__V1__ACTION_KIND__ACTION_REDIRECT == (int)POLICY_REDIRECT &&
		       (int)PEPCTL__V1__ACTION_KIND__ACTION_RATE_LIMIT == (int)POLICY_RATE_LIMIT &&
		       (int)PEPCTL__V1__RATE_UNIT__RATE_PACKETS == (int)POLICY_PACKETS &&
		       (int)PEPCTL__V1__LIMIT_SCOPE__SCOPE_FLOW == (int)POLICY_SCOPE_FLOW &&
		       (int)PEPCTL__V1__ATTACH_MODE__ATTACH_OFFLOAD == (int)ATTACH_OFFLOAD,
	"enums of the proto and of the model");

/* The message's path and where its faults go. */
struct place {
	const char *path;
	struct error *err;
	bool wrong;
};

PRINTF_LIKE(3, 4)
static void wrong(struct place *at, const char *field, const char *fmt, ...)
{
	char where[256], what[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	snprintf(where, sizeof(where), "%s%s%s", at->path, *at->path && *field ? "." : "", field);
	error_violation(at->err, where, "%s", what);
	at->wrong = true;
}

/* A number that must fit the model's narrower field. */
static uint32_t bounded(struct place *at, const char *field, uint32_t value, uint32_t maximum)
{
	if (value <= maximum)
		return value;
	wrong(at, field, "%u is not from 0 to %u", value, maximum);
	return 0;
}

static void read_name(struct place *at, const char *field, const char *text, char *ret, size_t size)
{
	if (strlen(text) >= size)
		wrong(at, field, "\"%.80s\" is longer than %zu characters", text, size - 1);
	snprintf(ret, size, "%s", text);
}

static void read_address(struct place *at, const char *field, const char *text,
	struct policy_address *ret)
{
	char message[160];

	if (*text && text_parse_address(text, ret, message) < 0)
		wrong(at, field, "%s", message);
}

static void read_ports(struct place *at, const char *field, const Pepctl__V1__PortRange *ports,
	struct policy_ports *ret)
{
	if (!ports)
		return;
	if (ports->first > 65535 || ports->last > 65535 || ports->first > ports->last)
		wrong(at, field, "%u-%u is no range of ports from 0 to 65535", ports->first, ports->last);
	else
		*ret = (struct policy_ports){(uint16_t)ports->first, (uint16_t)ports->last};
}

static void read_limit(struct place *at, const Pepctl__V1__RateLimit *limit,
	struct policy_action *ret)
{
	if (!limit) {
		wrong(at, "action.rate_limit", "is missing");
		return;
	}
	ret->rate = limit->rate;
	ret->rate_unit = (enum policy_rate_unit)bounded(
		at, "action.rate_limit.unit", (uint32_t)limit->unit, POLICY_PACKETS);
	ret->burst = limit->burst;
	ret->scope = (enum policy_scope)bounded(
		at, "action.rate_limit.scope", (uint32_t)limit->scope, POLICY_SCOPE_FLOW);
	ret->scope_length =
		(uint8_t)bounded(at, "action.rate_limit.prefix_length", limit->prefix_length, 128);
}

static void read_mac(struct place *at, const char *text, struct policy_action *ret)
{
	unsigned int b[6];
	int end = 0;

	if (strlen(text) != 17 || strspn(text, "0123456789abcdefABCDEF:") != 17 ||
		sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) != 6 ||
		end != 17) {
		wrong(at, "action.redirect.mac", "\"%.40s\" is no MAC address as 02:00:00:00:00:01", text);
		return;
	}
	for (size_t i = 0; i < 6; i++)
		ret->mac[i] = (uint8_t)b[i];
	ret->has_mac = true;
}

static int read_redirect(struct place *at, const Pepctl__V1__Redirect *redirect,
	struct policy_action *ret)
{
	size_t count = redirect ? redirect->n_targets : 0;

	if (count < 1 || count > POLICY_TARGETS_MAX) {
		wrong(at, "action.redirect.targets", "redirect needs 1 to %u interfaces, not %zu",
			POLICY_TARGETS_MAX, count);
		return 0;
	}
	ret->targets = calloc(count, sizeof(*ret->targets));
	if (!ret->targets)
		return -ENOMEM;
	ret->target_count = count;
	for (size_t i = 0; i < count; i++) {
		read_name(at, "action.redirect.targets", redirect->targets[i]->iface,
			ret->targets[i].iface, IFACE_NAME_SIZE);
		ret->targets[i].weight = redirect->targets[i]->weight ? redirect->targets[i]->weight : 1;
	}
	ret->fib = redirect->fib;
	if (*redirect->mac)
		read_mac(at, redirect->mac, ret);
	return 0;
}

static int read_action(struct place *at, const Pepctl__V1__Action *action,
	struct policy_action *ret)
{
	if (!action)
		return 0;
	ret->kind = (enum policy_action_kind)bounded(
		at, "action.kind", (uint32_t)action->kind, POLICY_REDIRECT);
	if (ret->kind == POLICY_RATE_LIMIT)
		read_limit(at, action->rate_limit, ret);
	else if (action->rate_limit)
		wrong(at, "action.rate_limit", "goes with ACTION_RATE_LIMIT only");
	if (ret->kind == POLICY_REDIRECT)
		return read_redirect(at, action->redirect, ret);
	if (action->redirect)
		wrong(at, "action.redirect", "goes with ACTION_REDIRECT only");
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int read_ifaces(struct place *at, const Pepctl__V1__Match *match, struct policy_match *ret)
{
	if (match->n_iface > POLICY_IFACES_MAX)
		wrong(at, "match.iface", "%zu interfaces; at most %u", match->n_iface, POLICY_IFACES_MAX);
	if (!match->n_iface || match->n_iface > POLICY_IFACES_MAX)
		return 0;
	ret->ifaces = calloc(match->n_iface, sizeof(*ret->ifaces));
	if (!ret->ifaces)
		return -ENOMEM;
	for (size_t i = 0; i < match->n_iface; i++)
		read_name(at, "match.iface", match->iface[i], ret->ifaces[i], IFACE_NAME_SIZE);
	ret->iface_count = match->n_iface;
	qsort(ret->ifaces, ret->iface_count, sizeof(*ret->ifaces), by_name);
	for (size_t i = 1; i < ret->iface_count; i++)
		if (streq(ret->ifaces[i - 1], ret->ifaces[i]))
			wrong(at, "match.iface", "%s comes twice", ret->ifaces[i]);
	return 0;
}

static void read_details(struct place *at, const Pepctl__V1__Match *match, struct policy_match *ret)
{
	if (match->icmp_type) {
		ret->has_icmp_type = true;
		ret->icmp_type = (uint8_t)bounded(at, "match.icmp_type.type", match->icmp_type->type, 255);
		ret->has_icmp_code = match->icmp_type->code_present_case;
		ret->icmp_code = (uint8_t)(ret->has_icmp_code ?
				bounded(at, "match.icmp_type.code", match->icmp_type->code, 255) : 0);
	}
	if (match->tcp_flags) {
		ret->has_tcp_flags = true;
		ret->tcp_flags_value =
			(uint8_t)bounded(at, "match.tcp_flags.value", match->tcp_flags->value, 255);
		ret->tcp_flags_mask =
			(uint8_t)bounded(at, "match.tcp_flags.mask", match->tcp_flags->mask, 255);
	}
	if (match->percent)
		ret->percent =
			(uint16_t)bounded(at, "match.percent", match->percent, POLICY_PERCENT_ALL);
}

static int read_match(struct place *at, const Pepctl__V1__Match *match, struct policy_match *ret)
{
	if (!match)
		return 0;
	read_address(at, "match.src", match->src, &ret->src);
	read_address(at, "match.dst", match->dst, &ret->dst);
	read_ports(at, "match.sport", match->sport, &ret->sport);
	read_ports(at, "match.dport", match->dport, &ret->dport);
	ret->has_proto = match->proto_present_case;
	if (ret->has_proto)
		ret->proto = (uint8_t)bounded(at, "match.proto", match->proto, 255);
	ret->has_vlan = match->vlan_present_case;
	if (ret->has_vlan)
		ret->vlan = (uint16_t)bounded(at, "match.vlan", match->vlan, 4094);
	read_details(at, match, ret);
	return read_ifaces(at, match, ret);
}

static int read_options(struct place *at, const Pepctl__V1__Policy *message, struct policy *ret)
{
	if (message->priority_present_case)
		ret->priority = message->priority;
	ret->log = message->log;
	ret->nolog = message->nolog;
	ret->shadow = message->shadow;
	if (message->ttl_nano < 0)
		wrong(at, "ttl_nano", "is negative");
	else
		ret->ttl = (uint64_t)message->ttl_nano;
	if (!*message->comment)
		return 0;
	ret->comment = strdup(message->comment);
	return ret->comment ? 0 : -ENOMEM;
}

int policy_from_proto_partial(const Pepctl__V1__Policy *message, const char *path,
	struct policy *ret, struct error *err)
{
	struct place at = {.path = path, .err = err};
	_cleanup_policy_ struct policy p;
	int r;

	policy_init(&p);
	if (!message)
		return error_violation(err, path, "is missing");
	read_name(&at, "name", message->name, p.name, sizeof(p.name));
	r = read_action(&at, message->action, &p.action);
	if (!r)
		r = read_match(&at, message->match, &p.match);
	if (!r)
		r = read_options(&at, message, &p);
	if (r)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	if (at.wrong)
		return -EINVAL;
	*ret = p;
	policy_init(&p);
	return 0;
}

int policy_from_proto(const Pepctl__V1__Policy *message, const char *path, struct policy *ret,
	struct error *err)
{
	struct place at = {.path = path, .err = err};
	_cleanup_policy_ struct policy p;
	int r;

	policy_init(&p);
	r = policy_from_proto_partial(message, path, &p, err);
	if (message && !message->action)
		wrong(&at, "action", "is missing");
	if (r || at.wrong)
		return -EINVAL;
	r = policy_validate(&p, path, err);
	if (r)
		return r;
	*ret = p;
	policy_init(&p);
	return 0;
}

/* --- changes */

static void read_default(struct place *at, const Pepctl__V1__InterfaceDefault *message,
	struct change *ret)
{
	ret->kind = message->unset ? CHANGE_UNSET_DEFAULT : CHANGE_DEFAULT;
	read_name(at, "default_action.iface", message->iface, ret->iface, sizeof(ret->iface));
	ret->block = message->action == PEPCTL__V1__ACTION_KIND__ACTION_BLOCK;
	if (message->unset && !*message->iface)
		wrong(at, "default_action.iface", "only an interface's own default can be unset");
	if (!ret->block && message->action != PEPCTL__V1__ACTION_KIND__ACTION_ALLOW)
		wrong(at, "default_action.action", "a default is ACTION_ALLOW or ACTION_BLOCK");
}

static void read_setting(struct place *at, const Pepctl__V1__Setting *message, struct change *ret)
{
	char path[128];

	ret->kind = CHANGE_SETTING;
	snprintf(path, sizeof(path), "%s.setting", at->path);
	if (setting_parse(message->name, message->value, path, &ret->setting, &ret->value, at->err) < 0)
		at->wrong = true;
}

static int read_policy(struct place *at, enum change_kind kind, const Pepctl__V1__Policy *message,
	struct change *ret)
{
	char path[128];

	ret->kind = kind;
	snprintf(path, sizeof(path), "%s.%s", at->path,
		kind == CHANGE_CREATE_POLICY ? "create_policy" : "put_policy");
	return policy_from_proto(message, path, &ret->policy, at->err);
}

static int read_operation(struct place *at, const Pepctl__V1__Operation *m, struct change *ret)
{
	switch (m->operation_case) {
	case PEPCTL__V1__OPERATION__OPERATION_CREATE_POLICY:
		return read_policy(at, CHANGE_CREATE_POLICY, m->create_policy, ret);
	case PEPCTL__V1__OPERATION__OPERATION_PUT_POLICY:
		return read_policy(at, CHANGE_PUT_POLICY, m->put_policy, ret);
	case PEPCTL__V1__OPERATION__OPERATION_DELETE_POLICY:
		ret->kind = CHANGE_DELETE_POLICY;
		read_name(at, "delete_policy", m->delete_policy, ret->name, sizeof(ret->name));
		if (!policy_name_valid(ret->name))
			wrong(at, "delete_policy", "is no policy name: 1 to %u of [A-Za-z0-9._-]",
				POLICY_NAME_MAX);
		return 0;
	case PEPCTL__V1__OPERATION__OPERATION_DEFAULT_ACTION:
		read_default(at, m->default_action, ret);
		return 0;
	case PEPCTL__V1__OPERATION__OPERATION_SETTING:
		read_setting(at, m->setting, ret);
		return 0;
	case PEPCTL__V1__OPERATION__OPERATION_ATTACH:
		ret->kind = CHANGE_ATTACH;
		ret->mode = (enum attach_mode)bounded(
			at, "attach.mode", (uint32_t)m->attach->mode, ATTACH_OFFLOAD);
		read_name(at, "attach.iface", m->attach->iface, ret->iface, sizeof(ret->iface));
		return 0;
	case PEPCTL__V1__OPERATION__OPERATION_DETACH:
		ret->kind = CHANGE_DETACH;
		read_name(at, "detach", m->detach, ret->iface, sizeof(ret->iface));
		if (!iface_or_pattern_valid(ret->iface))
			wrong(at, "detach", "is no interface name");
		return 0;
	case PEPCTL__V1__OPERATION__OPERATION_FLUSH_POLICIES:
		ret->kind = CHANGE_FLUSH_POLICIES;
		if (!m->flush_policies)
			wrong(at, "flush_policies", "false does nothing; leave the operation out");
		return 0;
	default:
		return set_operation_from_proto(m, at->path, ret, at->err);
	}
}

int change_from_proto(const Pepctl__V1__Operation *message, const char *path, struct change *ret,
	struct error *err)
{
	struct place at = {.path = path, .err = err};
	struct change change;

	change_init(&change, CHANGE_FLUSH_POLICIES);
	if (read_operation(&at, message, &change) < 0 || at.wrong) {
		change_deinit(&change);
		return -EINVAL;
	}
	change.allow_missing = message->allow_missing;
	*ret = change;
	return 0;
}
