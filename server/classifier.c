/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Plans. What a plan makes stands in the tables at once, born with a generation
 * that is not yet; what it ends is only marked. So abort is taking out and
 * unmarking, and commit needs nothing but the bookkeeping of names.
 *
 * An entry that has left its run may still have a packet standing on it. It
 * waits in limbo until a grace period that began after has passed.
 */
#include "server/classifier_internal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#define STAGED_EDITS 512u /* so many are worth the 4 MiB of index_stage() */

/* --- entries */

static void pool_move(struct pool *to, struct pool *from)
{
	memcpy(&to->items[to->count], from->items, from->count * sizeof(*from->items));
	to->count += from->count;
	from->count = 0;
}

static void pool_put(struct pool *pool, uint32_t entry)
{
	pool->items[pool->count++] = entry;
}

/* 0 = none is left. */
static uint32_t entry_take(struct classifier *c)
{
	if (!c->free.count && c->limbo.count) {
		c->memory.grace(c->memory.data);
		pool_move(&c->free, &c->limbo);
	}
	return c->free.count ? c->free.items[--c->free.count] : 0;
}

static void entry_drop(struct classifier *c, uint32_t entry)
{
	redirect_release(c, entry);
	pool_put(&c->limbo, entry);
}

/* --- plans */

static void plan_free(struct classifier_plan *plan)
{
	free(plan->born);
	free(plan->dead);
	free(plan->fresh_slots);
	free(plan->fresh_limiters);
	free(plan->ended_limits);
	free(plan);
}

static struct classifier_plan *plan_new(struct classifier *c, uint64_t generation, size_t edits)
{
	struct classifier_plan *plan = calloc(1, sizeof(*plan));
	struct name **planned = reallocarray(c->planned, 2 * edits + 1, sizeof(*c->planned));

	if (planned)
		c->planned = planned;
	c->planned_count = 0;
	if (!plan)
		return NULL;
	plan->generation = generation;
	plan->born = calloc(edits + 1, sizeof(*plan->born));
	plan->dead = calloc(edits + 1, sizeof(*plan->dead));
	plan->fresh_slots = calloc(edits + 1, sizeof(*plan->fresh_slots));
	plan->fresh_limiters = calloc(edits + 1, sizeof(*plan->fresh_limiters));
	plan->ended_limits = calloc(edits + 1, sizeof(*plan->ended_limits));
	if (!planned || !plan->born || !plan->dead || !plan->fresh_slots || !plan->fresh_limiters ||
		!plan->ended_limits) {
		plan_free(plan);
		return NULL;
	}
	return plan;
}

static int no_memory(struct error *err)
{
	return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
}

static int check_room(const struct classifier *c, const struct classifier_change *change,
	struct error *err)
{
	size_t after = c->names.count;

	for (size_t i = 0; i < change->edit_count; i++)
		after += (size_t)(change->edits[i].after != NULL) -
			 (size_t)(change->edits[i].before != NULL);
	if (after <= c->max_policies)
		return 0;
	return error_set(err, ERROR_LIMIT, "POLICIES_FULL",
		"%zu policies are more than the limit of %u; start pepctld with a larger "
		"--max-policies",
		after, c->max_policies);
}

/* First pass: the entry in force of every edited name dies with this generation. */
static int plan_end(struct classifier *c, struct classifier_plan *plan,
	const struct classifier_edit *edit, struct error *err)
{
	struct name *name = name_find(c, edit->before->name);

	if (!name || name->planned || !name->entry)
		return error_set(err, ERROR_INTERNAL, "TABLES_DIFFER",
			"policy %s is not in the tables, or is changed twice at once",
			edit->before->name);
	__atomic_store_n(&c->t->entries[name->entry].dies, pep_stamp(plan->generation),
		__ATOMIC_RELAXED);
	plan->dead[plan->dead_count++] = name->entry;
	name->planned = true;
	name->next = 0;
	c->planned[c->planned_count++] = name;
	return 0;
}

