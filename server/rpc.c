/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/rpc.h"

#include <errno.h>

#include "common/envelope.h"
#include "common/status.h"
#include "common/wirecheck.h"

#define CALLS_KEPT 64u /* ended calls whose arena is used again */

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
	void (*writable)(void *data);
	void (*cancelled)(void *data);
	void *data;
};

struct rpc {
	struct {
		rpc_handler call;
		void *data;
	} handlers[METHOD_COUNT];
	struct call *kept;
	size_t kept_count;
};

int rpc_new(struct rpc **ret)
{
	struct rpc *rpc = calloc(1, sizeof(*rpc));

	if (!rpc)
		return -ENOMEM;
	*ret = rpc;
	return 0;
}

static void call_free(struct call *call)
{
	arena_deinit(&call->arena);
	free(call);
}

void rpc_free(struct rpc *rpc)
{
	if (!rpc)
		return;
	while (rpc->kept) {
		struct call *call = rpc->kept;

		rpc->kept = call->next;
		call_free(call);
	}
	free(rpc);
}

void rpc_handle(struct rpc *rpc, enum method_id method, rpc_handler handler, void *data)
{
	rpc->handlers[method].call = handler;
	rpc->handlers[method].data = data;
}

/* --- calls come and go */

static struct call *call_take(struct rpc *rpc)
{
	struct call *call = rpc->kept;

	if (call) {
		rpc->kept = call->next;
		rpc->kept_count--;
		return call;
	}
	call = calloc(1, sizeof(*call));
	if (call)
		arena_init(&call->arena, ARENA_BUDGET_DEFAULT);
	return call;
}

static void call_end(struct call *call)
{
	struct rpc *rpc = call->rpc;

	if (call->heard)
		call->output.ended(call->output.data);
	if (rpc->kept_count == CALLS_KEPT) {
		call_free(call);
		return;
	}
	arena_reset(&call->arena);
	call->next = rpc->kept;
	rpc->kept = call;
	rpc->kept_count++;
}

/* --- answers */

static void send_status(const struct rpc_output *output, const struct error *err)
{
	struct envelope_response response = {0};
	struct arena arena;
	uint8_t *out;

	arena_init(&arena, ARENA_BUDGET_DEFAULT);
	if (!status_encode(err, &arena, &response.status)) {
		out = output->frame(output->data, FRAME_RESPONSE, 0, envelope_response_size(&response));
		if (out)
			envelope_response_encode(&response, out);
	}
	arena_deinit(&arena);
}

void rpc_refuse(const struct rpc_output *output, struct error *err)
{
	send_status(output, err);
	error_deinit(err);
}

void call_fail(struct call *call, struct error *err)
{
	if (call->heard)
		send_status(&call->output, err);
	error_deinit(err);
	call_end(call);
}

static void fail_too_large(struct call *call)
{
	struct error err = ERROR_INIT;

	error_set(&err, ERROR_LIMIT, "ANSWER_TOO_LARGE",
		"the answer exceeds a frame of %u bytes; ask for less at a time", FRAME_BODY_MAX);
	call_fail(call, &err);
}

/* The envelope's payload field: tag, length, bytes. */
static uint8_t *response_frame(struct call *call, size_t payload)
{
	struct envelope_response response = {.payload = {(const uint8_t *)"", payload}};

	return call->output.frame(
		call->output.data, FRAME_RESPONSE, 0, envelope_response_size(&response));
}

void call_reply_packed(struct call *call, const void *bytes, size_t size)
{
	struct envelope_response response = {.payload = {bytes, size}};
	uint8_t *out;

	if (size > FRAME_BODY_MAX - 16) {
		fail_too_large(call);
		return;
	}
	out = call->heard ? response_frame(call, size) : NULL;
	if (out)
		envelope_response_encode(&response, out);
	call_end(call);
}

void call_reply(struct call *call, const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *out;

	if (size > FRAME_BODY_MAX - 16) {
		fail_too_large(call);
		return;
	}
	out = call->heard ? response_frame(call, size) : NULL;
	if (out && size) {
		out = envelope_payload_begin(out, size);
		protobuf_c_message_pack(message, out);
	}
	call_end(call);
}

/* --- streams */

int call_send_packed(struct call *call, const void *bytes, size_t size)
{
	uint8_t *out = call->heard ?
			       call->output.frame(call->output.data, FRAME_DATA, 0, size) : NULL;

	if (!out)
		return -EPIPE;
	if (size)
		memcpy(out, bytes, size);
	return 0;
}

int call_send(struct call *call, const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *out = call->heard ?
			       call->output.frame(call->output.data, FRAME_DATA, 0, size) : NULL;

	if (!out)
		return -EPIPE;
	protobuf_c_message_pack(message, out);
	return 0;
}

size_t call_room(const struct call *call)
{
	return call->heard ? call->output.room(call->output.data) : 0;
}

