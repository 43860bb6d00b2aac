/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "store_model.h"

struct rules {
	struct model *m;
	const struct model_op *op;
	struct model_reply *reply;
	struct model_ruleset former; /* with replace-all: what effects are told against */
	bool put_policy[MODEL_POLICIES], put_set[MODEL_SETS];
	size_t at; /* change */
};

static bool replaces(const struct rules *r)
{
	return r->op->mode == STORE_REPLACE_ALL;
}

static const struct model_change *change_at(const struct rules *r, size_t at)
{
	return &r->op->changes[at];
}

static void effect(struct rules *r, enum store_effect what)
{
	r->reply->effects[r->at] = what;
}

/* --- policies */

struct model_policy *model_find(const struct model_ruleset *r, uint32_t name)
{
	for (uint64_t i = 0; i < r->count; i++)
		if (r->policies[i].name == name)
			return (struct model_policy *)(uintptr_t)&r->policies[i]; /* as const as it was */
	return NULL;
}

static void remove_policy(struct model_ruleset *r, struct model_policy *p)
{
	size_t behind = (size_t)(&r->policies[r->count] - p) - 1;

	memmove(p, p + 1, behind * sizeof(*p));
	memset(&r->policies[--r->count], 0, sizeof(*p));
}

static bool put_policy(struct rules *r, const struct model_change *change)
{
	struct model_policy *p = model_find(&r->m->now, change->name);

	r->put_policy[change->name] = true;
	if (p && memcmp(&p->rule, &change->rule, sizeof(p->rule)) == 0)
		return true;
	effect(r, p ? STORE_CHANGED : STORE_CREATED);
	if (!p) {
		p = &r->m->now.policies[r->m->now.count++];
		p->name = change->name;
		p->created = (uint32_t)r->m->revision + 1;
		p->place = ++r->m->last_place;
	}
	p->rule = change->rule;
	model_begin_time(r->m, p);
	return true;
}

static bool create_policy(struct rules *r, const struct model_change *change)
{
	if (model_find(&r->m->now, change->name))
		return model_refuse(r->reply, ERROR_EXISTS, "POLICY_EXISTS");
	return put_policy(r, change);
}

static bool delete_policy(struct rules *r, const struct model_change *change)
{
	struct model_policy *p = model_find(&r->m->now, change->name);

	if (!p)
		return change->allow_missing || model_refuse(r->reply, ERROR_NOT_FOUND, "NO_POLICY");
	effect(r, STORE_DELETED);
	remove_policy(&r->m->now, p);
	return true;
}

static bool flush(struct rules *r)
{
	if (r->m->now.count)
		effect(r, STORE_DELETED);
	r->m->now.count = 0;
	memset(r->m->now.policies, 0, sizeof(r->m->now.policies));
	return true;
}

/* --- defaults, settings, interfaces */

static const struct model_ruleset *base(const struct rules *r)
{
	return replaces(r) ? &r->former : &r->m->now;
}

static bool set_default(struct rules *r, const struct model_change *change)
{
	struct model_ruleset *now = &r->m->now;
	uint32_t wanted = change->block ? 2 : 1, old;

	if (change->iface == MODEL_IFACES + 1) {
		effect(r, base(r)->block == change->block ? STORE_UNCHANGED : STORE_CHANGED);
		now->block = change->block;
		return true;
	}
	old = base(r)->defaults[change->iface];
	if (change->kind == CHANGE_UNSET_DEFAULT) {
		effect(r, now->defaults[change->iface] ? STORE_DELETED : STORE_UNCHANGED);
		now->defaults[change->iface] = 0;
		return true;
	}
	effect(r, old == wanted ? STORE_UNCHANGED : old ? STORE_CHANGED : STORE_CREATED);
	now->defaults[change->iface] = wanted;
	return true;
}

static bool set_setting(struct rules *r, const struct model_change *change)
{
	effect(r, base(r)->settings[change->setting] == change->value ? STORE_UNCHANGED : STORE_CHANGED);
	r->m->now.settings[change->setting] = change->value;
	return true;
}

static bool attach(struct rules *r, const struct model_change *change)
{
	uint32_t wanted = (uint32_t)change->mode + 1, old = base(r)->attached[change->iface];

	effect(r, !old ? STORE_CREATED : old == wanted ? STORE_UNCHANGED : STORE_CHANGED);
	r->m->now.attached[change->iface] = wanted;
	return true;
}

