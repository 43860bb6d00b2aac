/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A blocking connection with deadlines: frames out, frames in. */
#ifndef PEP_CLIENT_CONNECTION_H
#define PEP_CLIENT_CONNECTION_H

#include "common/error.h"
#include "common/frame.h"

#define CLIENT_SOCKET_DEFAULT "/run/pepctl/pepctl.sock"
#define CLIENT_TIMEOUT_DEFAULT 30000 /* ms */
#define CLIENT_FOREVER INT64_MAX

struct client {
	int fd;
	uint32_t next_stream; /* odd */
	int timeout;          /* ms of a call, <= 0 = none */
	char *path;           /* owned */
	uint8_t *in;          /* received, not yet taken; owned */
	size_t in_start, in_used, in_size;
};

/*
 * `path` NULL = $PEPCTL_SOCKET, else the default. ERROR_UNAVAILABLE when nobody
 * answers there, ERROR_DENIED when the socket may not be opened.
 */
int client_open(const char *path, struct error *err, struct client **ret);
void client_free(struct client *client);
DEFINE_CLEANUP(struct client, client_free)

/* When a call that starts now is over: CLOCK_MONOTONIC ns, CLIENT_FOREVER without a timeout. */
int64_t client_deadline(const struct client *client);
int64_t client_now(void);

/* Whether something came before `deadline`. */
bool client_wait(struct client *client, int64_t deadline);

/* After a failure the connection is of no use any more. */
int client_send(struct client *client, const struct frame *frame, const uint8_t *body,
	int64_t deadline, struct error *err);
/*
 * The next frame; its body stays valid until the next receive. `deadline` 0 only
 * takes what is there: -EAGAIN without an error when that is no whole frame.
 */
int client_receive(struct client *client, int64_t deadline, struct frame *ret,
	const uint8_t **ret_body, struct error *err);

#endif
