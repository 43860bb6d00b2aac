/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reading what is in force. The two orders of policies are made when somebody asks for them, and
 * kept by what changes little: who changes one policy after another is told its place each time.
 */
#include <errno.h>

#include "server/policy_store_internal.h"

#define MOVES_WORTH 16u /* with more of the ruleset changed than one in so many, sorting costs less */

typedef int compare_fn(const void *a, const void *b);

void order_forget(struct store *s)
{
	free(s->order.ranked);
	free(s->order.placed);
	s->order = (struct order){0};
}

static int by_position(const void *a, const void *b)
{
	const struct store_policy *const *p = a, *const *q = b;

	return ((*p)->position > (*q)->position) - ((*p)->position < (*q)->position);
}

/* The rank without its last word, which the position is, here in 64 bits. */
static int by_rank(const void *a, const void *b)
{
	const struct store_policy *const *p = a, *const *q = b;
	int r = policy_rank_compare(policy_rank(&(*p)->policy, 0), policy_rank(&(*q)->policy, 0));

	return r ? r : by_position(a, b);
}

void order_by_rank(const struct store_policy **policies, size_t count)
{
	qsort(policies, count, sizeof(*policies), by_rank);
}

static int make_room(struct order *o, size_t room)
{
	const struct store_policy **ranked = reallocarray(o->ranked, room, sizeof(*ranked));
	const struct store_policy **placed = NULL;

	if (ranked) {
		o->ranked = ranked;
		placed = reallocarray(o->placed, room, sizeof(*placed));
	}
	if (!placed)
		return -ENOMEM;
	o->placed = placed;
	o->room = room;
	return 0;
}

static int order_make(struct store *s)
{
	struct order *o = &s->order;

	if (o->room)
		return 0;
	if (make_room(o, s->count + s->count / 4 + 1) < 0) {
		order_forget(s);
		return -ENOMEM;
	}
	for (size_t i = 0; i < s->entries.size; i++)
		for (struct table_node *n = s->entries.buckets[i]; n; n = n->next) {
			const struct store_policy *p = CONTAINER_OF(n, struct entry, node)->now;

			if (p)
				o->ranked[o->count++] = p;
		}
	memcpy(o->placed, o->ranked, o->count * sizeof(*o->placed));
	order_by_rank(o->ranked, o->count);
	qsort(o->placed, o->count, sizeof(*o->placed), by_position);
	return 0;
}

/* --- kept while it changes */

/* The first that does not stand before it. */
static size_t find(const struct store_policy **list, size_t count, const struct store_policy *policy,
	compare_fn *compare)
{
	size_t first = 0;

	while (first < count) {
		size_t middle = first + (count - first) / 2;

		if (compare(&list[middle], &policy) < 0)
			first = middle + 1;
		else
			count = middle;
	}
	return first;
}

static void move(const struct store_policy **list, size_t count, const struct store_policy *former,
	const struct store_policy *next, compare_fn *compare)
{
	size_t from = former ? find(list, count, former, compare) : count;
	size_t to = next ? find(list, count, next, compare) : count;

	to -= former && to > from; /* as places are without the former */
	if (to > from)
		memmove(&list[from], &list[from + 1], (to - from) * sizeof(*list));
	else
		memmove(&list[to + 1], &list[to], (from - to) * sizeof(*list));
	if (next)
		list[to] = next;
}

void order_change(struct store *s, const struct store_policy *former, const struct store_policy *next)
{
	struct order *o = &s->order;

	if (!o->room || (!former && !next))
		return;
	if (s->touched_count > o->count / MOVES_WORTH + 1 ||
		(o->count == o->room && make_room(o, 2 * o->room) < 0)) {
		order_forget(s);
		return;
	}
	move(o->ranked, o->count, former, next, by_rank);
	move(o->placed, o->count, former, next, by_position);
	o->count += !former;
	o->count -= !next;
}

/* --- what is in force */

int order_ranked(struct store *s, const struct store_policy *const **ret)
{
	int r = order_make(s);

	*ret = s->order.ranked;
	return r;
}

const struct store_policy *store_policy_at(struct store *s, size_t index)
{
	return index < s->count && !order_make(s) ? s->order.ranked[index] : NULL;
}

size_t store_policy_position(struct store *s, const struct store_policy *policy)
{
	return order_make(s) ? 0 : find(s->order.placed, s->order.count, policy, by_position) + 1;
}

size_t store_policy_count(const struct store *s)
{
	return s->count;
}

uint64_t store_revision(const struct store *s)
{
	return s->revision;
}

const struct store_config *store_config(const struct store *s)
{
	return &s->config;
}

uint32_t store_max_policies(const struct store *s)
{
	return s->max_policies;
}

/* --- sets */

const struct store_set *store_set_at(const struct store *s, uint8_t id)
{
	return id < STORE_SETS_MAX && *s->sets[id].name ? &s->sets[id] : NULL;
}

const struct member_set *store_set_members(const struct store *s, uint8_t id)
{
	return &s->members[id];
}

const struct store_set *store_set_find(const struct store *s, const char *name, uint8_t *ret_id)
{
	for (uint8_t id = 0; *name && id < STORE_SETS_MAX; id++)
		if (streq(s->sets[id].name, name)) {
			*ret_id = id;
			return &s->sets[id];
		}
	return NULL;
}

size_t store_set_count(const struct store *s)
{
	size_t count = 0;

	for (size_t id = 0; id < STORE_SETS_MAX; id++)
		count += *s->sets[id].name != 0;
	return count;
}

size_t store_member_count(const struct store *s)
{
	return s->member_count;
}

uint32_t store_max_members(const struct store *s)
{
	return s->max_members;
}
