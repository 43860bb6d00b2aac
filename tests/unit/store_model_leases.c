/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "store_model.h"

#define HOLDERS_EACH(owner) for (uint32_t owner = 0; owner < MODEL_OWNERS; owner++)

size_t model_held(const struct model *m, uint32_t set)
{
	size_t count = 0;

	HOLDERS_EACH(owner)
		for (size_t i = 0; i < MODEL_MEMBERS; i++)
			count += m->leases[set][owner][i].there;
	return count;
}

bool model_has(const struct model *m, uint32_t set, uint32_t member)
{
	bool any = m->now.sets[set].there && m->now.sets[set].own[member];

	HOLDERS_EACH(owner)
		any |= m->leases[set][owner][member].there;
	return any;
}

/* --- clocks */

void model_wall_moved(struct model *m)
{
	struct model_lease *all = &m->leases[0][0][0];
	int64_t ahead = m->time - m->boottime;

	for (size_t i = 0; i < MODEL_SETS * MODEL_OWNERS * MODEL_MEMBERS; i++) {
		all[i].low = MIN(all[i].low, ahead);
		all[i].high = MAX(all[i].high, ahead);
	}
}

void model_started(struct model *m, bool rebooted)
{
	struct model_lease *all = &m->leases[0][0][0];
	int64_t ahead = m->time - m->boottime;

	m->confirm_again = 0;
	m->boots += rebooted;
	model_read_ends(m);
	m->confirm_moved |= rebooted;
	if (m->confirm_moved)
		m->confirm_boot = m->confirm_wall - ahead;
	for (size_t i = 0; i < MODEL_SETS * MODEL_OWNERS * MODEL_MEMBERS; i++) {
		all[i].moved |= rebooted;
		all[i].low = all[i].expiry + (all[i].moved ? all[i].low - ahead : 0);
		all[i].high = all[i].expiry + (all[i].moved ? all[i].high - ahead : 0);
	}
}

/* --- requests */

static bool is_later(int64_t a, int64_t b)
{
	return b && (!a || a > b);
}

static void hold_one(struct model *m, const struct model_op *op, struct model_lease *lease, bool wide,
	struct store_lease_result *ret)
{
	int64_t expiry = op->ttl ? m->boottime + op->ttl : 0, ahead = m->time - m->boottime;

	if (!lease->there && op->bans_only && wide) {
		ret->rejected++;
	} else if (!lease->there) {
		*lease = (struct model_lease){.there = true, .expiry = expiry, .low = ahead, .high = ahead};
		ret->added++;
	} else if (lease->expiry == expiry) {
		ret->unchanged++;
	} else if (is_later(lease->expiry, expiry) && !op->shorten) {
		ret->unchanged++;
		ret->kept++;
	} else {
		*lease = (struct model_lease){.there = true, .expiry = expiry, .low = ahead, .high = ahead};
		ret->refreshed++;
	}
}

static void hold(struct model *m, const struct model_op *op, struct store_lease_result *ret)
{
	for (size_t i = 0; i < MODEL_MEMBERS; i++) {
		struct model_prefix prefix = model_prefix_of(model_members[i]);
		bool wide = prefix.length < (prefix.family == 4 ? 24 : 48);

		if (op->named[i])
			hold_one(m, op, &m->leases[op->set][op->owner][i], wide, ret);
	}
}

/* Whether the request means these. */
static bool means(const struct model_op *op, uint32_t set, uint32_t owner)
{
	return (op->set == MODEL_SETS || op->set == set) && (op->owner == MODEL_OWNERS || op->owner == owner);
}

static bool release_one(struct model *m, const struct model_op *op, size_t i, struct store_lease_result *ret)
{
	bool found = false;

	for (uint32_t set = 0; set < MODEL_SETS; set++)
		HOLDERS_EACH(owner) {
			struct model_lease *lease = &m->leases[set][owner][i];

			if (!means(op, set, owner) || !lease->there)
				continue;
			*lease = (struct model_lease){0};
			ret->released++;
			found = true;
		}
	return found;
}

static void release(struct model *m, const struct model_op *op, struct store_lease_result *ret)
{
	for (size_t i = 0; i < MODEL_MEMBERS; i++) {
		if (op->lease == STORE_RELEASE_ALL || (op->lease == STORE_RECONCILE && !op->named[i]))
			release_one(m, op, i, ret);
		else if (op->lease == STORE_RELEASE && op->named[i])
			ret->missing += !release_one(m, op, i, ret);
	}
}

/* --- rules */

static bool is_guarded(const struct model *m, uint32_t set)
{
	for (uint64_t i = 0; i < m->now.count; i++) {
		const struct model_rule *rule = &m->now.policies[i].rule;

		if (!rule->shadow && rule->address[0] == POLICY_SET && rule->which[0] == set &&
			(rule->action == POLICY_BLOCK || rule->action == POLICY_REJECT ||
				rule->action == POLICY_RATE_LIMIT))
			return true;
	}
	return false;
}

static bool make_banned(struct model *m, struct model_reply *ret)
{
	struct model_op op = {.count = 2};

	op.changes[0] = (struct model_change){.kind = CHANGE_CREATE_SET, .name = MODEL_BANNED};
	op.changes[1] = (struct model_change){.kind = CHANGE_CREATE_POLICY, .name = MODEL_POLICIES - 1};
	op.changes[1].rule = (struct model_rule){.action = POLICY_BLOCK, .address = {POLICY_SET},
		.last = {65535, 65535}, .priority = POLICY_PRIORITY_DEFAULT};
	return model_changes(m, &op, ret);
}

static bool may_ban(const struct model_set *set, const struct model_op *op, struct model_reply *ret)
{
	int64_t most = set->max_ttl ? set->max_ttl * MODEL_SECOND : 86400 * MODEL_SECOND;

	if (!set->bannable)
		return model_refuse(ret, ERROR_DENIED, "NOT_BANNABLE");
	return (op->ttl && op->ttl <= most) || model_refuse(ret, ERROR_INVALID, "TTL_TOO_LONG");
}

bool model_leases(struct model *m, const struct model_op *op, struct model_reply *ret)
{
	bool holds = op->lease == STORE_HOLD || op->lease == STORE_RECONCILE;

	if (op->ban && !op->bans_only && op->set == MODEL_BANNED && !m->now.sets[MODEL_BANNED].there &&
		!make_banned(m, ret))
		return false;
	if (op->set < MODEL_SETS && !m->now.sets[op->set].there)
		return model_refuse(ret, ERROR_NOT_FOUND, "NO_SET");
	if (op->ban && !is_guarded(m, op->set))
		return model_refuse(ret, ERROR_PRECONDITION, "NOT_BLOCKED");
	if (op->bans_only && holds && !may_ban(&m->now.sets[op->set], op, ret))
		return false;
	release(m, op, &ret->leases);
	if (holds)
		hold(m, op, &ret->leases);
	return true;
}
