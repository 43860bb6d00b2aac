/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "failing_memory.h"

#include <errno.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_reallocarray(void *memory, size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_reallocarray(void *memory, size_t count, size_t size);

static unsigned int left;
static bool failed, again;

void failing_memory_set(unsigned int nth, bool more)
{
	left = nth;
	again = more;
	failed = false;
}

bool failing_memory_end(void)
{
	left = 0;
	again = false;
	return failed;
}

bool failing_memory_now(void)
{
	bool fails = left ? !--left : failed && again;

	if (!fails)
		return false;
	failed = true;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return failing_memory_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return failing_memory_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return failing_memory_now() ? NULL : __real_realloc(memory, size);
}

void *__wrap_reallocarray(void *memory, size_t count, size_t size)
{
	return failing_memory_now() ? NULL : __real_reallocarray(memory, count, size);
}
