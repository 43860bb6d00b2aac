/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Policies that end in their time, over starts and rollbacks, and these. */
#include "store_model.h"

/* --- ends: what is on the disk is another boot's by the wall */

void model_put_down(const struct model *m, struct model_policy *p)
{
	p->disk_boot = p->ends;
	p->disk_boots = m->boots;
	p->disk_wall = p->ends + m->time - m->boottime;
}

void model_begin_time(const struct model *m, struct model_policy *p)
{
	static uint64_t versions;

	p->version = ++versions;
	p->ends = p->rule.ttl ? m->boottime + p->rule.ttl * MODEL_SECOND : 0;
	model_put_down(m, p);
}

void model_rewritten(struct model *m)
{
	for (uint64_t i = 0; i < m->now.count; i++)
		model_put_down(m, &m->now.policies[i]);
}

static int64_t read_ends(const struct model *m, const struct model_policy *p)
{
	if (!p->rule.ttl || p->disk_boots == m->boots)
		return p->disk_boot;
	return MAX(m->boottime + p->disk_wall - m->time, 1);
}

void model_read_ends(struct model *m)
{
	for (uint64_t i = 0; i < m->now.count; i++)
		m->now.policies[i].ends = read_ends(m, &m->now.policies[i]);
}

static bool is_over(const struct model *m, const struct model_policy *p)
{
	return p->rule.ttl && p->ends <= m->boottime;
}

bool model_end_policies(struct model *m)
{
	struct model_ruleset next = m->now;

	next.count = 0;
	memset(next.policies, 0, sizeof(next.policies));
	for (uint64_t i = 0; i < m->now.count; i++)
		if (!is_over(m, &m->now.policies[i]))
			next.policies[next.count++] = m->now.policies[i];
	m->now = next;
	return true;
}

/* --- rollback */

static const struct model_ruleset *ruleset_at(const struct model *m, uint64_t revision)
{
	return revision == m->revision ? &m->now : &m->past[revision % MODEL_PAST];
}

/* As the first change behind the target wrote it down; NULL = none did. */
static const struct model_policy *written(
	const struct model *m, uint64_t target, const struct model_policy *p)
{
	for (uint64_t at = target + 1; at <= m->revision; at++) {
		const struct model_policy *after = model_find(ruleset_at(m, at), p->name);

		if (!after || after->version != p->version)
			return model_find(ruleset_at(m, at - 1), p->name);
	}
	return NULL;
}

static bool is_same(const struct model_policy *a, const struct model_policy *b)
{
	return a && a->place == b->place && a->ends == b->ends &&
	       memcmp(&a->rule, &b->rule, sizeof(a->rule)) == 0;
}

/* False = its time is over. */
static bool roll_policy(const struct model *m, uint64_t target, const struct model_policy *past,
	struct model_policy *ret)
{
	const struct model_policy *from = written(m, target, past),
				  *now = model_find(&m->now, past->name);
	int64_t ends;

	if (!from) {
		*ret = *now;
		return true;
	}
	*ret = *from;
	ends = read_ends(m, from);
	model_begin_time(m, ret);
	ret->ends = ends;
	model_put_down(m, ret);
	if (is_over(m, ret))
		return false;
	if (is_same(now, ret))
		*ret = *now;
	return true;
}

static void roll_policies(struct model *m, uint64_t target, struct model_ruleset *ret)
{
	const struct model_ruleset *past = &m->past[target % MODEL_PAST];

	*ret = *past;
	ret->count = 0;
	memset(ret->policies, 0, sizeof(ret->policies));
	for (uint64_t i = 0; i < past->count; i++)
		ret->count +=
			roll_policy(m, target, &past->policies[i], &ret->policies[ret->count]);
	if (ret->count < MODEL_POLICIES)
		memset(&ret->policies[ret->count], 0, sizeof(ret->policies[0]));
}

/* Step by step, for the sake of sets that cannot go. */
bool model_rollback(struct model *m, uint64_t target)
{
	struct model_ruleset next;

	if (target > m->revision || target < m->oldest)
		return false;
	if (target == m->revision)
		return true;
	roll_policies(m, target, &next);
	for (uint64_t at = m->revision; at > target; at--) {
		const struct model_ruleset *past = &m->past[(at - 1) % MODEL_PAST];

		for (uint32_t set = 0; set < MODEL_SETS; set++)
			if (past->sets[set].there)
				m->now.sets[set] = past->sets[set];
			else
				model_drop_set(m, set);
	}
	memcpy(next.sets, m->now.sets, sizeof(next.sets));
	m->now = next;
	return true;
}
