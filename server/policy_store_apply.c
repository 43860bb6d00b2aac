/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The rules: what each change does to the working state, and what it is refused for. */
#include <errno.h>
#include <stdio.h>

#include "common/iface_pattern.h"
#include "server/policy_store_internal.h"

void tx_path(const struct tx *tx, size_t index, const char *field, char ret[static 96])
{
	static const char *const fields[] = {
		[CHANGE_CREATE_POLICY] = "create_policy",
		[CHANGE_PUT_POLICY] = "put_policy",
		[CHANGE_DELETE_POLICY] = "delete_policy",
		[CHANGE_FLUSH_POLICIES] = "flush_policies",
		[CHANGE_DEFAULT] = "default_action",
		[CHANGE_UNSET_DEFAULT] = "default_action",
		[CHANGE_SETTING] = "setting",
		[CHANGE_ATTACH] = "attach",
		[CHANGE_DETACH] = "detach",
		[CHANGE_CREATE_SET] = "create_set",
		[CHANGE_PUT_SET] = "put_set",
		[CHANGE_DELETE_SET] = "delete_set",
		[CHANGE_ADD_MEMBERS] = "add_members",
		[CHANGE_REMOVE_MEMBERS] = "remove_members",
		[CHANGE_REPLACE_MEMBERS] = "replace_members",
	};

	if (tx->path[0])
		snprintf(ret, 96, "%s%s", tx->path, field);
	else
		snprintf(ret, 96, "operations[%zu].%s%s", index,
			fields[tx->changes.items[index].kind], field);
}

