/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The rules of sets. */
#include <errno.h>

#include "server/policy_store_internal.h"

static const struct change *change_at(const struct apply *a, size_t index)
{
	return &a->tx->changes.items[index];
}

/* In a replacement, what the transaction has not put itself is as good as gone. */
static uint8_t find(const struct apply *a, const char *name)
{
	uint8_t id = sets_find(a->s, name);

	if (id != NO_SET && a->tx->mode == STORE_REPLACE_ALL && a->s->work[id].serial != a->serial)
		return NO_SET;
	return id;
}

static int create(struct apply *a, const char *name, uint8_t *ret)
{
	uint8_t id = sets_create(a->s, name);

	if (id == NO_SET)
		return apply_refuse(a, ERROR_LIMIT, "SETS_FULL", "",
			"there are %u sets, which is the limit; a set that goes makes room for the "
			"next "
			"transaction",
			STORE_SETS_MAX);
	*ret = id;
	return 0;
}

/* Whether the options differ from what they were. */
static bool set_options(struct apply *a, uint8_t id, const struct change *change)
{
	struct store_set *set = &a->s->work[id].next;

	if (set->bannable == change->bannable && set->max_ttl == change->max_ttl)
		return false;
	set->bannable = change->bannable;
	set->max_ttl = change->max_ttl;
	set->changed_revision = a->s->next_revision + 1;
	return true;
}

/* Additions to the set right behind the change that makes it: a large set comes in pieces. */
static size_t count_pieces(const struct apply *a)
{
	const struct change *first = change_at(a, a->index);
	size_t count = 1;

	while (a->index + count < a->tx->changes.count &&
		change_at(a, a->index + count)->kind == CHANGE_ADD_MEMBERS &&
		streq(change_at(a, a->index + count)->name, first->name))
		count++;
	return count;
}

/* All pieces at once, so that a set which stays as it is changes nothing. */
static ssize_t replace(struct apply *a, uint8_t id, size_t pieces)
{
	const struct member_list **lists = calloc(pieces, sizeof(*lists));
	ssize_t changed = -ENOMEM;

	for (size_t i = 0; lists && i < pieces; i++)
		lists[i] = &change_at(a, a->index + i)->members;
	if (lists)
		changed = sets_replace(a->s, id, lists, pieces);
	free(lists);
	return changed;
}

static void set_effects(enum store_effect *effects, size_t count, enum store_effect first)
{
	effects[0] = first;
	for (size_t i = 1; i < count; i++)
		effects[i] = first ? STORE_CHANGED : STORE_UNCHANGED;
}

/* CREATE_SET, PUT_SET and REPLACE_MEMBERS, with the pieces that follow. */
static int put_set(struct apply *a, size_t pieces, enum store_effect *effects)
{
	const struct change *change = change_at(a, a->index);
	uint8_t id = sets_find(a->s, change->name);
	bool created = id == NO_SET, options = false;
	ssize_t changed;

	if (change->file)
		return apply_refuse(
			a, ERROR_INVALID, NULL, "", "the file %s was not read", change->file);
	if (change->kind == CHANGE_CREATE_SET && !created)
		return apply_refuse(a, ERROR_EXISTS, "SET_EXISTS", "",
			"set %s exists; add to it, or choose another name", change->name);
	if (change->kind == CHANGE_REPLACE_MEMBERS && find(a, change->name) == NO_SET &&
		!change->allow_missing)
		return apply_refuse(
			a, ERROR_NOT_FOUND, "NO_SET", "", "there is no set %s", change->name);
	if (created && create(a, change->name, &id) < 0)
		return -EINVAL;
	a->s->work[id].serial = a->serial;
	if (change->kind != CHANGE_REPLACE_MEMBERS)
		options = set_options(a, id, change);
	changed = replace(a, id, pieces);
	if (changed < 0)
		return apply_no_memory(a);
	set_effects(effects, pieces,
		created              ? STORE_CREATED
		: changed || options ? STORE_CHANGED
				     : STORE_UNCHANGED);
	return 0;
}

static int change_members(struct apply *a, const struct change *change, enum store_effect *effect)
{
	bool add = change->kind == CHANGE_ADD_MEMBERS;
	uint8_t id = find(a, change->name);
	ssize_t changed;

	if (id == NO_SET) {
		if (!change->allow_missing)
			return apply_refuse(a, ERROR_NOT_FOUND, "NO_SET", "",
				"there is no set %s%s", change->name, add ? "; create it first" : "");
		if (add)
			return put_set(a, 1, effect);
		return 0;
	}
	changed = add ? sets_add(a->s, id, &change->members)
		      : sets_remove(a->s, id, &change->members);
	if (changed < 0)
		return apply_no_memory(a);
	*effect = changed ? STORE_CHANGED : STORE_UNCHANGED;
	return 0;
}

