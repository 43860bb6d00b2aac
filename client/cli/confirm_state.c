/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "client/cli/confirm_state.h"

#include "common/text.h"

#define SECOND    1000000000
#define ASK_AGAIN 100 /* ms */

enum confirm_wish confirm_wish_of(const char *line, ssize_t got)
{
	if (got <= 0)
		return CONFIRM_LEAVE;
	for (ssize_t i = 0; i < got; i++)
		if (!strchr(" \t\r\n", line[i]) || !line[i])
			return CONFIRM_HINT;
	return line[got - 1] == '\n' ? CONFIRM_KEEP : CONFIRM_HINT;
}

enum confirm_fate confirm_fate_of(
	uint64_t revision, uint64_t waiting, uint64_t in_force, int64_t left)
{
	if (waiting == revision)
		return CONFIRM_WAITS;
	if (in_force == revision)
		return CONFIRM_CONFIRMED;
	return left > 0 ? CONFIRM_GONE : CONFIRM_UNDONE;
}

void confirm_format_left(int64_t left, char ret[static 32])
{
	uint64_t seconds = left > 0 ? ((uint64_t)left + SECOND - 1) / SECOND : 0;

	text_format_duration(seconds * SECOND, ret);
}

int confirm_tick(int64_t left)
{
	int64_t rest = left > 0 ? (left - 1) % SECOND + 1 : 0;

	return left > 0 ? (int)(rest / 1000000) + 1 : ASK_AGAIN;
}
