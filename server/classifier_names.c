/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What policies hold by name or number: counters' slots, redirect targets, limits. */
#include <errno.h>
#include <stdio.h>

#include "server/classifier_internal.h"

/* --- slots */

uint32_t slot_take(struct classifier *c)
{
	uint32_t slot = c->free_slots[c->free_head];

	c->free_head = (c->free_head + 1) % classifier_room(c->max_policies);
	c->free_count--;
	return slot;
}

void slot_give(struct classifier *c, uint32_t slot)
{
	uint32_t room = classifier_room(c->max_policies);

	c->free_slots[(c->free_head + c->free_count) % room] = slot;
	c->free_count++;
}

/* Takes that very slot; false when it is not free. Only adoption searches. */
bool slot_claim(struct classifier *c, uint32_t slot)
{
	uint32_t room = classifier_room(c->max_policies);

	for (uint32_t i = 0; i < c->free_count; i++) {
		uint32_t *at = &c->free_slots[(c->free_head + i) % room];

		if (*at != slot)
			continue;
		*at = c->free_slots[c->free_head];
		slot_take(c);
		return true;
	}
	return false;
}

/* --- redirect targets */

int redirect_take(struct classifier *c, const char *iface, uint32_t *ret)
{
	uint32_t found = PEP_REDIRECTS_MAX;

	for (uint32_t i = 0; i < PEP_REDIRECTS_MAX; i++) {
		if (c->redirects[i].users && streq(c->redirects[i].iface, iface)) {
			found = i;
			break;
		}
		if (!c->redirects[i].users && found == PEP_REDIRECTS_MAX)
			found = i;
	}
	if (found == PEP_REDIRECTS_MAX)
		return -ENOSPC;
	snprintf(c->redirects[found].iface, sizeof(c->redirects[found].iface), "%s", iface);
	c->redirects[found].users++;
	*ret = found;
	return 0;
}

void redirect_give(struct classifier *c, uint32_t index)
{
	struct redirect *r = &c->redirects[index % PEP_REDIRECTS_MAX];

	if (r->users > 0)
		r->users--;
}

bool redirect_claim(struct classifier *c, uint32_t index, const char *iface)
{
	struct redirect *r;

	if (!*iface || index >= PEP_REDIRECTS_MAX)
		return false;
	r = &c->redirects[index];
	if (r->users && !streq(r->iface, iface) && !streq(iface, CLASSIFIER_UNKNOWN) &&
		!streq(r->iface, CLASSIFIER_UNKNOWN))
		return false;
	if (!r->users || streq(r->iface, CLASSIFIER_UNKNOWN))
		snprintf(r->iface, sizeof(r->iface), "%s", iface);
	r->users++;
	return true;
}

void redirect_release(struct classifier *c, uint32_t entry)
{
	const struct pep_rule *rule = &c->t->rules[entry];

	if (c->t->entries[entry].action != PEP_ACTION_REDIRECT)
		return;
	if (rule->spread)
		spread_release(c, rule->spread);
	else
		redirect_give(c, rule->redirect);
}

const char *classifier_redirect(const struct classifier *c, uint32_t index)
{
	return index < PEP_REDIRECTS_MAX && c->redirects[index].users ? c->redirects[index].iface : "";
}

/* --- names */

struct name *name_find(const struct classifier *c, const char *text)
{
	uint64_t hash = table_hash(text, strlen(text));

	for (struct table_node *n = table_first(&c->names, hash); n; n = table_next(n)) {
		struct name *name = CONTAINER_OF(n, struct name, node);

		if (streq(name->name, text))
			return name;
	}
	return NULL;
}

struct name *name_add(struct classifier *c, const char *text)
{
	struct name *name = calloc(1, sizeof(*name));

	if (!name || table_reserve(&c->names, c->names.count + 1) < 0) {
		free(name);
		return NULL;
	}
	snprintf(name->name, sizeof(name->name), "%s", text);
	table_add(&c->names, &name->node, table_hash(text, strlen(text)));
	return name;
}

void name_drop(struct classifier *c, struct name *name)
{
	table_remove(&c->names, &name->node);
	free(name);
}

void names_free(struct classifier *c)
{
	for (size_t i = 0; i < c->names.size; i++)
		while (c->names.buckets[i])
			name_drop(c, CONTAINER_OF(c->names.buckets[i], struct name, node));
	table_deinit(&c->names);
}

/* --- limits */

bool same_limit(const struct classifier *c, uint32_t before, uint32_t after)
{
	const struct pep_rule *a = &c->t->rules[before], *b = &c->t->rules[after];

	return a->limit_mul == b->limit_mul && a->limit_shift == b->limit_shift &&
	       a->limit_tau == b->limit_tau && a->flags == b->flags && a->scope == b->scope &&
	       memcmp(a->scope_mask, b->scope_mask, sizeof(a->scope_mask)) == 0;
}

/* Two for each slot, in turns: buckets of the former are gone before it comes again. */
uint32_t limit_id_next(const struct classifier *c, const struct name *name, uint32_t entry)
{
	uint32_t now;

	if (!name->entry)
		return 2 * name->slot;
	now = c->t->rules[name->entry].limit_id;
	return same_limit(c, name->entry, entry) ? now : now ^ 1;
}

void limits_end(const struct classifier *c, struct classifier_plan *plan)
{
	for (size_t i = 0; i < c->planned_count; i++) {
		const struct name *name = c->planned[i];
		const struct pep_rule *now = &c->t->rules[name->entry],
				      *next = &c->t->rules[name->next];

		if (!name->entry || now->scope == PEP_SCOPE_POLICY ||
			(name->next && next->limit_id == now->limit_id))
			continue;
		plan->ended_limits[plan->ended_limit_count++] = now->limit_id;
	}
}

uint32_t classifier_slot(const struct classifier *c, const char *name)
{
	struct name *found = name_find(c, name);

	return found ? found->slot : PEP_SLOT_NONE;
}

size_t classifier_count(const struct classifier *c)
{
	return c->names.count;
}
