/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * events SOCKET PROGRAM: how many events a second one subscriber gets through the
 * ring, the hub and the socket, while the attached program drops packets as fast
 * as another core can run it.
 */
#include <errno.h>
#include <stdio.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include <bpf/bpf.h>

#include "common/envelope.h"
#include "common/frame.h"
#include "common/macros.h"
#include "common/wire.h"

#define SECONDS 3
#define ROUNDS  5

static void fail(const char *what)
{
	fprintf(stderr, "events: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* UDP to port 9, which the caller has a policy for. */
static pid_t produce(uint32_t program)
{
	static const uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 46, 0, 0, 0,
		0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0x30, 0x39, 0, 9, 0, 26};
	pid_t pid = fork();
	int fd;

	if (pid)
		return pid;
	fd = bpf_prog_get_fd_by_id(program);
	if (fd < 0)
		fail("program");
	for (;;) {
		LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame,
			.data_size_in = sizeof(frame), .repeat = 100000);

		if (bpf_prog_test_run_opts(fd, &options))
			fail("BPF_PROG_TEST_RUN");
	}
}

static void subscribe(int fd)
{
	static const char service[] = "pepctl.v1.Pepctl", method[] = "StreamEvents";
	static const uint8_t payload[] = {3 << 3, 0x80, 0x80, 0x80, 0x08}; /* queue_bytes: 16 MiB */
	struct envelope_request request = {
		.service = {(const uint8_t *)service, sizeof(service) - 1},
		.method = {(const uint8_t *)method, sizeof(method) - 1},
		.payload = {payload, sizeof(payload)},
	};
	struct frame frame = {.length = (uint32_t)envelope_request_size(&request), .stream = 1,
		.type = FRAME_REQUEST, .flags = FRAME_REMOTE_CLOSED};
	uint8_t bytes[256];

	frame_encode(&frame, bytes);
	envelope_request_encode(&request, bytes + FRAME_HEADER_SIZE);
	if (write(fd, bytes, FRAME_HEADER_SIZE + frame.length) < 0)
		fail("write");
}

/* Event{seq, time, packet}: losses and markers do not count. */
static bool is_packet(const uint8_t *data, size_t size)
{
	struct wire_reader r = wire_reader(data, size);
	struct wire_field field;

	while (r.at < r.end && wire_read_field(&r, &field))
		if (field.number == 3)
			return true;
	return false;
}

/* Whole frames in the buffer; what is left moves to its beginning. */
static uint64_t count(uint8_t *buffer, size_t *used)
{
	uint64_t frames = 0;
	size_t at = 0;

	while (*used - at >= FRAME_HEADER_SIZE) {
		struct frame frame;

		frame_decode(buffer + at, &frame);
		if (frame.type != FRAME_DATA)
			fail("the stream ended");
		if (*used - at < FRAME_HEADER_SIZE + frame.length)
			break;
		frames += is_packet(buffer + at + FRAME_HEADER_SIZE, frame.length);
		at += FRAME_HEADER_SIZE + frame.length;
	}
	memmove(buffer, buffer + at, *used - at);
	*used -= at;
	return frames;
}

static double measure(int fd)
{
	static uint8_t buffer[1 << 20];
	static size_t used;
	int64_t begin = now();
	uint64_t frames = 0;

	while (now() - begin < SECONDS * 1000000000ll / ROUNDS) {
		ssize_t got = read(fd, buffer + used, sizeof(buffer) - used);

		if (got <= 0)
			fail("read");
		used += (size_t)got;
		frames += count(buffer, &used);
	}
	return (double)frames * 1e9 / (double)(now() - begin);
}

int main(int argc, char *argv[])
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	double best = 0;
	pid_t producer;
	int fd;

	if (argc != 3) {
		fprintf(stderr, "usage: events SOCKET PROGRAM\n");
		return 2;
	}
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[1]);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail(argv[1]);
	subscribe(fd);
	producer = produce((uint32_t)strtoul(argv[2], NULL, 10));
	for (int round = 0; round < ROUNDS; round++)
		best = MAX(best, measure(fd));
	kill(producer, SIGKILL);
	waitpid(producer, NULL, 0);
	printf("%.0f\n", best);
	return 0;
}
