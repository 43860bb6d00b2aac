/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The decisions of a wait for a confirmation, without its terminal and its daemon. */
#ifndef PEP_CLIENT_CLI_CONFIRM_STATE_H
#define PEP_CLIENT_CLI_CONFIRM_STATE_H

#include <sys/types.h>

#include "common/macros.h"

/* What the person at the terminal wants. */
enum confirm_wish {
	CONFIRM_NOTHING, /* yet */
	CONFIRM_KEEP,
	CONFIRM_UNDO,
	CONFIRM_LEAVE, /* the terminal has gone: neither keeps nor undoes */
	CONFIRM_HINT,  /* said something that is neither */
};

/* Of `got` bytes that read(2) of the terminal returned; a line of blanks alone keeps the change. */
enum confirm_wish confirm_wish_of(const char *line, ssize_t got);

enum confirm_fate {
	CONFIRM_WAITS,
	CONFIRM_CONFIRMED, /* by somebody else */
	CONFIRM_UNDONE,    /* its time was up */
	CONFIRM_GONE, /* before its time: undone, or kept and changed since, by somebody else */
};

/*
 * What has become of `revision`, when the daemon says that `waiting` waits (0 = none does) and
 * `in_force` is in force; `left` ns of its time by the last that was heard.
 */
enum confirm_fate confirm_fate_of(
	uint64_t revision, uint64_t waiting, uint64_t in_force, int64_t left);

/* "1m30s": whole seconds, of which the last one is still to come; "0s" when none is left. */
void confirm_format_left(int64_t left, char ret[static 32]);
/* Milliseconds until that text is another; when it is 0s, until it is worth asking again. */
int confirm_tick(int64_t left);

#endif
