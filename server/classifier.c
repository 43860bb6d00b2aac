/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Two tables over the same truth: cells by key mirror policy_map, names find
 * the cell and the slot of a policy. A plan marks dying versions first and adds
 * born ones after, so that policies may trade their matches in one change.
 *
 * A plan works on the cells in place and keeps what stood there, so that abort
 * is copying back; what a plan needs is allocated before it touches anything.
 */
#include "server/classifier_tables.h"

#include <stdio.h>

#include "server/ladder.h"

static struct classifier_element *plan_touch(struct classifier_plan *plan, struct cell *cell)
{
	struct classifier_element *element;

	if (cell->element == NO_ELEMENT) {
		cell->element = (uint32_t)plan->element_count++;
		element = &plan->elements[cell->element];
		element->key = cell->key;
		element->former = cell->value;
		element->existed = !cell->fresh;
	}
	return &plan->elements[cell->element];
}

/* First pass: the version in force of every edited name dies with this generation. */
static int plan_remove(struct classifier *c, struct classifier_plan *plan,
	const struct classifier_edit *edit, struct error *err)
{
	struct name *name = name_find(c, edit->before->name);
	struct pep_rule *rule;

	if (!name || name->planned)
		return error_set(err, ERROR_INTERNAL, "TABLES_DIFFER",
			"policy %s is not in the tables, or is changed twice at once",
			edit->before->name);
	plan_touch(plan, name->cell);
	rule = rule_alive(&name->cell->value, plan->generation - 1);
	if (rule)
		rule->dies = plan->generation;
	name->planned = true;
	name->next_cell = NULL;
	c->planned[c->planned_count++] = name;
	return 0;
}

static int plan_name(struct classifier *c, struct classifier_plan *plan,
	const struct classifier_edit *edit, struct error *err, struct name **ret)
{
	struct name *name = name_find(c, edit->after->name);

	if (!name) {
		if (!c->free_count || !(name = name_add(c, edit->after->name)))
			return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
		name->fresh = name->planned = true;
		name->slot = slot_take(c);
		plan->fresh_slots[plan->fresh_slot_count++] = name->slot;
		c->planned[c->planned_count++] = name;
	} else if (!name->planned || name->next_cell) {
		return error_set(err, ERROR_EXISTS, "POLICY_EXISTS", "policy %s exists", name->name);
	}
	*ret = name;
	return 0;
}

static bool same_limit(const struct pep_rule *a, const struct pep_rule *b)
{
	return a->limit_mul == b->limit_mul && a->limit_shift == b->limit_shift &&
	       a->limit_tau == b->limit_tau &&
	       (a->flags & PEP_RULE_LIMIT_PACKETS) == (b->flags & PEP_RULE_LIMIT_PACKETS);
}

/* Puts the rule into the version of the cell that is not in force. */
static int plan_place(struct classifier *c, struct cell *cell, const struct pep_rule *rule,
	struct error *err)
{
	struct pep_rule *taken, *now;

	taken = rule_alive(&cell->value, rule->born);
	if (taken)
		return error_set(err, ERROR_EXISTS, "MATCH_EXISTS",
			"policy %s has the same match as policy %s; in this version a match can "
			"have one policy",
			rule->name, taken->name);
	now = rule_alive(&cell->value, rule->born - 1);
	cell->value.version[now == &cell->value.version[0]] = *rule;
	c->rung_counts[cell->key.rung]++;
	return 0;
}

static int plan_add(struct classifier *c, struct classifier_plan *plan,
	const struct classifier_edit *edit, struct error *err)
{
	struct pep_policy_key key;
	struct pep_rule rule, *before;
	struct name *name = NULL;
	struct cell *cell;
	int r;

	r = ladder_key(edit->after, edit->path, err, &key);
	if (!r)
		r = ladder_rule(edit->after, edit->path, err, &rule);
	if (!r)
		r = plan_name(c, plan, edit, err, &name);
	if (r || !name)
		return r;
	cell = cell_find(c, &key);
	if (!cell) {
		cell = cell_add(c, &key);
		if (!cell)
			return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
		cell->fresh = true;
	}
	plan_touch(plan, cell);
	rule.slot = name->slot;
	rule.born = plan->generation;
	rule.dies = UINT64_MAX;
	if (rule.action == PEP_ACTION_REDIRECT &&
		redirect_take(c, edit->after->action.targets[0].iface, &rule.redirect) < 0)
		return error_set(err, ERROR_LIMIT, "REDIRECTS_FULL",
			"policy %s: all %u redirect targets are in use; point policies to fewer "
			"interfaces",
			rule.name, PEP_REDIRECTS_MAX);
	r = plan_place(c, cell, &rule, err);
	if (r) {
		rule_release(c, &rule);
		return r;
	}
	name->next_cell = cell;
	before = name->cell ? rule_alive(&name->cell->value, plan->generation - 1) : NULL;
	if (before && !same_limit(before, &rule))
		plan->fresh_limiters[plan->fresh_limiter_count++] = name->slot;
	return 0;
}

