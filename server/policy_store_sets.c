/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The working state of sets: beside the members in force, those that the
 * transactions under way add and remove. Cost follows the change, and what is in
 * force is never written before the flip. A transaction is taken back by its own
 * list of what it did.
 */
#include <errno.h>
#include <stdio.h>

#include "common/array.h"
#include "server/policy_store_internal.h"

#define MANY_MEMBERS 1024u /* that room is made for at once */
#define UNDO_KEPT    4096u

/* --- names and ids */

uint8_t sets_find(const struct store *s, const char *name)
{
	for (uint8_t id = 0; *name && id < STORE_SETS_MAX; id++)
		if (streq(s->work[id].next.name, name))
			return id;
	return NO_SET;
}

/* A name that is in force, or was made by one before in the batch, and was deleted has its id still. */
static uint8_t take_id(const struct store *s, const char *name)
{
	uint8_t found = NO_SET;

	for (uint8_t id = STORE_SETS_MAX; id-- > 0;) {
		if (streq(s->sets[id].name, name) || streq(s->former_sets[id].name, name))
			return id;
		if (!*s->sets[id].name && !*s->work[id].next.name && !*s->former_sets[id].name &&
			!(s->settling_ids >> id & 1))
			found = id;
	}
	return found;
}

uint8_t sets_create(struct store *s, const char *name)
{
	uint8_t id = take_id(s, name);

	if (id == NO_SET)
		return id;
	s->work[id].next = (struct store_set){
		.created_revision = s->next_revision + 1,
		.changed_revision = s->next_revision + 1,
		.members_revision = s->next_revision + 1,
	};
	snprintf(s->work[id].next.name, sizeof(s->work[id].next.name), "%s", name);
	return id;
}

size_t sets_count(const struct store *s, uint8_t id)
{
	const struct set_work *w = &s->work[id];

	if (w->swap)
		return member_set_count(&w->whole);
	return member_set_count(&s->members[id]) + member_set_count(&w->added) -
	       member_set_count(&w->removed);
}

/* --- members */

/* Makes the member be there or not. 1 = that changed something, 0, -ENOMEM. */
static int change_member(struct store *s, uint8_t id, const struct member *m, bool add)
{
	struct set_work *w = &s->work[id];
	bool back = member_set_remove(add ? &w->removed : &w->added, m); /* as it is in force */

	if (back || member_set_has(&s->members[id], m) == add)
		return back;
	return member_set_add(add ? &w->added : &w->removed, m);
}

static int toggle(struct store *s, uint8_t id, const struct member *m, bool add)
{
	int r;

	if (array_grow(&s->set_undo, &s->set_undo_room, s->set_undo_count, sizeof(*s->set_undo)) <
		0)
		return -ENOMEM;
	r = change_member(s, id, m, add);
	if (r <= 0)
		return r;
	s->set_undo[s->set_undo_count] = (struct classifier_member){
		.set = id, .add = add, .family = m->family, .length = m->length};
	memcpy(s->set_undo[s->set_undo_count++].bytes, m->bytes, sizeof(m->bytes));
	s->next_member_count += add ? 1 : SIZE_MAX;
	return 1;
}

static void mark_changed(struct store *s, uint8_t id, size_t changed)
{
	if (!changed)
		return;
	s->work[id].next.changed_revision = s->work[id].next.members_revision =
		s->next_revision + 1;
	s->work[id].next.filed = false;
}

static ssize_t change_list(struct store *s, uint8_t id, const struct member_list *list, bool add)
{
	struct member_set *into = add ? &s->work[id].added : &s->work[id].removed;
	ssize_t changed = 0;
	int r = 0;

	s->work[id].passes++;
	/* One growth instead of many, for a list that is mostly new. */
	if (add && member_list_count(list) > MANY_MEMBERS &&
		member_set_reserve(into, list->v4_count, list->v6_count) < 0)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < member_list_count(list); i++) {
		struct member m = member_list_at(list, i);

		r = toggle(s, id, &m, add);
		changed += r;
	}
	mark_changed(s, id, (size_t)changed);
	return r < 0 ? r : changed;
}

