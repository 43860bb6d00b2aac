/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/user.h"

struct user *user_ref(struct users *all, uint32_t uid)
{
	struct user *user = all->first;

	while (user && user->uid != uid)
		user = user->next;
	if (!user) {
		user = calloc(1, sizeof(*user));
		if (!user)
			return NULL;
		*user = (struct user){.next = all->first, .link = &all->first, .uid = uid};
		if (user->next)
			user->next->link = &user->next;
		all->first = user;
	}
	user->references++;
	return user;
}

void user_unref(struct user *user)
{
	if (!user || --user->references)
		return;
	*user->link = user->next;
	if (user->next)
		user->next->link = user->link;
	free(user);
}

bool user_has_room(const struct user *user, size_t bytes)
{
	return !user || !user->uid ||
	       (user->bytes <= USER_BYTES_MAX && bytes <= USER_BYTES_MAX - user->bytes);
}

void user_charge(struct user *user, size_t bytes)
{
	if (user)
		user->bytes += bytes;
}

int user_refuse(const struct user *user, struct error *err)
{
	return error_set(err, ERROR_LIMIT, "USER_BYTES",
		"uid %u holds %zu bytes in answers not read, requests, streams and event queues; at most "
		"%u for all its connections together: read the answers, end streams, or ask for "
		"smaller queues",
		user->uid, user->bytes, USER_BYTES_MAX);
}

int user_take(struct user *user, size_t bytes, struct error *err)
{
	if (!user_has_room(user, bytes))
		return user_refuse(user, err);
	user_charge(user, bytes);
	return 0;
}

void user_release(struct user *user, size_t bytes)
{
	if (user)
		user->bytes -= bytes;
}
