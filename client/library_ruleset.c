/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* libpepctl: the whole ruleset as text. */
#include <stdio.h>

#include "client/library.h"
#include "client/ruleset.h"
#include "common/text.h"

/* malloc'ed; NULL = out of memory */
static char *write_changes(const struct change_list *changes, size_t *ret_size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_size);
	bool failed;

	if (!out)
		return NULL;
	for (size_t i = 0; i < changes->count; i++)
		text_write_change(&changes->items[i], out);
	failed = ferror(out);
	if (!fclose(out) && !failed)
		return text;
	free(text);
	return NULL;
}

int pepctl_ruleset_export(pepctl_client *client, char **ret_text, size_t *ret_size,
	uint64_t *ret_revision, struct pepctl_error *error)
{
	_cleanup_changes_ struct change_list changes = {0};
	struct error err = ERROR_INIT;
	uint64_t revision;
	size_t size = 0;
	char *text;

	if (ruleset_read(client->connection, &changes, &revision, &err))
		return library_fail(&err, error);
	text = write_changes(&changes, &size);
	if (!text) {
		error_set(&err, ERROR_LIMIT, "MEMORY", "out of memory");
		return library_fail(&err, error);
	}
	*ret_text = text;
	if (ret_size)
		*ret_size = size;
	if (ret_revision)
		*ret_revision = revision;
	return PEPCTL_OK;
}
