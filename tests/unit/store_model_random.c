/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Requests of every kind, of which most are right, and packets that tell rulesets apart. */
#include "random_policy.h"
#include "store_model.h"

static bool one_in(uint32_t n)
{
	return !random_below(n);
}

/* --- policies */

static void random_end(struct model_rule *rule, size_t end)
{
	uint32_t other = end ? rule->address[0] : POLICY_ANY;

	if (one_in(3))
		return;
	rule->address[end] = one_in(2) ? POLICY_SET : POLICY_PREFIX;
	if (rule->address[end] == POLICY_SET) {
		rule->which[end] = random_below(MODEL_SETS);
		return;
	}
	do
		rule->which[end] = random_below(MODEL_MEMBERS);
	while (other == POLICY_PREFIX && model_prefix_of(model_members[rule->which[0]]).family !=
						 model_prefix_of(model_members[rule->which[1]]).family);
}

static void random_ports(struct model_rule *rule, size_t end)
{
	uint32_t at = random_below(3);

	rule->last[end] = 65535;
	if (!one_in(3))
		return;
	rule->first[end] = 80 + at;
	rule->last[end] = rule->first[end] + random_below(3);
}

static bool is_ipv6(const struct model_rule *rule)
{
	return (rule->address[0] == POLICY_PREFIX && model_prefix_of(model_members[rule->which[0]]).family == 6) ||
	       (rule->address[1] == POLICY_PREFIX && model_prefix_of(model_members[rule->which[1]]).family == 6);
}

static struct model_rule random_rule(void)
{
	static const uint32_t actions[] = {POLICY_ALLOW, POLICY_BLOCK, POLICY_RATE_LIMIT, POLICY_REFLECT};
	static const uint32_t protos[] = {0, 0, 6, 17, 1};
	struct model_rule rule;

	memset(&rule, 0, sizeof(rule));
	rule.action = actions[random_below(ARRAY_SIZE(actions))];
	random_end(&rule, 0);
	random_end(&rule, 1);
	rule.proto = protos[random_below(ARRAY_SIZE(protos))];
	random_ports(&rule, 0);
	random_ports(&rule, 1);
	if (rule.proto == 1 && is_ipv6(&rule)) {
		rule.proto = 0;
	} else if (rule.proto == 1) {
		rule.first[0] = rule.first[1] = 0;
		rule.last[0] = rule.last[1] = 65535;
	}
	rule.ifaces = one_in(4) ? random_below(1u << MODEL_IFACES) : 0;
	rule.vlan = one_in(6) ? 1 + random_below(2) : 0;
	rule.priority = one_in(3) ? 998 + random_below(5) : POLICY_PRIORITY_DEFAULT;
	rule.shadow = one_in(5);
	rule.ttl = one_in(6) ? 1 + random_below(40) : 0;
	rule.comment = one_in(8) ? 1 + random_below(3) : 0;
	return rule;
}

/* --- changes */

static void random_members(bool ret[static MODEL_MEMBERS])
{
	for (uint32_t n = random_below(5); n; n--)
		ret[random_below(MODEL_MEMBERS)] = true;
}

static void random_value(struct model_change *c)
{
	static const uint64_t most[SETTING_MAX] = {1, 1, 3, 3, 3, 3};

	c->setting = (enum setting)random_below(SETTING_MAX);
	c->value = random_below((uint32_t)most[c->setting] + 1);
	if (c->setting == SETTING_EVENT_RATE && one_in(2))
		c->value = 10000;
	if (c->setting == SETTING_PROTECT_PORTS && one_in(2))
		c->value = 22;
}

static void random_iface(struct model_change *c)
{
	c->iface = random_below(MODEL_IFACES);
	if (c->kind == CHANGE_DEFAULT && one_in(3))
		c->iface = MODEL_IFACES + 1;
	if (c->kind == CHANGE_ATTACH && one_in(8))
		c->iface = MODEL_MISSING;
	c->mode = (enum attach_mode)random_below(3);
	c->block = one_in(2);
}

static struct model_change random_change(enum change_kind kind)
{
	struct model_change c = {.kind = kind, .iface = MODEL_IFACES + 1, .allow_missing = !one_in(3)};

