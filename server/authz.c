/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/authz.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/socket.h>

#define GROUPS_MAX 65536u /* NGROUPS_MAX of Linux */

bool authz_group(const char *text, gid_t *ret)
{
	const struct group *group;
	unsigned long number;
	char *end;

	*ret = AUTHZ_NOBODY;
	errno = 0;
	number = strtoul(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno && number < AUTHZ_NOBODY) {
		*ret = (gid_t)number;
		return true;
	}
	group = getgrnam(text);
	if (group)
		*ret = group->gr_gid;
	return group != NULL;
}

unsigned int authz_rights(const struct authz *authz, uid_t uid, const gid_t *groups, size_t count)
{
	unsigned int all = RIGHT_READ | RIGHT_ADMIN | RIGHT_BAN, rights = uid == 0 ? all : 0;

	for (size_t i = 0; i < count; i++) {
		if (groups[i] == AUTHZ_NOBODY)
			continue;
		if (groups[i] == authz->admin)
			rights |= all;
		if (groups[i] == authz->ban)
			rights |= RIGHT_READ | RIGHT_BAN;
		if (groups[i] == authz->read)
			rights |= RIGHT_READ;
	}
	return rights;
}

/*
 * For people only: the process may have gone, or have any name it likes. What is not printable
 * ASCII would be control sequences in a log, and no text for Protocol Buffers.
 */
static void read_command(uint32_t pid, char ret[static 16])
{
	_cleanup_close_ int fd = -1;
	char path[32];
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? -1 : read(fd, ret, 15);
	ret[size > 0 ? size - 1 : 0] = 0; /* without the newline */
	for (char *at = ret; *at; at++)
		if (*at < 0x20 || *at > 0x7e)
			*at = '?';
}

void authz_identify(const struct authz *authz, int fd, struct rpc_peer *ret)
{
	struct rpc_peer peer = {.uid = UINT32_MAX};
	struct ucred who = {.uid = (uid_t)-1, .gid = AUTHZ_NOBODY};
	_cleanup_free_ gid_t *groups = NULL;
	socklen_t size = sizeof(who), groups_size = 0;
	size_t count = 0;

	if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size)) {
		peer.uid = who.uid;
		peer.pid = (uint32_t)who.pid;
		/* Too little room is answered with the size that is needed. */
		getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &groups_size);
		groups_size = MIN(groups_size, GROUPS_MAX * sizeof(gid_t));
		groups = malloc(groups_size + sizeof(gid_t));
		if (groups && !getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_size))
			count = groups_size / sizeof(gid_t);
		if (groups)
			groups[count++] = who.gid;
		peer.rights = authz_rights(authz, who.uid, groups, count);
		read_command(peer.pid, peer.command);
	}
	*ret = peer;
}
