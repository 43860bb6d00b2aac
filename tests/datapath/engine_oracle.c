/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "engine_oracle.h"

#include <errno.h>
#include <stdio.h>

#include "common/text.h"

void engine_oracle_init(struct engine_oracle *o, uint32_t max_policies, struct pep_tables *tables)
{
	*o = (struct engine_oracle){.err = ERROR_INIT};
	engine_init(&o->engine, max_policies, tables);
	o->of_slot = calloc(classifier_room(max_policies), sizeof(*o->of_slot));
}

void engine_oracle_deinit(struct engine_oracle *o)
{
	engine_deinit(&o->engine);
	error_deinit(&o->err);
	free(o->of_slot);
	free(o->members);
}

/* --- sets */

static int compare_members(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct classifier_member));
}

static struct classifier_member member_of(uint8_t set, const struct policy_address *a)
{
	struct classifier_member m;

	memset(&m, 0, sizeof(m));
	m.set = set;
	m.add = true;
	m.family = a->family;
	m.length = a->length;
	memcpy(m.bytes, a->bytes, sizeof(m.bytes));
	return m;
}

/* All members of all sets, sorted, each once. */
static struct classifier_member *members_of(const struct oracle_ruleset *r, size_t *ret_count)
{
	struct classifier_member *all;
	size_t count = 0, unique = 0;

	for (size_t i = 0; i < r->set_count; i++)
		count += r->sets[i].count;
	all = calloc(count + 1, sizeof(*all));
	count = 0;
	for (size_t i = 0; all && i < r->set_count; i++)
		for (size_t j = 0; j < r->sets[i].count; j++)
			all[count++] = member_of((uint8_t)i, &r->sets[i].members[j]);
	if (count)
		qsort(all, count, sizeof(*all), compare_members);
	for (size_t i = 0; i < count; i++)
		if (!i || memcmp(&all[i], &all[i - 1], sizeof(*all)))
			all[unique++] = all[i];
	*ret_count = unique;
	return all;
}

/* What leaves and what comes, of two sorted lists. */
static struct classifier_member *difference(const struct engine_oracle *o,
	const struct classifier_member *next, size_t count, size_t *ret_count)
{
	struct classifier_member *all = calloc(o->member_count + count + 1, sizeof(*all));
	size_t a = 0, b = 0, n = 0;

	while (a < o->member_count || b < count) {
		int order = a == o->member_count ? 1 : b == count ? -1 :
			compare_members(&o->members[a], &next[b]);

		if (order < 0) {
			all[n] = o->members[a++];
			all[n++].add = false;
		} else if (order > 0) {
			all[n++] = next[b++];
		} else {
			a++, b++;
		}
	}
	*ret_count = n;
	return all;
}

/* --- policies */

static uint8_t set_id(const struct oracle_ruleset *r, const struct policy_address *a)
{
	for (size_t i = 0; a->kind == POLICY_SET && i < r->set_count; i++)
		if (streq(r->sets[i].name, a->set))
			return (uint8_t)i;
	return CLASSIFIER_NO_SET;
}

/* What is not in the engine yet says nothing about who decides. */
static struct policy *supported(const struct oracle_ruleset *r)
{
	struct policy *all = calloc(r->count + 1, sizeof(*all));

	for (size_t i = 0; all && i < r->count; i++) {
		policy_copy(&r->policies[i], &all[i]);
		all[i].ttl = 0;
		all[i].action.scope = POLICY_SCOPE_POLICY;
	}
	return all;
}

static struct classifier_edit *edits_of(struct engine_oracle *o, const struct oracle_ruleset *r,
	const struct policy *policies, char **lines)
{
	struct engine *e = &o->engine;
	struct classifier_edit *edits = calloc(r->count + e->count + 1, sizeof(*edits));
	size_t n = 0;

	for (size_t i = 0; i < r->count; i++) {
		lines[i] = text_format_policy(&policies[i]);
		edits[n++] = (struct classifier_edit){.after = &policies[i], .path = "",
			.line = lines[i], .position = (uint32_t)i + 1,
			.src_set = set_id(r, &r->policies[i].match.src),
			.dst_set = set_id(r, &r->policies[i].match.dst)};
	}
	for (size_t i = 0; i < e->count; i++)
		edits[n++] = (struct classifier_edit){.before = &e->policies[i], .path = ""};
	return edits;
}

