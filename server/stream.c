/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/stream.h"

#include <errno.h>

struct stream {
	struct table_node node;
	struct streams *streams;
	uint32_t id;
	struct call *call;
	bool sending; /* the client's side is open */
};

/* Ids come in sequence: multiplication spreads them, and a client harms only itself. */
static uint64_t hash_id(uint32_t id)
{
	return id * 0x9e3779b97f4a7c15ull >> 20;
}

static struct stream *stream_find(const struct streams *s, uint32_t id)
{
	struct table_node *node = table_first(&s->open, hash_id(id));

	while (node && CONTAINER_OF(node, struct stream, node)->id != id)
		node = table_next(node);
	return node ? CONTAINER_OF(node, struct stream, node) : NULL;
}

void streams_init(struct streams *s, struct rpc *rpc, const struct rpc_peer *peer,
	const struct stream_output *output)
{
	*s = (struct streams){.rpc = rpc, .peer = *peer, .output = *output};
}

/* Any open stream, to end it. */
static struct stream *stream_any(const struct streams *s)
{
	for (size_t i = 0; i < s->open.size; i++)
		if (s->open.buckets[i])
			return CONTAINER_OF(s->open.buckets[i], struct stream, node);
	return NULL;
}

static void stream_free(struct stream *stream)
{
	table_remove(&stream->streams->open, &stream->node);
	user_release(stream->streams->peer.user, STREAM_COST);
	free(stream);
}

static void stream_cancel(struct stream *stream)
{
	rpc_cancel(stream->call);
	stream_free(stream);
}

void streams_deinit(struct streams *s)
{
	struct stream *stream;

	while ((stream = stream_any(s)))
		stream_cancel(stream);
	table_deinit(&s->open);
}

void streams_input_ended(struct streams *s)
{
	for (size_t i = 0; i < s->open.size; i++)
		for (struct table_node *node = s->open.buckets[i], *next; node; node = next) {
			struct stream *stream = CONTAINER_OF(node, struct stream, node);

			next = node->next;
			if (rpc_is_watched(stream->call))
				stream_cancel(stream);
		}
}

/* --- streams that were answered early */

static uint32_t *ended_find(struct streams *s, uint32_t id)
{
	for (size_t i = 0; i < STREAMS_ENDED; i++)
		if (s->ended[i] == id)
			return &s->ended[i];
	return NULL;
}

static void ended_forget(struct streams *s, uint32_t id)
{
	uint32_t *place = ended_find(s, id);

	if (place)
		*place = 0;
}

static void ended_add(struct streams *s, uint32_t id)
{
	s->ended[s->ended_next++ % STREAMS_ENDED] = id;
}

/* --- what rpc calls */

static uint8_t *on_frame(void *data, enum frame_type type, uint8_t flags, size_t size)
{
	struct stream *stream = data;
	struct streams *s = stream->streams;

	return s->output.frame(s->output.data, &(struct frame){.length = (uint32_t)size,
						       .stream = stream->id,
						       .type = (uint8_t)type,
						       .flags = flags});
}

static size_t on_room(void *data)
{
	struct streams *s = ((struct stream *)data)->streams;

	return s->output.room(s->output.data);
}

static void on_ended(void *data)
{
	struct stream *stream = data;

	if (stream->sending)
		ended_add(stream->streams, stream->id);
	stream_free(stream);
}

static void on_ended_refusal(void *data)
{
	(void)data;
}

/* --- frames */

static void refuse(struct streams *s, uint32_t id, struct error *err)
{
	struct stream stream = {.streams = s, .id = id};

	rpc_refuse(&(struct rpc_output){on_frame, on_room, on_ended_refusal, &stream}, err);
}

static int stream_open(struct streams *s, const struct frame *frame, struct error *err,
	struct stream **ret)
{
	uint32_t id = frame->stream;
	struct stream *stream;

