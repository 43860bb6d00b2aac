/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "client/cli/cli.h"

#include <stdio.h>

static int status_of(enum error_kind kind, const char *reason)
{
	if (kind == ERROR_DENIED)
		return EXIT_NO_RIGHT;
	if (streq(reason, "NOT_REACHABLE") || streq(reason, "CONNECTION_LOST"))
		return EXIT_UNREACHABLE;
	return EXIT_REFUSED;
}

int cli_fail(struct error *err)
{
	int status = status_of(err->kind, error_reason(err));

	fprintf(stderr, "pepctl: %s\n", error_message(err));
	for (size_t i = 1; i < err->violation_count; i++)
		fprintf(stderr, "pepctl: %s: %s\n", err->violations[i].field,
			err->violations[i].description);
	error_deinit(err);
	return status;
}

int cli_client(struct cli *cli)
{
	struct error err = ERROR_INIT;

	if (cli->client)
		return EXIT_DONE;
	if (client_open(cli->socket, &err, &cli->client))
		return cli_fail(&err);
	if (cli->timeout)
		cli->client->timeout = cli->timeout;
	return EXIT_DONE;
}

int cli_call(struct cli *cli, enum method_id method, const ProtobufCMessage *request,
	void *ret_answer)
{
	struct error err = ERROR_INIT;
	int status = cli_client(cli);

	if (status)
		return status;
	if (call_unary(cli->client, method, request, &cli->arena, ret_answer, &err))
		return cli_fail(&err);
	return EXIT_DONE;
}

int cli_apply(struct cli *cli, struct change *change, const char *done)
{
	Pepctl__V1__ApplyChangesRequest request;
	Pepctl__V1__ApplyChangesResponse *answer;
	Pepctl__V1__Operation *operation = change_to_proto(change, &cli->arena);
	int status;

	change_deinit(change);
	if (!operation)
		return usage_error("out of memory");
	pepctl__v1__apply_changes_request__init(&request);
	request.operations = &operation;
	request.n_operations = 1;
	status = cli_call(cli, METHOD_APPLY_CHANGES, &request.base, &answer);
	if (status)
		return status;
	if (cli->json)
		output_json(json_pack("{s:I}", "revision", (json_int_t)answer->revision));
	else if (!cli->quiet)
		printf("%s (revision %llu%s)\n", done, (unsigned long long)answer->revision,
			answer->n_effects && answer->effects[0] ? "" : ", nothing changed");
	return EXIT_DONE;
}
