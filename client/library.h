/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the files of libpepctl's interface share. */
#ifndef PEP_CLIENT_LIBRARY_H
#define PEP_CLIENT_LIBRARY_H

#include "client/call.h"
#include "client/include/pepctl.h"

struct pepctl_client {
	struct client *connection;
	struct arena arena; /* of the call under way */
	bool force;
};

/* A transaction; reads the files that its sets name. */
struct change_list;
int library_apply(pepctl_client *client, struct change_list *changes, bool replace,
	uint64_t *ret_revision, struct pepctl_error *error);

/* Into the public form; empties `err`. Returns its code. */
int library_fail(struct error *err, struct pepctl_error *ret);

#endif
