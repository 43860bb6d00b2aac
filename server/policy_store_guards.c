/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Who means to ban wants to be sure that some policy keeps out what the set has. */
#include <errno.h>
#include <stdio.h>

#include "server/policy_store_internal.h"

/* The set whose members the policy keeps out, NO_SET = none. */
static uint8_t guarded_by(struct store *s, const struct store_policy *p)
{
	if (!p || p->policy.shadow || p->policy.match.src.kind != POLICY_SET)
		return NO_SET;
	if (p->policy.action.kind != POLICY_BLOCK && p->policy.action.kind != POLICY_REJECT &&
		p->policy.action.kind != POLICY_RATE_LIMIT)
		return NO_SET;
	return sets_find(s, p->policy.match.src.set);
}

static int add_guard(void *data, struct entry *entry)
{
	struct store *s = data;
	uint8_t id = guarded_by(s, entry_next(entry));

	if (id != NO_SET)
		s->guards |= 1ull << id;
	return 0;
}

/* Thousands of bans come between two changes of policies: all of these are looked at once. */
bool guards_find(struct store *s, const char *set)
{
	uint8_t id = sets_find(s, set);

	if (s->guards_edits != s->edits + 1) {
		s->guards = 0;
		entries_each(s, add_guard, s);
		s->guards_edits = s->edits + 1;
	}
	return id != NO_SET && s->guards >> id & 1;
}

static bool takes_bans(const struct store *s, uint8_t id)
{
	const struct store_set *set = &s->work[id].next;

	return set->bannable || streq(set->name, STORE_BANNED) || lease_table_count(&s->leases, id);
}

uint64_t guards_lost(struct store *s)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < s->undo_count; i++) {
		uint8_t id = guarded_by(s, s->undo[i].next);

		if (id != NO_SET && takes_bans(s, id) && !guards_find(s, s->work[id].next.name))
			lost |= 1ull << id;
	}
	return lost;
}

static int add_set(struct tx *tx)
{
	struct change change;

	change_init(&change, CHANGE_ADD_MEMBERS);
	change.allow_missing = true;
	snprintf(change.name, sizeof(change.name), STORE_BANNED);
	return change_list_push(&tx->changes, &change);
}

static int add_policy(struct tx *tx)
{
	struct change change;

	change_init(&change, CHANGE_CREATE_POLICY);
	snprintf(change.policy.name, sizeof(change.policy.name), STORE_BANNED);
	change.policy.action.kind = POLICY_BLOCK;
	change.policy.match.src.kind = POLICY_SET;
	snprintf(change.policy.match.src.set, sizeof(change.policy.match.src.set), STORE_BANNED);
	return change_list_push(&tx->changes, &change);
}

/* Of one that is tried again, what was found then counts no more. */
int guards_make(struct tx *tx, const struct store *s)
{
	change_list_deinit(&tx->changes);
	tx->changes = (struct change_list){0};
	if (!tx->lease->ban || tx->lease->bans_only || !streq(tx->lease->set, STORE_BANNED) ||
		sets_find(s, STORE_BANNED) != NO_SET)
		return 0;
	return add_set(tx) < 0 || add_policy(tx) < 0 ? -ENOMEM : 0;
}
