/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Small tools of the language that every room uses. */
#ifndef PEP_COMMON_MACROS_H
#define PEP_COMMON_MACROS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#undef MIN /* <sys/param.h>, which uv.h includes, has the same */
#undef MAX
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* An owning local: `_cleanup_(freep) char *s = NULL;` */
#define _cleanup_(f) __attribute__((cleanup(f)))
#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)

/* Let go of an owning local: returns its value and leaves NULL behind. */
#define TAKE_PTR(p)                     \
	({                              \
		__typeof__(p) *_p = &(p); \
		__typeof__(p) _v = *_p;   \
		*_p = NULL;             \
		_v;                     \
	})

/* The same for a descriptor, which is consumed as -1. */
#define TAKE_FD(fd)          \
	({                   \
		int *_p = &(fd); \
		int _v = *_p;    \
		*_p = -1;    \
		_v;          \
	})

/* Defines NAMEp() for _cleanup_ from a function that accepts NULL. */
#define DEFINE_CLEANUP(type, free_function)                  \
	static inline void free_function##p(type **p)        \
	{                                                    \
		if (*p)                                      \
			free_function(*p);                   \
	}

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

#endif
