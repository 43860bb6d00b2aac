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
	int64_t confirm; /* ns, 0 = changes stay */
};

/* A transaction; reads the files that its sets name. */
struct change_list;
int library_apply(pepctl_client *client, struct change_list *changes, bool replace,
	uint64_t *ret_revision, struct pepctl_error *error);

/* The same as a call of their own, for a client whose changes wait to be confirmed. */
int library_attach(pepctl_client *client, const char *iface, enum pepctl_mode mode,
	enum pepctl_mode *ret_mode, struct pepctl_error *error);
int library_detach(pepctl_client *client, const char *iface, struct pepctl_error *error);

/* Into the public form; empties `err`. Returns its code. */
int library_fail(struct error *err, struct pepctl_error *ret);

#endif
