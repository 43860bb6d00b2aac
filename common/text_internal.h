/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What text*.c share. Nobody else includes this. */
#ifndef PEP_COMMON_TEXT_INTERNAL_H
#define PEP_COMMON_TEXT_INTERNAL_H

#include <errno.h>

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

/* --- text_key.c */

bool text_is_key(const char *word);
/* KEY [VALUE] from the next word, which is there; `seen` marks the keys of the policy so far. */
int text_read_key(struct text_words *w, struct policy *p, uint32_t *seen);
/* After a fault: reading goes on with the next keyword, so that later faults are told too. */
void text_skip_to_key(struct text_words *w);
/* Takes the last word back when it is a keyword: what should stand before it is missing. */
void text_step_back(struct text_words *w);

/* --- text_line.c */

#define TEXT_LINE_WORDS_MAX 4096u /* of one statement */

/* A file that is being read, line by line. */
struct text_reader {
	const char *start, *at, *end;
	unsigned int number; /* of the line at `at` */
};

/* A line after continuations are joined, cut into words. Used again for the next one; all zero at first. */
struct text_line {
	char *source; /* as written, for the caret; owned */
	char *text;   /* a copy that is cut, with room for as much; owned */
	size_t size, room;
	const char **words;    /* point into text; owned */
	unsigned int *columns; /* of each word, and of the end; owned */
	size_t count, words_room;
	struct change_origin origin;
	bool has_nul; /* what stands behind it would be lost */
};
void text_line_deinit(struct text_line *line);
/* The next line, not yet cut. 0 or -ENOMEM. */
int text_line_read(struct text_reader *in, struct text_line *line);
/* 0, -EINVAL = the quote of the last word does not end, -E2BIG or -ENOMEM. */
int text_line_cut(struct text_line *line);

/*
 * The word that a field of the model ("match.dport", "action.rate_limit.burst") came from: the
 * value behind its keyword. `name` is the index of the policy's name, which serves for all others.
 */
size_t text_word_of_field(const struct text_words *w, size_t name, const char *field);

/* Adds a problem of the word at `index` (count = something is missing at the end); -EINVAL. */
int text_problem_add(struct text_words *w, size_t index, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Of two results: 0 when both are, -ENOMEM when one is. */
static inline int text_worse(int a, int b)
{
	return a == -ENOMEM || !b ? a : b;
}

/* The next word, or NULL with a problem that says `what` is missing. */
const char *text_next(struct text_words *w, const char *what);

/* NAME ACTION [KEY VALUE]... from the next word to the end. */
int text_read_policy(struct text_words *w, struct policy *ret);

/*
 * NAME [bannable] [max-ttl TIME] [{ MEMBER... } | file PATH] as a PUT_SET. A set
 * whose brace is still open goes on with text_read_members() of the next line.
 * -EINVAL with problems, all of them; *ret_open is set in any case.
 */
int text_read_set(struct text_words *w, struct change *ret, bool *ret_open);
int text_read_members(struct text_words *w, struct change *change, bool *ret_open);

/* By bit, from bit 0 (RFC 9293). */
extern const char *const text_tcp_flags[8];

/* An action and the words that belong to it. */
int text_read_action(struct text_words *w, struct policy_action *ret);

/* Fills the message of a word that is wrong; -EINVAL. */
int text_wrong(char message[static 160], const char *fmt, ...) PRINTF_LIKE(2, 3);

bool text_number(const char *word, size_t length, uint64_t maximum, uint64_t *ret);

/* "1.5M" and one of the suffixes. False: no such number, unit, or it is no whole number. */
bool text_amount(const char *word, const char *const suffixes[], size_t count, size_t *ret_suffix,
	uint64_t *ret);
void text_format_amount(uint64_t value, const char *suffix, char ret[static 32]);

#endif