static void plan_free(struct classifier_plan *plan)
{
	free(plan->elements);
	free(plan->fresh_slots);
	free(plan->fresh_limiters);
	free(plan);
}

static struct classifier_plan *plan_new(struct classifier *c, uint64_t generation, size_t edits)
{
	struct classifier_plan *plan = calloc(1, sizeof(*plan));

	c->planned = reallocarray(c->planned, edits + 1, sizeof(*c->planned));
	c->planned_count = 0;
	if (!plan)
		return NULL;
	plan->generation = generation;
	plan->elements = calloc(2 * edits + 1, sizeof(*plan->elements));
	plan->fresh_slots = calloc(edits + 1, sizeof(*plan->fresh_slots));
	plan->fresh_limiters = calloc(edits + 1, sizeof(*plan->fresh_limiters));
	if (!c->planned || !plan->elements || !plan->fresh_slots || !plan->fresh_limiters) {
		plan_free(plan);
		return NULL;
	}
	return plan;
}

static int check_room(const struct classifier *c, const struct classifier_edit *edits, size_t count,
	struct error *err)
{
	size_t after = c->names.count;

	for (size_t i = 0; i < count; i++)
		after += (size_t)(edits[i].after != NULL) - (size_t)(edits[i].before != NULL);
	if (after <= c->max_policies)
		return 0;
	return error_set(err, ERROR_LIMIT, "POLICIES_FULL",
		"%zu policies are more than the limit of %u; start pepctld with a larger "
		"--max-policies",
		after, c->max_policies);
}

static void plan_finish(struct classifier *c, struct classifier_plan *plan)
{
	uint32_t counts[PEP_RUNG_MAX];

	memcpy(counts, c->rung_counts, sizeof(counts));
	for (size_t i = 0; i < plan->element_count; i++) {
		struct classifier_element *element = &plan->elements[i];

		element->prepared = cell_find(c, &element->key)->value;
		element->dies = !rule_alive(&element->prepared, plan->generation);
		if (rule_alive(&element->former, plan->generation - 1))
			counts[element->key.rung]--;
	}
	for (uint32_t rung = 0; rung < PEP_RUNG_MAX; rung++)
		plan->rungs |= counts[rung] ? 1u << rung : 0;
}

int classifier_plan(struct classifier *c, uint64_t generation,
	const struct classifier_change *change, struct error *err, struct classifier_plan **ret)
{
	const struct classifier_edit *edits = change->edits;
	size_t count = change->edit_count;
	struct classifier_plan *plan;
	int r = check_room(c, edits, count, err);

	if (!r && change->member_count)
		r = error_set(err, ERROR_UNIMPLEMENTED, "NO_SETS", "sets are not in this version");
	if (r)
		return r;
	plan = plan_new(c, generation, count);
	if (!plan)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	for (size_t i = 0; i < count && !r; i++)
		if (edits[i].before)
			r = plan_remove(c, plan, &edits[i], err);
	for (size_t i = 0; i < count && !r; i++)
		if (edits[i].after)
			r = plan_add(c, plan, &edits[i], err);
	if (r) {
		classifier_abort(c, plan);
		return r;
	}
	plan_finish(c, plan);
	*ret = plan;
	return 0;
}

void classifier_commit(struct classifier *c, struct classifier_plan *plan)
{
	for (size_t i = 0; i < plan->element_count; i++) {
		struct classifier_element *element = &plan->elements[i];
		struct cell *cell = cell_find(c, &element->key);
		struct pep_rule *former = rule_alive(&element->former, plan->generation - 1);

		if (former) {
			rule_release(c, former);
			c->rung_counts[cell->key.rung]--;
		}
		cell->element = NO_ELEMENT;
		cell->fresh = false;
		if (element->dies)
			cell_drop(c, cell);
	}
	for (size_t i = 0; i < c->planned_count; i++) {
		struct name *name = c->planned[i];

		name->cell = name->next_cell;
		name->next_cell = NULL;
		name->fresh = name->planned = false;
		if (name->cell)
			continue;
		slot_give(c, name->slot);
		name_drop(c, name);
	}
	c->planned_count = 0;
	plan_free(plan);
}

void classifier_abort(struct classifier *c, struct classifier_plan *plan)
{
	for (size_t i = 0; i < plan->element_count; i++) {
		struct classifier_element *element = &plan->elements[i];
		struct cell *cell = cell_find(c, &element->key);
		struct pep_rule *born = rule_alive(&cell->value, plan->generation);

		if (born && born->born == plan->generation) {
			rule_release(c, born);
			c->rung_counts[cell->key.rung]--;
		}
		cell->value = element->former;
		cell->element = NO_ELEMENT;
		if (cell->fresh)
			cell_drop(c, cell);
	}
	for (size_t i = 0; i < c->planned_count; i++) {
		struct name *name = c->planned[i];

		name->next_cell = NULL;
		name->planned = false;
		if (!name->fresh)
			continue;
		slot_give(c, name->slot);
		name_drop(c, name);
	}
	c->planned_count = 0;
	plan_free(plan);
}