static void keep_policies(struct engine_oracle *o, struct policy *policies, size_t count)
{
	struct engine *e = &o->engine;

	for (size_t i = 0; i < e->count; i++)
		policy_deinit(&e->policies[i]);
	free(e->policies);
	e->policies = policies;
	e->count = count;
	for (size_t i = 0; i < count; i++)
		o->of_slot[classifier_slot(e->classifier, policies[i].name)] = i;
}

static void keep_settings(struct engine_oracle *o, const struct oracle_ruleset *r)
{
	struct pep_ruleset *ruleset = engine_ruleset(&o->engine);

	ruleset->fragments_drop = r->fragments_drop;
	ruleset->malformed_drop = r->malformed_drop;
	memset(ruleset->default_block, r->default_block, sizeof(ruleset->default_block));
	for (size_t i = 0; i < r->default_count; i++)
		ruleset->default_block[engine_iface(&o->engine, r->defaults[i].iface)] =
			r->defaults[i].block;
}

int engine_oracle_load(struct engine_oracle *o, const struct oracle_ruleset *r)
{
	size_t member_count, edit_count = r->count + o->engine.count, diff_count;
	struct classifier_member *members = members_of(r, &member_count);
	struct classifier_member *diff = difference(o, members, member_count, &diff_count);
	char **lines = calloc(r->count + 1, sizeof(*lines));
	struct policy *policies = supported(r);
	struct classifier_edit *edits = edits_of(o, r, policies, lines);
	int result;

	error_deinit(&o->err);
	o->err = (struct error)ERROR_INIT;
	result = engine_change(&o->engine,
		&(struct classifier_change){.edits = edits, .edit_count = edit_count, .members = diff,
			.member_count = diff_count},
		&o->err);
	if (!result) {
		keep_policies(o, TAKE_PTR(policies), r->count);
		keep_settings(o, r);
		free(o->members);
		o->members = TAKE_PTR(members);
		o->member_count = member_count;
	}
	for (size_t i = 0; i < r->count; i++) {
		if (policies)
			policy_deinit(&policies[i]);
		free(lines[i]);
	}
	free(policies);
	free(lines);
	free(edits);
	free(diff);
	free(members);
	return !result ? 0 : o->err.kind == ERROR_LIMIT ? -ENOSPC : -EINVAL;
}

/* --- rulings */

struct oracle_ruling engine_oracle_ruling(const struct engine_oracle *o,
	const struct pep_ruling *ruling)
{
	const struct pep_entry *entries = o->engine.tables->entries;
	struct oracle_ruling r = {.policy = ORACLE_NONE, .shadow = ORACLE_NONE};

	if (ruling->shadow)
		r.shadow = o->of_slot[entries[ruling->shadow].slot];
	switch (ruling->tally) {
	case PEP_TALLY_NON_IP:
		return r.reason = ORACLE_BY_NON_IP, r.pass = true, r;
	case PEP_TALLY_ALLOW_MALFORMED:
		return r.reason = ORACLE_BY_MALFORMED, r.pass = true, r;
	case PEP_TALLY_BLOCK_MALFORMED:
		return r.reason = ORACLE_BY_MALFORMED, r;
	case PEP_TALLY_BLOCK_FRAGMENT:
		return r.reason = ORACLE_BY_FRAGMENTS, r;
	case PEP_TALLY_BLOCK_HEADERS:
		return r.reason = ORACLE_BY_HEADERS, r;
	case PEP_TALLY_ALLOW_DEFAULT:
		return r.reason = ORACLE_BY_DEFAULT, r.pass = true, r;
	case PEP_TALLY_BLOCK_DEFAULT:
		return r.reason = ORACLE_BY_DEFAULT, r;
	default:
		r.reason = ORACLE_BY_POLICY;
		r.policy = o->of_slot[entries[ruling->entry].slot];
		return r;
	}
}
