/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * An allocator that fails when it is told to: for programs that are linked with
 * --wrap=malloc, calloc, realloc and reallocarray.
 */
#ifndef PEP_TESTS_FAILING_MEMORY_H
#define PEP_TESTS_FAILING_MEMORY_H

/* The so-manieth allocation from now on fails, once; 0 = none does. */
void failing_memory_set(unsigned int nth);
/* Ends that; 1 when one has failed. */
int failing_memory_end(void);

#endif
