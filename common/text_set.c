/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The set statement. Braces may stand alone or touch the members. */
#include <errno.h>

#include "common/text_internal.h"

int text_read_members(struct text_words *w, struct change *change, bool *ret_open)
{
	int r = 0;

	*ret_open = true;
	while (*ret_open && w->at < w->count) {
		const char *word = w->words[w->at++];
		size_t length = strlen(word);
		char message[160];

		if (length && word[length - 1] == '}') {
			*ret_open = false;
			length--;
		}
		if (length && member_list_add_text(&change->members, word, length, message) < 0)
			r = text_problem_add(w, w->at - 1, "%s", message);
	}
	return r;
}

static int read_file(struct text_words *w, struct change *ret)
{
	const char *path = text_next(w, "the file's path");

	if (!path)
		return -EINVAL;
	free(ret->file);
	ret->file = strdup(path);
	return ret->file ? 0 : text_problem_add(w, w->at - 1, "out of memory");
}

static int read_max_ttl(struct text_words *w, struct change *ret)
{
	const char *word = text_next(w, "the longest time");
	char message[160];

	if (!word)
		return -EINVAL;
	if (text_parse_duration(word, &ret->max_ttl, message) < 0)
		return text_problem_add(w, w->at - 1, "%s", message);
	return ret->max_ttl ? 0 : text_problem_add(w, w->at - 1, "a max-ttl is longer than 0");
}

static int read_option(struct text_words *w, const char *word, struct change *ret)
{
	if (streq(word, "max-ttl"))
		return read_max_ttl(w, ret);
	if (streq(word, "file"))
		return read_file(w, ret);
	if (!streq(word, "bannable"))
		return text_problem_add(w, w->at - 1,
			"\"%s\" is not bannable, max-ttl TIME, file PATH or { MEMBERS }", word);
	ret->bannable = true;
	return 0;
}

/* A member behind the brace that touches it is read as a word of its own. */
static int read_brace(struct text_words *w, struct change *ret, bool *ret_open)
{
	const char *behind = w->words[w->at - 1] + 1;
	unsigned int column = w->columns ? w->columns[w->at - 1] + 1 : 0;
	const char *words[] = {behind};
	struct text_words first = *w;
	int r = 0;

	*ret_open = true;
	first.words = words;
	first.columns = w->columns ? &column : NULL;
	first.count = 1;
	first.at = 0;
	if (*behind)
		r = text_read_members(&first, ret, ret_open);
	if (*ret_open && text_read_members(w, ret, ret_open) < 0)
		r = -EINVAL;
	return r;
}

int text_read_set(struct text_words *w, struct change *ret, bool *ret_open)
{
	const char *name = text_next(w, "the set's name");
	int r = 0;

	*ret_open = false;
	change_init(ret, CHANGE_PUT_SET);
	if (!name)
		return -EINVAL;
	if (!policy_name_valid(name)) {
		w->at = w->count;
		return text_problem_add(w, 1, "\"%s\" is no name: 1 to %u of [A-Za-z0-9._-]", name,
			POLICY_NAME_MAX);
	}
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	while (w->at < w->count && !ret->file) {
		const char *word = w->words[w->at++];

		if (*word == '{')
			return read_brace(w, ret, ret_open) ? -EINVAL : r;
		if (read_option(w, word, ret) < 0)
			r = -EINVAL;
	}
	return r;
}
