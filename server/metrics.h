/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * --metrics: the figures of GetStats over HTTP, GET /metrics, as Prometheus reads them (text exposition
 * format 0.0.4). Whoever reaches the address may read; nothing can be changed.
 */
#ifndef PEP_SERVER_METRICS_H
#define PEP_SERVER_METRICS_H

#include <netinet/in.h>

#include "server/service.h"

#define METRICS_CONNECTIONS 16u /* at a time; others wait */
#define METRICS_TIMEOUT     10u /* s until an idle one is closed */

struct MHD_Daemon;

struct metrics {
	struct MHD_Daemon *http; /* NULL = there are none */
	struct service *service;
	uv_poll_t poll;
	uv_timer_t timer; /* for its timeouts */
	unsigned int runs_left; /* that follow the last connection */
};

/* IPv4:PORT or [IPv6]:PORT, numbers; false = it is none. `ret` holds a sockaddr_in when it is IPv4. */
bool metrics_address(const char *text, struct sockaddr_in6 *ret);

/* Listens there; NULL does nothing. A negative errno with `err` when the address is not to be had. */
int metrics_init(struct metrics *m, uv_loop_t *loop, struct service *service, const char *address,
	struct error *err);
void metrics_close(struct metrics *m);

/* --- metrics_text.c */

/* The page, to be freed; NULL = out of memory. */
char *metrics_text(struct service *service, size_t *ret_size);

#endif
