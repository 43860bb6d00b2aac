/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Taking over tables that another daemon left, in whatever state it ended:
 * entries that are alive and have a name go on, all others leave their runs.
 */
#include <errno.h>
#include <stdio.h>

#include "server/classifier_internal.h"

static int adopt_begin(struct classifier *c)
{
	if (c->claimed)
		return 0;
	c->claimed = calloc(classifier_entries(c->max_policies), sizeof(*c->claimed));
	if (!c->claimed)
		return -ENOMEM;
	classes_adopt(c);
	tuples_adopt(c);
	members_adopt(&c->members);
	return 0;
}

static bool target_claim(struct classifier *c, uint32_t entry, const char *iface)
{
	const struct pep_rule *rule = &c->t->rules[entry];

	if (c->t->entries[entry].action != PEP_ACTION_REDIRECT)
		return true;
	return rule->spread ? spread_claim(c, rule->spread) : redirect_claim(c, rule->redirect, iface);
}

int classifier_adopt(struct classifier *c, uint64_t generation, uint32_t entry, const char *name,
	const char *redirect)
{
	struct pep_entry *e;
	struct name *found;
	int r = adopt_begin(c);

	if (r)
		return r;
	if (!entry || entry >= classifier_entries(c->max_policies) || c->claimed[entry])
		return -EINVAL;
	e = &c->t->entries[entry];
	if (!entry_alive(e, generation))
		return 1;
	if (name_find(c, name) || c->names.count == c->max_policies ||
		c->t->rules[entry].tuple >= PEP_TUPLES_MAX || !slot_claim(c, e->slot))
		return -EINVAL;
	found = target_claim(c, entry, redirect) ? name_add(c, name) : NULL;
	if (!found) {
		slot_give(c, e->slot);
		return -EINVAL;
	}
	e->born = e->dies = 0; /* a plan that was never in force may have marked it */
	found->entry = entry;
	found->slot = e->slot;
	c->claimed[entry] = true;
	return 0;
}

static void drop_unclaimed(struct classifier *c, uint32_t entry, void *data)
{
	(void)data;
	if (!c->claimed[entry])
		tuple_remove(c, entry);
}

int classifier_adopt_end(struct classifier *c)
{
	int r = adopt_begin(c);

	if (r)
		return r;
	runs_each(c, drop_unclaimed, NULL);
	c->free.count = 0;
	for (uint32_t entry = classifier_entries(c->max_policies) - 1; entry > 0; entry--)
		if (!c->claimed[entry])
			c->limbo.items[c->limbo.count++] = entry;
	c->memory.grace(c->memory.data);
	memcpy(c->free.items, c->limbo.items, c->limbo.count * sizeof(*c->free.items));
	c->free.count = c->limbo.count;
	c->limbo.count = 0;
	free(TAKE_PTR(c->claimed));
	return 0;
}

uint32_t classifier_position(const struct classifier *c, uint32_t entry)
{
	return (uint32_t)c->t->entries[entry].rank[1];
}