static int plan_name(struct classifier *c, struct classifier_plan *plan,
	const struct classifier_edit *edit, struct error *err, struct name **ret)
{
	struct name *name = name_find(c, edit->after->name);

	if (!name) {
		if (!c->free_count || !(name = name_add(c, edit->after->name)))
			return no_memory(err);
		name->fresh = name->planned = true;
		name->slot = slot_take(c);
		plan->fresh_slots[plan->fresh_slot_count++] = name->slot;
		c->planned[c->planned_count++] = name;
	} else if (!name->planned || name->next) {
		return error_set(err, ERROR_EXISTS, "POLICY_EXISTS", "policy %s exists", name->name);
	}
	*ret = name;
	return 0;
}

/* Fills a free entry; on failure it waits in limbo. */
static int plan_entry(struct classifier *c, const struct classifier_plan *plan,
	const struct classifier_edit *edit, const struct name *name, struct error *err,
	uint32_t *ret)
{
	struct rule rule;
	uint32_t at;
	int r = rule_make(c, edit, err, &rule);

	if (r)
		return r;
	at = entry_take(c);
	if (!at)
		return no_memory(err);
	rule.entry.born = pep_stamp(plan->generation);
	rule.entry.slot = name->slot;
	if (edit->after->action.kind == POLICY_REDIRECT)
		r = targets_take(c, edit->after, &rule.rule, err);
	c->t->entries[at] = rule.entry;
	c->t->more[at] = rule.more;
	c->t->rules[at] = rule.rule;
	c->t->rules[at].limit_id = limit_id_next(c, name, at);
	if (!r) {
		r = tuple_add(c, at, err);
		if (r)
			redirect_release(c, at);
	}
	if (r) {
		pool_put(&c->limbo, at); /* it may have been in a run for a moment */
		return r;
	}
	*ret = at;
	return 0;
}

static int plan_begin(struct classifier *c, struct classifier_plan *plan,
	const struct classifier_edit *edit, struct error *err)
{
	struct name *name = NULL;
	uint32_t entry = 0;
	int r = plan_name(c, plan, edit, err, &name);

	if (r || !name)
		return r;
	r = plan_entry(c, plan, edit, name, err, &entry);
	if (r)
		return r;
	name->next = entry;
	plan->born[plan->born_count++] =
		(struct classifier_born){entry, edit->after->name, edit->line ? edit->line : ""};
	if (name->entry && !same_limit(c, name->entry, entry))
		plan->fresh_limiters[plan->fresh_limiter_count++] = name->slot;
	return 0;
}

int classifier_plan(struct classifier *c, uint64_t generation,
	const struct classifier_change *change, struct error *err, struct classifier_plan **ret)
{
	struct classifier_plan *plan;
	int r = check_room(c, change, err);

	if (r)
		return r;
	plan = plan_new(c, generation, change->edit_count);
	if (!plan)
		return no_memory(err);
	for (size_t i = 0; i < change->edit_count && !r; i++)
		if (change->edits[i].before)
			r = plan_end(c, plan, &change->edits[i], err);
	if (change->edit_count >= STAGED_EDITS)
		index_stage(c);
	for (size_t i = 0; i < change->edit_count && !r; i++)
		if (change->edits[i].after)
			r = plan_begin(c, plan, &change->edits[i], err);
	index_publish(c);
	if (!r)
		r = members_plan(&c->members, generation, change->members, change->member_count, err);
	if (r) {
		classifier_abort(c, plan);
		return r;
	}
	members_describe(&c->members, plan->members);
	limits_end(c, plan);
	*ret = plan;
	return 0;
}

void classifier_commit(struct classifier *c, struct classifier_plan *plan)
{
	for (size_t i = 0; i < plan->dead_count; i++)
		pool_put(&c->dead, plan->dead[i]);
	for (size_t i = 0; i < plan->born_count; i++)
		pool_put(&c->born, plan->born[i].entry);
	for (size_t i = 0; i < c->planned_count; i++) {
		struct name *name = c->planned[i];

		name->entry = name->next;
		name->next = 0;
		name->fresh = name->planned = false;
		if (name->entry)
			continue;
		slot_give(c, name->slot);
		name_drop(c, name);
	}
	c->planned_count = 0;
	plan_free(plan);
}

/* Tuples that nothing stands in become free; the plan that was undone may have made them. */
static void tuples_reap(struct classifier *c)
{
	for (uint32_t i = 0; i < PEP_TUPLES_MAX; i++)
		if (c->t->tuples[i].key && !c->tuples[i].count)
			index_narrow(c, i);
}

