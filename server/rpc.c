/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/rpc_internal.h"

#include <errno.h>
#include <time.h>

#include "common/envelope.h"
#include "common/wirecheck.h"

#define CALLS_KEPT 64u /* ended calls whose arena is used again */

struct rpc {
	struct {
		rpc_handler call;
		struct rpc_receiver receiver; /* instead of `call` */
		void *data;
	} handlers[METHOD_COUNT];
	struct call *kept;
	size_t kept_count;
	void (*refused)(void *data, const struct rpc_peer *peer, const struct method *method,
		const struct error *err);
	void *audit;
};

int rpc_new(struct rpc **ret)
{
	struct rpc *rpc = calloc(1, sizeof(*rpc));

	if (!rpc)
		return -ENOMEM;
	*ret = rpc;
	return 0;
}

void rpc_audit(struct rpc *rpc,
	void (*refused)(void *data, const struct rpc_peer *peer, const struct method *method,
		const struct error *err),
	void *data)
{
	rpc->refused = refused;
	rpc->audit = data;
}

void rpc_tell(const struct call *call, const struct error *err)
{
	if (call->rpc->refused && call->method && call->method->right != METHOD_READ)
		call->rpc->refused(call->rpc->audit, &call->peer, call->method, err);
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

void rpc_receive(struct rpc *rpc, enum method_id method, const struct rpc_receiver *receiver,
	void *data)
{
	rpc->handlers[method].receiver = *receiver;
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

void call_end(struct call *call)
{
	struct rpc *rpc = call->rpc;

	if (call->heard)
		call->output.ended(call->output.data);
	if (rpc->kept_count == CALLS_KEPT) {
		call_free(call);
		return;
	}
	arena_reset(&call->arena);
	call->method = NULL; /* the next one may fail before it has any */
	call->next = rpc->kept;
	rpc->kept = call;
	rpc->kept_count++;
}

void rpc_refuse(const struct rpc_output *output, struct error *err)
{
	rpc_send_status(output, err);
	error_deinit(err);
}

bool rpc_is_watched(const struct call *call)
{
	return call->cancelled;
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
	static const struct {
		unsigned int right;
		const char *groups;
	} needed[] = {
		[METHOD_READ] = {RIGHT_READ, "admin, ban or read group"},
		[METHOD_BAN] = {RIGHT_BAN, "admin or ban group"},
		[METHOD_ADMIN] = {RIGHT_ADMIN, "admin group"},
	};

	if (peer->rights & needed[method->right].right)
		return 0;
	return error_set(err, ERROR_DENIED, "NO_RIGHT",
		"%s needs root or a member of pepctld's %s; uid %u is neither", method->name,
		needed[method->right].groups, peer->uid);
}

static int64_t monotonic_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

/* The clock is read only for those who set a deadline. */
static int check_deadline(const struct envelope_request *envelope, int64_t *ret, struct error *err)
{
	int64_t now;

	if (!envelope->has_timeout)
		return 0;
	if (envelope->timeout <= 0)
		return error_set(err, ERROR_DEADLINE, NULL, "the deadline had passed on arrival");
	now = monotonic_now();
	*ret = envelope->timeout > INT64_MAX - now ? INT64_MAX : now + envelope->timeout;
	return 0;
}

static int unpack(struct call *call, const struct envelope_bytes *payload, struct error *err)
{
	const struct method *method = call->method;
	int r = wirecheck(method->request, payload->data, payload->size, method->mutates,
		call->first_index, err);

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

static int open_call(struct call *call, const void *body, size_t size,
	struct envelope_bytes *ret_payload, struct error *err)
{
	struct envelope_request envelope;
	int r;

	if (envelope_request_decode(body, size, &envelope) < 0)
		return error_violation(err, "", "the body of the request frame is no ttrpc.Request");
	*ret_payload = envelope.payload;
	r = find_method(&envelope, &call->method, err);
	if (!r)
		r = check_rights(&call->peer, call->method, err);
	return r ? r : check_deadline(&envelope, &call->deadline, err);
}

/* --- client streams */

static void receive_fail(struct call *call, struct error *err)
{
	call->cancelled(call->data);
	call_fail(call, err);
}

/* False: it has ended the call. */
static bool receive(struct call *call, const struct envelope_bytes *payload)
{
	struct error err = ERROR_INIT;
	int r;

	arena_reset(&call->arena);
	r = unpack(call, payload, &err);
	if (!r)
		r = call->receiver->message(call->data, call->request, payload->size, &err);
	if (r)
		receive_fail(call, &err);
	return !r;
}

static void receive_closed(struct call *call)
{
	const struct rpc_receiver *receiver = TAKE_PTR(call->receiver);

	arena_reset(&call->arena);
	call->cancelled = NULL;
	receiver->closed(call->data);
}

void rpc_data(struct call *call, const struct frame *frame, const void *body)
{
	const struct envelope_bytes payload = {body, frame->length};

	if (!call->receiver)
		return;
	if (!(frame->flags & FRAME_NO_DATA) && !receive(call, &payload))
		return;
	if (frame->flags & FRAME_REMOTE_CLOSED)
		receive_closed(call);
}

void rpc_data_lost(struct call *call, struct error *err)
{
	if (call->receiver)
		receive_fail(call, err);
}

/* The request's payload, when it has one, is the first message. */
static void start_receiving(struct call *call, const struct rpc_receiver *receiver, void *data,
	const struct envelope_bytes *payload, uint8_t flags)
{
	struct error err = ERROR_INIT;

	if (receiver->open(data, call, &call->data, &err)) {
		call_fail(call, &err);
		return;
	}
	call->receiver = receiver;
	call->cancelled = receiver->cancelled;
	if (payload->size && !receive(call, payload))
		return;
	if (flags & FRAME_REMOTE_CLOSED)
		receive_closed(call);
}

/* --- the beginning */

static void call_init(struct call *call, struct rpc *rpc, const struct rpc_peer *peer,
	const struct rpc_output *output)
{
	call->rpc = rpc;
	call->peer = *peer;
	call->output = *output;
	call->heard = true;
	call->deadline = 0;
	call->writable = call->cancelled = NULL;
	call->receiver = NULL;
	call->first_index = 0;
}

void rpc_request(struct rpc *rpc, const struct rpc_peer *peer, const struct frame *frame,
	const void *body, const struct rpc_output *output, struct call **ret_pending)
{
	struct error err = ERROR_INIT;
	struct call *call = call_take(rpc);
	struct envelope_bytes payload = {0};
	size_t method;

	if (!call) {
		error_set(&err, ERROR_LIMIT, "MEMORY", "out of memory");
		rpc_refuse(output, &err);
		output->ended(output->data);
		return;
	}
	call_init(call, rpc, peer, output);
	*ret_pending = call;
	if (open_call(call, body, frame->length, &payload, &err)) {
		call_fail(call, &err);
		return;
	}
	method = (size_t)(call->method - method_table);
	if (call->method->kind == METHOD_CLIENT_STREAM)
		start_receiving(call, &rpc->handlers[method].receiver, rpc->handlers[method].data, &payload,
			frame->flags);
	else if (unpack(call, &payload, &err))
		call_fail(call, &err);
	else
		rpc->handlers[method].call(rpc->handlers[method].data, call);
}
