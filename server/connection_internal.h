/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What connection*.c share. Nobody else includes this. */
#ifndef PEP_SERVER_CONNECTION_INTERNAL_H
#define PEP_SERVER_CONNECTION_INTERNAL_H

#include "server/connection.h"

struct buffer {
	uint8_t *data;
	size_t used;
	size_t size;
};

struct connection {
	uv_pipe_t pipe;
	uv_os_fd_t fd; /* of the pipe */
	struct connections *all;
	struct connection *next, **link; /* of all */
	struct connection *next_dirty;
	bool dirty, closing, paused, writing;
	bool yielded; /* its read filled the buffer: the others come first */
	bool held;  /* frames wait in `in` until what is queued has been read */
	bool ended; /* the peer sends no more, but may read */
	bool close_when_sent;
	struct streams streams;
	struct connection_options options;

	struct buffer in;  /* frames that wait, the beginning of one whose rest has not come */
	uint32_t discard;  /* bytes of a refused body still to come */
	struct buffer out; /* queued by this turn of the loop */
	struct buffer sent; /* being written */
	uv_write_t write;
};

/* --- connection.c */
void connection_close(struct connection *c);

/* --- connection_in.c: bytes into frames */
int connection_read(struct connection *c);
/* Starts or stops reading, as the queue and what is to come ask for it. */
void connection_reading(struct connection *c);
/* The others have had their turn. */
void connection_end_yield(struct connection *c);
/* There is room again: what was held goes on. */
void connection_resume(struct connection *c);
void connections_resume(uv_idle_t *idle);

/* --- connection_out.c: frames into bytes */
bool buffer_reserve(struct connection *c, struct buffer *buffer, size_t more);
void buffer_free(struct connection *c, struct buffer *buffer);
size_t connection_queued(const struct connection *c);
/* What the socket does not take at once is handed to uv; one write at a time. */
void connection_flush(struct connection *c);
/* The flusher looks at it in this turn of the loop. */
void connection_set_dirty(struct connection *c);
struct stream_output connection_output(struct connection *c);
/* Of connections.flusher. */
void connections_flush(uv_prepare_t *prepare);

#endif
