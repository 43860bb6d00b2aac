/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which packets reject answers, and how: a table, and the answers to the byte, made from the
 * question's bytes by code that shares nothing with bpf/answer.h.
 */
#ifndef PEP_TESTS_ANSWER_ROWS_H
#define PEP_TESTS_ANSWER_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "frame.h"

enum answer_kind {
	ANSWER_NONE,
	ANSWER_RESET,
	ANSWER_UNREACHABLE,
};

struct answer_row {
	const char *text;  /* frame.h */
	const char *bytes; /* "" or "WHERE=HEX ...": put at an offset of the frame (e), of IP (i),
			      or of the transport header (t), as in "i12=7f000001"; of IP (c) when
			      the IPv4 checksum is right, which it is no more then */
	enum answer_kind kind;
};

extern const struct answer_row answer_rows[];
extern const size_t answer_row_count;

/* The row's frame. */
void answer_question(const struct answer_row *row, struct frame *ret);
/* The frame that answers it; returns its length. */
size_t answer_wanted(const struct frame *question, enum answer_kind kind, uint8_t out[FRAME_MAX]);

#endif
