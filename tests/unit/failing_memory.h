/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * An allocator that fails when it is told to: for programs that are linked with
 * --wrap=malloc, calloc, realloc and reallocarray.
 */
#ifndef PEP_TESTS_FAILING_MEMORY_H
#define PEP_TESTS_FAILING_MEMORY_H

#include <stdbool.h>

/* The so-manieth call from now on fails, and with `more` all after it; 0 = none does. */
void failing_memory_set(unsigned int nth, bool more);
/* Ends that; true when one has failed. */
bool failing_memory_end(void);
/* For other calls that are to fail in the same count: whether this one does. Sets errno. */
bool failing_memory_now(void);

#endif
