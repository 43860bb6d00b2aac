/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a batch does to leases: what was there before, and which members have a holder only now, or no more. */
#include <errno.h>

#include "common/array.h"
#include "server/policy_store_internal.h"

#define UNDO_KEPT  4096u
#define TRIMMED_FROM 10000u
#define UNDO_SLICE 256u /* members between two chances for the loop */

bool leases_held_now(const struct store *s, uint8_t id, const struct member *m)
{
	const struct set_work *w = &s->work[id];

	return !member_set_has(&w->held_added, m) && (member_set_has(&w->held_removed, m) || lease_table_held(&s->leases, id, m));
}

int leases_flip(struct store *s, uint8_t id, const struct member *m, bool add)
{
	struct set_work *w = &s->work[id];
	int r;

	if (member_set_remove(add ? &w->held_removed : &w->held_added, m))
		return 0;
	r = member_set_add(add ? &w->held_added : &w->held_removed, m);
	return r < 0 ? r : 0;
}

/* --- taking it back */

static uint32_t find(const struct store *s, const struct lease *l)
{
	return lease_table_find(&s->leases, l->set, &l->member, l->owner);
}

/* Its owner's number lasts until that is forgotten. */
int leases_note(struct store *s, const struct lease *before, bool there)
{
	const char *name = lease_table_owner_name(&s->leases, before->owner);
	uint32_t owner;

	if (array_grow(&s->lease_undo, &s->lease_undo_room, s->lease_undo_count, sizeof(*s->lease_undo)) < 0 ||
		lease_table_ref_owner(&s->leases, name, strlen(name), &owner) < 0)
		return -ENOMEM;
	s->lease_undo[s->lease_undo_count++] = (struct lease_undo){*before, there};
	return 0;
}

/* There is room for what was there: neither this nor leases_flip() on the way back needs memory. */
static void undo_one(struct store *s, const struct lease_undo *undo)
{
	const struct lease *l = &undo->lease;
	bool was = lease_table_held(&s->leases, l->set, &l->member), is;
	uint32_t id = find(s, l);

	if (undo->there)
		lease_table_put(&s->leases, l->set, &l->member, l->owner, l->expiry);
	else if (id != LEASE_NONE)
		lease_table_remove_at(&s->leases, id);
	is = lease_table_held(&s->leases, l->set, &l->member);
	if (was != is)
		leases_flip(s, l->set, &l->member, is);
	lease_table_unref_owner(&s->leases, l->owner);
}

void leases_undo(struct store *s, size_t count)
{
	pthread_mutex_lock(&s->lease_lock);
	while (s->lease_undo_count > count) {
		undo_one(s, &s->lease_undo[--s->lease_undo_count]);
		if (s->lease_undo_count % UNDO_SLICE == 0) { /* the loop's turn */
			pthread_mutex_unlock(&s->lease_lock);
			pthread_mutex_lock(&s->lease_lock);
		}
	}
	pthread_mutex_unlock(&s->lease_lock);
}

void leases_trim(struct store *s)
{
	size_t count = s->leases.count;

	s->lease_peak = MAX(s->lease_peak, count);
	if (s->lease_peak < TRIMMED_FROM || count > s->lease_peak / 2)
		return;
	pthread_mutex_lock(&s->lease_lock);
	lease_table_trim(&s->leases);
	pthread_mutex_unlock(&s->lease_lock);
	s->lease_peak = count;
}

void leases_commit(struct store *s)
{
	pthread_mutex_lock(&s->lease_lock);
	while (s->lease_undo_count)
		lease_table_unref_owner(&s->leases, s->lease_undo[--s->lease_undo_count].lease.owner);
	pthread_mutex_unlock(&s->lease_lock);
	if (s->lease_undo_room > UNDO_KEPT) {
		free(TAKE_PTR(s->lease_undo));
		s->lease_undo_room = 0;
	}
}