void classifier_abort(struct classifier *c, struct classifier_plan *plan)
{
	for (size_t i = 0; i < plan->dead_count; i++)
		__atomic_store_n(&c->t->entries[plan->dead[i]].dies, 0, __ATOMIC_RELAXED);
	for (size_t i = 0; i < plan->born_count; i++) {
		tuple_remove(c, plan->born[i].entry);
		entry_drop(c, plan->born[i].entry);
	}
	for (size_t i = 0; i < c->planned_count; i++) {
		struct name *name = c->planned[i];

		name->planned = false;
		name->next = 0;
		if (!name->fresh)
			continue;
		slot_give(c, name->slot);
		name_drop(c, name);
	}
	c->planned_count = 0;
	tuples_reap(c);
	members_abort(&c->members);
	plan_free(plan);
}

void classifier_settle(struct classifier *c)
{
	members_settle(&c->members);
	pool_move(&c->free, &c->limbo);
	for (size_t i = 0; i < c->dead.count; i++) {
		tuple_remove(c, c->dead.items[i]);
		entry_drop(c, c->dead.items[i]);
	}
	c->dead.count = 0;
	for (size_t i = 0; i < c->born.count; i++)
		__atomic_store_n(&c->t->entries[c->born.items[i]].born, 0, __ATOMIC_RELAXED);
	c->born.count = 0;
	classes_settle(c);
	for (uint32_t i = 0; i < PEP_TUPLES_MAX; i++)
		if (c->tuples[i].removed > 16 + c->tuples[i].count / 2)
			index_narrow(c, i);
	tuples_reap(c);
}

/* --- the beginning */

static int pools_new(struct classifier *c)
{
	uint32_t entries = classifier_entries(c->max_policies);
	struct pool *pools[] = {&c->free, &c->limbo, &c->dead, &c->born};

	for (size_t i = 0; i < ARRAY_SIZE(pools); i++) {
		pools[i]->items = calloc(entries, sizeof(*pools[i]->items));
		if (!pools[i]->items)
			return -ENOMEM;
	}
	for (uint32_t entry = entries - 1; entry > 0; entry--)
		pool_put(&c->free, entry);
	return 0;
}

/* Who sends packets must not know the seeds: they decide which keys collide. */
static int roots_begin(struct classifier *c)
{
	struct pep_scope_seed *scopes = &c->t->config->scope_seed;
	struct pep_roots *roots = &c->t->config->roots;

	if (roots->entries)
		return 0;
	if (getrandom(&roots->seed, sizeof(roots->seed), 0) != (ssize_t)sizeof(roots->seed) ||
		getrandom(scopes, sizeof(*scopes), 0) != (ssize_t)sizeof(*scopes))
		return -EIO;
	roots->bucket_mask = classifier_buckets_first(c->max_policies) - 1;
	roots->entries = classifier_entries(c->max_policies);
	buckets_begin(c->t, classifier_buckets(c->max_policies));
	tuples_rank(c);
	return 0;
}

int classifier_new(uint32_t max_policies, const struct classifier_memory *memory,
	struct classifier **ret)
{
	_cleanup_(classifier_freep) struct classifier *c = calloc(1, sizeof(*c));
	uint32_t room = classifier_room(max_policies);
	int r;

	if (!c)
		return -ENOMEM;
	c->max_policies = max_policies;
	c->memory = *memory;
	c->t = memory->tables;
	c->free_slots = calloc(room, sizeof(*c->free_slots));
	if (!c->free_slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < room; i++)
		c->free_slots[i] = i;
	c->free_count = room;
	r = pools_new(c);
	if (!r)
		r = roots_begin(c);
	if (!r)
		r = classes_new(c);
	if (!r)
		r = members_init(&c->members, memory);
	if (r)
		return r;
	*ret = TAKE_PTR(c);
	return 0;
}

void classifier_free(struct classifier *c)
{
	if (!c)
		return;
	names_free(c);
	members_deinit(&c->members);
	free(c->free.items);
	free(c->limbo.items);
	free(c->dead.items);
	free(c->born.items);
	classes_free(c);
	free(c->planned);
	free(c->claimed);
	free(c->free_slots);
	free(c);
}