static bool detach(struct rules *r, const struct model_change *change)
{
	if (!r->m->now.attached[change->iface])
		return change->allow_missing || model_refuse(r->reply, ERROR_NOT_FOUND, "NOT_ATTACHED");
	effect(r, STORE_DELETED);
	r->m->now.attached[change->iface] = 0;
	return true;
}

/* --- sets */

/* Of a replacement, what it has not put itself is as good as gone. */
static struct model_set *set_of(const struct rules *r, const struct model_change *change)
{
	struct model_set *set = &r->m->now.sets[change->name];

	return set->there && (!replaces(r) || r->put_set[change->name]) ? set : NULL;
}

/* Additions right behind it belong to it. Returns how many changes it is. */
static size_t with_pieces(const struct rules *r, bool named[static MODEL_MEMBERS])
{
	const struct model_change *first = change_at(r, r->at);
	size_t count = 1;

	memcpy(named, first->named, MODEL_MEMBERS * sizeof(*named));
	for (; r->at + count < r->op->count; count++) {
		const struct model_change *next = change_at(r, r->at + count);

		if (next->kind != CHANGE_ADD_MEMBERS || next->name != first->name)
			break;
		for (size_t i = 0; i < MODEL_MEMBERS; i++)
			named[i] |= next->named[i];
	}
	return count;
}

static void fill_set(struct rules *r, const struct model_change *change, size_t pieces,
	const bool named[static MODEL_MEMBERS])
{
	struct model_set *set = &r->m->now.sets[change->name], old = *set;
	enum store_effect what;

	r->put_set[change->name] = true;
	if (!old.there)
		*set = (struct model_set){.there = true};
	if (change->kind != CHANGE_REPLACE_MEMBERS) {
		set->bannable = change->bannable;
		set->max_ttl = change->max_ttl;
	}
	for (size_t i = 0; i < MODEL_MEMBERS; i++)
		set->own[i] = named[i];
	what = !old.there ? STORE_CREATED : memcmp(set, &old, sizeof(old)) ? STORE_CHANGED : STORE_UNCHANGED;
	effect(r, what);
	for (size_t i = 1; i < pieces; i++)
		r->reply->effects[r->at + i] = what ? STORE_CHANGED : STORE_UNCHANGED;
}

/* Returns how many changes were taken; 0 = refused. */
static size_t put_set(struct rules *r, const struct model_change *change)
{
	bool named[MODEL_MEMBERS];
	size_t pieces = with_pieces(r, named);

	if (change->kind == CHANGE_CREATE_SET && r->m->now.sets[change->name].there)
		return model_refuse(r->reply, ERROR_EXISTS, "SET_EXISTS");
	if (change->kind == CHANGE_REPLACE_MEMBERS && !set_of(r, change) && !change->allow_missing)
		return model_refuse(r->reply, ERROR_NOT_FOUND, "NO_SET");
	fill_set(r, change, pieces, named);
	return pieces;
}

static bool change_members(struct rules *r, const struct model_change *change)
{
	bool add = change->kind == CHANGE_ADD_MEMBERS, changed = false;
	struct model_set *set = set_of(r, change);

	if (!set && !change->allow_missing)
		return model_refuse(r->reply, ERROR_NOT_FOUND, "NO_SET");
	if (!set && add)
		fill_set(r, change, 1, change->named);
	for (size_t i = 0; set && i < MODEL_MEMBERS; i++) {
		changed |= change->named[i] && set->own[i] != add;
		set->own[i] = change->named[i] ? add : set->own[i];
	}
	if (set)
		effect(r, changed ? STORE_CHANGED : STORE_UNCHANGED);
	return true;
}

static bool delete_set(struct rules *r, const struct model_change *change)
{
	struct model_set *set = &r->m->now.sets[change->name];

	if (!set->there)
		return change->allow_missing || model_refuse(r->reply, ERROR_NOT_FOUND, "NO_SET");
	if (model_held(r->m, change->name))
		return model_refuse(r->reply, ERROR_PRECONDITION, "SET_HAS_LEASES");
	effect(r, STORE_DELETED);
	memset(set, 0, sizeof(*set));
	return true;
}

/* --- a transaction */

static size_t apply(struct rules *r, const struct model_change *change)
{
	switch (change->kind) {
	case CHANGE_CREATE_POLICY:
		return create_policy(r, change);
	case CHANGE_PUT_POLICY:
		return put_policy(r, change);
	case CHANGE_DELETE_POLICY:
		return delete_policy(r, change);
	case CHANGE_FLUSH_POLICIES:
		return flush(r);
	case CHANGE_DEFAULT:
	case CHANGE_UNSET_DEFAULT:
		return set_default(r, change);
	case CHANGE_SETTING:
		return set_setting(r, change);
	case CHANGE_ATTACH:
		return attach(r, change);
	case CHANGE_DETACH:
		return detach(r, change);
	case CHANGE_DELETE_SET:
		return delete_set(r, change);
	case CHANGE_ADD_MEMBERS:
	case CHANGE_REMOVE_MEMBERS:
		return change_members(r, change);
	default:
		return put_set(r, change);
	}
}

