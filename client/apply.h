/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A list of changes as one transaction, whatever its size. */
#ifndef PEP_CLIENT_APPLY_H
#define PEP_CLIENT_APPLY_H

#include "client/call.h"
#include "common/change.h"
#include "pepctl.pb-c.h"

struct apply_options {
	bool replace; /* what the changes do not name is gone */
	bool dry_run;
	bool force; /* not checked for locking out */
	bool has_expected;
	uint64_t expected;   /* revision */
	const char *comment; /* NULL = none */
	const char *request_id; /* NULL = none; the same again gets the first answer */
	int64_t confirm;        /* ns until it is undone unless it is confirmed; 0 = it stays */
	/* How many changes have been sent; NULL = nobody wants to know. */
	void (*progress)(void *data, size_t sent, size_t total);
	void *data;
};

/*
 * One message when all fits, else a stream of parts. A part is far below what a
 * frame may have: the daemon reads it without keeping its other clients
 * waiting, and what it unpacks to stays within a message's budget.
 */
int apply_changes(struct client *client, const struct change_list *changes,
	const struct apply_options *options, struct arena *arena,
	Pepctl__V1__ApplyChangesResponse **ret, struct error *err);

#endif
