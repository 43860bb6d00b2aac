/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Members that owners hold. The table has the working state: a transaction changes it in place and
 * writes down what was there before, by which it is taken back, by itself or with its batch. Who reads
 * it on the loop takes the lock, which the worker lets go of after every few members.
 *
 * The kernel has a member as long as the ruleset has it or anybody holds it; what becomes of that is
 * kept beside the working state of sets.
 */
#include <errno.h>

#include "common/text.h"
#include "server/policy_store_internal.h"

#define LOCK_SLICE  256u     /* members between two chances for the loop */
#define EXPIRE_MOST 100000u  /* leases that one transaction ends */

struct leasing {
	struct apply *a;
	struct store *s;
	const struct store_lease *lease;
	struct store_lease_result *result;
	uint8_t set;
	uint32_t owner; /* LEASE_NONE: it holds nothing */
	uint64_t expiry;
	size_t steps;
};

/* --- one member */

/* The loop's turn. */
static void breathe(struct leasing *l)
{
	if (++l->steps % LOCK_SLICE)
		return;
	pthread_mutex_unlock(&l->s->lease_lock);
	pthread_mutex_lock(&l->s->lease_lock);
}

static int note(struct leasing *l, uint8_t family, size_t at, const char *reason)
{
	struct store_lease_result *r = l->result;
	struct store_lease_note *notes;

	if ((reason ? r->rejected++ : r->kept++) >= STORE_LEASE_NOTES)
		return 0;
	notes = reallocarray(r->notes, r->note_count + 1, sizeof(*notes));
	if (!notes)
		return -ENOMEM;
	r->notes = notes;
	notes[r->note_count++] = (struct store_lease_note){family, at, reason};
	return 0;
}

static int end_lease(struct leasing *l, uint32_t id)
{
	struct lease lease = lease_table_at(&l->s->leases, id);

	if (leases_note(l->s, &lease, true) < 0)
		return -ENOMEM;
	lease_table_remove_at(&l->s->leases, id);
	l->result->released++;
	l->a->tx->moves = true;
	return lease_table_held(&l->s->leases, lease.set, &lease.member) ? 0 : leases_flip(l->s, lease.set, &lease.member, false);
}

static const char *why_refused(const struct leasing *l, const struct member *m)
{
	size_t holders = 0;

	if (l->lease->bans_only && m->length < (m->family == 4 ? STORE_BAN_IPV4 : STORE_BAN_IPV6))
		return m->family == 4 ? "is wider than /24, which the right to ban has not" :
					"is wider than /48, which the right to ban has not";
	for (uint32_t id = lease_table_first_holder(&l->s->leases, l->set, m); id != LEASE_NONE;
		id = lease_table_next_holder(&l->s->leases, id))
		holders++;
	return holders >= STORE_HOLDERS_MAX ? "is held by 64 owners, which is the limit" : NULL;
}

static int begin_lease(struct leasing *l, const struct member *m, size_t at)
{
	struct lease lease = {*m, l->set, l->owner, 0};
	const char *refusal = why_refused(l, m);
	bool was = lease_table_held(&l->s->leases, l->set, m);
	int r;

	if (refusal)
		return note(l, m->family, at, refusal);
	r = leases_note(l->s, &lease, false);
	if (!r)
		r = lease_table_put(&l->s->leases, l->set, m, l->owner, l->expiry);
	if (r < 0)
		return r;
	l->result->added++;
	l->a->tx->moves |= !was;
	return was ? 0 : leases_flip(l->s, l->set, m, true);
}

static bool is_later(uint64_t a, uint64_t b)
{
	return b && (!a || a > b); /* 0 is for ever */
}

static int hold_one(struct leasing *l, const struct member *m, size_t at)
{
	uint32_t id = lease_table_find(&l->s->leases, l->set, m, l->owner);
	struct lease lease;

	if (id == LEASE_NONE)
		return begin_lease(l, m, at);
	lease = lease_table_at(&l->s->leases, id);
	if (lease.expiry == l->expiry || (is_later(lease.expiry, l->expiry) && !l->lease->shorten)) {
		l->result->unchanged++;
		return lease.expiry == l->expiry ? 0 : note(l, m->family, at, NULL);
	}
	if (leases_note(l->s, &lease, true) < 0)
		return -ENOMEM;
	lease_table_set_expiry(&l->s->leases, id, l->expiry);
	l->result->refreshed++;
	return 0;
}

