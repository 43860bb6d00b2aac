/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Sets and members ↔ protobuf; every wrong byte string is named by its path. */
#ifndef PEP_COMMON_MEMBER_PROTO_H
#define PEP_COMMON_MEMBER_PROTO_H

#include "common/policy_proto.h"

/* Adds to `list`. NULL is no members. 0 or a negative errno with `err`; the list may have some
 * then. */
int members_from_proto(const Pepctl__V1__Members *message, const char *path,
	struct member_list *list, struct error *err);
/*
 * The same into an empty list, and where the items of the message stand in it: a range of the text
 * may be several members. To be released whatever it returns.
 */
struct member_counts {
	size_t v4, v6;
};
struct member_places {
	size_t v4, v6; /* members of the byte strings, which are first in their family's list */
	size_t text_count;
	struct member_counts *text; /* of the lists, with this text and all before it; owned */
};
int members_from_proto_placed(const Pepctl__V1__Members *message, const char *path,
	struct member_list *list, struct member_places *ret, struct error *err);
void member_places_deinit(struct member_places *places);
/* The item, over ipv4, ipv4_prefixes, ipv6, ipv6_prefixes and text, that made that of a list. */
uint32_t member_places_index(const struct member_places *places, uint8_t family, size_t at);

/* Everything in `arena`; NULL when it is exhausted. */
Pepctl__V1__Members *members_to_proto(const struct member_list *list, struct arena *arena);

/* The operations of sets; any other is a violation of `path`. */
int set_operation_from_proto(const Pepctl__V1__Operation *message, const char *path,
	struct change *ret, struct error *err);
Pepctl__V1__Set *set_to_proto(const struct change *change, struct arena *arena);
Pepctl__V1__SetMembers *set_members_to_proto(const struct change *change, struct arena *arena);

#endif
