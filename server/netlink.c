/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/netlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define PART_BYTES 32768u /* what the kernel puts into a part at most */

/* Both the end and a refusal begin with an errno. */
static int read_end(const struct nlmsghdr *header)
{
	int error = 0;

	if (header->nlmsg_len < sizeof(*header) + sizeof(error))
		return -EBADMSG;
	memcpy(&error, header + 1, sizeof(error));
	if (error > 0 || (!error && header->nlmsg_type == NLMSG_ERROR))
		return -EBADMSG;
	return error;
}

int netlink_parse(const void *part, size_t size, uint16_t type, netlink_take *take, void *data)
{
	const uint8_t *at = part, *end = at + size;
	int r = size < sizeof(struct nlmsghdr) ? -EBADMSG : 1;

	while (r > 0 && (size_t)(end - at) >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *header = (const void *)at;
		size_t length = header->nlmsg_len;

		if (length < sizeof(*header) || length > (size_t)(end - at))
			return -EBADMSG;
		if (header->nlmsg_flags & NLM_F_DUMP_INTR)
			return -EAGAIN;
		if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR)
			return read_end(header);
		if (header->nlmsg_type == type)
			r = take(header, data);
		at += MIN(NLMSG_ALIGN(length), (size_t)(end - at));
	}
	return r;
}

int netlink_ask(int fd, const struct nlmsghdr *request, uint16_t type, netlink_take *take, void *data)
{
	_Alignas(struct nlmsghdr) uint8_t part[PART_BYTES];
	int r;

	if (send(fd, request, request->nlmsg_len, 0) < 0)
		return -errno;
	do {
		ssize_t size = recv(fd, part, sizeof(part), 0);

		r = size < 0 ? -errno : netlink_parse(part, (size_t)size, type, take, data);
	} while (r > 0 || r == -EINTR);
	return r;
}

const void *netlink_find(
	const void *attributes, size_t size, uint16_t type, size_t least, size_t *ret_size)
{
	const uint8_t *at = attributes, *end = at + size;

	while ((size_t)(end - at) >= sizeof(struct nlattr)) {
		const struct nlattr *attribute = (const void *)at;
		size_t length = attribute->nla_len;

		if (length < sizeof(*attribute) || length > (size_t)(end - at))
			return NULL;
		*ret_size = length - sizeof(*attribute);
		if ((attribute->nla_type & NLA_TYPE_MASK) == type)
			return *ret_size < least ? NULL : attribute + 1;
		at += MIN(NLA_ALIGN(length), (size_t)(end - at));
	}
	return NULL;
}

uint32_t netlink_find_u32(const void *attributes, size_t size, uint16_t type)
{
	uint32_t value = 0;
	size_t length;
	const void *at = netlink_find(attributes, size, type, sizeof(value), &length);

	if (at)
		memcpy(&value, at, sizeof(value));
	return value;
}