ssize_t sets_add(struct store *s, uint8_t id, const struct member_list *list)
{
	return change_list(s, id, list, true);
}

ssize_t sets_remove(struct store *s, uint8_t id, const struct member_list *list)
{
	return change_list(s, id, list, false);
}

int sets_list(const struct store *s, uint8_t id, struct member_list *ret)
{
	const struct set_work *w = &s->work[id];
	const struct member_set *from = w->swap ? &w->whole : &s->members[id];
	struct member_list list = {0};
	uint64_t cursor = 0;
	struct member m;
	int r = 0;

	while (!r && member_set_next(from, &cursor, &m))
		if (w->swap || !member_set_has(&w->removed, &m))
			r = member_list_push(&list, &m);
	cursor = 0;
	while (!r && !w->swap && member_set_next(&w->added, &cursor, &m))
		r = member_list_push(&list, &m);
	if (r) {
		member_list_deinit(&list);
		return r;
	}
	*ret = list;
	return 0;
}

/* What is there and not wanted goes, what is wanted comes. */
static ssize_t replace_all(struct store *s, uint8_t id, const struct member_set *wanted)
{
	_cleanup_members_ struct member_list now = {0};
	ssize_t changed = 0;
	uint64_t cursor = 0;
	struct member m;
	int r = sets_list(s, id, &now);

	s->work[id].passes++;
	for (size_t i = 0; r >= 0 && i < member_list_count(&now); i++) {
		m = member_list_at(&now, i);
		r = member_set_has(wanted, &m) ? 0 : toggle(s, id, &m, false);
		changed += r;
	}
	while (r >= 0 && member_set_next(wanted, &cursor, &m)) {
		r = toggle(s, id, &m, true);
		changed += r;
	}
	mark_changed(s, id, (size_t)changed);
	return r < 0 ? r : changed;
}

ssize_t sets_replace(
	struct store *s, uint8_t id, const struct member_list *const lists[], size_t count)
{
	struct member_set wanted = {0};
	ssize_t changed = 0;
	int r = 0;

	if (!sets_count(s, id)) {
		for (size_t i = 0; i < count && changed >= 0; i++) {
			ssize_t added = sets_add(s, id, lists[i]);

			changed = added < 0 ? added : changed + added;
		}
		return changed;
	}
	for (size_t i = 0; i < count && !r; i++)
		r = member_set_add_list(&wanted, lists[i]);
	changed = r ? r : replace_all(s, id, &wanted);
	member_set_deinit(&wanted);
	return changed;
}

/* --- a transaction */

void sets_begin(struct store *s)
{
	s->set_undo_count = 0;
	for (size_t i = 0; i < STORE_SETS_MAX; i++) {
		s->former_sets[i] = s->work[i].next;
		s->work[i].passes = 0;
	}
}

int sets_drop(struct store *s, uint8_t id)
{
	if (sets_replace(s, id, NULL, 0) < 0)
		return -ENOMEM;
	if (lease_table_count(&s->leases, id)) /* these are no business of the ruleset's */
		return 0;
	s->work[id].next = (struct store_set){0};
	s->edits++; /* the id may become another set's */
	return 0;
}

static struct member toggled(const struct classifier_member *done)
{
	struct member m = {.family = done->family, .length = done->length};

	memcpy(m.bytes, done->bytes, sizeof(m.bytes));
	return m;
}

/* What came and went again, or the reverse, is neither. */
static int toggled_twice(const struct store *s, uint8_t id, struct member_set ret[static 2])
{
	int r = 0;

	for (size_t i = 0; i < s->set_undo_count && r >= 0; i++) {
		const struct classifier_member *done = &s->set_undo[i];
		struct member m = toggled(done);

		if (done->set == id && !member_set_remove(&ret[!done->add], &m))
			r = member_set_add(&ret[done->add], &m);
	}
	return r;
}

static int list_of(const struct member_set *set, struct member_list *ret)
{
	uint64_t cursor = 0;
	struct member m;
	int r = 0;

	while (!r && member_set_next(set, &cursor, &m))
		r = member_list_push(ret, &m);
	return r;
}

