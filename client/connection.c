/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "client/connection.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define READ_SIZE 65536u

int64_t client_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

int64_t client_deadline(const struct client *client)
{
	return client->timeout > 0 ? client_now() + client->timeout * 1000000ll : CLIENT_FOREVER;
}

static int refused(struct error *err, const char *path, int error)
{
	if (error == EACCES || error == EPERM)
		return error_set(err, ERROR_DENIED, "SOCKET_DENIED",
			"%s may not be opened; run as root or as a member of pepctld's groups", path);
	return error_set(err, ERROR_UNAVAILABLE, "NOT_REACHABLE",
		"pepctld does not answer on %s: %s; start it (systemctl start pepctld), or name its "
		"socket with --socket or PEPCTL_SOCKET",
		path, strerror(error));
}

int client_open(const char *path, struct error *err, struct client **ret)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_(client_freep) struct client *client = calloc(1, sizeof(*client));

	if (!path)
		path = getenv("PEPCTL_SOCKET");
	if (!path || !*path)
		path = CLIENT_SOCKET_DEFAULT;
	if (strlen(path) >= sizeof(address.sun_path))
		return refused(err, path, ENAMETOOLONG);
	memcpy(address.sun_path, path, strlen(path));
	if (!client)
		return refused(err, path, ENOMEM);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	client->timeout = CLIENT_TIMEOUT_DEFAULT;
	client->next_stream = 1;
	client->path = strdup(path);
	if (client->fd < 0 || !client->path ||
		connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return refused(err, path, errno);
	*ret = TAKE_PTR(client);
	return 0;
}

void client_free(struct client *client)
{
	closep(&client->fd);
	free(client->path);
	free(client->in);
	free(client);
}

/* --- waiting */

static int gone(struct client *client, struct error *err, int error)
{
	return error_set(err, ERROR_UNAVAILABLE, "CONNECTION_LOST",
		"pepctld closed the connection on %s%s%s", client->path, error ? ": " : "",
		error ? strerror(error) : "");
}

/* 0, -ETIMEDOUT without an error, or an error. */
static int wait_for(struct client *client, short events, int64_t deadline, struct error *err)
{
	struct pollfd poll_fd = {.fd = client->fd, .events = events};

	for (;;) {
		int64_t left = deadline == CLIENT_FOREVER ? -1 : (deadline - client_now()) / 1000000 + 1;
		int r;

		if (deadline != CLIENT_FOREVER && client_now() >= deadline)
			return -ETIMEDOUT;
		r = poll(&poll_fd, 1, (int)MIN(left, INT32_MAX));
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return gone(client, err, errno);
		if (r < 0 && deadline == CLIENT_FOREVER)
			return error_set(err, ERROR_CANCELLED, "INTERRUPTED", "interrupted");
	}
}

bool client_wait(struct client *client, int64_t deadline)
{
	return client->in_used || wait_for(client, POLLIN, deadline, NULL) == 0;
}

static int timed_out(struct client *client, struct error *err)
{
	return error_set(err, ERROR_DEADLINE, "NO_ANSWER",
		"pepctld did not answer within %d ms; whether the change happened is not known",
		client->timeout);
}

/* --- out */

static int send_all(struct client *client, const uint8_t *data, size_t size, int64_t deadline,
	struct error *err)
{
	while (size > 0) {
		ssize_t sent = send(client->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		int r;

		if (sent >= 0) {
			data += sent;
			size -= (size_t)sent;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return gone(client, err, errno);
		r = wait_for(client, POLLOUT, deadline, err);
		if (r == -ETIMEDOUT)
			return timed_out(client, err);
		if (r)
			return r;
	}
	return 0;
}

int client_send(struct client *client, const struct frame *frame, const uint8_t *body,
	int64_t deadline, struct error *err)
{
	_cleanup_free_ uint8_t *bytes = malloc(FRAME_HEADER_SIZE + frame->length);

	if (!bytes)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	frame_encode(frame, bytes);
	if (frame->length)
		memcpy(bytes + FRAME_HEADER_SIZE, body, frame->length);
	return send_all(client, bytes, FRAME_HEADER_SIZE + frame->length, deadline, err);
}

/* --- in */

static bool reserve(struct client *client, size_t more)
{
	size_t size = client->in_size ? client->in_size : READ_SIZE;
	uint8_t *grown;

	if (client->in_start) {
		memmove(client->in, client->in + client->in_start, client->in_used);
		client->in_start = 0;
	}
	while (size < client->in_used + more)
		size *= 2;
	if (size == client->in_size)
		return true;
	grown = realloc(client->in, size);
	if (!grown)
		return false;
	client->in = grown;
	client->in_size = size;
	return true;
}

/* True when a whole frame is there. */
static bool take(struct client *client, struct frame *ret, const uint8_t **ret_body)
{
	const uint8_t *at;

	if (client->in_used < FRAME_HEADER_SIZE)
		return false;
	at = client->in + client->in_start;
	frame_decode(at, ret);
	if (client->in_used - FRAME_HEADER_SIZE < ret->length)
		return false;
	*ret_body = at + FRAME_HEADER_SIZE;
	client->in_start += FRAME_HEADER_SIZE + ret->length;
	client->in_used -= FRAME_HEADER_SIZE + ret->length;
	return true;
}

static int check_length(struct client *client, struct error *err)
{
	struct frame frame;

	if (client->in_used < FRAME_HEADER_SIZE)
		return 0;
	frame_decode(client->in + client->in_start, &frame);
	if (frame_judge(&frame) == FRAME_ACCEPT)
		return 0;
	return error_set(err, ERROR_INTERNAL, "FRAME_TOO_LARGE",
		"a frame of %u bytes on %s: that is no pepctld", frame.length, client->path);
}

int client_receive(struct client *client, int64_t deadline, struct frame *ret,
	const uint8_t **ret_body, struct error *err)
{
	while (!take(client, ret, ret_body)) {
		ssize_t got;
		int r = check_length(client, err);

		if (r)
			return r;
		if (!reserve(client, READ_SIZE))
			return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
		got = recv(client->fd, client->in + client->in_used, client->in_size - client->in_used,
			MSG_DONTWAIT);
		if (got > 0) {
			client->in_used += (size_t)got;
			continue;
		}
		if (got == 0 || (errno != EAGAIN && errno != EINTR))
			return gone(client, err, got ? errno : 0);
		if (deadline == 0)
			return -EAGAIN;
		r = wait_for(client, POLLIN, deadline, err);
		if (r == -ETIMEDOUT)
			return timed_out(client, err);
		if (r)
			return r;
	}
	return 0;
}
