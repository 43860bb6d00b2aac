/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "common/member.h"

#include <arpa/inet.h>

#include "common/array.h"

void member_list_deinit(struct member_list *list)
{
	free(list->v4);
	free(list->v6);
	*list = (struct member_list){0};
}

struct member member_list_at(const struct member_list *list, size_t index)
{
	struct member member = {.family = 4};

	if (index < list->v4_count) {
		member.length = list->v4[index].length;
		memcpy(member.bytes, list->v4[index].bytes, 4);
		return member;
	}
	index -= list->v4_count;
	member.family = 6;
	member.length = list->v6[index].length;
	memcpy(member.bytes, list->v6[index].bytes, 16);
	return member;
}

int member_list_push4(struct member_list *list, const uint8_t bytes[static 4], uint8_t length)
{
	if (array_grow(&list->v4, &list->v4_room, list->v4_count, sizeof(*list->v4)) < 0)
		return -ENOMEM;
	memcpy(list->v4[list->v4_count].bytes, bytes, 4);
	list->v4[list->v4_count++].length = length;
	return 0;
}

int member_list_push6(struct member_list *list, const uint8_t bytes[static 16], uint8_t length)
{
	if (array_grow(&list->v6, &list->v6_room, list->v6_count, sizeof(*list->v6)) < 0)
		return -ENOMEM;
	memcpy(list->v6[list->v6_count].bytes, bytes, 16);
	list->v6[list->v6_count++].length = length;
	return 0;
}

int member_list_push(struct member_list *list, const struct member *member)
{
	return member->family == 4 ? member_list_push4(list, member->bytes, member->length)
				   : member_list_push6(list, member->bytes, member->length);
}

int member_list_copy(const struct member_list *list, struct member_list *ret)
{
	struct member_list copy = {
		.v4 = calloc(list->v4_count + 1, sizeof(*copy.v4)),
		.v4_count = list->v4_count,
		.v4_room = list->v4_count + 1,
		.v6 = calloc(list->v6_count + 1, sizeof(*copy.v6)),
		.v6_count = list->v6_count,
		.v6_room = list->v6_count + 1,
	};

	if (!copy.v4 || !copy.v6) {
		member_list_deinit(&copy);
		return -ENOMEM;
	}
	if (list->v4_count)
		memcpy(copy.v4, list->v4, list->v4_count * sizeof(*copy.v4));
	if (list->v6_count)
		memcpy(copy.v6, list->v6, list->v6_count * sizeof(*copy.v6));
	*ret = copy;
	return 0;
}

static int compare4(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct member4)); /* the length stands behind the address */
}

static int compare6(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct member6));
}

void member_list_sort(struct member_list *list)
{
	if (list->v4_count)
		qsort(list->v4, list->v4_count, sizeof(*list->v4), compare4);
	if (list->v6_count)
		qsort(list->v6, list->v6_count, sizeof(*list->v6), compare6);
}

bool member_host_bits(const uint8_t *bytes, size_t size, uint8_t length)
{
	size_t at = length / 8;

	if (length % 8 && bytes[at++] & (0xff >> length % 8))
		return true;
	for (; at < size; at++)
		if (bytes[at])
			return true;
	return false;
}

void member_clear_host_bits(uint8_t *bytes, size_t size, uint8_t length)
{
	size_t at = length / 8;

	if (length % 8)
		bytes[at++] &= (uint8_t) ~(0xff >> length % 8);
	memset(bytes + at, 0, size - at);
}

/* --- out: by hand, because files have millions */

static char *format_byte(char *at, unsigned int value)
{
	if (value >= 100)
		*at++ = (char)('0' + value / 100);
	if (value >= 10)
		*at++ = (char)('0' + value / 10 % 10);
	*at++ = (char)('0' + value % 10);
	return at;
}

size_t member_format(const struct member *member, char ret[static MEMBER_TEXT_SIZE])
{
	char *at = ret;

	if (member->family == 4) {
		for (size_t i = 0; i < 4; i++) {
			at = format_byte(at, member->bytes[i]);
			*at++ = '.';
		}
		at--;
	} else {
		inet_ntop(AF_INET6, member->bytes, ret, MEMBER_TEXT_SIZE);
		at += strlen(ret);
	}
	if (member->length != (member->family == 4 ? 32 : 128)) {
		*at++ = '/';
		at = format_byte(at, member->length);
	}
	*at = 0;
	return (size_t)(at - ret);
}

bool member_owner_valid(const char *owner)
{
	size_t length =
		strspn(owner, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-");

	return length && length <= MEMBER_OWNER_MAX && !owner[length];
}
