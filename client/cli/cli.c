/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "client/cli/cli.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "client/apply.h"

int cli_status(const struct error *err)
{
	const char *reason = error_reason(err);

	if (err->kind == ERROR_DENIED)
		return EXIT_NO_RIGHT;
	if (streq(reason, "NOT_REACHABLE") || streq(reason, "CONNECTION_LOST"))
		return EXIT_UNREACHABLE;
	return EXIT_REFUSED;
}

int cli_fail(struct error *err)
{
	int status = cli_status(err);

	fprintf(stderr, "pepctl: %s\n", error_message(err));
	for (size_t i = 1; i < err->violation_count; i++)
		fprintf(stderr, "pepctl: %s%s%s\n", err->violations[i].field,
			*err->violations[i].field ? ": " : "", err->violations[i].description);
	error_deinit(err);
	return status;
}

int cli_end_output(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	if (fflush(stdout) != EOF && !ferror(stdout))
		return EXIT_DONE;
	/* A reader that goes away is the end of a stream, not an accident. */
	if (poll(&out, 1, 0) > 0 && out.revents & POLLERR)
		return EXIT_DONE;
	fprintf(stderr, "pepctl: the output could not be written; what is there is not all\n");
	return EXIT_REFUSED;
}

int64_t cli_take_confirm(struct cli *cli)
{
	int64_t confirm = cli->confirm;

	cli->confirm = 0;
	return confirm;
}

int cli_no_confirm(const struct cli *cli)
{
	if (!cli->confirm)
		return EXIT_DONE;
	return usage_error("--confirm goes with a change of the ruleset, and this is none");
}

int cli_client(struct cli *cli)
{
	struct error err = ERROR_INIT;

	if (cli_no_confirm(cli))
		return EXIT_USAGE;
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

static void say_applied(const struct cli *cli, const Pepctl__V1__ApplyChangesResponse *answer,
	const char *done)
{
	bool changed = false;

	for (size_t i = 0; i < answer->n_effects; i++)
		changed |= answer->effects[i] != PEPCTL__V1__OPERATION_EFFECT__EFFECT_UNCHANGED;
	cli_warn(answer->warnings, answer->n_warnings);
	if (cli->json) {
		json_t *object = json_pack("{s:I}", "revision", (json_int_t)answer->revision);

		confirm_json(object, answer->confirm_left_nano);
		output_json(object);
	} else if (!cli->quiet)
		printf("%s (revision %llu%s)\n", done, (unsigned long long)answer->revision,
			changed ? "" : ", nothing changed");
}

int cli_apply_all(struct cli *cli, const struct change_list *changes, const char *done)
{
	const struct apply_options options = {
		.force = cli->force, .confirm = cli_take_confirm(cli)};
	Pepctl__V1__ApplyChangesResponse *answer;
	struct error err = ERROR_INIT;
	int status = cli_client(cli);

	if (status)
		return status;
	if (apply_changes(cli->client, changes, &options, &cli->arena, &answer, &err))
		return cli_fail(&err);
	say_applied(cli, answer, done);
	return confirm_wait(cli, answer);
}

int cli_apply(struct cli *cli, struct change *change, const char *done)
{
	struct change_list list = {.items = change, .count = 1};
	int status = cli_apply_all(cli, &list, done);

	change_deinit(change);
	return status;
}

void cli_warn(char *const *warnings, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fprintf(stderr, "pepctl: warning: %s\n", warnings[i]);
}