void call_finish(struct call *call)
{
	if (call->heard)
		call->output.frame(call->output.data, FRAME_DATA,
			FRAME_REMOTE_CLOSED | FRAME_NO_DATA, 0);
	call_end(call);
}

void call_watch(struct call *call, void (*writable)(void *data), void (*cancelled)(void *data),
	void *data)
{
	call->writable = writable;
	call->cancelled = cancelled;
	call->data = data;
}

void rpc_writable(struct call *call)
{
	if (call->writable)
		call->writable(call->data);
}

void rpc_cancel(struct call *call)
{
	call->heard = false;
	if (!call->cancelled)
		return;
	call->cancelled(call->data);
	call_end(call);
}

/* --- requests */

static int find_method(const struct envelope_request *envelope, const struct method **ret,
	struct error *err)
{
	bool known = false;
	const struct method *method = method_find((const char *)envelope->service.data,
		envelope->service.size, (const char *)envelope->method.data, envelope->method.size,
		&known);

	if (method) {
		*ret = method;
		return 0;
	}
	if (known)
		return error_set(err, ERROR_UNIMPLEMENTED, "UNKNOWN_METHOD",
			"the service %.*s has no method %.*s in this version",
			(int)MIN(envelope->service.size, 100u), (const char *)envelope->service.data,
			(int)MIN(envelope->method.size, 100u), (const char *)envelope->method.data);
	return error_set(err, ERROR_UNIMPLEMENTED, "UNKNOWN_SERVICE", "there is no service %.*s",
		(int)MIN(envelope->service.size, 100u), (const char *)envelope->service.data);
}

static int check_rights(const struct rpc_peer *peer, const struct method *method,
	struct error *err)
{
	unsigned int needed = method->right == METHOD_ADMIN ? RIGHT_ADMIN : RIGHT_READ;

	if (peer->rights & needed)
		return 0;
	return error_set(err, ERROR_DENIED, "NO_RIGHT",
		"%s needs root or a member of pepctld's admin group%s; uid %u is neither", method->name,
		needed == RIGHT_READ ? " or read group" : "", peer->uid);
}

static int check_deadline(const struct envelope_request *envelope, int64_t now, int64_t *ret,
	struct error *err)
{
	if (!envelope->has_timeout)
		return 0;
	if (envelope->timeout <= 0)
		return error_set(err, ERROR_DEADLINE, NULL, "the deadline had passed on arrival");
	*ret = envelope->timeout > INT64_MAX - now ? INT64_MAX : now + envelope->timeout;
	return 0;
}

static int unpack(struct call *call, const struct envelope_bytes *payload, struct error *err)
{
	const struct method *method = call->method;
	int r = wirecheck(method->request, payload->data, payload->size, method->mutates, err);

	if (r)
		return r;
	call->request = protobuf_c_message_unpack(
		method->request, &call->arena.allocator, payload->size, payload->data);
	if (call->request)
		return 0;
	if (call->arena.exhausted)
		return error_set(err, ERROR_LIMIT, "REQUEST_TOO_LARGE",
			"the request unpacks to more than %u MiB; send it in parts",
			ARENA_BUDGET_DEFAULT >> 20);
	return error_violation(err, "", "the payload is no %s", method->request->name);
}

static int open_call(struct call *call, const void *body, size_t size, int64_t now,
	struct error *err)
{
	struct envelope_request envelope;
	int r;

	if (envelope_request_decode(body, size, &envelope) < 0)
		return error_violation(err, "", "the body of the request frame is no ttrpc.Request");
	r = find_method(&envelope, &call->method, err);
	if (!r)
		r = check_rights(&call->peer, call->method, err);
	if (!r)
		r = check_deadline(&envelope, now, &call->deadline, err);
	return r ? r : unpack(call, &envelope.payload, err);
}

void rpc_request(struct rpc *rpc, const struct rpc_peer *peer, const void *body, size_t size,
	int64_t now, const struct rpc_output *output, struct call **ret_pending)
{
	struct error err = ERROR_INIT;
	struct call *call = call_take(rpc);
	size_t method;

	if (!call) {
		error_set(&err, ERROR_LIMIT, "MEMORY", "out of memory");
		rpc_refuse(output, &err);
		output->ended(output->data);
		return;
	}
	call->rpc = rpc;
	call->peer = *peer;
	call->output = *output;
	call->heard = true;
	call->deadline = 0;
	call->writable = call->cancelled = NULL;
	*ret_pending = call;
	if (open_call(call, body, size, now, &err)) {
		call_fail(call, &err);
		return;
	}
	method = (size_t)(call->method - method_table);
	rpc->handlers[method].call(rpc->handlers[method].data, call);
}

const struct rpc_peer *call_peer(const struct call *call)
{
	return &call->peer;
}

const void *call_request(const struct call *call)
{
	return call->request;
}

struct arena *call_arena(struct call *call)
{
	return &call->arena;
}

int64_t call_deadline(const struct call *call)
{
	return call->deadline;
}
