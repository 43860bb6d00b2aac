/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Tells when interfaces come, go or change their names (rtnetlink(7), RTMGRP_LINK). */
#ifndef PEP_SERVER_MONITOR_H
#define PEP_SERVER_MONITOR_H

#include <uv.h>

#include "common/error.h"

struct monitor {
	uv_poll_t poll;
	int fd;
	bool open;
	void (*changed)(void *data);
	void *data;
};

int monitor_init(struct monitor *m, uv_loop_t *loop, void (*changed)(void *data), void *data,
	struct error *err);
void monitor_close(struct monitor *m);

#endif
