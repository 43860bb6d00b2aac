/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/connection.h"

#include <errno.h>

struct buffer {
	uint8_t *data;
	size_t used;
	size_t size;
};

struct connection {
	uv_pipe_t pipe;
	struct connections *all;
	struct connection *next, **link; /* of all */
	struct connection *next_dirty;
	bool dirty, closing, paused, writing;
	bool yielded; /* its read filled the buffer: the others come first */
	bool close_when_sent;
	struct streams streams;
	struct connection_options options;

	struct buffer in;  /* the beginning of a frame whose rest has not come */
	uint32_t discard;  /* bytes of a refused body still to come */
	struct buffer out; /* queued by this turn of the loop */
	struct buffer sent; /* being written */
	uv_write_t write;
};

static bool buffer_reserve(struct buffer *buffer, size_t more)
{
	size_t size = buffer->size ? buffer->size : 4096;
	uint8_t *grown;

	if (more <= buffer->size - buffer->used)
		return true;
	while (size < buffer->used + more)
		size *= 2;
	grown = realloc(buffer->data, size);
	if (!grown)
		return false;
	buffer->data = grown;
	buffer->size = size;
	return true;
}

static void buffer_free(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){0};
}

/* --- closing */

static void on_closed(uv_handle_t *handle)
{
	struct connection *c = CONTAINER_OF(handle, struct connection, pipe);

	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->all->count--;
	if (c->options.closed)
		c->options.closed(c->options.data, &c->streams.peer);
	buffer_free(&c->in);
	buffer_free(&c->out);
	buffer_free(&c->sent);
	free(c);
}

static void connection_close(struct connection *c)
{
	struct connection **link = &c->all->dirty;

	if (c->closing)
		return;
	c->closing = true;
	while (c->dirty && *link != c)
		link = &(*link)->next_dirty;
	if (c->dirty)
		*link = c->next_dirty;
	c->dirty = false;
	streams_deinit(&c->streams);
	uv_close((uv_handle_t *)&c->pipe, on_closed);
}

/* --- out */

static size_t queued(const struct connection *c)
{
	return c->out.used + c->sent.used;
}

static void set_dirty(struct connection *c)
{
	if (c->dirty || c->closing)
		return;
	c->dirty = true;
	c->next_dirty = c->all->dirty;
	c->all->dirty = c;
}

static uint8_t *on_frame(void *data, const struct frame *frame)
{
	struct connection *c = data;
	size_t size = FRAME_HEADER_SIZE + frame->length;
	uint8_t *at;

	if (c->closing || !buffer_reserve(&c->out, size))
		return NULL;
	at = c->out.data + c->out.used;
	frame_encode(frame, at);
	c->out.used += size;
	set_dirty(c);
	return at + FRAME_HEADER_SIZE;
}

static size_t on_room(void *data)
{
	size_t used = queued(data);

	return used < CONNECTION_STREAM_MAX ? CONNECTION_STREAM_MAX - used : 0;
}

static void on_close(void *data)
{
	struct connection *c = data;

	c->close_when_sent = true;
	set_dirty(c);
}

static void reading(struct connection *c);
static void resume(struct connection *c);
static void flush(struct connection *c);

static void on_written(uv_write_t *write, int status)
{
	struct connection *c = CONTAINER_OF(write, struct connection, write);

	c->writing = false;
	c->sent.used = 0;
	if (c->sent.size > CONNECTION_STREAM_MAX)
		buffer_free(&c->sent);
	if (c->closing)
		return;
	if (status < 0) {
		connection_close(c);
		return;
	}
	flush(c);
	if (c->closing)
		return;
	reading(c);
	if (!queued(c))
		streams_writable(&c->streams);
}

/* What the socket does not take at once is handed to uv; one write at a time. */
static void flush(struct connection *c)
{
	uv_buf_t buf = uv_buf_init((char *)c->out.data, (unsigned int)c->out.used);
	struct buffer spare;
	int done = 0;

	if (c->writing)
		return;
	if (c->out.used)
		done = uv_try_write((uv_stream_t *)&c->pipe, &buf, 1);
	if (done == (int)c->out.used) {
		c->out.used = 0;
		if (c->out.size > CONNECTION_STREAM_MAX)
			buffer_free(&c->out);
		if (c->close_when_sent)
			connection_close(c);
		return;
	}
	if (done < 0 && done != UV_EAGAIN) {
		connection_close(c);
		return;
	}
	done = MAX(done, 0);
	spare = c->sent;
	c->sent = c->out;
	c->out = spare;
	c->out.used = 0;
	c->writing = true;
	buf = uv_buf_init((char *)c->sent.data + done, (unsigned int)(c->sent.used - (size_t)done));
	if (uv_write(&c->write, (uv_stream_t *)&c->pipe, &buf, 1, on_written) < 0) {
		c->writing = false;
		connection_close(c);
	}
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct connections *all = prepare->data;

	while (all->dirty) {
		struct connection *c = all->dirty;

		all->dirty = c->next_dirty;
		c->dirty = false;
		if (c->closing)
			continue;
		flush(c);
		resume(c);
		/* All went out at once: streams that stopped for room would not hear of it else. */
		if (!c->closing && !queued(c))
			streams_writable(&c->streams);
	}
}

