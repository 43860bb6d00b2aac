/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Sets and members ↔ protobuf; every wrong byte string is named by its path. */
#ifndef PEP_COMMON_MEMBER_PROTO_H
#define PEP_COMMON_MEMBER_PROTO_H

#include "common/policy_proto.h"

/* Adds to `list`. NULL is no members. 0 or a negative errno with `err`; the list may have some
 * then. */
int members_from_proto(const Pepctl__V1__Members *message, const char *path,
	struct member_list *list, struct error *err);
/* Everything in `arena`; NULL when it is exhausted. */
Pepctl__V1__Members *members_to_proto(const struct member_list *list, struct arena *arena);

/* The operations of sets; any other is a violation of `path`. */
int set_operation_from_proto(const Pepctl__V1__Operation *message, const char *path,
	struct change *ret, struct error *err);
Pepctl__V1__Set *set_to_proto(const struct change *change, struct arena *arena);
Pepctl__V1__SetMembers *set_members_to_proto(const struct change *change, struct arena *arena);

#endif
