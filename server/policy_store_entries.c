/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The working state. Names that transactions touch get a `next` beside what is
 * in force; everything else is shared, so that the cost follows the change. Names
 * that are not in force are in a table of their own: the loop reads the other. A
 * transaction that fails is taken back by its own undo list; the others of its
 * batch stay.
 */
#include <errno.h>
#include <stdio.h>

#include "common/array.h"
#include "common/policy_proto.h"
#include "common/text.h"
#include "server/policy_store_internal.h"

/* --- policies */

static int pack(struct store_policy *p)
{
	Pepctl__V1__Policy *message;
	struct arena arena;

	arena_init(&arena, ARENA_BUDGET_DEFAULT);
	message = policy_to_proto(&p->policy, &arena);
	p->packed_size = message ? pepctl__v1__policy__get_packed_size(message) : 0;
	p->packed = message ? malloc(p->packed_size) : NULL;
	if (p->packed)
		pepctl__v1__policy__pack(message, p->packed);
	arena_deinit(&arena);
	return p->packed ? 0 : -ENOMEM;
}

int store_policy_new(const struct policy *policy, struct store_policy **ret)
{
	struct store_policy *p = calloc(1, sizeof(*p));

	if (!p || policy_copy(policy, &p->policy) < 0) {
		free(p);
		return -ENOMEM;
	}
	p->references = 1;
	p->slot = PEP_SLOT_NONE;
	p->line = text_format_policy(policy);
	if (!p->line || pack(p) < 0) {
		store_policy_unref(p);
		return -ENOMEM;
	}
	*ret = p;
	return 0;
}

struct store_policy *store_policy_ref(const struct store_policy *p)
{
	struct store_policy *shared = (struct store_policy *)(uintptr_t)p; /* the count is not the policy */

	__atomic_fetch_add(&shared->references, 1, __ATOMIC_RELAXED);
	return shared;
}

void store_policy_unref(struct store_policy *p)
{
	if (!p || __atomic_sub_fetch(&p->references, 1, __ATOMIC_ACQ_REL))
		return;
	policy_deinit(&p->policy);
	free(p->line);
	free(p->packed);
	free(p);
}

/* --- entries */

static struct entry *find_in(const struct table *table, const char *name, uint64_t hash)
{
	for (struct table_node *n = table_first(table, hash); n; n = table_next(n)) {
		struct entry *entry = CONTAINER_OF(n, struct entry, node);

		if (streq(entry->name, name))
			return entry;
	}
	return NULL;
}

struct entry *entry_find(const struct store *s, const char *name)
{
	uint64_t hash = table_hash(name, strlen(name));
	struct entry *entry = find_in(&s->entries, name, hash);

	return entry ? entry : find_in(&s->fresh, name, hash);
}

const struct store_policy *store_policy_find(const struct store *s, const char *name)
{
	const struct entry *entry = find_in(&s->entries, name, table_hash(name, strlen(name)));

	return entry ? entry->now : NULL;
}

static int each_in(const struct table *table, int (*cb)(void *data, struct entry *entry),
	void *data)
{
	int r = 0;

	for (size_t i = 0; i < table->size && !r; i++)
		for (struct table_node *n = table->buckets[i]; n && !r; n = n->next)
			r = cb(data, CONTAINER_OF(n, struct entry, node));
	return r;
}

int entries_each(const struct store *s, int (*cb)(void *data, struct entry *entry), void *data)
{
	int r = each_in(&s->entries, cb, data);

	return r ? r : each_in(&s->fresh, cb, data);
}

struct store_policy *entry_next(const struct entry *entry)
{
	return !entry ? NULL : entry->touched ? entry->next : entry->now;
}

static struct entry *entry_add(struct store *s, const char *name)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry || table_reserve(&s->fresh, s->fresh.count + 1) < 0) {
		free(entry);
		return NULL;
	}
	snprintf(entry->name, sizeof(entry->name), "%s", name);
	entry->fresh = true;
	table_add(&s->fresh, &entry->node, table_hash(name, strlen(name)));
	return entry;
}

static void entry_drop(struct store *s, struct entry *entry)
{
	table_remove(entry->fresh ? &s->fresh : &s->entries, &entry->node);
	free(entry);
}

