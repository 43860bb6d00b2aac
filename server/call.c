/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The handler's side of a call. */
#include "server/call.h"

#include <errno.h>

#include "common/envelope.h"
#include "common/status.h"
#include "server/rpc_internal.h"

/* --- answers */

void rpc_send_status(const struct rpc_output *output, const struct error *err)
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

void call_fail(struct call *call, struct error *err)
{
	rpc_tell(call, err);
	if (call->heard)
		rpc_send_status(&call->output, err);
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
	call->request = NULL;
	arena_reset(&call->arena);
}

/* --- what is asked */

void call_forget_request(struct call *call)
{
	call->request = NULL;
	arena_deinit(&call->arena);
	arena_init(&call->arena, ARENA_BUDGET_DEFAULT);
}

void call_count_from(struct call *call, size_t first)
{
	call->first_index = first;
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
