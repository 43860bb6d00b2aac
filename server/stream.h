/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The streams of one connection: ids, what is open, cancellation. Frames in,
 * frames out; no sockets.
 *
 * A stream is open from its request until its last frame. Odd ids are the
 * client's, in any order; an id may come again when its stream has ended.
 */
#ifndef PEP_SERVER_STREAM_H
#define PEP_SERVER_STREAM_H

#include "common/table.h"
#include "server/rpc.h"

#define STREAMS_MAX 1024u  /* open at once on a connection */
#define STREAM_COST 8192u /* bytes charged to the user for each: call, arena, what a handler keeps */
#define STREAMS_ENDED 16u /* answered while their client still sent: its data is ignored */

/* Where frames go and what may be sent: the connection. */
struct stream_output {
	/* Room for the frame with its header written; the caller fills the body. NULL = closing. */
	uint8_t *(*frame)(void *data, const struct frame *frame);
	size_t (*room)(void *data);
	void (*close)(void *data); /* after what is queued */
	void *data;
};

struct streams {
	struct rpc *rpc;
	struct rpc_peer peer;
	struct stream_output output;
	struct table open; /* struct stream by id */
	uint32_t ended[STREAMS_ENDED]; /* ids, 0 = none; the oldest goes first */
	size_t ended_next;
};

void streams_init(struct streams *s, struct rpc *rpc, const struct rpc_peer *peer,
	const struct stream_output *output);
/* The connection is gone: every call is cancelled. */
void streams_deinit(struct streams *s);

/* A whole frame, its body borrowed. */
void streams_frame(struct streams *s, const struct frame *frame, const uint8_t *body);
/* The peer sends no more: streams of messages are cancelled, unary calls are still answered. */
void streams_input_ended(struct streams *s);
/* A frame that is refused whatever is in its body, which is being discarded. `err` is emptied. */
void streams_turn_away(struct streams *s, const struct frame *frame, struct error *err);
/* The same for one whose body is too long. */
void streams_oversized(struct streams *s, const struct frame *frame);
/* What was queued has been sent: calls that wait for room go on. */
void streams_writable(struct streams *s);

#endif
