/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/connection_internal.h"

#include <errno.h>

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
	buffer_free(c, &c->in);
	buffer_free(c, &c->out);
	buffer_free(c, &c->sent);
	user_unref(c->streams.peer.user);
	free(c);
}

void connection_close(struct connection *c)
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

/* --- coming and going */

int connections_init(struct connections *all, uv_loop_t *loop, struct rpc *rpc)
{
	*all = (struct connections){.loop = loop, .rpc = rpc};
	all->read_buffer = malloc(CONNECTION_READ_SIZE);
	if (!all->read_buffer)
		return -ENOMEM;
	uv_prepare_init(loop, &all->flusher);
	all->flusher.data = all;
	uv_prepare_start(&all->flusher, connections_flush);
	uv_unref((uv_handle_t *)&all->flusher);
	uv_idle_init(loop, &all->resumer);
	all->resumer.data = all;
	uv_unref((uv_handle_t *)&all->resumer);
	return 0;
}

void connections_close(struct connections *all)
{
	for (struct connection *c = all->first, *next; c; c = next) {
		next = c->next;
		if (!c->closing)
			connection_flush(c);
		connection_close(c);
	}
	uv_close((uv_handle_t *)&all->flusher, NULL);
	uv_close((uv_handle_t *)&all->resumer, NULL);
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
	struct stream_output output;
	int r;

	if (!c)
		return -ENOMEM;
	r = uv_accept(server, (uv_stream_t *)&c->pipe);
	if (!r)
		r = uv_fileno((uv_handle_t *)&c->pipe, &c->fd);
	if (!r) {
		options->identify(options->data, c->fd, &peer);
		peer.user = user_ref(&all->users, peer.uid);
		r = peer.user ? 0 : -ENOMEM;
	}
	output = connection_output(c);
	streams_init(&c->streams, all->rpc, &peer, &output);
	c->options = *options;
	if (!r && !options->admit(options->data, &peer))
		r = -EDQUOT;
	if (!r)
		r = connection_read(c);
	if (r)
		connection_close(c);
	return r;
}
