/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/request_memory.h"

#include <errno.h>

struct request_entry {
	struct table_node node;
	struct request_entry *next; /* of the user, the next younger one */
	struct request request;
	bool replaced; /* no longer in the table: a younger one has its id */
};

struct request_user {
	struct request_user *next;
	uint32_t uid;
	struct request_entry *oldest, **end;
	size_t count, bytes;
};

static uint64_t hash_of(uint32_t uid, const char *id)
{
	return table_hash(id, strlen(id)) + uid * 0x9e3779b97f4a7c15u;
}

static struct request_entry *find(const struct request_memory *m, uint32_t uid, const char *id)
{
	for (struct table_node *n = table_first(&m->entries, hash_of(uid, id)); n; n = table_next(n)) {
		struct request_entry *entry = CONTAINER_OF(n, struct request_entry, node);

		if (entry->request.uid == uid && strcmp(entry->request.id, id) == 0)
			return entry;
	}
	return NULL;
}

const struct request *request_memory_find(const struct request_memory *m, uint32_t uid, const char *id,
	int64_t now)
{
	const struct request_entry *entry = find(m, uid, id);

	return entry && now - entry->request.time < REQUESTS_NS ? &entry->request : NULL;
}

/* --- users: few, and none goes */

static struct request_user *user_of(struct request_memory *m, uint32_t uid)
{
	struct request_user *user = m->users;

	while (user && user->uid != uid)
		user = user->next;
	if (user)
		return user;
	user = calloc(1, sizeof(*user));
	if (!user)
		return NULL;
	user->uid = uid;
	user->end = &user->oldest;
	user->next = m->users;
	m->users = user;
	return user;
}

static void drop_oldest(struct request_memory *m, struct request_user *user)
{
	struct request_entry *entry = user->oldest;

	user->oldest = entry->next;
	if (!user->oldest)
		user->end = &user->oldest;
	user->count--;
	user->bytes -= entry->request.effect_count;
	if (!entry->replaced)
		table_remove(&m->entries, &entry->node);
	free(entry->request.effects);
	free(entry);
}

static bool is_over(const struct request_user *user, int64_t now)
{
	return user->count > REQUESTS_USER || (user->count > 1 && user->bytes > REQUESTS_BYTES) ||
	       now - user->oldest->request.time >= REQUESTS_NS;
}

static void replace(struct request_memory *m, const struct request *request)
{
	struct request_entry *old = find(m, request->uid, request->id);

	if (!old)
		return;
	table_remove(&m->entries, &old->node);
	old->replaced = true;
}

int request_memory_add(struct request_memory *m, const struct request *request)
{
	struct request_user *user = user_of(m, request->uid);
	struct request_entry *entry = user ? calloc(1, sizeof(*entry)) : NULL;

	if (!entry || table_reserve(&m->entries, m->entries.count + 1) < 0) {
		free(entry);
		free(request->effects);
		return -ENOMEM;
	}
	replace(m, request);
	entry->request = *request;
	table_add(&m->entries, &entry->node, hash_of(request->uid, request->id));
	*user->end = entry;
	user->end = &entry->next;
	user->count++;
	user->bytes += request->effect_count;
	while (user->oldest != entry && is_over(user, request->time))
		drop_oldest(m, user);
	return 0;
}

int request_memory_each(const struct request_memory *m, int (*cb)(void *data, const struct request *request),
	void *data)
{
	int r = 0;

	for (const struct request_user *user = m->users; user; user = user->next)
		for (const struct request_entry *entry = user->oldest; entry && !r; entry = entry->next)
			r = entry->replaced ? 0 : cb(data, &entry->request);
	return r;
}

void request_memory_deinit(struct request_memory *m)
{
	while (m->users) {
		struct request_user *user = m->users;

		while (user->oldest)
			drop_oldest(m, user);
		m->users = user->next;
		free(user);
	}
	table_deinit(&m->entries);
}