	if (stream_find(s, id))
		return error_set(err, ERROR_INVALID, "STREAM_IN_USE",
			"stream %u has a request already; wait for its end or use another odd id", id);
	if (s->open.count >= STREAMS_MAX)
		return error_set(err, ERROR_LIMIT, "STREAMS_FULL",
			"%u streams are open on this connection, which is the limit; end some",
			STREAMS_MAX);
	if (user_take(s->peer.user, STREAM_COST, err) < 0)
		return -ENOSPC;
	stream = malloc(sizeof(*stream)); /* the C library caches these, not calloc's */
	if (!stream || table_reserve(&s->open, s->open.count + 1) < 0) {
		free(stream);
		user_release(s->peer.user, STREAM_COST);
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	}
	*stream = (struct stream){
		.streams = s, .id = id, .sending = frame->flags & FRAME_REMOTE_OPEN};
	if (s->ended_next)
		ended_forget(s, id);
	table_add(&s->open, &stream->node, hash_id(id));
	*ret = stream;
	return 0;
}

static void on_request(struct streams *s, const struct frame *frame, const uint8_t *body)
{
	struct error err = ERROR_INIT;
	struct stream *stream = NULL;

	if (!s->peer.rights) {
		error_set(&err, ERROR_DENIED, "NO_RIGHT",
			"uid %u is neither root nor in pepctld's admin, ban or read group",
			s->peer.uid);
		refuse(s, frame->stream, &err);
		s->output.close(s->output.data);
		return;
	}
	if (stream_open(s, frame, &err, &stream)) {
		refuse(s, frame->stream, &err);
		return;
	}
	rpc_request(s->rpc, &s->peer, frame, body,
		&(struct rpc_output){on_frame, on_room, on_ended, stream}, &stream->call);
}

static void on_data(struct streams *s, const struct frame *frame, const uint8_t *body)
{
	bool last = frame->flags & FRAME_REMOTE_CLOSED;
	struct stream *stream = stream_find(s, frame->stream);
	struct error err = ERROR_INIT;

	if (stream) {
		stream->sending = !last;
		rpc_data(stream->call, frame, body);
	} else if (!ended_find(s, frame->stream)) {
		error_set(&err, ERROR_INVALID, "STREAM_UNKNOWN", "stream %u is not open",
			frame->stream);
		refuse(s, frame->stream, &err);
	} else if (last) {
		ended_forget(s, frame->stream);
	}
}

void streams_frame(struct streams *s, const struct frame *frame, const uint8_t *body)
{
	struct error err = ERROR_INIT;

	if (frame->stream % 2 == 0) {
		error_set(&err, ERROR_INVALID, "STREAM_ID",
			"stream id %u is even; clients use odd ids", frame->stream);
		refuse(s, frame->stream, &err);
	} else if (frame->type == FRAME_REQUEST) {
		on_request(s, frame, body);
	} else if (frame->type == FRAME_DATA) {
		on_data(s, frame, body);
	}
	/* Other types are ignored. */
}

void streams_turn_away(struct streams *s, const struct frame *frame, struct error *err)
{
	struct stream *stream = stream_find(s, frame->stream);
	bool data = frame->type == FRAME_DATA;

	if (!s->peer.rights || frame->stream % 2 == 0) {
		streams_frame(s, &(struct frame){.stream = frame->stream, .type = FRAME_REQUEST}, NULL);
	} else if (stream && data) {
		stream->sending = !(frame->flags & FRAME_REMOTE_CLOSED);
		rpc_data_lost(stream->call, err);
	} else if (!stream && !(data && ended_find(s, frame->stream))) {
		refuse(s, frame->stream, err); /* else it has its answer to come, or had it */
	}
	error_deinit(err);
}

void streams_oversized(struct streams *s, const struct frame *frame)
{
	struct error err = ERROR_INIT;

	error_set(&err, ERROR_LIMIT, "FRAME_TOO_LARGE",
		"a frame body of %u bytes exceeds the limit of %u; send it in parts", frame->length,
		FRAME_BODY_MAX);
	streams_turn_away(s, frame, &err);
}

void streams_writable(struct streams *s)
{
	if (!s->open.count)
		return;
	/* A call may end while it writes, so the chain is walked by what comes next. */
	for (size_t i = 0; i < s->open.size; i++)
		for (struct table_node *node = s->open.buckets[i], *next; node; node = next) {
			next = node->next;
			rpc_writable(CONTAINER_OF(node, struct stream, node)->call);
		}
}
