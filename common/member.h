/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Members of sets: addresses and prefixes of both families, and lists of them in
 * the bytes that the wire has too: an address in network order, then its length.
 */
#ifndef PEP_COMMON_MEMBER_H
#define PEP_COMMON_MEMBER_H

#include "common/macros.h"

#define MEMBER_TEXT_SIZE 72u
#define MEMBER_OWNER_MAX    63u
#define MEMBERS_MESSAGE_MAX 2000000u /* a frame has bytes for half as many */

struct member {
	uint8_t family;    /* 4 or 6 */
	uint8_t length;    /* bits of the prefix, 0 .. 32 or 128 */
	uint8_t bytes[16]; /* network order; host bits and unused bytes are zero */
};

struct member4 {
	uint8_t bytes[4];
	uint8_t length;
};
struct member6 {
	uint8_t bytes[16];
	uint8_t length;
};
_Static_assert(sizeof(struct member4) == 5 && sizeof(struct member6) == 17, "no gaps");

/* Owns its arrays; all zero is an empty list. The same member may stand in it more than once. */
struct member_list {
	struct member4 *v4;
	size_t v4_count, v4_room;
	struct member6 *v6;
	size_t v6_count, v6_room;
};
#define _cleanup_members_ _cleanup_(member_list_deinit)
void member_list_deinit(struct member_list *list);

static inline size_t member_list_count(const struct member_list *list)
{
	return list->v4_count + list->v6_count;
}

/* IPv4 first. `index` < the count. */
struct member member_list_at(const struct member_list *list, size_t index);

/* 0 or -ENOMEM; nothing has changed then. */
int member_list_push4(struct member_list *list, const uint8_t bytes[static 4], uint8_t length);
int member_list_push6(struct member_list *list, const uint8_t bytes[static 16], uint8_t length);
int member_list_push(struct member_list *list, const struct member *member);
int member_list_copy(const struct member_list *list, struct member_list *ret);

/* IPv4 first, by address, then the shorter prefix. */
void member_list_sort(struct member_list *list);

/* Whether bits are set behind the first `length` of `size` bytes. */
bool member_host_bits(const uint8_t *bytes, size_t size, uint8_t length);
/* The address behind its prefix length is cleared: what host bits were meant to be. */
void member_clear_host_bits(uint8_t *bytes, size_t size, uint8_t length);

/*
 * Adds an address, a prefix, or a range a-b, which becomes the prefixes that
 * cover exactly it. `word` has `length` bytes. -EINVAL: `message` quotes the word;
 * -ENOMEM.
 */
int member_list_add_text(
	struct member_list *list, const char *word, size_t length, char message[static 160]);

/* "192.0.2.1", "2001:db8::/32". Returns the length. */
size_t member_format(const struct member *member, char ret[static MEMBER_TEXT_SIZE]);

/* Who holds members: 1 .. MEMBER_OWNER_MAX of [A-Za-z0-9._:-]. */
bool member_owner_valid(const char *owner);

#endif
