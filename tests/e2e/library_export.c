/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Prints the ruleset, through the shared library and the public header alone. */
#include <pepctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	struct pepctl_error error = {0};
	pepctl_client *client;
	uint64_t revision = 0;
	size_t size = 0;
	char *text;

	if (pepctl_client_new(NULL, &error, &client)) {
		fprintf(stderr, "%s\n", error.message);
		return EXIT_FAILURE;
	}
	if (pepctl_ruleset_export(client, &text, &size, &revision, &error)) {
		fprintf(stderr, "%s\n", error.message);
	} else if (strlen(text) != size || !revision) {
		fprintf(stderr, "%zu bytes of revision %llu\n", size, (unsigned long long)revision);
		error.code = PEPCTL_INTERNAL;
		free(text);
	} else {
		fputs(text, stdout);
		free(text);
	}
	pepctl_client_free(client);
	return error.code ? EXIT_FAILURE : EXIT_SUCCESS;
}
