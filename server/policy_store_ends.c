/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Policies with a ttl, which are removed in their time: a commit like any other. */
#include <errno.h>

#include "server/policy_store_internal.h"

int ends_reserve(struct store *s)
{
	size_t room = s->timed_count + s->touched_count;
	struct entry **timed;

	if (room <= s->timed_room)
		return 0;
	timed = reallocarray(s->timed, 2 * room, sizeof(*timed));
	if (!timed)
		return -ENOMEM;
	s->timed = timed;
	s->timed_room = 2 * room;
	return 0;
}

static void take_out(struct store *s, const struct entry *entry)
{
	size_t i = 0;

	while (i < s->timed_count && s->timed[i] != entry)
		i++;
	if (i < s->timed_count)
		s->timed[i] = s->timed[--s->timed_count];
}

void ends_note(struct store *s, struct entry *entry)
{
	bool timed = entry->now && entry->now->policy.ttl;

	if (timed && !entry->timed)
		s->timed[s->timed_count++] = entry;
	else if (!timed && entry->timed)
		take_out(s, entry);
	entry->timed = timed;
}

struct ending {
	struct store *s;
	struct store_clock clock;
};

static int end_entry(void *data, struct entry *entry)
{
	const struct store_policy *p = entry_next(entry);
	const struct ending *e = data;

	return p && p->policy.ttl && p->ends <= e->clock.boottime ? entry_put(e->s, entry->name, NULL) : 0;
}

/* What comes from the files at the start is not in the list yet. */
int ends_apply(struct apply *a)
{
	struct ending e = {.s = a->s};
	int r = 0;

	e.s->backend.clock(e.s->backend.data, &e.clock);
	for (size_t i = 0; i < e.s->timed_count && !r; i++)
		r = end_entry(&e, e.s->timed[i]);
	if (!r && e.s->starting)
		r = entries_each(e.s, end_entry, &e);
	return r < 0 ? apply_no_memory(a) : 0;
}

int64_t ends_next(const struct store *s)
{
	int64_t next = 0;

	for (size_t i = 0; i < s->timed_count; i++)
		if (!next || s->timed[i]->now->ends < next)
			next = s->timed[i]->now->ends;
	return next;
}

int64_t store_policy_left(const struct store *s, const struct store_policy *policy)
{
	struct store_clock clock;

	if (!policy->policy.ttl)
		return 0;
	s->backend.clock(s->backend.data, &clock);
	return MAX(policy->ends - clock.boottime, 1);
}
