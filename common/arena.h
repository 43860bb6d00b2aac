/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A bump allocator with a hard byte budget: everything that one request makes
 * is released at once, and no input can make it hold more than the budget.
 */
#ifndef PEP_COMMON_ARENA_H
#define PEP_COMMON_ARENA_H

#include <protobuf-c/protobuf-c.h>

#include "common/macros.h"

#define ARENA_BUDGET_DEFAULT (16u << 20) /* protobuf-c amplifies up to 68 times */

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* owned, newest first */
	size_t used;                /* bytes handed out of the newest chunk */
	size_t total;               /* bytes of all chunks, charged to the budget */
	size_t budget;
	bool exhausted; /* an allocation was refused by the budget */
	ProtobufCAllocator allocator; /* over this arena; free() is a no-op */
};

/* `budget` in bytes covers everything, chunk headers included. Must not be moved afterwards. */
void arena_init(struct arena *arena, size_t budget);
void arena_deinit(struct arena *arena);

/* Forgets all content and keeps at most one small chunk for the next request. */
void arena_reset(struct arena *arena);

/* Aligned to 16 bytes; NULL when the budget or memory is exhausted. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_zalloc(struct arena *arena, size_t size);
void *arena_array(struct arena *arena, size_t count, size_t size); /* zeroed, overflow-checked */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t size);
char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
