/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What happened in a session, a line each, for who has to understand one that went wrong. */
#ifndef PEP_TESTS_CRASH_TRACE_H
#define PEP_TESTS_CRASH_TRACE_H

#include "common/macros.h"

void trace_begin(void); /* forgets what was told before */
void trace_tell(unsigned int step, const char *fmt, ...) PRINTF_LIKE(2, 3);
const char *trace_text(void);

#endif
