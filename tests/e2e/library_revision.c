/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* History, and changes that wait to be confirmed. PEPCTL_SOCKET tells where. */
#include <inttypes.h>
#include <stdio.h>

#include "client/include/pepctl.h"

static struct pepctl_error error;

static void say(const char *what, int code, uint64_t revision)
{
	if (code)
		printf("%s: failed %s\n", what, error.message);
	else
		printf("%s: revision %" PRIu64 "\n", what, revision);
}

static int print(void *data, const struct pepctl_revision *r)
{
	const char *line = r->change_count ? r->changes[0] : "";

	printf("%" PRIu64 " %s uid %" PRIu32 " %s of %" PRIu64 "%s%s\n", r->revision, line, r->uid,
		r->command, r->changes_total, r->confirm_left ? ", waits" : "",
		r->time > 0 && r->pid ? "" : ", by nobody");
	return ++*(int *)data == 3;
}

static void list(pepctl_client *client)
{
	int count = 0, code = pepctl_revision_list(client, print, &count, &error);

	if (code)
		say("list", code, 0);
}

int main(void)
{
	enum pepctl_mode mode = PEPCTL_MODE_AUTO;
	pepctl_client *client;
	uint64_t revision = 0;
	int code;

	if (pepctl_client_new(NULL, &error, &client))
		return 1;
	pepctl_client_set_confirm(client, 60000);
	code = pepctl_policy_add(client, "a block proto udp dport 9", &revision, &error);
	say("add", code, revision);
	list(client);
	code = pepctl_policy_add(client, "b block proto udp dport 10", &revision, &error);
	say("while it waits", code, revision);
	code = pepctl_revision_confirm(client, 0, &revision, &error);
	say("confirm", code, revision);
	code = pepctl_revision_confirm(client, revision, &revision, &error);
	say("again", code, revision);
	code = pepctl_iface_attach(client, "pep0", PEPCTL_MODE_AUTO, &mode, &error);
	say(mode == PEPCTL_MODE_NATIVE ? "attach, native" : "attach", code, 0);
	pepctl_client_set_confirm(client, 0);
	code = pepctl_revision_rollback(client, 1, &revision, &error);
	say("back too far", code, revision);
	code = pepctl_revision_rollback(client, 3, &revision, &error);
	say("undo", code, revision);
	code = pepctl_revision_rollback(client, 0, &revision, &error);
	say("empty", code, revision);
	code = pepctl_revision_rollback(client, 99, &revision, &error);
	say("unknown", code, revision);
	pepctl_client_free(client);
	return 0;
}
