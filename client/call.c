/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "client/call.h"

#include <errno.h>

#include "common/envelope.h"
#include "common/status.h"

static struct envelope_bytes bytes_of(const char *text)
{
	return (struct envelope_bytes){(const uint8_t *)text, strlen(text)};
}

/* `message` NULL = none yet. */
static int send_request(struct client *client, const struct method *method,
	const ProtobufCMessage *message, int64_t deadline, uint32_t stream, struct error *err)
{
	size_t payload = message ? protobuf_c_message_get_packed_size(message) : 0;
	_cleanup_free_ uint8_t *packed = malloc(payload + 1);
	_cleanup_free_ uint8_t *body = NULL;
	struct envelope_request request = {
		.service = bytes_of(method->service),
		.method = bytes_of(method->name),
		.payload = {packed, payload},
		.has_timeout = deadline != CLIENT_FOREVER,
		.timeout = deadline - client_now(),
	};
	size_t size = envelope_request_size(&request);
	struct frame frame = {.length = (uint32_t)size, .stream = stream, .type = FRAME_REQUEST,
		.flags = message ? FRAME_REMOTE_CLOSED : FRAME_REMOTE_OPEN};

	if (size > FRAME_BODY_MAX)
		return error_set(err, ERROR_LIMIT, "REQUEST_TOO_LARGE",
			"the request has %zu bytes, more than a frame's %u; send less at a time", size,
			FRAME_BODY_MAX);
	body = malloc(size + 1);
	if (!packed || !body)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	if (message)
		protobuf_c_message_pack(message, packed);
	envelope_request_encode(&request, body);
	return client_send(client, &frame, body, deadline, err);
}

static int unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t size,
	struct arena *arena, void *ret, struct error *err)
{
	ProtobufCMessage *message =
		protobuf_c_message_unpack(descriptor, &arena->allocator, size, data);

	if (!message)
		return error_set(err, ERROR_INTERNAL, "ANSWER_UNREADABLE",
			"pepctld's answer is no %s; is it of another version?", descriptor->name);
	*(ProtobufCMessage **)ret = message;
	return 0;
}

/* A response: its status, or its payload as the message. */
static int open_response(const struct method *method, const uint8_t *body, size_t size,
	struct arena *arena, void *ret, struct error *err)
{
	struct envelope_response response;

	if (envelope_response_decode(body, size, &response) < 0)
		return error_set(err, ERROR_INTERNAL, "ANSWER_UNREADABLE",
			"pepctld's answer is no ttrpc.Response");
	if (!response.status.size)
		return unpack(method->response, response.payload.data, response.payload.size, arena, ret,
			err);
	if (status_decode(response.status.data, response.status.size, err) < 0)
		error_set(err, ERROR_INTERNAL, "ANSWER_UNREADABLE", "pepctld's error is unreadable");
	return -EREMOTEIO;
}

static uint32_t next_stream(struct client *client)
{
	uint32_t stream = client->next_stream;

	client->next_stream += 2;
	return stream;
}

/* Answers to calls that timed out may still come: they are skipped. */
int call_answer(struct client *client, enum method_id id, uint32_t stream, int64_t deadline,
	struct arena *arena, void *ret_answer, struct error *err)
{
	const uint8_t *body;
	struct frame frame;
	int r;

	do
		r = client_receive(client, deadline, &frame, &body, err);
	while (!r && (frame.stream != stream || frame.type != FRAME_RESPONSE));
	return r ? r :
		   open_response(&method_table[id], body, frame.length, arena, ret_answer, err);
}

int call_unary(struct client *client, enum method_id id, const ProtobufCMessage *request,
	struct arena *arena, void *ret_answer, struct error *err)
{
	const struct method *method = &method_table[id];
	int64_t deadline = client_deadline(client);
	uint32_t stream = next_stream(client);
	int r = send_request(client, method, request, deadline, stream, err);

	return r ? r : call_answer(client, id, stream, deadline, arena, ret_answer, err);
}

/* --- streams of the client */

int call_open(struct client *client, enum method_id id, int64_t deadline, uint32_t *ret_stream,
	struct error *err)
{
	uint32_t stream = next_stream(client);
	int r = send_request(client, &method_table[id], NULL, deadline, stream, err);

	if (!r)
		*ret_stream = stream;
	return r;
}

int call_end(struct client *client, uint32_t stream, int64_t deadline, struct error *err)
{
	struct frame frame = {.stream = stream, .type = FRAME_DATA,
		.flags = FRAME_REMOTE_CLOSED | FRAME_NO_DATA};

	return client_send(client, &frame, NULL, deadline, err);
}

int call_push(struct client *client, enum method_id id, uint32_t stream,
	const ProtobufCMessage *message, int64_t deadline, struct error *err)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	struct frame frame = {.length = (uint32_t)size, .stream = stream, .type = FRAME_DATA};
	_cleanup_free_ uint8_t *body = NULL;
	ProtobufCMessage *answer;
	struct arena arena;
	int r;

	if (size > FRAME_BODY_MAX)
		return error_set(err, ERROR_LIMIT, "REQUEST_TOO_LARGE",
			"one operation has %zu bytes, more than a frame's %u; make it several", size,
			FRAME_BODY_MAX);
	body = malloc(size + 1);
	if (!body)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	protobuf_c_message_pack(message, body);
	r = client_send(client, &frame, body, deadline, err);
	if (r)
		return r;
	arena_init(&arena, ARENA_BUDGET_DEFAULT);
	r = call_answer(client, id, stream, 0, &arena, &answer, err);
	arena_deinit(&arena);
	if (r == -EAGAIN && !error_is_set(err))
		return 0;
	call_end(client, stream, deadline, NULL);
	return r ? r : error_set(err, ERROR_INTERNAL, "ANSWER_EARLY",
		"pepctld answered before the end of the stream");
}

/* --- streams of the server */

int call_start(struct client *client, enum method_id id, const ProtobufCMessage *request,
	uint32_t *ret_stream, struct error *err)
{
	uint32_t stream = next_stream(client);
	int r = send_request(client, &method_table[id], request, CLIENT_FOREVER, stream, err);

	if (!r)
		*ret_stream = stream;
	return r;
}

int call_next(struct client *client, enum method_id id, uint32_t stream, int64_t deadline,
	struct arena *arena, void *ret_message, struct error *err)
{
	const struct method *method = &method_table[id];
	const uint8_t *body;
	struct frame frame;
	int r;

	do {
		r = client_receive(client, deadline, &frame, &body, err);
		if (r)
			return r;
	} while (frame.stream != stream || frame.type < FRAME_RESPONSE);
	if (frame.type == FRAME_RESPONSE) {
		r = open_response(method, body, frame.length, arena, ret_message, err);
		return r;
	}
	if (frame.flags & FRAME_NO_DATA)
		return 0;
	r = unpack(method->response, body, frame.length, arena, ret_message, err);
	return r ? r : 1;
}
