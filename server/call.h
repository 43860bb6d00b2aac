/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A call as its handler sees it: who asks for what, and how to answer, now or
 * later. rpc.c keeps the other side.
 */
#ifndef PEP_SERVER_CALL_H
#define PEP_SERVER_CALL_H

#include "common/arena.h"
#include "common/error.h"
#include "common/method.h"
#include "server/user.h"

struct rpc;
struct call;

enum rpc_right { RIGHT_READ = 1, RIGHT_ADMIN = 2, RIGHT_BAN = 4 };

/* Who is at the other end; fixed when the connection was accepted. */
struct rpc_peer {
	uint32_t uid;
	uint32_t pid;
	char command[16]; /* comm of the process, for people only */
	unsigned int rights; /* enum rpc_right */
	struct user *user; /* the account of the uid, while the connection lives; NULL = no limit */
};

typedef void (*rpc_handler)(void *data, struct call *call);

/* Every method of the table needs one before the first request, or rpc_receive(). */
void rpc_handle(struct rpc *rpc, enum method_id method, rpc_handler handler, void *data);

/* Who takes a stream of the client. */
struct rpc_receiver {
	/* The stream begins; an error answers the call. `*ret_stream` goes into all below. */
	int (*open)(void *data, struct call *call, void **ret_stream, struct error *err);
	/* Its next message, `size` bytes on the wire, valid during the call; an error ends the call,
	 * after `cancelled`. */
	int (*message)(void *stream, const void *message, size_t size, struct error *err);
	/* The client sends no more: from here on the call is as a unary one, and not cancelled. */
	void (*closed)(void *stream);
	/* Before that, the peer is gone or a message was bad: nothing of the stream may be left. */
	void (*cancelled)(void *stream);
};
void rpc_receive(struct rpc *rpc, enum method_id method, const struct rpc_receiver *receiver,
	void *data);

const struct rpc_peer *call_peer(const struct call *call);
const void *call_request(const struct call *call); /* the generated struct of the method */
struct arena *call_arena(struct call *call);       /* until the call ends */
/* Whoever waits long with many others of its kind gives back the request, and all of the arena. */
void call_forget_request(struct call *call);
int64_t call_deadline(const struct call *call);    /* CLOCK_MONOTONIC ns, 0 = none */

/* Paths of repeated fields in the next messages of the client's stream count from `first`. */
void call_count_from(struct call *call, size_t first);

/* One of these three ends the call, at any time. `err` is emptied. */
void call_reply(struct call *call, const ProtobufCMessage *message);
void call_reply_packed(struct call *call, const void *bytes, size_t size);
void call_fail(struct call *call, struct error *err);

/* Streams. */
int call_send_packed(struct call *call, const void *bytes, size_t size);
size_t call_room(const struct call *call);
void call_finish(struct call *call); /* the clean end */

/*
 * A handler that keeps a call tells what to do when there is room again, and
 * when the peer is gone; after `cancelled` the call does not exist any more.
 * The request, with all of the arena, is released: a stream may last for ever.
 * Without it a cancelled call lives on until it is ended, unheard.
 */
void call_watch(struct call *call, void (*writable)(void *data), void (*cancelled)(void *data),
	void *data);

#endif