/* The set goes; while somebody holds members of it, only the ruleset's do. */
void model_drop_set(struct model *m, uint32_t set)
{
	if (model_held(m, set))
		memset(m->now.sets[set].own, 0, sizeof(m->now.sets[set].own));
	else
		memset(&m->now.sets[set], 0, sizeof(m->now.sets[set]));
}

/* The order of the file; places are given out anew when it is another one. */
static void reorder(struct rules *r)
{
	struct model_ruleset *now = &r->m->now;
	struct model_policy sorted[MODEL_POLICIES];
	bool ordered = true;
	uint64_t count = 0;

	for (size_t i = 0; i < r->op->count; i++) {
		const struct model_policy *p = change_at(r, i)->kind == CHANGE_PUT_POLICY ?
						       model_find(now, change_at(r, i)->name) : NULL;

		if (p)
			sorted[count++] = *p;
	}
	for (uint64_t i = 1; i < count; i++)
		ordered &= sorted[i - 1].place < sorted[i].place;
	if (ordered)
		return;
	for (uint64_t i = 0; i < count; i++) {
		int64_t ends = sorted[i].ends;

		sorted[i].place = ++r->m->last_place;
		model_begin_time(r->m, &sorted[i]);
		sorted[i].ends = ends;
		model_put_down(r->m, &sorted[i]);
	}
	memcpy(now->policies, sorted, count * sizeof(*sorted));
	for (size_t i = 0; i < r->op->count; i++)
		if (change_at(r, i)->kind == CHANGE_PUT_POLICY && !r->reply->effects[i])
			r->reply->effects[i] = STORE_CHANGED;
}

static void replace_rest(struct rules *r)
{
	struct model_ruleset *now = &r->m->now;

	for (uint64_t i = now->count; i-- > 0;)
		if (!r->put_policy[now->policies[i].name])
			remove_policy(now, &now->policies[i]);
	for (uint32_t set = 0; set < MODEL_SETS; set++)
		if (now->sets[set].there && !r->put_set[set])
			model_drop_set(r->m, set);
	reorder(r);
}

static bool names_nothing(const struct model_ruleset *now, const struct model_policy *p)
{
	for (size_t i = 0; i < 2; i++)
		if (p->rule.address[i] == POLICY_SET && !now->sets[p->rule.which[i]].there)
			return true;
	return false;
}

static bool check_names(struct rules *r)
{
	const struct model_ruleset *now = &r->m->now;
	bool in_use = false;

	for (uint64_t i = 0; i < now->count; i++) {
		if (!names_nothing(now, &now->policies[i]))
			continue;
		if (r->put_policy[now->policies[i].name])
			return model_refuse(r->reply, ERROR_NOT_FOUND, "NO_SET");
		in_use = true;
	}
	return !in_use || model_refuse(r->reply, ERROR_PRECONDITION, "SET_IN_USE");
}

bool model_changes(struct model *m, const struct model_op *op, struct model_reply *ret)
{
	struct rules r = {.m = m, .op = op, .reply = ret, .former = m->now};

	if (replaces(&r)) {
		memset(m->now.defaults, 0, sizeof(m->now.defaults));
		memset(m->now.attached, 0, sizeof(m->now.attached));
		m->now.block = 0;
		for (size_t i = 0; i < SETTING_MAX; i++)
			m->now.settings[i] = setting_info((enum setting)i)->value;
	}
	while (r.at < op->count) {
		size_t taken = apply(&r, change_at(&r, r.at));

		if (!taken)
			return false;
		r.at += taken;
	}
	if (replaces(&r))
		replace_rest(&r);
	return check_names(&r);
}

void model_count(const struct model_ruleset *before, const struct model_ruleset *after, struct store_counts *ret)
{
	*ret = (struct store_counts){0};
	for (uint32_t name = 0; name < MODEL_POLICIES; name++) {
		const struct model_policy *old = model_find(before, name);
		const struct model_policy *new = model_find(after, name);

		ret->created += !old && new;
		ret->deleted += old && !new;
		ret->changed += old && new && memcmp(old, new, sizeof(*old)) != 0;
	}
}
