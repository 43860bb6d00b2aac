/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* An update mask: the named fields of one policy into another. */
#include <errno.h>
#include <stdio.h>

#include "common/policy_proto.h"

static int copy_action(struct policy *into, const struct policy *from)
{
	struct policy_target *targets = NULL;

	if (from->action.target_count) {
		targets = calloc(from->action.target_count, sizeof(*targets));
		if (!targets)
			return -ENOMEM;
		memcpy(targets, from->action.targets, from->action.target_count * sizeof(*targets));
	}
	free(into->action.targets);
	into->action = from->action;
	into->action.targets = targets;
	return 0;
}

static int copy_ifaces(struct policy *into, const struct policy *from)
{
	char(*ifaces)[IFACE_NAME_SIZE] = NULL;

	if (from->match.iface_count) {
		ifaces = calloc(from->match.iface_count, sizeof(*ifaces));
		if (!ifaces)
			return -ENOMEM;
		memcpy(ifaces, from->match.ifaces, from->match.iface_count * sizeof(*ifaces));
	}
	free(into->match.ifaces);
	into->match.ifaces = ifaces;
	into->match.iface_count = from->match.iface_count;
	return 0;
}

static int copy_match(struct policy *into, const struct policy *from)
{
	char(*ifaces)[IFACE_NAME_SIZE];
	int r = copy_ifaces(into, from);

	if (r)
		return r;
	ifaces = into->match.ifaces;
	into->match = from->match;
	into->match.ifaces = ifaces;
	return 0;
}

static int copy_proto(struct policy *into, const struct policy *from)
{
	into->match.has_proto = from->match.has_proto;
	into->match.proto = from->match.proto;
	return 0;
}

static int copy_vlan(struct policy *into, const struct policy *from)
{
	into->match.has_vlan = from->match.has_vlan;
	into->match.vlan = from->match.vlan;
	return 0;
}

static int copy_icmp_type(struct policy *into, const struct policy *from)
{
	into->match.has_icmp_type = from->match.has_icmp_type;
	into->match.icmp_type = from->match.icmp_type;
	into->match.has_icmp_code = from->match.has_icmp_code;
	into->match.icmp_code = from->match.icmp_code;
	return 0;
}

static int copy_tcp_flags(struct policy *into, const struct policy *from)
{
	into->match.has_tcp_flags = from->match.has_tcp_flags;
	into->match.tcp_flags_value = from->match.tcp_flags_value;
	into->match.tcp_flags_mask = from->match.tcp_flags_mask;
	return 0;
}

static int copy_comment(struct policy *into, const struct policy *from)
{
	char *comment = from->comment ? strdup(from->comment) : NULL;

	if (from->comment && !comment)
		return -ENOMEM;
	free(into->comment);
	into->comment = comment;
	return 0;
}

/* A field is a function, or bytes at the same place of both. */
#define FIELD(name_, member) \
	{.name = (name_), .offset = offsetof(struct policy, member), \
		.size = sizeof(((struct policy *)NULL)->member)}

static const struct {
	const char *name;
	int (*copy)(struct policy *into, const struct policy *from);
	size_t offset, size;
} fields[] = {
	{"action", copy_action, 0, 0},
	{"match", copy_match, 0, 0},
	FIELD("match.src", match.src),
	FIELD("match.dst", match.dst),
	FIELD("match.sport", match.sport),
	FIELD("match.dport", match.dport),
	{"match.proto", copy_proto, 0, 0},
	{"match.iface", copy_ifaces, 0, 0},
	{"match.vlan", copy_vlan, 0, 0},
	{"match.icmp_type", copy_icmp_type, 0, 0},
	{"match.tcp_flags", copy_tcp_flags, 0, 0},
	FIELD("match.percent", match.percent),
	FIELD("priority", priority),
	FIELD("log", log),
	FIELD("nolog", nolog),
	FIELD("shadow", shadow),
	FIELD("ttl_nano", ttl),
	{"comment", copy_comment, 0, 0},
};

static int merge_field(struct policy *into, const struct policy *from, size_t i)
{
	if (fields[i].copy)
		return fields[i].copy(into, from);
	memcpy((char *)into + fields[i].offset, (const char *)from + fields[i].offset, fields[i].size);
	return 0;
}

int policy_merge(struct policy *into, const struct policy *from, char *const *mask, size_t count,
	struct error *err)
{
	char path[48];
	int r = 0;

	for (size_t i = 0; i < count; i++) {
		size_t field = 0;

		while (field < ARRAY_SIZE(fields) && !streq(fields[field].name, mask[i]))
			field++;
		snprintf(path, sizeof(path), "update_mask[%zu]", i);
		if (field == ARRAY_SIZE(fields))
			r = error_violation(err, path,
				"\"%.60s\" is no field of Policy that can be changed, as match.dport or action",
				mask[i]);
		else if (!r && merge_field(into, from, field) < 0)
			r = error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	}
	return r;
}
