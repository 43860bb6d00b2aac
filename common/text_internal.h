/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What text*.c share. Nobody else includes this. */
#ifndef PEP_COMMON_TEXT_INTERNAL_H
#define PEP_COMMON_TEXT_INTERNAL_H

#include "common/text.h"

/* Where words stand and where their problems go. */
struct text_words {
	const char *const *words;
	const unsigned int *columns; /* from 1, of each word; NULL: the index serves */
	size_t count;
	size_t at; /* the next word */
	unsigned int line;  /* 0 = no file */
	const char *source; /* the line, for the caret */
	struct text_problems *problems;
};

/* Adds a problem of the word at `index` (count = something is missing at the end); -EINVAL. */
int text_problem_add(struct text_words *w, size_t index, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The next word, or NULL with a problem that says `what` is missing. */
const char *text_next(struct text_words *w, const char *what);

/* NAME ACTION [KEY VALUE]... from the next word to the end. */
int text_read_policy(struct text_words *w, struct policy *ret);

/* By bit, from bit 0 (RFC 9293). */
extern const char *const text_tcp_flags[8];

/* An action and the words that belong to it. */
int text_read_action(struct text_words *w, struct policy_action *ret);

bool text_number(const char *word, size_t length, uint64_t maximum, uint64_t *ret);

/* "1.5M" and one of the suffixes. False: no such number, unit, or it is no whole number. */
bool text_amount(const char *word, const char *const suffixes[], size_t count, size_t *ret_suffix,
	uint64_t *ret);
void text_format_amount(uint64_t value, const char *suffix, char ret[static 32]);

#endif
