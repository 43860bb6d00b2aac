/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Sets of a whole batch: what the kernel is told, and what takes the place of what is in force. */
#include <errno.h>

#include "server/policy_store_internal.h"

#define IN_PLACE_MAX 1024u /* differences that the flip itself applies to a set */

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
