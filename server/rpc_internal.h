/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What rpc.c and call.c share. Nobody else includes this. */
#ifndef PEP_SERVER_RPC_INTERNAL_H
#define PEP_SERVER_RPC_INTERNAL_H

#include "server/rpc.h"

struct call {
	struct rpc *rpc;
	struct call *next; /* of the kept ones */
	const struct method *method;
	struct rpc_peer peer;
	struct rpc_output output;
	bool heard; /* the peer is there */
	int64_t deadline;
	ProtobufCMessage *request; /* in the arena */
	struct arena arena;
	const struct rpc_receiver *receiver; /* while the client's side of a client stream is open */
	size_t first_index;                  /* of its next message's repeated fields */
	void (*writable)(void *data);
	void (*cancelled)(void *data);
	void *data;
};

/* rpc.c: gives it back; it does not exist any more. */
void call_end(struct call *call);
/* rpc.c: the audit of a call that fails. */
void rpc_tell(const struct call *call, const struct error *err);
/* call.c: a response with that status. */
void rpc_send_status(const struct rpc_output *output, const struct error *err);

#endif
