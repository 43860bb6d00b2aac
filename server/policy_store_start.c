/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The start: what the kernel holds, then what the state file says. The file wins
 * and reaches the kernel as one flip, so that no packet sees a mixture of both.
 */
#include <errno.h>

#include "server/policy_store_internal.h"

int store_adopt(struct store *s, const struct policy *policy, uint64_t position)
{
	struct store_policy *p;
	int r = store_policy_new(policy, &p);

	if (r)
		return r;
	p->position = position;
	s->last_position = MAX(s->last_position, position);
	p->slot = classifier_slot(s->classifier, policy->name);
	r = entry_put(s, policy->name, p);
	undo_forget(s);
	return r;
}

static void set_policy_revisions(struct store *s, const char *name, const uint64_t revisions[2])
{
	struct store_policy *p = entry_next(entry_find(s, name));

	p->created_revision = revisions[0];
	p->changed_revision = revisions[1];
}

static void set_set_revisions(struct store *s, const char *name, const struct text_set_mark *mark)
{
	struct store_set *set = &s->work[sets_find(s, name)].next;

	set->created_revision = mark->created;
	set->changed_revision = mark->changed;
	set->members_revision = mark->members_changed;
	set->filed = mark->filed;
}

/* Revisions that the file tells, in the order of its statements. */
static void set_revisions(struct store *s, const struct change_list *changes,
	const struct text_marks *marks)
{
	size_t policies = 0, sets = 0;

	for (size_t i = 0; i < changes->count; i++) {
		const struct change *change = &changes->items[i];

		if (change->kind == CHANGE_PUT_POLICY)
			set_policy_revisions(s, change->policy.name, marks->revisions[policies++]);
		else if (change->kind == CHANGE_PUT_SET)
			set_set_revisions(s, change->name, &marks->sets[sets++]);
	}
}

static int apply_text(struct store *s, const char *text, size_t size, struct error *err)
{
	_cleanup_(text_marks_deinit) struct text_marks marks = {0};
	_cleanup_free_ enum store_effect *effects = NULL;
	struct tx tx = {.mode = STORE_REPLACE_ALL};
	int r = text_restore(s, text, size, &tx.changes, &marks, err);

	if (r)
		return r;
	effects = tx.effects = calloc(tx.changes.count + 1, sizeof(*effects));
	r = effects ? apply_tx(s, &tx, err) : error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	if (!r) {
		set_revisions(s, &tx.changes, &marks);
		s->next_revision = marks.revision;
	}
	sets_end(s);
	change_list_deinit(&tx.changes);
	return r;
}

static int enforce(struct store *s, struct error *err)
{
	struct store_ruleset ruleset = {.revision = s->next_revision, .config = &s->next_config};
	int r = batch_plan(s, err);

	if (!r && (sets_build(s) < 0 || entries_reserve(s) < 0))
		r = error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	if (r)
		return r;
	ruleset.plan = s->plan;
	r = s->backend.prepare(s->backend.data, &ruleset, err);
	if (r) {
		if (s->plan)
			classifier_abort(s->classifier, TAKE_PTR(s->plan));
		return r;
	}
	batch_put_in_force(s);
	s->backend.settle_now(s->backend.data);
	s->settling_ids = 0;
	return 0;
}

int store_restore(struct store *s, const char *text, size_t size, uint64_t generation,
	const struct store_config *adopted, uint64_t revision, struct error *err)
{
	struct store_config former = *adopted;
	int r;

	s->generation = generation;
	s->next_config = former;
	s->next_revision = revision;
	if (entries_reserve(s) < 0)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	apply_commit(s); /* what was adopted is in force */
	r = text ? apply_text(s, text, size, err) : 0;
	undo_forget(s);
	if (!r)
		r = enforce(s, err);
	if (r) {
		apply_abort(s);
		return r;
	}
	for (size_t i = s->config.attachment_count; i-- > 0;) /* as attach_new() */
		s->backend.attach(s->backend.data, s->config.attachments[i].iface,
			s->config.attachments[i].mode, true, err);
	batch_detach(s, &former);
	return 0;
}

/* Nothing is under way, so the working state is what is in force; that parts stand is not noted. */
int store_render(struct store *s, struct state *ret)
{
	int r = text_render(s, ret);

	apply_abort(s);
	return r;
}
