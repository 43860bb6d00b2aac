/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/quota.h"

struct quota_user {
	struct quota_user *next;
	uint32_t uid;
	size_t held;
};

/* Users are few: those who may change the ruleset and do so right now. */
static struct quota_user **find(struct quota *q, uint32_t uid)
{
	struct quota_user **at = &q->users;

	while (*at && (*at)->uid != uid)
		at = &(*at)->next;
	return at;
}

int quota_charge(struct quota *q, uint32_t uid, size_t bytes, struct error *err)
{
	struct quota_user **at = find(q, uid);

	if (bytes > q->limit - (*at ? (*at)->held : 0))
		return error_set(err, ERROR_LIMIT, "QUOTA_FULL",
			"uid %u has transactions of more than %zu MiB under way, which is the "
			"limit for a "
			"user; send them one after the other",
			uid, q->limit >> 20);
	if (!*at && bytes) {
		*at = calloc(1, sizeof(**at));
		if (!*at)
			return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
		(*at)->uid = uid;
	}
	if (*at)
		(*at)->held += bytes;
	return 0;
}

void quota_release(struct quota *q, uint32_t uid, size_t bytes)
{
	struct quota_user **at = find(q, uid), *user = *at;

	if (!user)
		return;
	user->held -= MIN(bytes, user->held);
	if (user->held)
		return;
	*at = user->next;
	free(user);
}
