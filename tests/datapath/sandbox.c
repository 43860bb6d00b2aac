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

void sandbox_send(const char *text, unsigned int count)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex("out0"),
		.sll_halen = ETH_ALEN};
	struct frame *frame = malloc(sizeof(*frame));
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (!frame || fd < 0)
		fail("packet socket");
	frame_build(frame, text);
	for (unsigned int i = 0; i < count; i++)
		if (sendto(fd, frame->data, frame->size, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			fail("sendto");
	close(fd);
	free(frame);
	usleep(20000); /* the receiver is a softirq; figures are read with retries anyway */
}
