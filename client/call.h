/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Calls over a connection: messages out, messages in. */
#ifndef PEP_CLIENT_CALL_H
#define PEP_CLIENT_CALL_H

#include "client/connection.h"
#include "common/arena.h"
#include "common/method.h"

/* Asks and waits for the answer, which is unpacked in `arena`. What the server refuses becomes `err`. */
int call_unary(struct client *client, enum method_id method, const ProtobufCMessage *request,
	struct arena *arena, void *ret_answer, struct error *err);

/*
 * A stream of the client: opened, any number of messages, its end, the answer.
 * What the server refuses early ends it: then call_push() fails with that.
 */
int call_open(struct client *client, enum method_id method, int64_t deadline, uint32_t *ret_stream,
	struct error *err);
int call_push(struct client *client, enum method_id method, uint32_t stream,
	const ProtobufCMessage *message, int64_t deadline, struct error *err);
int call_end(struct client *client, uint32_t stream, int64_t deadline, struct error *err);
int call_answer(struct client *client, enum method_id method, uint32_t stream, int64_t deadline,
	struct arena *arena, void *ret_answer, struct error *err);

/* Starts a server stream. */
int call_start(struct client *client, enum method_id method, const ProtobufCMessage *request,
	uint32_t *ret_stream, struct error *err);
/*
 * Its next message: 1 and the message in `arena`, 0 = the clean end, -EAGAIN
 * without an error when `deadline` is 0 and nothing is there.
 */
int call_next(struct client *client, enum method_id method, uint32_t stream, int64_t deadline,
	struct arena *arena, void *ret_message, struct error *err);

#endif
