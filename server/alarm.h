/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One point of time on CLOCK_BOOTTIME, which goes on while the machine sleeps: uv's timers do not. */
#ifndef PEP_SERVER_ALARM_H
#define PEP_SERVER_ALARM_H

#include <uv.h>

#include "common/error.h"

struct alarm {
	uv_poll_t poll;
	int fd; /* -1 = not open */
	void (*ring)(void *data);
	void *data;
};

int alarm_init(struct alarm *a, uv_loop_t *loop, void (*ring)(void *data), void *data, struct error *err);
/* Rings once when it is `boottime` (ns), at once when that has passed; the last call counts. */
void alarm_set(struct alarm *a, int64_t boottime);
void alarm_close(struct alarm *a);

#endif