	if (change_names_set(kind)) {
		c.name = random_below(MODEL_SETS);
		if (kind != CHANGE_DELETE_SET)
			random_members(c.named);
		c.bannable = change_makes_set(kind) && one_in(2);
		c.max_ttl = change_makes_set(kind) && one_in(3) ? 15 : 0;
	} else if (kind <= CHANGE_DELETE_POLICY) {
		c.name = random_below(MODEL_POLICIES - 1);
		c.name = kind == CHANGE_DELETE_POLICY && one_in(8) ? MODEL_POLICIES - 1 : c.name;
		c.rule = random_rule();
	} else if (kind == CHANGE_SETTING) {
		random_value(&c);
	} else {
		random_iface(&c);
	}
	return c;
}

static enum change_kind random_kind(bool file)
{
	static const enum change_kind kinds[] = {CHANGE_PUT_POLICY, CHANGE_PUT_POLICY, CHANGE_PUT_SET,
		CHANGE_PUT_SET, CHANGE_DEFAULT, CHANGE_SETTING, CHANGE_ATTACH, CHANGE_ADD_MEMBERS, /* a file's */
		CHANGE_PUT_POLICY, CHANGE_CREATE_POLICY, CHANGE_CREATE_POLICY, CHANGE_DELETE_POLICY,
		CHANGE_UNSET_DEFAULT, CHANGE_DETACH, CHANGE_CREATE_SET, CHANGE_DELETE_SET, CHANGE_ADD_MEMBERS,
		CHANGE_REMOVE_MEMBERS, CHANGE_REPLACE_MEMBERS, CHANGE_ADD_MEMBERS, CHANGE_PUT_SET};

	if (!file && one_in(60))
		return CHANGE_FLUSH_POLICIES;
	return kinds[random_below(file ? 8 : ARRAY_SIZE(kinds))];
}

/* A file names a policy once. */
static bool has_policy(const struct model_op *op, const struct model_change *c)
{
	for (size_t i = 0; i < op->count; i++)
		if (op->changes[i].kind == CHANGE_PUT_POLICY && c->kind == CHANGE_PUT_POLICY &&
			op->changes[i].name == c->name)
			return true;
	return false;
}

static void random_changes(struct model_op *op)
{
	size_t wanted = one_in(2) ? 1 : random_below(MODEL_CHANGES) + 1;
	bool file = op->mode == STORE_REPLACE_ALL;

	for (wanted = file ? MODEL_CHANGES : wanted; op->count < wanted && wanted--;) {
		struct model_change c = random_change(random_kind(file));

		if (!file || !has_policy(op, &c))
			op->changes[op->count++] = c;
	}
}

/* What is there already, in whichever order: files are applied again. */
static void repeat_file(struct model_op *op, const struct model_ruleset *r)
{
	for (uint32_t i = 0; i < MODEL_SETS && op->count < MODEL_CHANGES; i++) {
		struct model_change *c = &op->changes[op->count];

		if (!r->sets[i].there)
			continue;
		*c = (struct model_change){.kind = CHANGE_PUT_SET, .name = i, .iface = MODEL_IFACES + 1,
			.bannable = r->sets[i].bannable, .max_ttl = r->sets[i].max_ttl};
		for (size_t n = 0; n < MODEL_MEMBERS; n++)
			c->named[n] = r->sets[i].own[n];
		op->count++;
	}
	for (uint64_t i = 0; i < r->count && op->count < MODEL_CHANGES; i++) {
		struct model_change *c = &op->changes[op->count++];

		*c = (struct model_change){.kind = CHANGE_PUT_POLICY, .name = r->policies[i].name,
			.rule = r->policies[i].rule, .iface = MODEL_IFACES + 1};
		if (op->count > 1 && c[-1].kind == CHANGE_PUT_POLICY && one_in(8)) {
			struct model_change other = *c;

			*c = c[-1];
			c[-1] = other;
		}
	}
}

/* --- requests */

