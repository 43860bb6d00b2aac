/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Who means to ban wants to be sure that some policy keeps out what the set has. */
#include <errno.h>
#include <stdio.h>

#include "server/policy_store_internal.h"

static int add_guard(void *data, struct entry *entry)
{
	const struct store_policy *p = entry_next(entry);
	struct store *s = data;
	uint8_t id;

	if (!p || p->policy.shadow || p->policy.match.src.kind != POLICY_SET)
		return 0;
	if (p->policy.action.kind != POLICY_BLOCK && p->policy.action.kind != POLICY_REJECT &&
		p->policy.action.kind != POLICY_RATE_LIMIT)
		return 0;
	id = sets_find(s, p->policy.match.src.set);
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
