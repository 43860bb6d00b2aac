/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One call: envelope, method, rights, deadline, payload, handler, answer. The
 * only place where an internal error becomes a wire status. Knows no sockets:
 * frames leave through struct rpc_output.
 */
#ifndef PEP_SERVER_RPC_H
#define PEP_SERVER_RPC_H

#include "common/frame.h"
#include "server/call.h"

/* Where the frames of one stream go. */
struct rpc_output {
	/* Room for a frame with that body; the caller fills it at once. NULL = the peer is gone. */
	uint8_t *(*frame)(void *data, enum frame_type type, uint8_t flags, size_t size);
	/* Bytes that a stream may send now without a queue growing beyond its cap. */
	size_t (*room)(void *data);
	/* The call is over; `data` is not used any more. */
	void (*ended)(void *data);
	void *data;
};

int rpc_new(struct rpc **ret);
/* Told of every call of a method that changes something and fails, before the answer. */
void rpc_audit(struct rpc *rpc,
	void (*refused)(void *data, const struct rpc_peer *peer, const struct method *method,
		const struct error *err),
	void *data);
void rpc_free(struct rpc *rpc); /* all calls have ended */

/* Serves a request frame with its body. May end the call before it returns. */
void rpc_request(struct rpc *rpc, const struct rpc_peer *peer, const struct frame *frame,
	const void *body, const struct rpc_output *output, struct call **ret_pending);
/* A data frame of the call's stream; may end the call. Ignored by calls that take none. */
void rpc_data(struct call *call, const struct frame *frame, const void *body);
/* One that is lost for the reason in `err`, which ends the call with it. */
void rpc_data_lost(struct call *call, struct error *err);
/* Answers a stream that has no call, as for broken frames. */
void rpc_refuse(const struct rpc_output *output, struct error *err);

/* From the stream: the peer is gone (nothing is sent any more), or there is room again. */
void rpc_cancel(struct call *call);
void rpc_writable(struct call *call);
/* Whether it ends by itself no sooner than the peer goes, see call_watch(). */
bool rpc_is_watched(const struct call *call);

#endif
