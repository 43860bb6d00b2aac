/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a transaction changed, for the journal: of each name what it was and what it is, so that
 * it can be done once more and undone. Only what differs is in it, members too.
 */
#include <errno.h>
#include <stdio.h>

#include "common/member_proto.h"
#include "common/text.h"
#include "server/policy_store_internal.h"

#define READ_BUDGET(size) ((64u << 20) + 40 * (size))

/* --- made of the transaction that was just applied */

struct maker {
	const struct store *s;
	struct store_clock clock;
	struct arena arena;
	Pepctl__Journal__Delta m;
	struct member_list added[STORE_SETS_MAX], removed[STORE_SETS_MAX];
	char *config[2]; /* before, after */
};

static Pepctl__Journal__PolicyState *policy_state(struct maker *k, const struct store_policy *p)
{
	Pepctl__Journal__PolicyState *m = p ? arena_alloc(&k->arena, sizeof(*m)) : NULL;

	if (!m)
		return NULL;
	pepctl__journal__policy_state__init(m);
	m->policy = (ProtobufCBinaryData){p->packed_size, p->packed};
	m->position = p->position;
	m->created_revision = p->created_revision;
	m->changed_revision = p->changed_revision;
	if (p->policy.ttl) {
		m->ends = arena_alloc(&k->arena, sizeof(*m->ends));
		if (m->ends)
			deadline_pack(&k->clock, p->ends, m->ends);
	}
	return m;
}

static int make_policies(struct maker *k)
{
	size_t count = k->s->undo_count;

	k->m.policies = arena_array(&k->arena, count + 1, sizeof(*k->m.policies));
	for (size_t i = 0; k->m.policies && i < count; i++) {
		const struct undo_entry *undo = &k->s->undo[i];
		Pepctl__Journal__PolicyDelta *m = arena_alloc(&k->arena, sizeof(*m));

		if (!m)
			return -ENOMEM;
		pepctl__journal__policy_delta__init(m);
		m->name = undo->entry->name;
		m->before = policy_state(k, undo->next);
		m->after = policy_state(k, undo->entry->next);
		k->m.policies[k->m.n_policies++] = m;
	}
	return k->arena.exhausted || !k->m.policies ? -ENOMEM : 0;
}

static Pepctl__Journal__SetState *set_state(struct maker *k, const struct store_set *set)
{
	Pepctl__Journal__SetState *m = *set->name ? arena_alloc(&k->arena, sizeof(*m)) : NULL;

	if (!m)
		return NULL;
	pepctl__journal__set_state__init(m);
	m->bannable = set->bannable;
	m->max_ttl = set->max_ttl;
	m->created_revision = set->created_revision;
	m->changed_revision = set->changed_revision;
	m->members_revision = set->members_revision;
	return m;
}

/* The wire's prefixes are the list's own bytes. */
static Pepctl__V1__Members *set_members(struct maker *k, const struct member_list *list)
{
	Pepctl__V1__Members *m = arena_alloc(&k->arena, sizeof(*m));

	if (!m)
		return NULL;
	pepctl__v1__members__init(m);
	m->ipv4_prefixes = (ProtobufCBinaryData){list->v4_count * sizeof(*list->v4), (uint8_t *)list->v4};
	m->ipv6_prefixes = (ProtobufCBinaryData){list->v6_count * sizeof(*list->v6), (uint8_t *)list->v6};
	return m;
}

static int make_set(struct maker *k, uint8_t id)
{
	const struct store_set *before = &k->s->former_sets[id], *after = &k->s->work[id].next;
	Pepctl__Journal__SetDelta *m = arena_alloc(&k->arena, sizeof(*m));

	if (!m || sets_toggled(k->s, id, &k->added[id], &k->removed[id]) < 0)
		return -ENOMEM;
	pepctl__journal__set_delta__init(m);
	m->name = (char *)(uintptr_t)(*after->name ? after->name : before->name); /* packing reads only */
	m->before = set_state(k, before);
	m->after = set_state(k, after);
	m->added = set_members(k, &k->added[id]);
	m->removed = set_members(k, &k->removed[id]);
	k->m.sets[k->m.n_sets++] = m;
	return k->arena.exhausted ? -ENOMEM : 0;
}

