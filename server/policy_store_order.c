/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Reading what is in force; the two orders of policies are made when somebody asks for them. */
#include <errno.h>

#include "server/policy_store_internal.h"

void order_forget(struct store *s)
{
	free(TAKE_PTR(s->order));
	free(TAKE_PTR(s->position));
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

int order_make(struct store *s)
{
	size_t count = 0;

	if (s->order)
		return 0;
	s->order = calloc(s->count + 1, sizeof(*s->order));
	s->position = calloc(s->count + 1, sizeof(*s->position));
	if (!s->order || !s->position) {
		order_forget(s);
		return -ENOMEM;
	}
	for (size_t i = 0; i < s->entries.size; i++)
		for (struct table_node *n = s->entries.buckets[i]; n; n = n->next) {
			const struct store_policy *p = CONTAINER_OF(n, struct entry, node)->now;

			if (p)
				s->order[count++] = p;
		}
	memcpy(s->position, s->order, count * sizeof(*s->order));
	order_by_rank(s->order, count);
	qsort(s->position, count, sizeof(*s->position), by_position);
	return 0;
}

const struct store_policy *store_policy_at(struct store *s, size_t index)
{
	return index < s->count && !order_make(s) ? s->order[index] : NULL;
}

size_t store_policy_position(struct store *s, const struct store_policy *policy)
{
	const struct store_policy **found = NULL;

	if (!order_make(s))
		found = bsearch(&policy, s->position, s->count, sizeof(*s->position), by_position);
	return found ? (size_t)(found - s->position) + 1 : 0;
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
