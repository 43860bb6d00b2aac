/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Who may call what: uid and groups of a connection into rights. */
#ifndef PEP_SERVER_AUTHZ_H
#define PEP_SERVER_AUTHZ_H

#include <sys/types.h>

#include "server/call.h"

#define AUTHZ_NOBODY ((gid_t)-1)

struct authz {
	gid_t admin; /* AUTHZ_NOBODY = the group does not exist: nobody has that right */
	gid_t read;
	gid_t ban;
};

/* A name or a number. False when the name is not known; *ret is AUTHZ_NOBODY then. */
bool authz_group(const char *text, gid_t *ret);

/* enum rpc_right of root, or of anyone in these groups; 0 = none. */
unsigned int authz_rights(const struct authz *authz, uid_t uid, const gid_t *groups, size_t count);

/* Asks the socket (SO_PEERCRED, SO_PEERGROUPS); no rights when the kernel does not tell. */
void authz_identify(const struct authz *authz, int fd, struct rpc_peer *ret);

#endif
