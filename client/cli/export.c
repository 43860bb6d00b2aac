/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* export: the running ruleset as a policy file. */
#include <stdio.h>

#include "client/cli/cli.h"
#include "client/ruleset.h"

static void print_json(const struct change_list *changes, uint64_t revision)
{
	json_t *statements = json_array();

	for (size_t i = 0; i < changes->count; i++) {
		_cleanup_free_ char *text = text_format_change(&changes->items[i]);

		json_array_append_new(statements, json_string(text ? text : ""));
	}
	output_json(json_pack(
		"{s:I, s:o}", "revision", (json_int_t)revision, "statements", statements));
}

int export_main(struct cli *cli, struct words *words)
{
	_cleanup_changes_ struct change_list changes = {0};
	struct error err = ERROR_INIT;
	uint64_t revision;
	int status;

	if (words_take(words, "help")) {
		printf("Usage: pepctl export\n"
		       "  the running ruleset as a policy file: apply makes the identical one of "
		       "it\n");
		return EXIT_DONE;
	}
	status = words_end(words);
	if (!status)
		status = cli_client(cli);
	if (status)
		return status;
	if (ruleset_read(cli->client, &changes, &revision, &err))
		return cli_fail(&err);
	if (cli->json)
		print_json(&changes, revision);
	for (size_t i = 0; !cli->json && i < changes.count; i++)
		text_write_change(&changes.items[i], stdout);
	return EXIT_DONE;
}
