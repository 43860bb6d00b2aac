/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * rpc SOCKET POLICY: GetPolicy against a running pepctld, beside a bare C
 * ping-pong of the same bytes over the same kind of socket. Rounds are
 * interleaved, the best of each counts. Pin everything to one core for a
 * ratio that means something.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>

#include "common/envelope.h"
#include "common/frame.h"
#include "common/macros.h"

#define ROUNDS 20
#define CALLS  2000
#define DEPTH  64

struct bytes {
	uint8_t data[8192];
	size_t size;
};

static void fail(const char *what)
{
	fprintf(stderr, "rpc: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void write_all(int fd, const uint8_t *data, size_t size)
{
	while (size) {
		ssize_t done = write(fd, data, size);

		if (done <= 0)
			fail("write");
		data += done;
		size -= (size_t)done;
	}
}

static void read_all(int fd, uint8_t *data, size_t size)
{
	while (size) {
		ssize_t done = read(fd, data, size);

		if (done <= 0)
			fail("read");
		data += done;
		size -= (size_t)done;
	}
}

/* One blocking read usually has the whole answer, as in any client. */
static void read_answer(int fd, size_t size)
{
	static uint8_t buffer[DEPTH * 4096];

	read_all(fd, buffer, size);
}

static void build_request(struct bytes *ret, const char *policy, uint32_t stream)
{
	static const char service[] = "pepctl.v1.Pepctl", method[] = "GetPolicy";
	uint8_t payload[80];
	size_t length = strlen(policy);
	struct envelope_request request = {
		.service = {(const uint8_t *)service, sizeof(service) - 1},
		.method = {(const uint8_t *)method, sizeof(method) - 1},
		.payload = {payload, length + 2},
	};
	struct frame frame = {.stream = stream, .type = FRAME_REQUEST, .flags = FRAME_REMOTE_CLOSED};

	payload[0] = 1 << 3 | 2;
	payload[1] = (uint8_t)length;
	memcpy(payload + 2, policy, length);
	frame.length = (uint32_t)envelope_request_size(&request);
	frame_encode(&frame, ret->data);
	envelope_request_encode(&request, ret->data + FRAME_HEADER_SIZE);
	ret->size = FRAME_HEADER_SIZE + frame.length;
}

static int dial(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail(path);
	return fd;
}

/* The floor: reads a request's size, writes an answer's. */
static pid_t echo_server(int fd, size_t request, size_t answer)
{
	static uint8_t buffer[4096];
	pid_t pid = fork();

	if (pid)
		return pid;
	for (;;) {
		read_all(fd, buffer, request);
		write_all(fd, buffer, answer);
	}
}

static int64_t ping_pong(int fd, const struct bytes *request, size_t answer)
{
	int64_t begin = now();

	for (int i = 0; i < CALLS; i++) {
		write_all(fd, request->data, request->size);
		read_answer(fd, answer);
	}
	return (now() - begin) / CALLS;
}

/* DEPTH requests in one write, their answers, and again. */
static int64_t pipelined(int fd, const struct bytes *batch, size_t answer)
{
	int64_t begin = now();

	for (int i = 0; i < CALLS / DEPTH * 10; i++) {
		write_all(fd, batch->data, batch->size);
		read_answer(fd, DEPTH * answer);
	}
	return (now() - begin) / (CALLS / DEPTH * 10 * DEPTH);
}

static size_t answer_size(int fd, const struct bytes *request)
{
	uint8_t body[4096], header[FRAME_HEADER_SIZE];
	struct frame frame;

	write_all(fd, request->data, request->size);
	read_all(fd, header, sizeof(header));
	frame_decode(header, &frame);
	if (frame.length > sizeof(body))
		fail("answer");
	read_all(fd, body, frame.length);
	return FRAME_HEADER_SIZE + frame.length;
}

int main(int argc, char *argv[])
{
	static struct bytes request;
	static struct bytes batch;
	int64_t best[3] = {INT64_MAX, INT64_MAX, INT64_MAX};
	int pair[2], fd;
	size_t answer;
	pid_t server;

	if (argc != 3) {
		fprintf(stderr, "usage: rpc SOCKET POLICY\n");
		return 2;
	}
	fd = dial(argv[1]);
	build_request(&request, argv[2], 1);
	answer = answer_size(fd, &request);
	for (uint32_t i = 0; i < DEPTH; i++) {
		struct bytes one;

		build_request(&one, argv[2], 2 * i + 1);
		if (batch.size + one.size > sizeof(batch.data))
			fail("the policy's name is too long");
		memcpy(batch.data + batch.size, one.data, one.size);
		batch.size += one.size;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		fail("socketpair");
	server = echo_server(pair[1], request.size, answer);
	for (int round = 0; round < ROUNDS; round++) {
		best[0] = MIN(best[0], ping_pong(pair[0], &request, answer));
		best[1] = MIN(best[1], ping_pong(fd, &request, answer));
		best[2] = MIN(best[2], pipelined(fd, &batch, answer));
	}
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	printf("floor %lld one %lld pipelined %lld bytes %zu\n", (long long)best[0],
		(long long)best[1], (long long)best[2], answer);
	return 0;
}
