/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Requests that carried an id, and what they were answered: who asks again after an answer was lost
 * gets that answer and changes nothing. Kept for a day, at most REQUESTS_USER of one user and
 * REQUESTS_BYTES of their effects; the oldest go first.
 */
#ifndef PEP_SERVER_REQUEST_MEMORY_H
#define PEP_SERVER_REQUEST_MEMORY_H

#include "common/table.h"

#define REQUEST_ID_MAX  64u /* bytes of UTF-8 without control characters */
#define REQUESTS_USER   10000u
#define REQUESTS_BYTES  ((size_t)16 << 20)
#define REQUESTS_NS     (86400ll * 1000000000ll)

struct request {
	uint32_t uid;
	char id[REQUEST_ID_MAX + 1];
	uint64_t hash;    /* of what it asked for */
	int64_t time;     /* since the epoch, ns */
	uint64_t revision; /* that it made, or left */
	uint64_t created, changed, deleted; /* policies */
	uint8_t *effects; /* owned; one a change */
	size_t effect_count;
};

struct request_entry;
struct request_user;

/* All zero is empty. */
struct request_memory {
	struct table entries;
	struct request_user *users; /* owned list */
};
void request_memory_deinit(struct request_memory *memory);

/* NULL = nobody asked that within a day. Valid until the memory changes. */
const struct request *request_memory_find(const struct request_memory *memory, uint32_t uid, const char *id,
	int64_t now);
/* Takes over the effects. The same id of the same user is replaced. 0 or -ENOMEM: they are gone then. */
int request_memory_add(struct request_memory *memory, const struct request *request);
/* Calls cb with all of them, of each user the oldest first, until it does not return 0; returns that. */
int request_memory_each(const struct request_memory *memory,
	int (*cb)(void *data, const struct request *request), void *data);

#endif
