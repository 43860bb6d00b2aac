/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Tells when interfaces come, go or change their names (rtnetlink(7), RTMGRP_LINK), and when a
 * pinned link goes: the kernel has no news of a link that is detached, but panic unpins it too.
 */
#ifndef PEP_SERVER_MONITOR_H
#define PEP_SERVER_MONITOR_H

#include <uv.h>

#include "common/error.h"

struct monitor {
	uv_poll_t poll;
	uv_fs_event_t pins;
	int fd;
	bool open, watches_pins;
	void (*changed)(void *data);
	void *data;
};

/* A folder of pins that cannot be watched is no error: then only interfaces are. */
int monitor_init(struct monitor *m, uv_loop_t *loop, const char *pins,
	void (*changed)(void *data), void *data, struct error *err);
void monitor_close(struct monitor *m);

#endif
