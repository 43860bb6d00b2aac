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

#define IN_PLACE_MAX 1024u /* differences that the flip itself applies to a set */
#define UNDO_KEPT    4096u

/* --- names and ids */

uint8_t sets_find(const struct store *s, const char *name)
{
	for (uint8_t id = 0; *name && id < STORE_SETS_MAX; id++)
		if (streq(s->work[id].next.name, name))
			return id;
	return NO_SET;
}

/* A name that is in force and was deleted has its id still. */
static uint8_t take_id(const struct store *s, const char *name)
{
	uint8_t found = NO_SET;

	for (uint8_t id = STORE_SETS_MAX; id-- > 0;) {
		if (streq(s->sets[id].name, name))
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
	if (add && member_list_count(list) > IN_PLACE_MAX &&
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

/* As it was before, but for the revisions. */
static bool is_as_before(const struct store *s, uint8_t id)
{
	const struct store_set *former = &s->former_sets[id], *next = &s->work[id].next;
	struct member_set net[2] = {0};
	bool same = *next->name && streq(former->name, next->name) && former->bannable == next->bannable &&
		    former->max_ttl == next->max_ttl && toggled_twice(s, id, net) >= 0 &&
		    !member_set_count(&net[0]) && !member_set_count(&net[1]);

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

/* --- a batch */

/* Whether what the kernel has changes by it, which has what the ruleset or any owner has. */
static bool is_news(const struct store *s, uint8_t id, const struct member_set *from, const struct member *m)
{
	const struct set_work *w = &s->work[id];

	if (from == &w->added)
		return !leases_held_now(s, id, m);
	if (from == &w->removed)
		return !lease_table_held(&s->leases, id, m);
	return !member_set_has(&s->members[id], m) && !member_set_has(&w->added, m);
}

static void copy_members(const struct store *s, const struct member_set *from, uint8_t id, bool add,
	struct classifier_member **at)
{
	const struct set_work *w = &s->work[id];
	bool shared = lease_table_count(&s->leases, id) || member_set_count(&w->held_removed);
	uint64_t cursor = 0;
	struct member m;

	while (member_set_next(from, &cursor, &m)) {
		if (shared && !is_news(s, id, from, &m))
			continue;
		**at = (struct classifier_member){
			.set = id, .add = add, .family = m.family, .length = m.length};
		memcpy((*at)++->bytes, m.bytes, sizeof(m.bytes));
	}
}

int sets_members(const struct store *s, struct classifier_member **ret, size_t *ret_count)
{
	struct classifier_member *all, *at;
	size_t count = 0;

	for (size_t id = 0; id < STORE_SETS_MAX; id++)
		count += member_set_count(&s->work[id].added) + member_set_count(&s->work[id].removed) +
			 member_set_count(&s->work[id].held_added) +
			 member_set_count(&s->work[id].held_removed);
	at = all = calloc(count + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (uint8_t id = 0; id < STORE_SETS_MAX; id++) {
		copy_members(s, &s->work[id].removed, id, false, &at);
		copy_members(s, &s->work[id].held_removed, id, false, &at);
		copy_members(s, &s->work[id].added, id, true, &at);
		copy_members(s, &s->work[id].held_added, id, true, &at);
	}
	*ret = all;
	*ret_count = (size_t)(at - all);
	return 0;
}

static int build(struct store *s, uint8_t id)
{
	struct set_work *w = &s->work[id];
	const struct member_set *now = &s->members[id];
	struct member_set whole = {0};
	uint64_t cursor = 0;
	struct member m;

	w->swap = true;
	if (!member_set_count(now)) { /* all of it is new */
		w->whole = w->added;
		w->added = (struct member_set){0};
		return 0;
	}
	/* Exact in each family, so that a set which shrank gives its memory back. */
	if (member_set_reserve(&whole, now->v4.count + w->added.v4.count - w->removed.v4.count,
		    now->v6.count + w->added.v6.count - w->removed.v6.count) < 0) {
		member_set_deinit(&whole);
		return -ENOMEM;
	}
	while (member_set_next(now, &cursor, &m))
		if (!member_set_has(&w->removed, &m))
			member_set_add(&whole, &m);
	cursor = 0;
	while (member_set_next(&w->added, &cursor, &m))
		member_set_add(&whole, &m);
	w->whole = whole;
	return 0;
}

int sets_build(struct store *s)
{
	for (uint8_t id = 0; id < STORE_SETS_MAX; id++) {
		const struct set_work *w = &s->work[id];
		size_t count = member_set_count(&w->added) + member_set_count(&w->removed);

		if ((count > IN_PLACE_MAX || !member_set_has_room(&s->members[id],
						     w->added.v4.count, w->added.v6.count)) &&
			build(s, id) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void forget(struct set_work *w)
{
	member_set_deinit(&w->added);
	member_set_deinit(&w->removed);
	member_set_deinit(&w->whole);
	member_set_deinit(&w->held_added);
	member_set_deinit(&w->held_removed);
	w->swap = false;
}

/* Few and with room, as sets_build() saw to: neither long nor able to fail. */
static void apply_in_place(struct member_set *members, const struct set_work *w)
{
	uint64_t cursor = 0;
	struct member m;

	while (member_set_next(&w->removed, &cursor, &m))
		member_set_remove(members, &m);
	cursor = 0;
	while (member_set_next(&w->added, &cursor, &m))
		member_set_add(members, &m);
}

void sets_commit(struct store *s)
{
	for (size_t id = 0; id < STORE_SETS_MAX; id++) {
		struct set_work *w = &s->work[id];

		if (w->swap) {
			member_set_deinit(&s->members[id]);
			s->members[id] = w->whole;
			w->whole = (struct member_set){0};
		} else {
			apply_in_place(&s->members[id], w);
		}
		forget(w);
		if (*s->sets[id].name && !*w->next.name) {
			s->settling_ids |= 1ull << id;
			member_set_deinit(&s->members[id]);
		}
		s->sets[id] = w->next;
	}
	s->member_count = s->next_member_count;
}

void sets_abort(struct store *s)
{
	for (size_t id = 0; id < STORE_SETS_MAX; id++) {
		forget(&s->work[id]);
		s->work[id].next = s->sets[id];
	}
	s->next_member_count = s->member_count;
}

void sets_free(struct store *s)
{
	for (size_t id = 0; id < STORE_SETS_MAX; id++) {
		forget(&s->work[id]);
		member_set_deinit(&s->members[id]);
	}
	free(s->set_undo);
}