static int make_sets(struct maker *k)
{
	int r = 0;

	k->m.sets = arena_array(&k->arena, STORE_SETS_MAX, sizeof(*k->m.sets));
	if (!k->m.sets)
		return -ENOMEM;
	for (uint8_t id = 0; id < STORE_SETS_MAX && !r; id++)
		if (sets_differs(k->s, id))
			r = make_set(k, id);
	return r;
}

static int make_config(struct maker *k, const struct store_config *former)
{
	const struct store_config *both[] = {former, &k->s->next_config};

	if (config_equal(both[0], both[1]))
		return 0;
	for (size_t i = 0; i < 2; i++) {
		k->config[i] = config_text(both[i]);
		if (!k->config[i])
			return -ENOMEM;
	}
	k->m.config_before = k->config[0];
	k->m.config_after = k->config[1];
	return 0;
}

int delta_make(const struct store *s, const struct store_config *former, uint8_t **ret, size_t *ret_size)
{
	struct maker k = {.s = s};
	int r;

	s->backend.clock(s->backend.data, &k.clock);
	arena_init(&k.arena, SIZE_MAX);
	pepctl__journal__delta__init(&k.m);
	r = make_policies(&k);
	if (!r)
		r = make_sets(&k);
	if (!r)
		r = make_config(&k, former);
	*ret_size = r ? 0 : pepctl__journal__delta__get_packed_size(&k.m);
	*ret = r ? NULL : malloc(*ret_size + 1);
	if (*ret)
		pepctl__journal__delta__pack(&k.m, *ret);
	for (size_t id = 0; id < STORE_SETS_MAX; id++) {
		member_list_deinit(&k.added[id]);
		member_list_deinit(&k.removed[id]);
	}
	free(k.config[0]);
	free(k.config[1]);
	arena_deinit(&k.arena);
	return *ret ? 0 : -ENOMEM;
}

/* --- done once more, or undone, on the working state */

struct redo {
	struct store *s;
	struct arena *arena;
	bool back;
	struct error *err;
};

static int no_memory(struct error *err)
{
	return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
}

static int read_policy(const struct redo *d, const Pepctl__Journal__PolicyState *m, struct store_policy **ret)
{
	Pepctl__V1__Policy *message =
		pepctl__v1__policy__unpack(&d->arena->allocator, m->policy.len, m->policy.data);
	struct store_clock clock;
	struct policy policy;
	int r;

	if (!message)
		return d->arena->exhausted ? no_memory(d->err) :
					     error_set(d->err, ERROR_PRECONDITION, "JOURNAL", "no policy");
	r = policy_from_proto(message, "policy", &policy, d->err);
	if (r)
		return r;
	r = store_policy_new(&policy, ret) < 0 ? no_memory(d->err) : 0;
	policy_deinit(&policy);
	if (!r && m->ends) {
		d->s->backend.clock(d->s->backend.data, &clock);
		(*ret)->ends = deadline_read(&clock, m->ends->boottime, m->ends->time, m->ends->boot_id);
	}
	return r;
}

/* The kernel may have been a step ahead of the state file: what it holds already stays. */
static bool redo_nothing(struct store_policy *old, const Pepctl__Journal__PolicyState *state,
	struct store_policy *p)
{
	if (!old || old->position != state->position || !policy_equal(&old->policy, &p->policy))
		return false;
	old->created_revision = state->created_revision;
	old->changed_revision = state->changed_revision;
	old->ends = p->ends;
	store_policy_unref(p);
	return true;
}

/* Undone step by step, a policy may come back to what it is now; its time may have begun anew. */
static bool is_in_force(const struct entry *entry, const Pepctl__Journal__PolicyState *state,
	const struct store_policy *p)
{
	return entry && entry->now && entry->now->position == state->position &&
	       entry->now->ends == p->ends && policy_equal(&entry->now->policy, &p->policy);
}

/* Its time goes on also while it is not there. */
static bool is_over(const struct store *s, const struct store_policy *p)
{
	struct store_clock clock;

	if (!p->policy.ttl)
		return false;
	s->backend.clock(s->backend.data, &clock);
	return p->ends <= clock.boottime;
}