static void random_leases(struct model_op *op)
{
	static const enum store_lease_kind kinds[] = {STORE_HOLD, STORE_HOLD, STORE_HOLD, STORE_HOLD,
		STORE_RELEASE, STORE_RELEASE, STORE_RECONCILE, STORE_RELEASE_ALL};
	bool releases;

	op->lease = kinds[random_below(ARRAY_SIZE(kinds))];
	releases = op->lease == STORE_RELEASE || op->lease == STORE_RELEASE_ALL;
	op->set = releases && one_in(4) ? MODEL_SETS : random_below(MODEL_SETS);
	op->owner = releases && one_in(4) ? MODEL_OWNERS : random_below(MODEL_OWNERS);
	if (op->lease != STORE_RELEASE_ALL)
		random_members(op->named);
	op->ttl = releases || one_in(3) ? 0 : (1 + random_below(20)) * MODEL_SECOND + random_below(999999999);
	op->ttl = op->ttl && one_in(30) ? 2 * 86400 * MODEL_SECOND : op->ttl;
	op->shorten = op->lease == STORE_HOLD && one_in(4);
	op->ban = op->lease == STORE_HOLD && one_in(3);
	op->bans_only = op->ban && one_in(2);
}

static uint64_t random_target(const struct model *m)
{
	switch (random_below(8)) {
	case 0:
		return m->oldest - (m->oldest > 0);
	case 1:
		return m->revision + random_below(2);
	case 2:
		return m->oldest + random_below((uint32_t)(m->revision - m->oldest) + 1);
	default:
		return m->revision - MIN(m->revision - m->oldest, 1 + random_below(4));
	}
}

static void random_content(struct model_op *op, const struct model *m)
{
	switch (op->kind) {
	case STORE_LEASES:
		random_leases(op);
		break;
	case STORE_ROLLBACK:
		op->target = random_target(m);
		break;
	case STORE_CONFIRM:
		op->target = one_in(2) ? 0 : m->waiting - one_in(3);
		break;
	default:
		op->mode = one_in(8) ? STORE_REPLACE_ALL : STORE_MERGE;
		if (op->mode == STORE_REPLACE_ALL && one_in(2))
			repeat_file(op, &m->now);
		else
			random_changes(op);
	}
}

struct model_op model_random(const struct model *m)
{
	static const enum store_tx_kind kinds[] = {STORE_CHANGES, STORE_CHANGES, STORE_CHANGES, STORE_CHANGES,
		STORE_LEASES, STORE_LEASES, STORE_LEASES, STORE_LEASES, STORE_ROLLBACK, STORE_CONFIRM};
	static uint64_t bodies;
	struct model_op op = {.kind = kinds[random_below(ARRAY_SIZE(kinds))], .hash = ++bodies};

	if (m->waiting && one_in(6))
		op.kind = STORE_CONFIRM;
	random_content(&op, m);
	op.validate_only = op.kind != STORE_CONFIRM && one_in(12);
	op.uid = random_below(MODEL_UIDS);
	if (op.kind == STORE_CHANGES && one_in(8)) {
		op.has_expected = true;
		op.expected = m->revision + (one_in(3) ? random_below(3) - 1 : 0);
	}
	if (op.kind == STORE_CHANGES || op.kind == STORE_ROLLBACK) {
		op.id = one_in(5) ? 1 + random_below(MODEL_IDS) : 0;
		op.confirm_timeout = one_in(15) ? (1 + random_below(20)) * MODEL_SECOND : 0;
	}
	return op;
}

struct model_packet model_random_packet(void)
{
	static const char *const v4[] = {"10.0.0.1", "10.1.2.3", "10.1.1.1", "10.1.1.9", "192.0.2.0",
		"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.5", "192.0.2.9", "198.51.100.7", "203.0.113.1"};
	static const char *const v6[] = {"2001:db8::", "2001:db8::1", "2001:db8::2", "2001:db8::9",
		"2001:db8:0:1::1", "2001:db8:1::7", "2001:db8:1::8", "2001:db8:2::1", "2001:db9::1"};
	static const uint8_t protos[] = {6, 6, 17, 1, 47};
	bool six = one_in(3);
	const char *const *all = six ? v6 : v4;
	uint32_t count = six ? ARRAY_SIZE(v6) : ARRAY_SIZE(v4);

	return (struct model_packet){.src = model_prefix_of(all[random_below(count)]),
		.dst = model_prefix_of(all[random_below(count)]),
		.sport = (uint16_t)(79 + random_below(7)), .dport = (uint16_t)(79 + random_below(7)),
		.proto = protos[random_below(ARRAY_SIZE(protos))],
		.vlan = one_in(4) ? 1 + random_below(3) : 0, .iface = random_below(MODEL_IFACES + 1),
		.fragment = one_in(12), .malformed = one_in(12)};
}
