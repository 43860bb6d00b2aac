/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/tcp_tally.h"

#include <errno.h>
#include <fcntl.h>

#define FILE_NAME "/proc/self/net/snmp"
#define FILE_SIZE 16384u /* of which it has some 1,200 */
#define PREFIX	  "Tcp: "

/* What is behind the prefix of the first such line. NULL = there is none. */
static const char *find_line(const char *text)
{
	while (text && strncmp(text, PREFIX, strlen(PREFIX)) != 0) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return text ? text + strlen(PREFIX) : NULL;
}

/* Goes on behind the next word; its length, 0 = the line is over. */
static size_t next_word(const char **at, const char **ret)
{
	size_t length;

	*ret = *at + strspn(*at, " ");
	length = strcspn(*ret, " \n");
	*at = *ret + length;
	return length;
}

static bool take(const char *name, size_t length, const char *value, struct tcp_tally *ret)
{
	const struct {
		const char *name;
		uint64_t *to;
	} wanted[] = {{"ActiveOpens", &ret->active}, {"PassiveOpens", &ret->passive},
		{"CurrEstab", &ret->established}};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (strlen(wanted[i].name) == length && !memcmp(wanted[i].name, name, length)) {
			*wanted[i].to = strtoull(value, NULL, 10);
			return true;
		}
	return false;
}

int tcp_tally_parse(const char *text, struct tcp_tally *ret)
{
	const char *names = find_line(text), *values = find_line(names), *name, *value;
	size_t length, found = 0;

	/* A line of names, and below it one of as many values. */
	while (values && (length = next_word(&names, &name)) && next_word(&values, &value))
		found += take(name, length, value, ret);
	return found == 3 ? 0 : -EBADMSG;
}

int tcp_tally_read(struct tcp_tally *ret)
{
	_cleanup_close_ int fd = open(FILE_NAME, O_RDONLY | O_CLOEXEC);
	char text[FILE_SIZE];
	size_t size = 0;
	ssize_t got = 1;

	if (fd < 0)
		return -errno;
	while (got > 0 && size < sizeof(text) - 1) {
		got = read(fd, text + size, sizeof(text) - 1 - size);
		size += got > 0 ? (size_t)got : 0;
	}
	if (got < 0)
		return -errno;
	text[size] = 0;
	return tcp_tally_parse(text, ret);
}

bool tcp_tally_equal(const struct tcp_tally *a, const struct tcp_tally *b)
{
	return a->active == b->active && a->passive == b->passive && a->established == b->established;
}
