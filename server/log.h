/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Lines to stderr, with the level as a word, or in front of it as the journal
 * reads it (sd-daemon(3): "<3>") when stderr is the journal. Preserves errno.
 */
#ifndef PEP_SERVER_LOG_H
#define PEP_SERVER_LOG_H

#include "common/macros.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_init(enum log_level level);
bool log_level_parse(const char *text, enum log_level *ret); /* error warn info debug */

void log_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* What this thread, one at a time, logs in between is written at once, or in few writes. */
void log_gather(void);
void log_release(void);

#endif
