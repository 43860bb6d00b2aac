/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A uid at the other end of any number of connections, and the memory that all of them together
 * hold: what was received and not yet served, answers not yet read, open streams, the queues of
 * subscriptions. Root has no limit: it could stop the daemon anyway.
 */
#ifndef PEP_SERVER_USER_H
#define PEP_SERVER_USER_H

#include "common/error.h"

#define USER_BYTES_MAX (64u << 20)

struct user {
	struct user *next, **link;
	uint32_t uid;
	size_t references;
	size_t bytes;
};

struct users {
	struct user *first;
};

/* The user of that uid; NULL = no memory. */
struct user *user_ref(struct users *all, uint32_t uid);
void user_unref(struct user *user); /* the last one forgets it; NULL is fine */

/*
 * `user` NULL stands for one without a limit. What is charged may exceed the limit, for what has
 * happened already; take() refuses then, with ERROR_LIMIT. Each byte is released once.
 */
bool user_has_room(const struct user *user, size_t bytes);
void user_charge(struct user *user, size_t bytes);
int user_take(struct user *user, size_t bytes, struct error *err);
void user_release(struct user *user, size_t bytes);
/* The error of one who has no room. */
int user_refuse(const struct user *user, struct error *err);

#endif
