/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * uv_pipe bytes ↔ frames. What one turn of the loop produces leaves in one
 * write. While too much is queued for the peer its frames wait and nothing is
 * read, so that one who never reads costs a bounded amount and nobody else
 * anything; while its user has no room (user.h) frames that wait for nothing are
 * refused.
 */
#ifndef PEP_SERVER_CONNECTION_H
#define PEP_SERVER_CONNECTION_H

#include <uv.h>

#include "server/stream.h"

#define CONNECTION_QUEUE_MAX (8u << 20)  /* answers: no further frame is served above */
#define CONNECTION_KEPT_MAX 65536u       /* of a buffer that is empty */
#define CONNECTION_STREAM_MAX (1u << 20) /* of it for streams, which keep queues of their own */
#define CONNECTION_READ_SIZE 16384u /* in a turn of the loop: some two hundred small requests */

struct connection;

/* What connections of one loop share. */
struct connections {
	uv_loop_t *loop;
	struct rpc *rpc;
	char *read_buffer;         /* CONNECTION_READ_SIZE; a read is worked off before the next */
	uv_prepare_t flusher;      /* writes what the turn of the loop has queued */
	uv_idle_t resumer;         /* in the next turn: goes on with what was held */
	struct users users;
	struct connection *dirty;  /* with something to write */
	struct connection *first;  /* all */
	size_t count;
};

int connections_init(struct connections *all, uv_loop_t *loop, struct rpc *rpc);
/* Starts closing all of it; the loop must run until nothing is left. */
void connections_close(struct connections *all);
void connections_deinit(struct connections *all);

/* Connections of that uid, or of all uids without rights. */
size_t connections_count(const struct connections *all, uint32_t uid, bool strangers);

/* What the listener decides of each connection. */
struct connection_options {
	void (*identify)(void *data, int fd, struct rpc_peer *ret); /* once it is accepted */
	bool (*admit)(void *data, const struct rpc_peer *peer); /* it counts already */
	/* It has gone, and its memory goes after this. */
	void (*closed)(void *data, const struct rpc_peer *peer);
	void *data;
};
/* Takes the next connection of `server`. 0, or a negative errno when it was closed at once. */
int connection_accept(struct connections *all, uv_stream_t *server,
	const struct connection_options *options);

#endif
