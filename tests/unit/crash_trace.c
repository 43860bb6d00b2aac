/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "crash_trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static FILE *out;
static char *text;
static size_t size;

void trace_begin(void)
{
	if (out)
		fclose(out);
	free(text);
	text = NULL;
	out = open_memstream(&text, &size);
}

void trace_tell(unsigned int step, const char *fmt, ...)
{
	va_list ap;

	if (!out)
		return;
	fprintf(out, "%3u ", step);
	va_start(ap, fmt);
	vfprintf(out, fmt, ap);
	va_end(ap);
	fputc('\n', out);
}

const char *trace_text(void)
{
	return out && !fflush(out) ? text : "";
}
