/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static enum log_level threshold = LOG_LEVEL_INFO;
static bool journal;

static const struct {
	const char *word, *prefix;
} levels[] = {
	[LOG_LEVEL_ERROR] = {"error", "<3>"},
	[LOG_LEVEL_WARN] = {"warn", "<4>"},
	[LOG_LEVEL_INFO] = {"info", "<6>"},
	[LOG_LEVEL_DEBUG] = {"debug", "<7>"},
};

void log_init(enum log_level level)
{
	threshold = level;
	journal = getenv("JOURNAL_STREAM") != NULL;
}

bool log_level_parse(const char *text, enum log_level *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
		if (streq(levels[i].word, text)) {
			*ret = (enum log_level)i;
			return true;
		}
	return false;
}

/* One write a line, so that lines of several processes do not mix. */
PRINTF_LIKE(2, 0)
static void write_line(enum log_level level, const char *fmt, va_list args)
{
	int saved = errno, length;
	char line[4096];

	if (level > threshold)
		return;
	length = snprintf(line, sizeof(line), "%s%s", journal ? levels[level].prefix : levels[level].word,
		journal ? "" : ": ");
	vsnprintf(line + length, sizeof(line) - (size_t)length, fmt, args);
	fprintf(stderr, "%s\n", line);
	errno = saved;
}

#define LOG_FUNCTION(name, level)                  \
	void name(const char *fmt, ...)            \
	{                                          \
		va_list args;                      \
                                                   \
		va_start(args, fmt);               \
		write_line((level), fmt, args);    \
		va_end(args);                      \
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warn, LOG_LEVEL_WARN)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