void entries_free(struct store *s)
{
	for (size_t i = 0; i < s->entries.size; i++)
		while (s->entries.buckets[i]) {
			struct entry *entry = CONTAINER_OF(s->entries.buckets[i], struct entry, node);

			store_policy_unref(entry->now);
			entry_drop(s, entry);
		}
	table_deinit(&s->entries);
	table_deinit(&s->fresh);
	free(s->timed);
}

/* Takes over `policy` (NULL = deletes) as what the name will be. */
int entry_put(struct store *s, const char *name, struct store_policy *policy)
{
	struct entry *entry = entry_find(s, name);

	if (array_grow(&s->touched, &s->touched_room, s->touched_count, sizeof(*s->touched)) < 0 ||
		array_grow(&s->undo, &s->undo_room, s->undo_count, sizeof(*s->undo)) < 0 ||
		(!entry && !(entry = entry_add(s, name)))) {
		store_policy_unref(policy);
		return -ENOMEM;
	}
	s->edits++;
	s->next_count += (size_t)(policy != NULL) - (size_t)(entry_next(entry) != NULL);
	if (!entry->touched) {
		entry->touched = true;
		entry->next = entry->now ? store_policy_ref(entry->now) : NULL;
		s->touched[s->touched_count++] = entry;
	}
	s->undo[s->undo_count++] = (struct undo_entry){entry, entry->next};
	entry->next = policy;
	return 0;
}

void undo_back(struct store *s)
{
	s->edits++;
	while (s->undo_count) {
		struct undo_entry *undo = &s->undo[--s->undo_count];

		s->next_count += (size_t)(undo->next != NULL) - (size_t)(undo->entry->next != NULL);
		store_policy_unref(undo->entry->next);
		undo->entry->next = undo->next;
	}
}

void undo_forget(struct store *s)
{
	while (s->undo_count)
		store_policy_unref(s->undo[--s->undo_count].next);
}

void undo_condense(struct store *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->undo_count; i++) {
		struct undo_entry undo = s->undo[i];
		bool first = undo.entry->described != s->serial;

		undo.entry->described = s->serial;
		if (first && undo.next != undo.entry->next)
			s->undo[kept++] = undo;
		else
			store_policy_unref(undo.next);
	}
	s->undo_count = kept;
}

int entries_reserve(struct store *s)
{
	if (ends_reserve(s) < 0)
		return -ENOMEM;
	return table_reserve(&s->entries, s->entries.count + s->fresh.count);
}

/* Into the table of what is in force, which has room for it. */
static void move_in(struct store *s, struct entry *entry)
{
	uint64_t hash = entry->node.hash;

	table_remove(&s->fresh, &entry->node);
	entry->fresh = false;
	table_add(&s->entries, &entry->node, hash);
}

void apply_commit(struct store *s)
{
	for (size_t i = 0; i < s->touched_count; i++) {
		struct entry *entry = s->touched[i];

		order_change(s, entry->now, entry->next);
		store_policy_unref(entry->now);
		entry->now = TAKE_PTR(entry->next);
		entry->touched = false;
		ends_note(s, entry);
		if (!entry->now)
			entry_drop(s, entry);
		else if (entry->fresh)
			move_in(s, entry);
	}
	s->touched_count = 0;
	sets_commit(s);
	s->config = s->next_config;
	s->revision = s->next_revision;
	if (s->confirm.revision != s->next_confirm.revision)
		s->timers[TIMER_UNDO].again = 0;
	s->confirm = s->next_confirm;
	leases_commit(s);
	store_set_alarm(s);
	s->count = s->next_count;
}

void apply_abort(struct store *s)
{
	undo_forget(s);
	for (size_t i = 0; i < s->touched_count; i++) {
		struct entry *entry = s->touched[i];

		store_policy_unref(TAKE_PTR(entry->next));
		entry->touched = false;
		if (!entry->now)
			entry_drop(s, entry);
	}
	s->edits += s->touched_count;
	s->touched_count = 0;
	leases_undo(s, 0);
	sets_abort(s);
	s->next_config = s->config;
	s->next_revision = s->revision;
	s->next_confirm = s->confirm;
	s->next_count = s->count;
	store_set_alarm(s); /* it may have rung while leases looked as if they did not end yet */
}
