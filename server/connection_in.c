/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/connection_internal.h"

/* What it has not read, or its user holds elsewhere, is too much to add to. */
static bool must_wait(const struct connection *c)
{
	size_t queued = connection_queued(c);

	return queued > CONNECTION_QUEUE_MAX || (queued && !user_has_room(c->streams.peer.user, 0));
}

static void discard(struct connection *c, const struct frame *frame)
{
	struct error err = ERROR_INIT;

	c->discard = frame->length;
	if (frame_judge(frame) == FRAME_DISCARD) {
		streams_oversized(&c->streams, frame);
		return;
	}
	user_refuse(c->streams.peer.user, &err);
	streams_turn_away(&c->streams, frame, &err);
}

/* Whether the user may hold it; `here` bytes of the body, which may have all of it, it holds already. */
static bool has_room(const struct connection *c, const struct frame *frame, size_t here)
{
	return user_has_room(c->streams.peer.user, frame->length - MIN(here, frame->length));
}

/* Works off whole frames; returns how many bytes they had. */
static size_t take_frames(struct connection *c, const uint8_t *data, size_t size)
{
	size_t at = 0;

	while (!c->closing && !c->close_when_sent && !(c->held = must_wait(c))) {
		size_t left = size - at, skipped = MIN(c->discard, left);
		struct frame frame;

		at += skipped;
		left -= skipped;
		c->discard -= (uint32_t)skipped;
		if (left < FRAME_HEADER_SIZE)
			break;
		frame_decode(data + at, &frame);
		if (frame_judge(&frame) == FRAME_CLOSE) {
			connection_close(c);
			return size;
		}
		left -= FRAME_HEADER_SIZE;
		if (frame_judge(&frame) == FRAME_DISCARD || !has_room(c, &frame, left)) {
			discard(c, &frame);
			at += FRAME_HEADER_SIZE;
			continue;
		}
		if (left < frame.length)
			return at;
		streams_frame(&c->streams, &frame, data + at + FRAME_HEADER_SIZE);
		at += FRAME_HEADER_SIZE + frame.length;
	}
	return c->closing || c->close_when_sent ? size : at;
}

static bool keep_rest(struct connection *c, const uint8_t *data, size_t size)
{
	if (!size)
		return true;
	if (!buffer_reserve(c, &c->in, size))
		return false;
	memcpy(c->in.data + c->in.used, data, size);
	c->in.used += size;
	return true;
}

/* Bytes that continue what is kept. */
static bool take_continued(struct connection *c, const uint8_t *data, size_t size)
{
	size_t done;

	if (!keep_rest(c, data, size))
		return false;
	done = take_frames(c, c->in.data, c->in.used);
	c->in.used -= done;
	if (c->in.used)
		memmove(c->in.data, c->in.data + done, c->in.used);
	else
		buffer_free(c, &c->in);
	return true;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct connection *c = CONTAINER_OF(handle, struct connection, pipe);

	(void)suggested;
	*ret = uv_buf_init(c->all->read_buffer, CONNECTION_READ_SIZE);
}

/* uv would read on, 32 times: who sends much would keep the others waiting for all of that. */
static void give_way(struct connection *c)
{
	c->yielded = true;
	uv_read_stop((uv_stream_t *)&c->pipe);
	connection_set_dirty(c);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
	struct connection *c = CONTAINER_OF(stream, struct connection, pipe);
	const uint8_t *data = (const uint8_t *)buf->base;
	size_t done;
	bool fine;

	if (size == 0)
		return;
	if (size == UV_EOF) {
		c->ended = true;
		streams_input_ended(&c->streams);
		connection_set_dirty(c); /* the flusher closes it when nothing is to come */
		return;
	}
	if (size < 0) {
		connection_close(c);
		return;
	}
	if (c->in.used) {
		fine = take_continued(c, data, (size_t)size);
	} else {
		done = take_frames(c, data, (size_t)size);
		fine = c->closing || keep_rest(c, data + done, (size_t)size - done);
	}
	if (c->closing)
		return;
	if (!fine) {
		connection_close(c);
		return;
	}
	if (size == CONNECTION_READ_SIZE)
		give_way(c);
	connection_reading(c);
}

int connection_read(struct connection *c)
{
	return uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
}

static void start_reading(struct connection *c)
{
	if (!c->yielded && connection_read(c) < 0)
		connection_close(c);
}

void connection_reading(struct connection *c)
{
	bool pause;

	c->held = c->held || must_wait(c);
	pause = c->held || c->close_when_sent || c->ended;
	if (c->closing || pause == c->paused)
		return;
	c->paused = pause;
	if (pause)
		uv_read_stop((uv_stream_t *)&c->pipe);
	else
		start_reading(c);
}

void connection_end_yield(struct connection *c)
{
	if (c->closing || !c->yielded)
		return;
	c->yielded = false;
	if (!c->paused)
		start_reading(c);
}

void connection_resume(struct connection *c)
{
	if (c->held && !take_continued(c, NULL, 0))
		connection_close(c);
	connection_reading(c);
}

void connections_resume(uv_idle_t *idle)
{
	struct connections *all = idle->data;

	uv_idle_stop(idle);
	for (struct connection *c = all->first; c; c = c->next)
		if (c->held && !c->writing && !c->closing)
			connection_resume(c);
}
