/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "common/netset.h"

#include <errno.h>

#include "common/text_internal.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool begins_comment(char c)
{
	return c == '#' || c == ';';
}

/* The line as written, for the caret; a line of rubbish is cut. */
static int add_problem(struct text_problems *problems, unsigned int number, const char *line,
	const char *end, const char *word, const char *word_end, const char *message)
{
	_cleanup_free_ char *source = strndup(line, (size_t)MIN(end - line, 200));
	_cleanup_free_ char *copy = strndup(word, (size_t)MIN(word_end - word, 200));
	unsigned int column = (unsigned int)(word - line) + 1;
	const char *words[] = {copy};
	struct text_words w = {
		.words = words,
		.columns = &column,
		.count = 1,
		.line = number,
		.source = column <= 200 ? source : NULL,
		.problems = problems,
	};

	return copy ? text_problem_add(&w, 0, "%s", message) : -ENOMEM;
}

static int read_line(const char *line, const char *end, unsigned int number,
	struct member_list *list, struct text_problems *problems)
{
	const char *at = line, *word_end, *rest;
	char message[160];
	int r;

	while (at < end && is_space(*at))
		at++;
	if (at == end || begins_comment(*at))
		return 0;
	for (word_end = at; word_end < end && !is_space(*word_end) && !begins_comment(*word_end);)
		word_end++;
	r = member_list_add_text(list, at, (size_t)(word_end - at), message);
	if (r)
		return r == -ENOMEM
			       ? r
			       : add_problem(problems, number, line, end, at, word_end, message);
	for (rest = word_end; rest < end && is_space(*rest);)
		rest++;
	if (rest == end || begins_comment(*rest))
		return 0;
	return add_problem(problems, number, line, end, rest, end,
		"a line has one address, prefix or range; begin a comment with #");
}

int netset_parse(
	const char *data, size_t size, struct member_list *list, struct text_problems *problems)
{
	const char *at = data, *stop = data + size;
	unsigned int number = 0;
	size_t wrong = 0;

	while (at < stop) {
		const char *newline = memchr(at, '\n', (size_t)(stop - at));
		const char *end = newline ? newline : stop;
		struct text_problems none = {0};
		int r = read_line(
			at, end, ++number, list, wrong < NETSET_PROBLEMS_MAX ? problems : &none);

		text_problems_deinit(&none);
		if (r == -ENOMEM)
			return r;
		wrong += r != 0;
		at = end + 1;
	}
	if (wrong > NETSET_PROBLEMS_MAX)
		add_problem(problems, number, "", "", "", "",
			"many more lines are wrong; is it an address list at all?");
	return wrong ? -EINVAL : 0;
}

int netset_write(const struct member_list *list, FILE *out)
{
	char text[MEMBER_TEXT_SIZE + 1];

	for (size_t i = 0; i < member_list_count(list); i++) {
		struct member m = member_list_at(list, i);
		size_t length = member_format(&m, text);

		text[length++] = '\n';
		fwrite(text, 1, length, out);
	}
	return ferror(out) ? -ENOMEM : 0;
}
