/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The socket: bound here or inherited, accepting with limits. When descriptors
 * run short, accepting pauses until a connection has gone.
 */
#ifndef PEP_SERVER_LISTENER_H
#define PEP_SERVER_LISTENER_H

#include "server/authz.h"
#include "server/connection.h"

#define LISTENER_STRANGERS_MAX 8u  /* connections without any right */
#define LISTENER_PER_USER_MAX  256u /* connections of one uid other than root */
#define LISTENER_SPARE_FDS     64u /* kept for maps, files and links */

struct listener {
	uv_pipe_t pipe;
	uv_loop_t *loop;
	struct connections *connections;
	struct authz authz;
	char *path; /* owned; removed at the end; NULL = inherited */
	dev_t device; /* of the socket at `path`: another daemon may have put its own there since */
	ino_t inode;
	size_t limit; /* of connections, below that of descriptors */
	bool waiting; /* somebody waits to be accepted */
	bool open;
};

/*
 * `fd` >= 0 is an inherited listening socket. Else the socket is made at `path`,
 * with mode 0666: rights are checked at accept. Refused when another process
 * answers there; a dead one's socket is replaced.
 */
int listener_init(struct listener *l, uv_loop_t *loop, struct connections *connections,
	const struct authz *authz, const char *path, int fd, struct error *err);
void listener_close(struct listener *l);

/* The listening socket of systemd's activation (sd_listen_fds(3)); -1 = none. */
int listener_inherited(void);

#endif
