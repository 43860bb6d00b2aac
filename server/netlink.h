/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the kernel tells by netlink(7): a request, answered in parts of several messages each. */
#ifndef PEP_SERVER_NETLINK_H
#define PEP_SERVER_NETLINK_H

#include <linux/netlink.h>

#include "common/macros.h"

/* Takes a message, whole and aligned. 1 = go on, 0 = enough, or -errno. */
typedef int netlink_take(const struct nlmsghdr *header, void *data);

/*
 * Sends a request of nlmsg_len bytes, a dump or one that has one answer, and hands the messages of
 * the type to `take`, until it has enough, a dump ends or the kernel refuses. 0 or -errno; -EAGAIN =
 * what is told changed meanwhile: ask again with another socket.
 */
int netlink_ask(int fd, const struct nlmsghdr *request, uint16_t type, netlink_take *take, void *data);

/*
 * One part of the answer, aligned as a header. 1 = more is to come, 0 = that was all, or enough;
 * -EBADMSG = it is none; otherwise the kernel's -errno, or that of `take`.
 */
int netlink_parse(const void *part, size_t size, uint16_t type, netlink_take *take, void *data);

/* The payload of the first attribute of the type, NULL = there is none that has `least` bytes. */
const void *netlink_find(
	const void *attributes, size_t size, uint16_t type, size_t least, size_t *ret_size);

/* The same of a number in host order, 0 = there is none. */
uint32_t netlink_find_u32(const void *attributes, size_t size, uint16_t type);

#endif