/* Its members leave it one by one, for the classifier. */
static int drop(struct apply *a, uint8_t id)
{
	if (sets_drop(a->s, id) < 0)
		return apply_no_memory(a);
	a->sets_deleted = true;
	return 0;
}

static int delete_set(struct apply *a, const struct change *change, enum store_effect *effect)
{
	uint8_t id = sets_find(a->s, change->name);

	if (id == NO_SET)
		return change->allow_missing ? 0
					     : apply_refuse(a, ERROR_NOT_FOUND, "NO_SET", "",
						       "there is no set %s", change->name);
	if (lease_table_count(&a->s->leases, id))
		return apply_refuse(a, ERROR_PRECONDITION, "SET_HAS_LEASES", "",
			"owners hold %zu members of set %s; release them first",
			lease_table_count(&a->s->leases, id), change->name);
	*effect = STORE_DELETED;
	return drop(a, id);
}

size_t apply_set(struct apply *a, enum store_effect *effects)
{
	const struct change *change = change_at(a, a->index);
	size_t pieces = 1;

	switch (change->kind) {
	case CHANGE_DELETE_SET:
		delete_set(a, change, effects);
		return 1;
	case CHANGE_ADD_MEMBERS:
	case CHANGE_REMOVE_MEMBERS:
		change_members(a, change, effects);
		return 1;
	default:
		pieces = count_pieces(a);
		put_set(a, pieces, effects);
		return pieces;
	}
}

int apply_replace_sets(struct apply *a)
{
	int r = 0;

	for (uint8_t id = 0; id < STORE_SETS_MAX && !r; id++)
		if (*a->s->work[id].next.name && a->s->work[id].serial != a->serial)
			r = drop(a, id);
	return r;
}

/* --- names of sets in policies */

static const char *missing(const struct apply *a, const struct policy_address *address)
{
	return address->kind == POLICY_SET && sets_find(a->s, address->set) == NO_SET ? address->set
										      : NULL;
}

static void check_policy(struct apply *a, const struct policy *policy)
{
	const char *src = missing(a, &policy->match.src), *dst = missing(a, &policy->match.dst);

	if (src)
		apply_refuse(a, ERROR_NOT_FOUND, "NO_SET", ".match.src", "there is no set %s", src);
	if (dst)
		apply_refuse(a, ERROR_NOT_FOUND, "NO_SET", ".match.dst", "there is no set %s", dst);
}

/* A policy that stood before and names a set that goes: the deletion is at fault. */
static int check_entry(void *data, struct entry *entry)
{
	const struct store_policy *p = entry_next(entry);
	struct apply *a = data;
	const char *set = NULL;

	if (p && !(set = missing(a, &p->policy.match.src)))
		set = missing(a, &p->policy.match.dst);
	if (!set || entry->serial == a->serial) /* those of the transaction are told already */
		return 0;
	for (a->index = 0; a->index < a->tx->changes.count; a->index++)
		if (change_at(a, a->index)->kind == CHANGE_DELETE_SET &&
			streq(change_at(a, a->index)->name, set))
			break;
	if (a->index < a->tx->changes.count)
		apply_refuse(a, ERROR_PRECONDITION, "SET_IN_USE", "",
			"policy %s uses set %s; delete or change it first", entry->name, set);
	return 0;
}

void apply_check_sets(struct apply *a)
{
	for (a->index = 0; a->index < a->tx->changes.count; a->index++) {
		const struct change *change = change_at(a, a->index);
		const struct store_policy *p =
			change->kind == CHANGE_CREATE_POLICY || change->kind == CHANGE_PUT_POLICY
				? entry_next(entry_find(a->s, change->policy.name))
				: NULL;

		if (p)
			check_policy(a, &p->policy);
	}
	if (a->sets_deleted)
		entries_each(a->s, check_entry, a);
	if (!a->failed && a->s->next_member_count + a->s->leases.count > a->s->max_members) {
		error_set(a->err, ERROR_LIMIT, "MEMBERS_FULL",
			"%zu members of all sets are more than the limit of %u; start pepctld with "
			"a "
			"larger --max-members",
			a->s->next_member_count + a->s->leases.count, a->s->max_members);
		a->failed = true;
	}
}