int apply_refuse(struct apply *a, enum error_kind kind, const char *reason, const char *field,
	const char *fmt, ...)
{
	char path[96], what[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	tx_path(a->tx, a->index, field, path);
	if (!error_is_set(a->err))
		error_set(a->err, kind, reason, "%s", what);
	error_violation(a->err, path, "%s", what);
	a->failed = true;
	return -EINVAL;
}

int apply_no_memory(struct apply *a)
{
	error_set(a->err, ERROR_LIMIT, "MEMORY", "out of memory");
	a->failed = true;
	return -ENOMEM;
}

/* A change begins its time anew. */
int64_t end_of(const struct store *s, const struct policy *policy)
{
	struct store_clock clock;

	if (!policy->ttl)
		return 0;
	s->backend.clock(s->backend.data, &clock);
	return clock.boottime + (int64_t)policy->ttl;
}

static int put_policy(struct apply *a, const struct policy *policy, enum store_effect *effect)
{
	struct entry *entry = entry_find(a->s, policy->name);
	struct store_policy *old = entry_next(entry);
	struct store_policy *new;
	char path[96];

	tx_path(a->tx, a->index, "", path);
	if (policy_validate(policy, path, a->err) < 0) {
		a->failed = true;
		return -EINVAL;
	}
	if (entry)
		entry->serial = a->serial;
	if (old && policy_equal(&old->policy, policy))
		return 0;
	if (store_policy_new(policy, &new) < 0)
		return apply_no_memory(a);
	new->position = old ? old->position : ++a->s->last_position;
	new->created_revision = old ? old->created_revision : a->s->next_revision + 1;
	new->changed_revision = a->s->next_revision + 1;
	new->ends = end_of(a->s, policy);
	*effect = old ? STORE_CHANGED : STORE_CREATED;
	if (entry_put(a->s, policy->name, new) < 0)
		return apply_no_memory(a);
	entry_find(a->s, policy->name)->serial = a->serial;
	return 0;
}

static int create_policy(struct apply *a, const struct policy *policy, enum store_effect *effect)
{
	if (entry_next(entry_find(a->s, policy->name)))
		return apply_refuse(a, ERROR_EXISTS, "POLICY_EXISTS", "",
			"policy %s exists; change it with set, or choose another name", policy->name);
	return put_policy(a, policy, effect);
}

static int delete_policy(struct apply *a, const struct change *change, enum store_effect *effect)
{
	if (!entry_next(entry_find(a->s, change->name))) {
		if (change->allow_missing)
			return 0;
		return apply_refuse(a, ERROR_NOT_FOUND, "NO_POLICY", "", "there is no policy %s", change->name);
	}
	*effect = STORE_DELETED;
	return entry_put(a->s, change->name, NULL) < 0 ? apply_no_memory(a) : 0;
}

struct flush {
	struct apply *apply;
	uint64_t serial;
	enum store_effect *effect;
};

static int flush_entry(void *data, struct entry *entry)
{
	struct flush *f = data;

	if (!entry_next(entry) || (f->serial && entry->serial == f->serial))
		return 0;
	*f->effect = STORE_DELETED;
	return entry_put(f->apply->s, entry->name, NULL);
}

/* Every policy that the serial does not mark; 0 marks none. */
static int flush_policies(struct apply *a, uint64_t serial, enum store_effect *effect)
{
	struct flush flush = {a, serial, effect};

	return entries_each(a->s, flush_entry, &flush) < 0 ? apply_no_memory(a) : 0;
}

static int set_default(struct apply *a, const struct change *change, enum store_effect *effect)
{
	struct store_config *c = &a->s->next_config;
	const struct store_default *old = config_default(a->base, change->iface);
	bool same = *change->iface ? old && old->block == change->block :
				     a->base->block == change->block;
	bool had = old || !*change->iface;

	if (*change->iface && !iface_name_valid(change->iface))
		return apply_refuse(a, ERROR_INVALID, NULL, "", "\"%s\" is no interface name", change->iface);
	if (change->kind == CHANGE_UNSET_DEFAULT) {
		if (config_unset_default(c, change->iface))
			*effect = STORE_DELETED;
		return 0;
	}
	if (store_config_default(c, change->iface, change->block) < 0)
		return apply_refuse(a, ERROR_LIMIT, "DEFAULTS_FULL", "",
			"%u interfaces have a default of their own, which is the limit",
			STORE_DEFAULTS_MAX);
	*effect = same ? STORE_UNCHANGED : had ? STORE_CHANGED : STORE_CREATED;
	return 0;
}

static int set_setting(struct apply *a, const struct change *change, enum store_effect *effect)
{
	bool same = a->base->settings[change->setting] == change->value;

	*effect = same ? STORE_UNCHANGED : STORE_CHANGED;
	a->s->next_config.settings[change->setting] = change->value;
	return 0;
}

/* As many as fit into the configuration fit here. */
static void note_asked(struct store *s, const char *iface)
{
	for (size_t i = 0; i < s->asked_count; i++)
		if (streq(s->asked[i], iface))
			return;
	if (s->asked_count < STORE_ATTACHMENTS_MAX)
		snprintf(s->asked[s->asked_count++], IFACE_NAME_SIZE, "%s", iface);
}

static int attach(struct apply *a, const struct change *change, enum store_effect *effect)
{
	struct store_config *c = &a->s->next_config;
	const struct store_attachment *old = config_attachment(a->base, change->iface);

	if (!iface_or_pattern_valid(change->iface))
		return apply_refuse(a, ERROR_INVALID, NULL, "", "\"%s\" is no interface name", change->iface);
	*effect = !old ? STORE_CREATED : old->mode == change->mode ? STORE_UNCHANGED : STORE_CHANGED;
	if (config_attach(c, change->iface, change->mode) < 0)
		return apply_refuse(a, ERROR_LIMIT, "INTERFACES_FULL", "",
			"%u interfaces are attached, which is the limit; detach one",
			STORE_ATTACHMENTS_MAX);
	note_asked(a->s, change->iface);
	return 0;
}

static int detach(struct apply *a, const struct change *change, enum store_effect *effect)
{
	const struct store_attachment *pattern;

	if (config_detach(&a->s->next_config, change->iface)) {
		*effect = STORE_DELETED;
		return 0;
	}
	if (change->allow_missing)
		return 0;
	pattern = store_config_pattern(&a->s->next_config, change->iface);
	return apply_refuse(a, ERROR_NOT_FOUND, "NOT_ATTACHED", "", "%s is not attached%s%s%s",
		change->iface, pattern ? " by its own name, but by the pattern " : "",
		pattern ? pattern->iface : "", pattern ? "; detach that" : "");
}

static int apply_change(struct apply *a, enum store_effect *effect)
{
	const struct change *change = &a->tx->changes.items[a->index];

	switch (change->kind) {
	case CHANGE_CREATE_POLICY:
		return create_policy(a, &change->policy, effect);
	case CHANGE_PUT_POLICY:
		return put_policy(a, &change->policy, effect);
	case CHANGE_DELETE_POLICY:
		return delete_policy(a, change, effect);
	case CHANGE_FLUSH_POLICIES:
		return flush_policies(a, 0, effect);
	case CHANGE_DEFAULT:
	case CHANGE_UNSET_DEFAULT:
		return set_default(a, change, effect);
	case CHANGE_SETTING:
		return set_setting(a, change, effect);
	case CHANGE_ATTACH:
		return attach(a, change, effect);
	case CHANGE_DETACH:
		return detach(a, change, effect);
	default:
		return -EINVAL; /* those of sets are not taken one by one */
	}
}

/* --- a transaction */

/* Whether the transaction's policies stand in its order already. */
static bool in_order(const struct apply *a)
{
	uint64_t last = 0;

	for (size_t i = 0; i < a->tx->changes.count; i++) {
		const struct store_policy *p =
			entry_next(entry_find(a->s, a->tx->changes.items[i].policy.name));

		if (!p)
			continue;
		if (p->position < last)
			return false;
		last = p->position;
	}
	return true;
}

/* A replacement has the order of its file. */
static int reorder(struct apply *a)
{
	for (size_t i = 0; i < a->tx->changes.count; i++) {
		const char *name = a->tx->changes.items[i].policy.name;
		struct store_policy *p = entry_next(entry_find(a->s, name)), *moved;

		if (!p)
			continue;
		if (store_policy_new(&p->policy, &moved) < 0)
			return apply_no_memory(a);
		moved->created_revision = p->created_revision;
		moved->changed_revision = a->s->next_revision + 1;
		moved->position = ++a->s->last_position;
		moved->ends = p->ends;
		if (entry_put(a->s, name, moved) < 0)
			return apply_no_memory(a);
		if (a->tx->effects[i] == STORE_UNCHANGED)
			a->tx->effects[i] = STORE_CHANGED;
	}
	return 0;
}

static int replace_rest(struct apply *a)
{
	enum store_effect effect;
	int r = flush_policies(a, a->serial, &effect);

	if (!r)
		r = apply_replace_sets(a);
	return r || in_order(a) ? r : reorder(a);
}

static void apply_changes(struct apply *a)
{
	const struct change_list *changes = &a->tx->changes;

	if (changes->count)
		memset(a->tx->effects, 0, changes->count * sizeof(*a->tx->effects));
	for (a->index = 0; a->index < changes->count;) {
		enum store_effect *effect = &a->tx->effects[a->index];

		if (change_names_set(changes->items[a->index].kind)) {
			a->index += apply_set(a, effect);
		} else {
			apply_change(a, effect);
			a->index++;
		}
	}
}

/* What is no list of changes. False = refused. */
static bool apply_kind(struct apply *a)
{
	switch (a->tx->kind) {
	case STORE_LEASES:
		return !leases_apply(a);
	case STORE_EXPIRE:
		return !leases_expire(a);
	case STORE_END:
		return !ends_apply(a);
	default:
		return true;
	}
}

int apply_tx(struct store *s, struct tx *tx, struct error *err)
{
	struct store_config former = s->next_config;
	uint64_t position = s->last_position;
	size_t asked = s->asked_count, leases = s->lease_undo_count;
	struct apply a = {.s = s, .tx = tx, .base = &s->next_config, .serial = ++s->serial, .err = err};

	if (tx->mode == STORE_REPLACE_ALL) {
		a.base = &former;
		store_config_init(&s->next_config);
	}
	sets_begin(s);
	if (tx->kind == STORE_LEASES && guards_make(tx, s) < 0)
		apply_no_memory(&a);
	if (tx->kind == STORE_ROLLBACK && history_undo(s, tx->target, err))
		a.failed = true;
	apply_changes(&a);
	if (!a.failed)
		a.failed = !apply_kind(&a);
	if (!a.failed && tx->mode == STORE_REPLACE_ALL)
		replace_rest(&a);
	if (!a.failed)
		apply_check_sets(&a);
	if (!a.failed) {
		undo_condense(s);
		sets_condense(s);
		tx->changed = s->undo_count || sets_changed(s) ||
			      !config_equal(&former, &s->next_config) || confirm_ends(s, tx);
		a.failed = tx->changed && confirm_keeps_out(s, tx, err);
	}
	if (a.failed) {
		undo_back(s);
		leases_undo(s, leases);
		sets_undo(s);
		s->next_config = former;
		s->last_position = position;
		s->asked_count = asked;
		return -EINVAL;
	}
	tx->unguarded = guards_lost(s);
	s->next_revision += tx->changed;
	tx->revision = s->next_revision;
	return 0;
}
