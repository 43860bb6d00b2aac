/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Makes the ruleset equal to a policy file, in one transaction:
 *
 *	apply < FILE
 */
#include <stdio.h>
#include <stdlib.h>

#include <pepctl.h>

static char *read_all(FILE *in, size_t *ret_size)
{
	size_t size = 0, room = 65536, got;
	char *text = malloc(room);

	while (text && (got = fread(text + size, 1, room - size, in)) > 0) {
		size += got;
		if (size == room)
			text = realloc(text, room *= 2);
	}
	*ret_size = size;
	return text;
}

int main(void)
{
	struct pepctl_error error = {0};
	pepctl_client *client;
	uint64_t revision;
	size_t size;
	char *text = read_all(stdin, &size);

	if (!text)
		return EXIT_FAILURE;
	if (pepctl_client_new(NULL, &error, &client)) {
		fprintf(stderr, "apply: %s\n", error.message);
		free(text);
		return EXIT_FAILURE;
	}
	if (pepctl_ruleset_apply(client, text, size, 1, &revision, &error))
		fprintf(stderr, "apply: %s: %s\n", error.field, error.message);
	else
		printf("revision %llu\n", (unsigned long long)revision);
	pepctl_client_free(client);
	free(text);
	return error.code ? EXIT_FAILURE : EXIT_SUCCESS;
}