static int redo_policy(const struct redo *d, const Pepctl__Journal__PolicyDelta *m)
{
	const Pepctl__Journal__PolicyState *state = d->back ? m->before : m->after;
	struct store_policy *p = NULL;
	int r = state ? read_policy(d, state, &p) : 0;

	if (p && d->back && is_over(d->s, p)) {
		store_policy_unref(p);
		p = NULL;
	}
	if (r || (!p && !entry_next(entry_find(d->s, m->name))))
		return r;
	if (p && !d->back && redo_nothing(entry_next(entry_find(d->s, m->name)), state, p))
		return 0;
	if (p && d->back && is_in_force(entry_find(d->s, m->name), state, p)) {
		store_policy_unref(p);
		p = store_policy_ref(entry_find(d->s, m->name)->now);
	} else if (p) {
		p->position = state->position;
		p->created_revision = state->created_revision;
		p->changed_revision = d->back ? d->s->next_revision + 1 : state->changed_revision;
		d->s->last_position = MAX(d->s->last_position, p->position);
	}
	return entry_put(d->s, m->name, p) < 0 ? no_memory(d->err) : 0;
}

static int redo_members(const struct redo *d, uint8_t id, const Pepctl__V1__Members *m, bool add)
{
	_cleanup_members_ struct member_list list = {0};
	int r = members_from_proto(m, "members", &list, d->err);

	if (r)
		return r;
	return (add ? sets_add : sets_remove)(d->s, id, &list) < 0 ? no_memory(d->err) : 0;
}

static int redo_set(const struct redo *d, const Pepctl__Journal__SetDelta *m)
{
	const Pepctl__Journal__SetState *state = d->back ? m->before : m->after;
	uint8_t id = sets_find(d->s, m->name);
	struct store_set *set;
	int r;

	if (!state && id == NO_SET)
		return 0;
	if (!state)
		return (!d->back && leases_forget(d->s, id) < 0) || sets_drop(d->s, id) < 0 ? no_memory(d->err) : 0;
	if (id == NO_SET && (id = sets_create(d->s, m->name)) == NO_SET)
		return error_set(d->err, ERROR_LIMIT, "SETS_FULL", "there is no room for set %s", m->name);
	r = redo_members(d, id, d->back ? m->added : m->removed, false);
	if (!r)
		r = redo_members(d, id, d->back ? m->removed : m->added, true);
	set = &d->s->work[id].next;
	set->bannable = state->bannable;
	set->max_ttl = state->max_ttl;
	set->created_revision = state->created_revision;
	set->changed_revision = d->back ? d->s->next_revision + 1 : state->changed_revision;
	if (!d->back)
		set->members_revision = state->members_revision;
	return r;
}

static int redo_config(const struct redo *d, const char *text)
{
	_cleanup_changes_ struct change_list list = {0};
	struct text_problems problems = {0};
	int r = text_parse_file(text, strlen(text), &list, &problems);

	if (r)
		r = error_set(d->err, ERROR_PRECONDITION, "JOURNAL", "%s",
			problems.count ? problems.items[0].message : "it cannot be read");
	text_problems_deinit(&problems);
	if (r)
		return r;
	return config_read(&list, &d->s->next_config) < 0 ? no_memory(d->err) : 0;
}

static int redo(const struct redo *d, const Pepctl__Journal__Delta *m)
{
	const char *config = d->back ? m->config_before : m->config_after;
	int r = *config ? redo_config(d, config) : 0;

	for (size_t i = 0; i < m->n_sets && !r; i++)
		r = redo_set(d, m->sets[i]);
	for (size_t i = 0; i < m->n_policies && !r; i++)
		r = redo_policy(d, m->policies[i]);
	return r;
}

int delta_apply(struct store *s, const uint8_t *bytes, size_t size, bool back, struct error *err)
{
	struct arena arena;
	struct redo d = {s, &arena, back, err};
	Pepctl__Journal__Delta *m;
	int r;

	arena_init(&arena, READ_BUDGET(size));
	m = pepctl__journal__delta__unpack(&arena.allocator, size, bytes);
	if (m)
		r = redo(&d, m);
	else
		r = arena.exhausted ? no_memory(err) : error_set(err, ERROR_PRECONDITION, "JOURNAL", "no change");
	arena_deinit(&arena);
	return r;
}
