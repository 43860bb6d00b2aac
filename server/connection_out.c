/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/connection_internal.h"

#include <errno.h>
#include <sys/socket.h>

bool buffer_reserve(struct connection *c, struct buffer *buffer, size_t more)
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
	user_charge(c->streams.peer.user, size - buffer->size);
	buffer->data = grown;
	buffer->size = size;
	return true;
}

void buffer_free(struct connection *c, struct buffer *buffer)
{
	user_release(c->streams.peer.user, buffer->size);
	free(buffer->data);
	*buffer = (struct buffer){0};
}

size_t connection_queued(const struct connection *c)
{
	return c->out.used + c->sent.used;
}

void connection_set_dirty(struct connection *c)
{
	if (c->dirty || c->closing)
		return;
	c->dirty = true;
	c->next_dirty = c->all->dirty;
	c->all->dirty = c;
}

static void on_close(void *data)
{
	struct connection *c = data;

	c->close_when_sent = true;
	connection_set_dirty(c);
}

static uint8_t *on_frame(void *data, const struct frame *frame)
{
	struct connection *c = data;
	size_t size = FRAME_HEADER_SIZE + frame->length;
	uint8_t *at;

	if (c->closing)
		return NULL;
	if (!buffer_reserve(c, &c->out, size)) {
		on_close(c); /* rather than leave it waiting for an answer */
		return NULL;
	}
	at = c->out.data + c->out.used;
	frame_encode(frame, at);
	c->out.used += size;
	connection_set_dirty(c);
	return at + FRAME_HEADER_SIZE;
}

static size_t on_room(void *data)
{
	size_t used = connection_queued(data);

	return used < CONNECTION_STREAM_MAX ? CONNECTION_STREAM_MAX - used : 0;
}

struct stream_output connection_output(struct connection *c)
{
	return (struct stream_output){on_frame, on_room, on_close, c};
}

static void on_written(uv_write_t *write, int status)
{
	struct connection *c = CONTAINER_OF(write, struct connection, write);

	c->writing = false;
	c->sent.used = 0;
	if (c->sent.size > CONNECTION_KEPT_MAX)
		buffer_free(c, &c->sent);
	if (c->closing)
		return;
	if (status < 0) {
		connection_close(c);
		return;
	}
	connection_flush(c);
	if (c->closing)
		return;
	connection_resume(c);
	if (!c->closing && !connection_queued(c))
		streams_writable(&c->streams);
}

/*
 * As uv_try_write() does when it has nothing queued, which holds as long as `writing` is false,
 * without what it does around the call. A negative errno, -EAGAIN when nothing fits.
 */
static ssize_t send_now(const struct connection *c)
{
	ssize_t done;

	do
		done = send(c->fd, c->out.data, c->out.used, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (done < 0 && errno == EINTR);
	return done < 0 ? -errno : done;
}

void connection_flush(struct connection *c)
{
	struct buffer spare;
	ssize_t done = 0;
	uv_buf_t buf;

	if (c->writing)
		return;
	if (c->out.used)
		done = send_now(c);
	if (done == (ssize_t)c->out.used) {
		c->out.used = 0;
		if (c->out.size > CONNECTION_KEPT_MAX)
			buffer_free(c, &c->out);
		if (c->close_when_sent || (c->ended && !c->streams.open.count))
			connection_close(c);
		return;
	}
	if (done < 0 && done != -EAGAIN && done != -ENOBUFS) {
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

void connections_flush(uv_prepare_t *prepare)
{
	struct connections *all = prepare->data;

	while (all->dirty) {
		struct connection *c = all->dirty;

		all->dirty = c->next_dirty;
		c->dirty = false;
		if (c->closing)
			continue;
		connection_flush(c);
		connection_end_yield(c);
		if (c->held && !c->writing)
			uv_idle_start(&all->resumer, connections_resume);
		/* All went out at once: streams that stopped for room would not hear of it else. */
		if (!c->closing && !connection_queued(c))
			streams_writable(&c->streams);
	}
}
