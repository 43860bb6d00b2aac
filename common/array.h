/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Arrays that grow by one item at a time. */
#ifndef PEP_COMMON_ARRAY_H
#define PEP_COMMON_ARRAY_H

#include <errno.h>

#include "common/macros.h"

/*
 * Makes room for one more of `size` bytes in the array that `items` points to the
 * pointer of; twice as many each time. 0 or -ENOMEM, then nothing has changed.
 */
static inline int array_grow(void *items, size_t *room, size_t count, size_t size)
{
	void **at = items;
	size_t wanted = MAX(2 * *room, 16u);
	void *grown;

	if (count < *room)
		return 0;
	grown = reallocarray(*at, wanted, size);
	if (!grown)
		return -ENOMEM;
	*at = grown;
	*room = wanted;
	return 0;
}

#endif
