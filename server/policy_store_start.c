/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The start: what the kernel holds, then what the state file says. The file wins
 * and reaches the kernel as one flip, so that no packet sees a mixture of both.
 */
#include <errno.h>
#include <inttypes.h>

#include "server/policy_store_internal.h"

int store_adopt(struct store *s, const struct policy *policy, uint64_t position)
{
	struct store_policy *p;
	int r = store_policy_new(policy, &p);

	if (r)
		return r;
	p->position = position;
	p->ends = policy->ttl ? end_of(s, policy) : 0;
	s->last_position = MAX(s->last_position, position);
	p->slot = classifier_slot(s->classifier, policy->name);
	r = entry_put(s, policy->name, p);
	undo_forget(s);
	return r;
}

/* Another place than in the kernel is a change for it. */
static int set_position(struct store *s, struct store_policy **p, uint64_t position)
{
	struct store_policy *moved;

	if (!position || (*p)->position == position)
		return 0;
	if (store_policy_new(&(*p)->policy, &moved) < 0 || entry_put(s, moved->policy.name, moved) < 0)
		return -ENOMEM;
	moved->position = position;
	moved->ends = (*p)->ends;
	s->last_position = MAX(s->last_position, position);
	*p = moved;
	return 0;
}

static int set_policy_mark(struct store *s, const char *name, const struct text_policy_mark *mark,
	const struct store_clock *clock, const char *boot_id)
{
	struct store_policy *p = entry_next(entry_find(s, name));

	if (set_position(s, &p, mark->position) < 0)
		return -ENOMEM;
	p->created_revision = mark->created;
	p->changed_revision = mark->changed;
	if (mark->ends)
		p->ends = deadline_read(clock, mark->ends, mark->ends_time, boot_id);
	return 0;
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
static int set_revisions(struct store *s, const struct change_list *changes,
	const struct text_marks *marks)
{
	size_t policies = 0, sets = 0;
	struct store_clock clock;
	int r = 0;

	s->backend.clock(s->backend.data, &clock);
	for (size_t i = 0; i < changes->count && !r; i++) {
		const struct change *change = &changes->items[i];

		if (change->kind == CHANGE_PUT_POLICY)
			r = set_policy_mark(s, change->policy.name, &marks->revisions[policies++], &clock,
				marks->boot_id);
		else if (change->kind == CHANGE_PUT_SET)
			set_set_revisions(s, change->name, &marks->sets[sets++]);
	}
	return r;
}

static int read_leases(struct store *s, const struct text_marks *marks, struct error *err)
{
	_cleanup_free_ char *bytes = NULL;
	char name[64];
	size_t size = 0;
	int r;

	snprintf(name, sizeof(name), "sets/@leases.%" PRIu64, marks->leases_sequence);
	s->leases_sequence = s->leases_filed = marks->leases_sequence;
	r = s->backend.load(s->backend.data, name, &bytes, &size, err);
	if (!r && (r = leases_read(s, bytes, size, err)))
		error_prefix(err, "%s: ", name);
	if (r)
		error_prefix(err, "what owners hold in sets cannot be read; put the file back, or take the line \"#@ "
				  "leases\" out of the state file to start without: ");
	return r;
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
		r = set_revisions(s, &tx.changes, &marks) < 0 ?
			    error_set(err, ERROR_LIMIT, "MEMORY", "out of memory") : 0;
		s->next_revision = marks.revision;
		s->sequence = s->restored_sequence = marks.sequence;
		s->last_position = MAX(s->last_position, marks.last_position);
	}
	if (!r && marks.leases)
		r = read_leases(s, &marks, err);
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

/* What the journal has beyond the state file. */
static int replay(struct store *s, struct error *err)
{
	int r = s->backend.replay(s->backend.data, store_replay, s, err);
	const struct store_record *last = history_at(&s->history, s->history.count - 1);

	/* Of a state that was put aside, or one ahead by what the last start undid: nothing of it waits. */
	if (last && last->revision != s->next_revision) {
		history_clear(&s->history);
		s->next_confirm = (struct store_confirm){0};
	}
	sets_end(s);
	return r;
}

int store_restore(struct store *s, const char *text, size_t size, uint64_t generation,
	const struct store_config *adopted, uint64_t revision, bool pinned, struct error *err)
{
	struct store_config former = *adopted;
	bool whole = text || !pinned; /* the files tell all */
	int r;

	s->generation = generation;
	s->next_config = former;
	s->next_revision = revision;
	if (entries_reserve(s) < 0)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	apply_commit(s); /* what was adopted is in force */
	if (!pinned)
		s->next_revision = 0;
	r = text ? apply_text(s, text, size, err) : 0;
	undo_forget(s);
	if (!r && whole)
		r = replay(s, err);
	s->starting = true;
	if (!r)
		r = timers_catch_up(s, err);
	s->starting = false;
	if (!r)
		r = enforce(s, err);
	if (r) {
		history_clear(&s->history);
		lease_table_deinit(&s->leases);
		s->leases = (struct lease_table){0};
		apply_abort(s);
		return r;
	}
	for (size_t i = s->config.attachment_count; i-- > 0;) /* as attach_new() */
		s->backend.attach(s->backend.data, s->config.attachments[i].iface,
			s->config.attachments[i].mode, true, err);
	batch_detach(s, &former);
	s->unsure |= !whole;
	return 0;
}

void store_written(struct store *s)
{
	s->unsure = false;
}

bool store_unwritten(const struct store *s)
{
	return s->unsure;
}

/* Nothing is under way, so the working state is what is in force; that parts stand is not noted. */
int store_history(struct store *s, struct journal_record **ret, size_t *ret_count)
{
	return history_records(s, ret, ret_count);
}

int store_render(struct store *s, struct state *ret)
{
	int r = text_render(s, ret);

	apply_abort(s);
	return r;
}