/* --- in */

/* Works off whole frames; returns how many bytes they had. */
static size_t take_frames(struct connection *c, const uint8_t *data, size_t size)
{
	int64_t now = (int64_t)uv_hrtime();
	size_t at = 0;

	while (!c->closing && !c->close_when_sent) {
		size_t left = size - at, skipped = MIN(c->discard, left);
		struct frame frame;

		at += skipped;
		left -= skipped;
		c->discard -= (uint32_t)skipped;
		if (left < FRAME_HEADER_SIZE)
			break;
		frame_decode(data + at, &frame);
		switch (frame_judge(&frame)) {
		case FRAME_CLOSE:
			connection_close(c);
			return size;
		case FRAME_DISCARD:
			streams_oversized(&c->streams, &frame);
			c->discard = frame.length;
			at += FRAME_HEADER_SIZE;
			continue;
		default:
			if (left - FRAME_HEADER_SIZE < frame.length)
				return at;
			streams_frame(&c->streams, &frame, data + at + FRAME_HEADER_SIZE, now);
			at += FRAME_HEADER_SIZE + frame.length;
		}
	}
	return c->closing || c->close_when_sent ? size : at;
}

static bool keep_rest(struct connection *c, const uint8_t *data, size_t size)
{
	if (!size)
		return true;
	if (!buffer_reserve(&c->in, size))
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
		buffer_free(&c->in);
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
	set_dirty(c);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
	struct connection *c = CONTAINER_OF(stream, struct connection, pipe);
	const uint8_t *data = (const uint8_t *)buf->base;
	size_t done;
	bool fine;

	if (size == 0)
		return;
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
	reading(c);
}

static void start_reading(struct connection *c)
{
	int r = c->yielded ? 0 : uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);

	if (r < 0)
		connection_close(c);
}

static void reading(struct connection *c)
{
	bool pause = queued(c) > CONNECTION_QUEUE_MAX || c->close_when_sent;

	if (c->closing || pause == c->paused)
		return;
	c->paused = pause;
	if (pause)
		uv_read_stop((uv_stream_t *)&c->pipe);
	else
		start_reading(c);
}

static void resume(struct connection *c)
{
	if (c->closing || !c->yielded)
		return;
	c->yielded = false;
	if (!c->paused)
		start_reading(c);
}

/* --- coming and going */

int connections_init(struct connections *all, uv_loop_t *loop, struct rpc *rpc)
{
	*all = (struct connections){.loop = loop, .rpc = rpc};
	all->read_buffer = malloc(CONNECTION_READ_SIZE);
	if (!all->read_buffer)
		return -ENOMEM;
	uv_prepare_init(loop, &all->flusher);
	all->flusher.data = all;
	uv_prepare_start(&all->flusher, on_prepare);
	uv_unref((uv_handle_t *)&all->flusher);
	return 0;
}

void connections_close(struct connections *all)
{
	for (struct connection *c = all->first, *next; c; c = next) {
		next = c->next;
		if (!c->closing)
			flush(c);
		connection_close(c);
	}
	uv_close((uv_handle_t *)&all->flusher, NULL);
}

void connections_deinit(struct connections *all)
{
	free(TAKE_PTR(all->read_buffer));
}

size_t connections_count(const struct connections *all, uint32_t uid, bool strangers)
{
	size_t count = 0;

	for (const struct connection *c = all->first; c; c = c->next)
		count += strangers ? !c->streams.peer.rights : c->streams.peer.uid == uid;
	return count;
}

static struct connection *connection_new(struct connections *all)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	uv_pipe_init(all->loop, &c->pipe, 0);
	c->all = all;
	c->next = all->first;
	c->link = &all->first;
	if (c->next)
		c->next->link = &c->next;
	all->first = c;
	all->count++;
	return c;
}

int connection_accept(struct connections *all, uv_stream_t *server,
	const struct connection_options *options)
{
	struct connection *c = connection_new(all);
	struct rpc_peer peer = {0};
	uv_os_fd_t fd = -1;
	int r;

	if (!c)
		return -ENOMEM;
	r = uv_accept(server, (uv_stream_t *)&c->pipe);
	if (!r)
		r = uv_fileno((uv_handle_t *)&c->pipe, &fd);
	if (!r)
		options->identify(options->data, fd, &peer);
	streams_init(&c->streams, all->rpc, &peer,
		&(struct stream_output){on_frame, on_room, on_close, c});
	c->options = *options;
	if (!r && !options->admit(options->data, &peer))
		r = -EDQUOT;
	if (!r)
		r = uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
	if (r)
		connection_close(c);
	return r;
}