static int release_one(struct leasing *l, uint8_t set, const struct member *m, bool *found)
{
	uint32_t id;
	int r = 0;

	while (!r && l->lease->any_owner &&
		(id = lease_table_first_holder(&l->s->leases, set, m)) != LEASE_NONE) {
		*found = true;
		r = end_lease(l, id);
	}
	if (r || l->lease->any_owner || l->owner == LEASE_NONE)
		return r;
	id = lease_table_find(&l->s->leases, set, m, l->owner);
	if (id == LEASE_NONE)
		return 0;
	*found = true;
	return end_lease(l, id);
}

/* --- requests */

static int hold_all(struct leasing *l)
{
	const struct member_list *list = &l->lease->members;
	int r = lease_table_reserve(&l->s->leases, l->set, l->owner, list->v4_count, list->v6_count);

	for (size_t i = 0; i < member_list_count(list) && !r; i++) {
		struct member m = member_list_at(list, i);

		r = hold_one(l, &m, i < list->v4_count ? i : i - list->v4_count);
		breathe(l);
	}
	return r;
}

/* In one set, or with NO_SET in all. */
static int release_list(struct leasing *l)
{
	const struct member_list *list = &l->lease->members;
	uint8_t first = l->set == NO_SET ? 0 : l->set, last = l->set == NO_SET ? STORE_SETS_MAX - 1 : l->set;
	int r = 0;

	for (size_t i = 0; i < member_list_count(list) && !r; i++) {
		struct member m = member_list_at(list, i);
		bool found = false;

		for (unsigned int set = first; set <= last && !r; set++)
			r = release_one(l, (uint8_t)set, &m, &found);
		l->result->missing += !found;
		breathe(l);
	}
	return r;
}

/* `keep` NULL = none of what the owner holds in the set stays. */
static int release_rest(struct leasing *l, uint8_t set, const struct member_set *keep)
{
	uint32_t id = lease_table_first_of(&l->s->leases, set, l->owner), next;
	int r = 0;

	for (; id != LEASE_NONE && !r; id = next) {
		struct lease lease = lease_table_at(&l->s->leases, id);
		uint32_t before = lease_table_next_of(&l->s->leases, id);

		next = before;
		if (!keep || !member_set_has(keep, &lease.member)) {
			struct lease following = before == LEASE_NONE ? lease : lease_table_at(&l->s->leases, before);

			r = end_lease(l, id); /* which may move the one behind it */
			next = before == LEASE_NONE ? LEASE_NONE : lease_table_find(&l->s->leases, set, &following.member, l->owner);
		}
		breathe(l);
	}
	return r;
}

static int release_set(struct leasing *l, uint8_t set)
{
	uint32_t id;
	int r = 0;

	if (!l->lease->any_owner)
		return l->owner == LEASE_NONE ? 0 : release_rest(l, set, NULL);
	while (!r && (id = lease_table_last(&l->s->leases, set)) != LEASE_NONE) {
		r = end_lease(l, id);
		breathe(l);
	}
	return r;
}

static int release_sets(struct leasing *l)
{
	int r = 0;

	if (l->set != NO_SET)
		return release_set(l, l->set);
	for (uint8_t set = 0; set < STORE_SETS_MAX && !r; set++)
		r = release_set(l, set);
	return r;
}

static int reconcile(struct leasing *l)
{
	struct member_set keep = {0};
	int r = member_set_add_list(&keep, &l->lease->members);

	if (r >= 0)
		r = release_rest(l, l->set, &keep);
	member_set_deinit(&keep);
	return r ? r : hold_all(l);
}

/* --- rules */

