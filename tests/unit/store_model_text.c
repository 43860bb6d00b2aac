/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "store_model.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "common/text.h"

const char *const model_policy_names[MODEL_POLICIES] = {"p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "banned"};
const char *const model_set_names[MODEL_SETS] = {"banned", "s1", "s2", "s3"};
const char *const model_iface_names[MODEL_IFACES + 1] = {"eth0", "eth1", "eth2", "missing"};
const char *const model_owner_names[MODEL_OWNERS] = {"a", "uid:0", "uid:7"};
const char *const model_members[MODEL_MEMBERS] = {"10.0.0.0/8", "10.1.0.0/16", "10.1.1.0/24", "10.1.1.1",
	"192.0.2.0/24", "192.0.2.0/30", "192.0.2.0", "192.0.2.1", "192.0.2.2", "192.0.2.5", "198.51.100.7",
	"2001:db8::/32", "2001:db8::/47", "2001:db8::/64", "2001:db8::", "2001:db8::1", "2001:db8::2",
	"2001:db8:1::/48", "2001:db8:1::7"};

struct model_prefix model_prefix_of(const char *text)
{
	struct model_prefix p = {.family = strchr(text, ':') ? 6 : 4};
	char address[48];

	snprintf(address, sizeof(address), "%.*s", (int)strcspn(text, "/"), text);
	p.length = strchr(text, '/') ? (uint8_t)atoi(strchr(text, '/') + 1) : p.family == 6 ? 128 : 32;
	inet_pton(p.family == 6 ? AF_INET6 : AF_INET, address, p.bytes);
	return p;
}

/* --- out */

static void write_ends(const struct model_rule *rule, FILE *out)
{
	static const char *const keys[] = {"src", "dst"};

	for (size_t i = 0; i < 2; i++)
		if (rule->address[i] == POLICY_SET)
			fprintf(out, " %s @%s", keys[i], model_set_names[rule->which[i]]);
		else if (rule->address[i] == POLICY_PREFIX)
			fprintf(out, " %s %s", keys[i], model_members[rule->which[i]]);
}

static void write_ports(const struct model_rule *rule, FILE *out)
{
	static const char *const keys[] = {"sport", "dport"};

	for (size_t i = 0; i < 2; i++) {
		if (rule->first[i] == 0 && rule->last[i] == 65535)
			continue;
		fprintf(out, " %s %u", keys[i], rule->first[i]);
		if (rule->first[i] != rule->last[i])
			fprintf(out, "-%u", rule->last[i]);
	}
}

static void write_ifaces(const struct model_rule *rule, FILE *out)
{
	const char *before = " iface ";

	for (uint32_t i = 0; i < MODEL_IFACES; i++)
		if (rule->ifaces >> i & 1) {
			fprintf(out, "%s%s", before, model_iface_names[i]);
			before = ",";
		}
}

static void write_rule(const struct model_rule *rule, FILE *out)
{
	static const char *const actions[] = {"allow", "block", "rate-limit 20pps burst 40", "reject", "reflect"};
	static const char *const protos[] = {[1] = "icmp", [6] = "tcp", [17] = "udp"};

	fprintf(out, " %s", actions[rule->action]);
	write_ifaces(rule, out);
	if (rule->vlan)
		fprintf(out, " vlan %u", rule->vlan - 1);
	if (rule->proto)
		fprintf(out, " proto %s", protos[rule->proto]);
	write_ends(rule, out);
	write_ports(rule, out);
	if (rule->priority != POLICY_PRIORITY_DEFAULT)
		fprintf(out, " priority %u", rule->priority);
	if (rule->shadow)
		fprintf(out, " shadow");
	if (rule->ttl)
		fprintf(out, " ttl %us", rule->ttl);
	if (rule->comment)
		fprintf(out, " comment \"no. %u\"", rule->comment);
}

static void write_policy(uint32_t name, const struct model_rule *rule, FILE *out)
{
	fprintf(out, "policy %s", model_policy_names[name]);
	write_rule(rule, out);
	fputc('\n', out);
}

static void write_members(const uint32_t own[static MODEL_MEMBERS], FILE *out)
{
	size_t count = 0;

	for (size_t i = 0; i < MODEL_MEMBERS; i++)
		if (own[i])
			fprintf(out, "%s %s", count++ ? "" : " {", model_members[i]);
	fprintf(out, "%s\n", count ? " }" : "");
}

static void write_set(uint32_t name, const struct model_set *set, FILE *out)
{
	fprintf(out, "set %s%s", model_set_names[name], set->bannable ? " bannable" : "");
	if (set->max_ttl)
		fprintf(out, " max-ttl %us", set->max_ttl);
	write_members(set->own, out);
}

static void write_config(const struct model_ruleset *r, FILE *out)
{
	static const char *const modes[] = {"auto", "native", "generic", "offload"};
	char value[24];

	fprintf(out, "default %s\n", r->block ? "block" : "allow");
	for (size_t i = 0; i < MODEL_IFACES; i++)
		if (r->defaults[i])
			fprintf(out, "default %s iface %s\n", r->defaults[i] == 2 ? "block" : "allow",
				model_iface_names[i]);
	for (size_t i = 0; i < SETTING_MAX; i++) {
		const struct setting_info *info = setting_info((enum setting)i);

		setting_format((enum setting)i, r->settings[i], value);
		if (r->settings[i] != info->value)
			fprintf(out, "setting %s %s\n", info->name, value);
	}
	for (size_t i = 0; i < MODEL_IFACES; i++)
		if (r->attached[i])
			fprintf(out, "interface %s mode %s\n", model_iface_names[i], modes[r->attached[i] - 1]);
}

void model_write(const struct model_ruleset *r, char *ret, size_t size)
{
	FILE *out = fmemopen(ret, size, "w");

	write_config(r, out);
	for (uint32_t i = 0; i < MODEL_SETS; i++)
		if (r->sets[i].there)
			write_set(i, &r->sets[i], out);
	for (uint64_t i = 0; i < r->count; i++)
		write_policy(r->policies[i].name, &r->policies[i].rule, out);
	fclose(out);
}

/* --- a request */

static struct change parse(const char *text)
{
	struct text_problems problems = {0};
	struct change_list list = {0};
	struct change change;

	if (text_parse_file(text, strlen(text), &list, &problems) || list.count != 1) {
		fprintf(stderr, "%s: %s\n", text, problems.count ? problems.items[0].message : "no statement");
		abort();
	}
	change = list.items[0];
	free(list.items);
	return change;
}

static struct change policy_change(const struct model_change *c)
{
	char text[300];
	FILE *out = fmemopen(text, sizeof(text), "w");

	write_policy(c->name, &c->rule, out);
	fclose(out);
	return parse(text);
}

static struct change set_change(const struct model_change *c)
{
	struct model_set set = {.bannable = c->bannable, .max_ttl = c->max_ttl};
	char text[600];
	FILE *out = fmemopen(text, sizeof(text), "w");

	for (size_t i = 0; i < MODEL_MEMBERS; i++)
		set.own[i] = c->named[i];
	write_set(c->name, &set, out);
	fclose(out);
	return parse(text);
}

static void name_change(const struct model_change *c, struct change *ret)
{
	if (c->kind == CHANGE_DELETE_POLICY)
		snprintf(ret->name, sizeof(ret->name), "%s", model_policy_names[c->name]);
	if (c->iface <= MODEL_IFACES)
		snprintf(ret->iface, sizeof(ret->iface), "%s", model_iface_names[c->iface]);
	ret->block = c->block;
	ret->setting = c->setting;
	ret->value = c->value;
	ret->mode = c->mode;
}

static struct change change_of(const struct model_change *c)
{
	struct change change;

	if (change_names_set(c->kind)) {
		change = set_change(c);
	} else if (c->kind == CHANGE_CREATE_POLICY || c->kind == CHANGE_PUT_POLICY) {
		change = policy_change(c);
	} else {
		change_init(&change, c->kind);
		name_change(c, &change);
	}
	change.kind = c->kind;
	change.allow_missing = c->allow_missing;
	return change;
}

static struct store_lease *lease_of(const struct model_op *op)
{
	struct store_lease *lease = calloc(1, sizeof(*lease));
	char message[160];

	*lease = (struct store_lease){.kind = op->lease, .any_owner = op->owner == MODEL_OWNERS,
		.ttl = op->ttl, .shorten = op->shorten, .ban = op->ban, .bans_only = op->bans_only};
	if (op->set < MODEL_SETS)
		snprintf(lease->set, sizeof(lease->set), "%s", model_set_names[op->set]);
	if (op->owner < MODEL_OWNERS)
		snprintf(lease->owner, sizeof(lease->owner), "%s", model_owner_names[op->owner]);
	for (size_t i = 0; i < MODEL_MEMBERS; i++)
		if (op->named[i])
			member_list_add_text(
				&lease->members, model_members[i], strlen(model_members[i]), message);
	return lease;
}

struct store_tx model_tx(const struct model_op *op, char id[static 16])
{
	struct store_tx tx = {.kind = op->kind, .mode = op->mode, .has_expected = op->has_expected,
		.expected = op->expected, .validate_only = op->validate_only, .target = op->target,
		.request_id = id, .request_hash = op->hash, .confirm_timeout = op->confirm_timeout,
		.author = {.uid = op->uid, .command = "model"}, .comment = ""};

	snprintf(id, 16, "%s%u", op->id ? "id-" : "", op->id);
	if (!op->id)
		*id = 0;
	for (size_t i = 0; i < op->count; i++) {
		struct change change = change_of(&op->changes[i]);

		if (change_list_push(&tx.changes, &change) < 0)
			abort();
	}
	if (op->kind == STORE_LEASES)
		tx.lease = lease_of(op);
	return tx;
}
