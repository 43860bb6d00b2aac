/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Blocks in the log: a line for the first, then one summary each ten seconds
 * while there are any. Never a line a packet.
 */
#ifndef PEP_SERVER_BLOCK_LOG_H
#define PEP_SERVER_BLOCK_LOG_H

#include <uv.h>

#include "bpf/common.h"

#define BLOCK_LOG_NAMES 8u /* policies that a summary tells by name */

struct block_log {
	uv_timer_t timer;
	struct {
		char policy[PEP_NAME_SIZE]; /* "" = the default action or a setting */
		uint64_t count;
	} names[BLOCK_LOG_NAMES];
	size_t name_count;
	uint64_t total;
	struct pep_event last;
	void (*line)(void *data, const char *text);
	void *data;
};

void block_log_init(struct block_log *log, uv_loop_t *loop, void (*line)(void *data, const char *text),
	void *data);
void block_log_close(struct block_log *log);

void block_log_add(struct block_log *log, const struct pep_event *event);
/* Writes the summary of what came since the last one; the timer does it too. */
void block_log_flush(struct block_log *log);

#endif