int sets_toggled(const struct store *s, uint8_t id, struct member_list *ret_added,
	struct member_list *ret_removed)
{
	struct member_set net[2] = {0}; /* removed, added */
	int r = s->work[id].passes > 1 ? toggled_twice(s, id, net) : 0;

	for (size_t i = 0; s->work[id].passes == 1 && i < s->set_undo_count && !r; i++) {
		const struct classifier_member *done = &s->set_undo[i];
		struct member m = toggled(done);

		if (done->set == id)
			r = member_list_push(done->add ? ret_added : ret_removed, &m);
	}
	if (r >= 0)
		r = list_of(&net[0], ret_removed);
	if (!r)
		r = list_of(&net[1], ret_added);
	member_set_deinit(&net[0]);
	member_set_deinit(&net[1]);
	return r;
}

int sets_toggled_count(const struct store *s, uint8_t id, size_t ret[static 2])
{
	struct member_set net[2] = {0};
	int r = s->work[id].passes > 1 ? toggled_twice(s, id, net) : 0;

	for (size_t i = 0; i < 2; i++) {
		ret[i] = member_set_count(&net[i]);
		member_set_deinit(&net[i]);
	}
	for (size_t i = 0; s->work[id].passes == 1 && i < s->set_undo_count; i++)
		if (s->set_undo[i].set == id)
			ret[s->set_undo[i].add]++;
	return r < 0 ? r : 0;
}

/* Whatever changes a set gives it a revision. */
bool sets_differs(const struct store *s, uint8_t id)
{
	const struct store_set *former = &s->former_sets[id], *next = &s->work[id].next;

	return !streq(former->name, next->name) ||
	       former->created_revision != next->created_revision ||
	       former->changed_revision != next->changed_revision;
}

bool sets_changed(const struct store *s)
{
	bool changed = false;

	for (uint8_t id = 0; id < STORE_SETS_MAX && !changed; id++)
		changed = sets_differs(s, id);
	return changed;
}

/* One pass over the members leaves what it changed. */
static bool differs_for_sure(const struct store *s, uint8_t id)
{
	for (size_t i = 0; s->work[id].passes == 1 && i < s->set_undo_count; i++)
		if (s->set_undo[i].set == id)
			return true;
	return false;
}

/* As it was before, but for the revisions. */
static bool is_as_before(const struct store *s, uint8_t id)
{
	const struct store_set *former = &s->former_sets[id], *next = &s->work[id].next;
	struct member_set net[2] = {0};
	bool same = *next->name && streq(former->name, next->name) && former->bannable == next->bannable &&
		    former->max_ttl == next->max_ttl && !differs_for_sure(s, id) &&
		    toggled_twice(s, id, net) >= 0 && !member_set_count(&net[0]) && !member_set_count(&net[1]);

	member_set_deinit(&net[0]);
	member_set_deinit(&net[1]);
	return same;
}

void sets_condense(struct store *s)
{
	for (uint8_t id = 0; id < STORE_SETS_MAX; id++)
		if (sets_differs(s, id) && is_as_before(s, id))
			s->work[id].next = s->former_sets[id];
}

/* Backwards, so that no table ever holds more than it had: nothing here needs memory. */
void sets_undo(struct store *s)
{
	while (s->set_undo_count) {
		const struct classifier_member *done = &s->set_undo[--s->set_undo_count];
		struct member m = toggled(done);

		change_member(s, done->set, &m, !done->add);
		s->next_member_count += done->add ? SIZE_MAX : 1;
	}
	for (size_t i = 0; i < STORE_SETS_MAX; i++)
		s->work[i].next = s->former_sets[i];
}

/* What it takes to take back a large transaction is not kept for the next ones. */
void sets_end(struct store *s)
{
	s->set_undo_count = 0;
	if (s->set_undo_room <= UNDO_KEPT)
		return;
	free(TAKE_PTR(s->set_undo));
	s->set_undo_room = 0;
}
