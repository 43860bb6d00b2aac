/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdio.h>
#include <time.h>

#include "client/cli/cli.h"

void output_json(json_t *object)
{
	json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
	putchar('\n');
	json_decref(object);
}

json_t *output_time(int64_t ns)
{
	time_t seconds = ns / 1000000000;
	struct tm tm;
	char text[40];

	if (!ns)
		return json_null();
	gmtime_r(&seconds, &tm);
	strftime(text, 24, "%Y-%m-%dT%H:%M:%S", &tm);
	return json_sprintf("%s.%06dZ", text, (int)(ns % 1000000000 / 1000));
}

void output_local_time(int64_t ns, char ret[static 40])
{
	time_t seconds = ns / 1000000000;
	struct tm tm;
	char text[24];

	if (!ns) {
		snprintf(ret, 40, "never");
		return;
	}
	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(ret, 40, "%s.%03d", text, (int)(ns % 1000000000 / 1000000));
}

void output_amount(double value, char ret[static 24])
{
	static const char *const prefixes[] = {"", "k", "M", "G", "T", "P"};
	size_t i = 0;

	for (; value >= 10000 && i + 1 < ARRAY_SIZE(prefixes); i++)
		value /= 1000;
	snprintf(ret, 24, i ? "%.2f%s" : "%.0f%s", value, prefixes[i]);
}

/* --- policies: the fields that the line has, as in the line */

static void set_address(json_t *match, const char *key, const struct policy_address *address)
{
	char text[72];

	if (address->kind == POLICY_ANY)
		return;
	text_format_address(address, text);
	json_object_set_new(match, key, json_string(text));
}

static void set_ports(json_t *match, const char *key, const struct policy_ports *ports)
{
	if (ports->first == ports->last)
		json_object_set_new(match, key, json_sprintf("%u", ports->first));
	else if (ports->first != 0 || ports->last != 65535)
		json_object_set_new(match, key, json_sprintf("%u-%u", ports->first, ports->last));
}

static json_t *match_json(const struct policy_match *m)
{
	json_t *match = json_object(), *ifaces;
	char proto[16];

	set_address(match, "src", &m->src);
	set_address(match, "dst", &m->dst);
	set_ports(match, "sport", &m->sport);
	set_ports(match, "dport", &m->dport);
	if (m->has_proto) {
		text_format_proto(m->proto, proto);
		json_object_set_new(match, "proto", json_string(proto));
	}
	if (m->iface_count) {
		ifaces = json_array();
		for (size_t i = 0; i < m->iface_count; i++)
			json_array_append_new(ifaces, json_string(m->ifaces[i]));
		json_object_set_new(match, "iface", ifaces);
	}
	return match;
}

json_t *output_policy(const Pepctl__V1__PolicyStatus *status)
{
	_cleanup_free_ char *line = NULL;
	_cleanup_policy_ struct policy p;
	char left[32];
	json_t *object;

	policy_init(&p);
	if (policy_from_proto(status->policy, "", &p, NULL) < 0)
		return json_null();
	line = text_format_policy(&p);
	object = json_pack("{s:s, s:s, s:I, s:o, s:I, s:I, s:o, s:s}", "name", p.name, "action",
		text_action_kind(p.action.kind), "priority", (json_int_t)p.priority, "match",
		match_json(&p.match), "packets", (json_int_t)status->packets, "bytes",
		(json_int_t)status->bytes, "last_hit", output_time(status->last_hit_time), "line",
		line ? line : "");
	if (p.action.kind == POLICY_RATE_LIMIT) {
		json_object_set_new(object, "exceeded_packets",
			json_integer((json_int_t)status->exceeded_packets));
		json_object_set_new(object, "exceeded_bytes",
			json_integer((json_int_t)status->exceeded_bytes));
		json_object_set_new(object, "displaced_buckets",
			json_integer((json_int_t)status->displaced_buckets));
	}
	if (status->left_nano) {
		text_format_duration((uint64_t)(status->left_nano + 999999999) / 1000000000 * 1000000000, left);
		json_object_set_new(object, "left", json_string(left));
	}
	json_object_set_new(object, "position", json_integer((json_int_t)status->position));
	json_object_set_new(
		object, "created_revision", json_integer((json_int_t)status->created_revision));
	json_object_set_new(
		object, "changed_revision", json_integer((json_int_t)status->changed_revision));
	return object;
}
