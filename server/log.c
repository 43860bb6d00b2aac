/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_SIZE 4096 /* PIPE_BUF: what is written to a pipe at once does not mix with others' */

static enum log_level threshold = LOG_LEVEL_INFO;
static bool journal;

static _Thread_local bool gathering;
static char gathered[LINE_SIZE];
static size_t gathered_size;

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

/* Whole lines in one write, so that those of several processes do not mix. */
static void write_out(const char *bytes, size_t size)
{
	ssize_t written = 0;

	for (; size; bytes += written, size -= (size_t)written) {
		written = write(STDERR_FILENO, bytes, size);
		if (written < 0 && errno == EINTR)
			written = 0;
		if (written < 0)
			return;
	}
}

void log_gather(void)
{
	gathering = true;
}

void log_release(void)
{
	write_out(gathered, gathered_size);
	gathered_size = 0;
	gathering = false;
}

static void put_line(const char *line, size_t size)
{
	if (!gathering) {
		write_out(line, size);
		return;
	}
	if (size > sizeof(gathered) - gathered_size) {
		write_out(gathered, gathered_size);
		gathered_size = 0;
	}
	memcpy(gathered + gathered_size, line, size);
	gathered_size += size;
}

PRINTF_LIKE(2, 0)
static void write_line(enum log_level level, const char *fmt, va_list args)
{
	int saved = errno, length;
	char line[LINE_SIZE];

	if (level > threshold)
		return;
	length = snprintf(line, sizeof(line), "%s%s", journal ? levels[level].prefix : levels[level].word,
		journal ? "" : ": ");
	length += vsnprintf(line + length, sizeof(line) - (size_t)length, fmt, args);
	length = MIN(length, LINE_SIZE - 1);
	line[length] = '\n';
	put_line(line, (size_t)length + 1);
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
