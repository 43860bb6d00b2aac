/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The running ruleset as the statements of a policy file. */
#ifndef PEP_CLIENT_RULESET_H
#define PEP_CLIENT_RULESET_H

#include "client/call.h"
#include "common/change.h"

/*
 * All of one revision, in the order of a policy file: defaults, settings that differ from
 * theirs, interfaces, sets by name with sorted members, policies in the ruleset's own order.
 * Asked again when it changes meanwhile; ERROR_CONFLICT when it never stays.
 */
int ruleset_read(
	struct client *client, struct change_list *ret, uint64_t *ret_revision, struct error *err);

#endif
