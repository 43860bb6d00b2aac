/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Lines of a policy file, and their words. */
#include <errno.h>

#include "common/text_internal.h"

void text_line_deinit(struct text_line *line)
{
	free(line->source);
	free(line->text);
	free(line->words);
	free(line->columns);
}

static int append(struct text_line *line, const char *bytes, size_t size)
{
	size_t room = MAX(line->room, 256u);
	char *source, *text;

	while (room < line->size + size + 1)
		room *= 2;
	if (room != line->room) {
		source = realloc(line->source, room);
		line->source = source ? source : line->source;
		text = source ? realloc(line->text, room) : NULL;
		line->text = text ? text : line->text;
		if (!text)
			return -ENOMEM;
		line->room = room;
	}
	memcpy(line->source + line->size, bytes, size);
	line->size += size;
	line->source[line->size] = 0;
	return 0;
}

/* A comment ends with its line: it must not swallow the statement below. */
static bool is_comment(const char *line, size_t length)
{
	size_t at = 0;

	while (at < length && (line[at] == ' ' || line[at] == '\t'))
		at++;
	return at < length && line[at] == '#';
}

/* Joins lines that end in a backslash; the column counts in what was joined. */
int text_line_read(struct text_reader *in, struct text_line *line)
{
	const char *first = in->at;
	bool more = true;
	int r = 0;

	line->size = line->count = 0;
	line->origin = (struct change_origin){in->number, (size_t)(in->at - in->start)};
	while (more && in->at < in->end && !r) {
		const char *newline = memchr(in->at, '\n', (size_t)(in->end - in->at));
		const char *stop = newline ? newline : in->end;
		size_t length = (size_t)(stop - in->at);

		more = length && stop[-1] == '\\' && newline && !is_comment(in->at, length);
		length -= more;
		length -= !more && length && in->at[length - 1] == '\r';
		r = append(line, in->at, length);
		if (!r && more)
			r = append(line, " ", 1);
		in->at = newline ? newline + 1 : in->end;
		in->number++;
	}
	line->has_nul = memchr(first, 0, (size_t)(in->at - first));
	return r;
}

/* One word, quotes and their backslashes taken away in place. NULL = a quote that does not end. */
static char *cut_word(char *at)
{
	char *out = at;
	bool quoted = false;

	for (; *at && (quoted || (*at != ' ' && *at != '\t')); at++) {
		if (*at == '"') {
			quoted = !quoted;
			continue;
		}
		if (quoted && *at == '\\' && (at[1] == '"' || at[1] == '\\'))
			at++;
		*out++ = *at;
	}
	if (quoted)
		return NULL;
	at += *at != 0;
	*out = 0;
	return at;
}

/* Room for one more word, and the column of the end. */
static int reserve_word(struct text_line *line)
{
	size_t room = MAX(2 * line->words_room, 32u);
	const char **words;
	unsigned int *columns;

	if (line->count + 1 < line->words_room)
		return 0;
	words = reallocarray(line->words, room, sizeof(*words));
	line->words = words ? words : line->words;
	columns = words ? reallocarray(line->columns, room, sizeof(*columns)) : NULL;
	line->columns = columns ? columns : line->columns;
	if (!columns)
		return -ENOMEM;
	line->words_room = room;
	return 0;
}

int text_line_cut(struct text_line *line)
{
	char *at = line->text;

	memcpy(line->text, line->source, line->size + 1);
	for (;;) {
		if (reserve_word(line) < 0)
			return -ENOMEM;
		at += strspn(at, " \t");
		line->columns[line->count] = (unsigned int)(at - line->text) + 1;
		if (!*at || *at == '#')
			return 0;
		if (line->count == TEXT_LINE_WORDS_MAX)
			return -E2BIG;
		line->words[line->count++] = at;
		at = cut_word(at);
		if (!at)
			return -EINVAL;
	}
}
