/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "common/arena.h"

#include <stdarg.h>
#include <stdio.h>

#define ALIGNMENT   16u
#define CHUNK_SMALL 4096u /* a usual request fits; the one that arena_reset() keeps */

struct arena_chunk {
	struct arena_chunk *next;
	size_t size; /* of data */
	_Alignas(ALIGNMENT) unsigned char data[];
};

static void *allocator_alloc(void *data, size_t size)
{
	return arena_alloc(data, size);
}

static void allocator_free(void *data, void *pointer)
{
	(void)data;
	(void)pointer;
}

void arena_init(struct arena *arena, size_t budget)
{
	*arena = (struct arena){
		.budget = budget,
		.allocator = {allocator_alloc, allocator_free, arena},
	};
}

static void chunks_free(struct arena_chunk *chunk)
{
	while (chunk) {
		struct arena_chunk *next = chunk->next;

		free(chunk);
		chunk = next;
	}
}

void arena_deinit(struct arena *arena)
{
	chunks_free(arena->chunks);
	arena_init(arena, 0);
}

void arena_reset(struct arena *arena)
{
	struct arena_chunk *kept = arena->chunks;

	while (kept && kept->next)
		kept = kept->next;
	if (kept && kept->size > CHUNK_SMALL)
		kept = NULL;
	for (struct arena_chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
		next = chunk->next;
		if (chunk != kept)
			free(chunk);
	}
	arena->chunks = kept;
	arena->total = kept ? sizeof(*kept) + kept->size : 0;
	arena->used = 0;
	arena->exhausted = false;
}

/* Twice the last one, so that their number grows with the logarithm of what is asked for. */
static bool chunk_add(struct arena *arena, size_t size)
{
	size_t room = arena->budget - arena->total;
	size_t wanted = MAX(arena->chunks ? 2 * arena->chunks->size : CHUNK_SMALL, size);
	struct arena_chunk *chunk;

	if (room < sizeof(*chunk) || size > room - sizeof(*chunk))
		return false;
	wanted = MIN(wanted, room - sizeof(*chunk));
	chunk = malloc(sizeof(*chunk) + wanted);
	if (!chunk)
		return false;
	chunk->size = wanted;
	chunk->next = arena->chunks;
	arena->chunks = chunk;
	arena->total += sizeof(*chunk) + wanted;
	arena->used = 0;
	return true;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	void *pointer;

	/* Compared before it is rounded up: rounding may wrap. */
	if (size > arena->budget) {
		arena->exhausted = true;
		return NULL;
	}
	size = (MAX(size, 1u) + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if ((!arena->chunks || size > arena->chunks->size ||
		    arena->used > arena->chunks->size - size) &&
		!chunk_add(arena, size)) {
		arena->exhausted = true;
		return NULL;
	}
	pointer = arena->chunks->data + arena->used;
	arena->used += size;
	return pointer;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
	void *pointer = arena_alloc(arena, size);

	return pointer ? memset(pointer, 0, size) : NULL;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		arena->exhausted = true;
		return NULL;
	}
	return arena_zalloc(arena, bytes);
}

char *arena_strndup(struct arena *arena, const char *text, size_t size)
{
	size_t length = strnlen(text, size);
	char *copy = arena_alloc(arena, length + 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, length);
	copy[length] = 0;
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list args;
	int length;

	va_start(args, fmt);
	length = vasprintf(&text, fmt, args);
	va_end(args);
	if (length < 0) {
		text = NULL;
		return NULL;
	}
	return arena_strndup(arena, text, (size_t)length);
}
