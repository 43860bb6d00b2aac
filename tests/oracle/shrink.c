/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "shrink.h"

#include <errno.h>

/* The array that shrinks now, inside the ruleset. */
struct shrinking {
	struct oracle_ruleset *ruleset;
	char **items;
	size_t *count;
	size_t size;
	shrink_fails *fails;
	void *context;
};

/* Leaves out `count` items from `first` on; puts them back unless it still fails. */
static bool leave_out(struct shrinking *s, size_t first, size_t count)
{
	char *whole = *s->items;
	size_t before = *s->count;
	size_t left = before - count;
	char *part = malloc(left * s->size + 1);

	if (!part)
		return false;
	memcpy(part, whole, first * s->size);
	memcpy(part + first * s->size, whole + (first + count) * s->size, (left - first) * s->size);
	*s->items = part;
	*s->count = left;
	if (s->fails(s->context, s->ruleset)) {
		free(whole);
		return true;
	}
	*s->items = whole;
	*s->count = before;
	free(part);
	return false;
}

/* One pass over all pieces of that size. */
static bool pass(struct shrinking *s, size_t piece)
{
	bool shorter = false;

	for (size_t first = 0; first < *s->count;) {
		size_t count = MIN(piece, *s->count - first);

		if (leave_out(s, first, count))
			shorter = true;
		else
			first += count;
	}
	return shorter;
}

static void shrink(struct shrinking *s)
{
	for (size_t piece = (*s->count + 1) / 2; piece > 1; piece = (piece + 1) / 2)
		pass(s, piece);
	while (pass(s, 1))
		;
}

static void *copy_array(const void *items, size_t size)
{
	void *copy = malloc(size + 1);

	if (copy && size)
		memcpy(copy, items, size);
	return copy;
}

/* The members of each set, and the arrays, are copies. */
static int copy_arrays(const struct oracle_ruleset *ruleset, struct oracle_ruleset *ret)
{
	*ret = *ruleset;
	ret->policies = copy_array(ruleset->policies, ruleset->count * sizeof(*ret->policies));
	ret->sets = copy_array(ruleset->sets, ruleset->set_count * sizeof(*ret->sets));
	ret->defaults =
		copy_array(ruleset->defaults, ruleset->default_count * sizeof(*ret->defaults));
	ret->set_count = 0;
	if (!ret->policies || !ret->sets || !ret->defaults)
		return -ENOMEM;
	for (; ret->set_count < ruleset->set_count; ret->set_count++) {
		struct oracle_set *set = &ret->sets[ret->set_count];

		set->members = copy_array(set->members, set->count * sizeof(*set->members));
		if (!set->members)
			return -ENOMEM;
	}
	return 0;
}

/* A flag that need not be set is cleared. */
static void clear_flag(struct shrinking *s, bool *flag)
{
	bool before = *flag;

	*flag = false;
	if (before && !s->fails(s->context, s->ruleset))
		*flag = true;
}

static void shrink_settings(struct shrinking *s)
{
	clear_flag(s, &s->ruleset->default_block);
	clear_flag(s, &s->ruleset->fragments_drop);
	clear_flag(s, &s->ruleset->malformed_drop);
	s->items = (char **)&s->ruleset->defaults;
	s->count = &s->ruleset->default_count;
	s->size = sizeof(*s->ruleset->defaults);
	shrink(s);
}

static void shrink_sets(struct shrinking *s)
{
	s->size = sizeof(struct policy_address);
	for (size_t i = 0; i < s->ruleset->set_count; i++) {
		s->items = (char **)&s->ruleset->sets[i].members;
		s->count = &s->ruleset->sets[i].count;
		shrink(s);
	}
}

int shrink_ruleset(const struct oracle_ruleset *ruleset, shrink_fails *fails, void *context,
	struct oracle_ruleset *ret)
{
	_cleanup_(shrink_free) struct oracle_ruleset copy = {0};
	struct shrinking s = {.ruleset = &copy, .fails = fails, .context = context};

	if (copy_arrays(ruleset, &copy))
		return -ENOMEM;
	s.items = (char **)&copy.policies;
	s.count = &copy.count;
	s.size = sizeof(*copy.policies);
	shrink(&s);
	shrink_sets(&s);
	shrink_settings(&s);
	*ret = copy;
	copy = (struct oracle_ruleset){0};
	return 0;
}

void shrink_free(struct oracle_ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->set_count; i++)
		free(ruleset->sets[i].members);
	free(ruleset->policies);
	free(ruleset->sets);
	free(ruleset->defaults);
	*ruleset = (struct oracle_ruleset){0};
}
