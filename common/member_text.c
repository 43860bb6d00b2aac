/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Words into members. Plain IPv4 addresses take the short way: block lists have millions of them.
 */
#include <arpa/inet.h>
#include <errno.h>

#include "common/text_internal.h"

typedef unsigned __int128 wide;

/* Four numbers without leading zeros; returns what stands behind them, NULL = no address. */
static const char *read_ipv4(const char *at, const char *end, uint8_t ret[static 4])
{
	for (size_t i = 0; i < 4; i++) {
		const char *first = at;
		unsigned int value = 0;

		if (i && (at == end || *at++ != '.'))
			return NULL;
		for (first = at; at < end && at < first + 3 && *at >= '0' && *at <= '9'; at++)
			value = 10 * value + (unsigned int)(*at - '0');
		if (at == first || value > 255 || (*first == '0' && at > first + 1))
			return NULL;
		ret[i] = (uint8_t)value;
	}
	return at;
}

/* --- ranges */

static wide number_of(const struct policy_address *a)
{
	wide value = 0;

	for (size_t i = 0; i < (a->family == 4 ? 4u : 16u); i++)
		value = value << 8 | a->bytes[i];
	return value;
}

static int push_number(struct member_list *list, uint8_t family, wide value, unsigned int free_bits)
{
	struct member m = {
		.family = family, .length = (uint8_t)((family == 4 ? 32u : 128u) - free_bits)};

	for (size_t i = family == 4 ? 4 : 16; i-- > 0; value >>= 8)
		m.bytes[i] = (uint8_t)value;
	return member_list_push(list, &m);
}

/* The fewest prefixes: the widest that begins at `first` and does not pass `last`, and so on. */
static int push_range(struct member_list *list, uint8_t family, wide first, wide last)
{
	unsigned int width = family == 4 ? 32 : 128;

	for (;;) {
		unsigned int bits = 0;
		wide size = 0; /* of the prefix, less one */

		while (bits < width && !(first >> bits & 1) && (size << 1 | 1) <= last - first) {
			size = size << 1 | 1;
			bits++;
		}
		if (push_number(list, family, first, bits) < 0)
			return -ENOMEM;
		if (last - first == size)
			return 0;
		first += size + 1;
	}
}

static int read_range(
	struct member_list *list, const char *word, const char *dash, char message[static 160])
{
	struct policy_address first, last;
	char begin[64] = "";

	if (dash - word < (ptrdiff_t)sizeof(begin))
		memcpy(begin, word, (size_t)(dash - word));
	if (strchr(word, '/') || text_parse_prefix(begin, &first, message) < 0 ||
		text_parse_prefix(dash + 1, &last, message) < 0)
		return text_wrong(message,
			"\"%.80s\" is no range of addresses, as 192.0.2.1-192.0.2.9", word);
	if (first.family != last.family)
		return text_wrong(message, "\"%.80s\" begins in IPv%u and ends in IPv%u", word,
			first.family, last.family);
	if (number_of(&first) > number_of(&last))
		return text_wrong(message, "the range \"%.80s\" is upside down", word);
	return push_range(list, first.family, number_of(&first), number_of(&last));
}

/* --- words */

static int read_slowly(
	struct member_list *list, const char *text, size_t length, char message[static 160])
{
	struct policy_address a;
	struct member m;
	char word[128];
	const char *dash;
	int r;

	if (memchr(text, 0, length))
		return text_wrong(message, "\"%.80s\" is followed by a NUL character", text);
	if (length >= sizeof(word))
		return text_wrong(
			message, "\"%.80s...\" is no IPv4 or IPv6 address or prefix", text);
	memcpy(word, text, length);
	word[length] = 0;
	dash = strchr(word, '-');
	if (dash)
		return read_range(list, word, dash, message);
	r = text_parse_prefix(word, &a, message);
	if (r)
		return r;
	m = (struct member){.family = a.family, .length = a.length};
	memcpy(m.bytes, a.bytes, sizeof(m.bytes));
	return member_list_push(list, &m);
}

int member_list_add_text(
	struct member_list *list, const char *word, size_t length, char message[static 160])
{
	uint8_t bytes[4];
	int r;

	if (read_ipv4(word, word + length, bytes) == word + length)
		r = member_list_push4(list, bytes, 32);
	else
		r = read_slowly(list, word, length, message);
	if (r == -ENOMEM)
		text_wrong(message, "out of memory");
	return r;
}
