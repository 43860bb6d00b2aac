/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Model ↔ protobuf. The only place that knows both; unpacking checks UTF-8,
 * NULs, enums and ranges, and names every wrong field by its path.
 */
#ifndef PEP_COMMON_POLICY_PROTO_H
#define PEP_COMMON_POLICY_PROTO_H

#include "common/arena.h"
#include "common/change.h"
#include "pepctl.pb-c.h"

/* `path` is the message's place in the request ("policy", "operations[3].put_policy"). */
int policy_from_proto(const Pepctl__V1__Policy *message, const char *path, struct policy *ret,
		      struct error *err);
/* What an update mask takes fields from: the action may be missing, contradictions are not looked for. */
int policy_from_proto_partial(const Pepctl__V1__Policy *message, const char *path,
			      struct policy *ret, struct error *err);
/* Everything in `arena`; NULL when it is exhausted. Strings may alias `policy`. */
Pepctl__V1__Policy *policy_to_proto(const struct policy *policy, struct arena *arena);

int change_from_proto(const Pepctl__V1__Operation *message, const char *path, struct change *ret,
		      struct error *err);
Pepctl__V1__Operation *change_to_proto(const struct change *change, struct arena *arena);

/*
 * UpdatePolicy's mask: copies the named fields ("action", "match.dport", "priority", ...)
 * of `from` into `into`. An unknown name is a violation of update_mask[i].
 */
int policy_merge(struct policy *into, const struct policy *from, char *const *mask, size_t count,
		 struct error *err);

#endif
