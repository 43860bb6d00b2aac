/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frame.h"

static void fail(const char *what)
{
	fprintf(stderr, "sandbox: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

void sandbox_run(const char *command)
{
	if (system(command) != 0)
		fail(command);
}

void sandbox_enter(void)
{
	if (geteuid()) {
		errno = EPERM;
		fail("these tests make namespaces and need root");
	}
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0)
		fail("unshare");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("bpf", SANDBOX_BPFFS, "bpf", 0, NULL) < 0)
		fail("mount");
	sandbox_run("ip link set lo up && "
		    "ip link add in0 type veth peer name out0 && "
		    "ip link set in0 up && ip link set out0 up");
}

/* A packet socket on the interface, which receives nothing yet when `protocol` is 0. */
static int packet_socket(const char *iface, uint16_t protocol)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = (int)if_nametoindex(iface)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		fail("packet socket");
	return fd;
}

static struct frame *frame_of(const char *text)
{
	struct frame *frame = malloc(sizeof(*frame));

	if (!frame)
		fail("malloc");
	frame_build(frame, text);
	return frame;
}

static void send_frame(int fd, const struct frame *frame)
{
	if (send(fd, frame->data, frame->size, 0) < 0)
		fail("send");
}

void sandbox_send(const char *text, unsigned int count)
{
	int fd = packet_socket("out0", 0);
	struct frame *frame = frame_of(text);

	for (unsigned int i = 0; i < count; i++)
		send_frame(fd, frame);
	close(fd);
	free(frame);
	usleep(20000); /* the receiver is a softirq; figures are read with retries anyway */
}

/* The next frame that came in is this one. */
static bool receives(int fd, const struct frame *frame, const struct frame *last)
{
	static uint8_t data[FRAME_MAX];
	ssize_t size;

	for (;;) {
		size = recv(fd, data, sizeof(data), 0);
		if (size < 0)
			fail("nothing arrives on in0");
		if ((size_t)size == frame->size && !memcmp(data, frame->data, frame->size))
			return true;
		if ((size_t)size == last->size && !memcmp(data, last->data, last->size))
			return false;
	}
}

bool sandbox_passes(const char *text)
{
	static const struct timeval patience = {.tv_sec = 5};
	struct frame *frame = frame_of(text), *last = frame_of("arp");
	int in = packet_socket("in0", ETH_P_ALL), out = packet_socket("out0", 0);
	bool passes;

	if (setsockopt(in, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		fail("SO_RCVTIMEO");
	send_frame(out, frame);
	send_frame(out, last);
	passes = receives(in, frame, last);
	close(in);
	close(out);
	free(frame);
	free(last);
	return passes;
}
