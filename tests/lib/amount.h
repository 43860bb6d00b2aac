/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How much is done of what differs by chance alone. tests/kernels/run sets PEP_PERCENT, as there
 * a processor is emulated, and tests/lib/valgrind; whoever asks prints what it came to.
 */
#ifndef PEP_TESTS_AMOUNT_H
#define PEP_TESTS_AMOUNT_H

#include <stdlib.h>

/* That percentage of it, but 1 at least. */
static inline size_t amount(size_t whole)
{
	const char *percent = getenv("PEP_PERCENT");
	size_t part = percent ? whole * strtoul(percent, NULL, 10) / 100 : whole;

	return part ? part : 1;
}

#endif
