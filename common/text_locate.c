/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* From a field of a change back to the word of the policy file that it came from. */
#include <errno.h>

#include "common/text_internal.h"

/* The value behind `key`, which comes after the statement's own; the last word without it. */
static size_t behind(const struct text_words *w, const char *key)
{
	for (size_t i = 2; i + 1 < w->count; i++)
		if (streq(w->words[i], key))
			return i + 1;
	return w->count - 1;
}

static size_t word_of(const struct text_words *w, const char *field)
{
	const char *rest = strchr(field, '.');
	const char *part = rest ? rest + 1 : "";

	if (strncmp(field, "put_policy", strlen("put_policy")) == 0)
		return text_word_of_field(w, 1, part);
	if (streq(field, "put_set.file"))
		return behind(w, "file");
	if (streq(field, "attach.mode"))
		return behind(w, "mode");
	if (streq(field, "default_action.iface"))
		return behind(w, "iface");
	if (strncmp(field, "setting", strlen("setting")) == 0)
		return w->count - 1;
	return 1;
}

int text_locate(const char *data, size_t size, const struct change_origin *origin,
	const char *field, const char *message, struct text_problems *problems)
{
	struct text_reader in = {data, data + MIN(origin->offset, size), data + size, origin->line};
	struct text_line line = {0};
	struct text_words w = {.line = origin->line, .problems = problems};
	int r = 0;

	if (!origin->line)
		return 0;
	if (text_line_read(&in, &line) < 0 || text_line_cut(&line) == -ENOMEM) {
		r = -ENOMEM;
	} else if (line.count) {
		w.words = line.words;
		w.columns = line.columns;
		w.count = line.count;
		w.source = line.source;
		text_problem_add(&w, MIN(word_of(&w, field), w.count - 1), "%s", message);
	}
	text_line_deinit(&line);
	return r;
}
