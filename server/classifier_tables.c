/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/classifier_tables.h"

#include <errno.h>
#include <stdio.h>

#include "server/ladder.h"

int classifier_new(uint32_t max_policies, struct classifier **ret)
{
	struct classifier *c = calloc(1, sizeof(*c));
	uint32_t room = classifier_room(max_policies);

	if (!c)
		return -ENOMEM;
	c->max_policies = max_policies;
	c->free_slots = calloc(room, sizeof(*c->free_slots));
	if (!c->free_slots) {
		free(c);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < room; i++)
		c->free_slots[i] = i;
	c->free_count = room;
	*ret = c;
	return 0;
}

static void table_drop(struct table *table, size_t offset)
{
	for (size_t i = 0; i < table->size; i++)
		while (table->buckets[i]) {
			struct table_node *node = table->buckets[i];

			table->buckets[i] = node->next;
			free((char *)node - offset);
		}
	table_deinit(table);
}

void classifier_free(struct classifier *c)
{
	if (!c)
		return;
	table_drop(&c->cells, offsetof(struct cell, node));
	table_drop(&c->names, offsetof(struct name, node));
	free(c->planned);
	free(c->free_slots);
	free(c);
}

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

void rule_release(struct classifier *c, const struct pep_rule *rule)
{
	if (rule->action == PEP_ACTION_REDIRECT && c->redirects[rule->redirect].users > 0)
		c->redirects[rule->redirect].users--;
}

const char *classifier_redirect(const struct classifier *c, uint32_t index)
{
	return index < PEP_REDIRECTS_MAX && c->redirects[index].users ? c->redirects[index].iface : "";
}

/* --- finding */

struct cell *cell_find(const struct classifier *c, const struct pep_policy_key *key)
{
	uint64_t hash = table_hash(key, sizeof(*key));

	for (struct table_node *n = table_first(&c->cells, hash); n; n = table_next(n)) {
		struct cell *cell = CONTAINER_OF(n, struct cell, node);

		if (memcmp(&cell->key, key, sizeof(*key)) == 0)
			return cell;
	}
	return NULL;
}

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

struct cell *cell_add(struct classifier *c, const struct pep_policy_key *key)
{
	struct cell *cell = calloc(1, sizeof(*cell));

	if (!cell || table_reserve(&c->cells, c->cells.count + 1) < 0) {
		free(cell);
		return NULL;
	}
	cell->key = *key;
	cell->element = NO_ELEMENT;
	table_add(&c->cells, &cell->node, table_hash(key, sizeof(*key)));
	return cell;
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

void cell_drop(struct classifier *c, struct cell *cell)
{
	table_remove(&c->cells, &cell->node);
	free(cell);
}

void name_drop(struct classifier *c, struct name *name)
{
	table_remove(&c->names, &name->node);
	free(name);
}

struct pep_rule *rule_alive(struct pep_policy *value, uint64_t generation)
{
	for (size_t i = 0; i < 2; i++)
		if (value->version[i].born <= generation && generation < value->version[i].dies)
			return &value->version[i];
	return NULL;
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

/* --- adoption */

int classifier_adopt(struct classifier *c, uint64_t generation, const struct pep_policy_key *key,
	const struct pep_policy *value, const char *redirect)
{
	struct pep_policy copy = *value;
	struct pep_rule *rule = rule_alive(&copy, generation);
	_cleanup_policy_ struct policy policy = {0};
	struct name *name;
	struct cell *cell;

	if (!rule)
		return 0;
	if (ladder_policy(key, rule, &policy) < 0 || cell_find(c, key) || name_find(c, rule->name) ||
		classifier_count(c) == c->max_policies || !slot_claim(c, rule->slot))
		return -EINVAL;
	if (rule->action == PEP_ACTION_REDIRECT &&
		(!redirect || rule->redirect >= PEP_REDIRECTS_MAX ||
			(c->redirects[rule->redirect].users &&
				!streq(c->redirects[rule->redirect].iface, redirect)))) {
		slot_give(c, rule->slot);
		return -EINVAL;
	}
	cell = cell_add(c, key);
	name = cell ? name_add(c, rule->name) : NULL;
	if (!name) {
		if (cell)
			cell_drop(c, cell);
		slot_give(c, rule->slot);
		return -ENOMEM;
	}
	if (rule->action == PEP_ACTION_REDIRECT) {
		snprintf(c->redirects[rule->redirect].iface, IFACE_NAME_SIZE, "%s", redirect);
		c->redirects[rule->redirect].users++;
	}
	cell->value.version[0] = *rule;
	name->cell = cell;
	name->slot = rule->slot;
	c->rung_counts[key->rung]++;
	return 0;
}