/* Of who has no other right. */
static int check_ban_right(struct leasing *l, const struct store_set *set)
{
	char longest[32];
	int64_t most = set->max_ttl ? (int64_t)set->max_ttl : STORE_TTL_BAN;

	if (!set->bannable)
		return error_set(l->a->err, ERROR_DENIED, "NOT_BANNABLE",
			"set %s is not bannable; the right to ban is for bannable sets only", set->name);
	if (l->lease->ttl && l->lease->ttl <= most)
		return 0;
	text_format_duration((uint64_t)most, longest);
	return error_set(l->a->err, ERROR_INVALID, "TTL_TOO_LONG",
		"who has the right to ban alone may hold members of set %s for at most %s", set->name, longest);
}

static bool holds(enum store_lease_kind kind)
{
	return kind == STORE_HOLD || kind == STORE_RECONCILE;
}

static int check(struct leasing *l)
{
	const struct store_lease *lease = l->lease;

	l->set = sets_find(l->s, lease->set);
	if (l->set == NO_SET && (*lease->set || holds(lease->kind)))
		return error_set(l->a->err, ERROR_NOT_FOUND, "NO_SET", "there is no set %s%s", lease->set,
			holds(lease->kind) ? "; create it first" : "");
	if (!holds(lease->kind))
		return 0;
	if (lease->ban && !guards_find(l->s, lease->set))
		return error_set(l->a->err, ERROR_PRECONDITION, "NOT_BLOCKED",
			"no policy keeps out what set %s has; add one, as: pepctl policy add NAME block src @%s",
			lease->set, lease->set);
	return lease->bans_only ? check_ban_right(l, &l->s->work[l->set].next) : 0;
}

static int name_owner(struct leasing *l)
{
	const char *owner = l->lease->owner;

	l->owner = LEASE_NONE;
	if (holds(l->lease->kind))
		return lease_table_ref_owner(&l->s->leases, owner, strlen(owner), &l->owner);
	if (*owner)
		l->owner = lease_table_find_owner(&l->s->leases, owner, strlen(owner));
	return 0;
}

static int carry_out(struct leasing *l)
{
	switch (l->lease->kind) {
	case STORE_HOLD:
		return hold_all(l);
	case STORE_RECONCILE:
		return reconcile(l);
	case STORE_RELEASE:
		return release_list(l);
	case STORE_RELEASE_ALL:
	default:
		return release_sets(l);
	}
}

static int fail(struct leasing *l, int r)
{
	if (r == -ENOSPC)
		return error_set(l->a->err, ERROR_LIMIT, "LEASES_FULL", "a set can have no more leases");
	return error_set(l->a->err, ERROR_LIMIT, "MEMORY", "out of memory");
}

int leases_apply(struct apply *a)
{
	struct leasing l = {.a = a, .s = a->s, .lease = a->tx->lease, .result = &a->tx->leases};
	struct store_clock clock;
	int r = check(&l);

	if (r)
		return r;
	a->s->backend.clock(a->s->backend.data, &clock);
	l.expiry = l.lease->ttl ? (uint64_t)(clock.boottime + l.lease->ttl) : 0;
	pthread_mutex_lock(&a->s->lease_lock);
	r = name_owner(&l);
	if (!r)
		r = carry_out(&l);
	if (holds(l.lease->kind) && l.owner != LEASE_NONE)
		lease_table_unref_owner(&a->s->leases, l.owner);
	pthread_mutex_unlock(&a->s->lease_lock);
	return r < 0 ? fail(&l, r) : 0;
}

int leases_expire(struct apply *a)
{
	struct leasing l = {.a = a, .s = a->s, .result = &a->tx->leases};
	struct store_clock clock;
	uint32_t id;
	int r = 0;

	a->s->backend.clock(a->s->backend.data, &clock);
	pthread_mutex_lock(&a->s->lease_lock);
	for (size_t i = 0; i < EXPIRE_MOST && !r; i++) {
		id = lease_table_expired(&a->s->leases, (uint64_t)clock.boottime);
		if (id == LEASE_NONE)
			break;
		r = end_lease(&l, id);
		breathe(&l);
	}
	pthread_mutex_unlock(&a->s->lease_lock);
	return r < 0 ? fail(&l, r) : 0;
}
