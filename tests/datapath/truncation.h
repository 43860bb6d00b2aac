/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Every truncation length of every header kind, with what must hold derived
 * from where the headers were put, not from the parser: addresses decide as
 * soon as they are whole, ports as soon as their four bytes are there.
 */
#ifndef PEP_TESTS_TRUNCATION_H
#define PEP_TESTS_TRUNCATION_H

#include <stddef.h>

#include "matrix.h"

typedef struct matrix_verdict (*truncation_judge)(
	size_t ruleset, const void *data, size_t size, void *context);

/* Frames from the given length on; returns how many were judged wrongly, having printed them. */
int truncation_check(truncation_judge judge, size_t least, void *context);

#endif
