/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Words and their problems. */
#include "common/text.h"

#include <errno.h>

#include "common/text_internal.h"

const char *const text_tcp_flags[8] = {"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"};

const char *text_next(struct text_words *w, const char *what)
{
	if (w->at < w->count)
		return w->words[w->at++];
	text_problem_add(w, w->count, "%s is missing at the end", what);
	return NULL;
}

int text_problem_add(struct text_words *w, size_t index, const char *fmt, ...)
{
	struct text_problems *all = w->problems;
	struct text_problem problem = {.line = w->line};
	va_list args;

	if (all->count == all->room) {
		size_t room = MAX(2 * all->room, 8u);
		struct text_problem *grown = reallocarray(all->items, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		all->items = grown;
		all->room = room;
	}
	va_start(args, fmt);
	if (vasprintf(&problem.message, fmt, args) < 0)
		problem.message = NULL;
	va_end(args);
	problem.column = w->columns ? w->columns[index] : (unsigned int)index;
	problem.word = strdup(index < w->count ? w->words[index] : "");
	problem.source = w->source ? strdup(w->source) : NULL;
	all->items[all->count++] = problem;
	return -EINVAL;
}

void text_problems_deinit(struct text_problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		free(problems->items[i].word);
		free(problems->items[i].message);
		free(problems->items[i].source);
	}
	free(problems->items);
	*problems = (struct text_problems){0};
}

void text_problem_print(const struct text_problem *problem, const char *file, FILE *out)
{
	if (problem->line)
		fprintf(out, "%s:%u:%u: ", file, problem->line, problem->column);
	fprintf(out, "%s\n", problem->message ? problem->message : "is wrong");
	if (!problem->source)
		return;
	fprintf(out, "    %s\n    ", problem->source);
	for (unsigned int i = 1; i < problem->column; i++)
		fputc(i <= strlen(problem->source) && problem->source[i - 1] == '\t' ? '\t' : ' ', out);
	fputc('^', out);
	for (size_t i = 1; problem->word && i < strlen(problem->word); i++)
		fputc('~', out);
	fputc('\n', out);
}

int text_parse_policy(const char *const words[], size_t count, struct policy *ret,
	struct text_problems *problems)
{
	struct text_words w = {.words = words, .count = count, .problems = problems};

	return text_read_policy(&w, ret);
}
