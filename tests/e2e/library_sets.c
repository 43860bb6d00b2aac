/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Every call of libpepctl on sets, each with a line of what came back. PEPCTL_SOCKET tells where.
 */
#include <stdint.h>
#include <stdio.h>

#include "client/include/pepctl.h"

static struct pepctl_error error;

static void say(const char *what, int code, const uint64_t *revision)
{
	if (code)
		printf("%s: %d %s %s\n", what, code, error.reason,
			error.field[0] ? error.field : "-");
	else
		printf("%s: revision %d\n", what, (int)*revision);
}

static int each_member(void *data, const char *member)
{
	(void)data;
	printf(" %s", member);
	return 0;
}

static int each_set(void *data, const struct pepctl_set *set)
{
	(void)data;
	printf(" %s %d %d", set->name, (int)set->ipv4_members, (int)set->ipv6_members);
	return 0;
}

static void members(pepctl_client *client)
{
	int code = pepctl_set_members(client, "bad", each_member, NULL, &error);

	if (code)
		say("members", code, NULL);
	else
		printf(" are the members\n");
}

int main(void)
{
	static const char *const some[] = {"192.0.2.1", "10.0.0.0-10.0.0.7", "::1"};
	static const char *const wrong[] = {"192.0.2.1", "10.0.0.1/8"};
	pepctl_client *client;
	uint64_t revision = 0;

	if (pepctl_client_new(NULL, &error, &client))
		return 1;
	say("create", pepctl_set_create(client, "bad", &revision, &error), &revision);
	say("again", pepctl_set_create(client, "bad", &revision, &error), &revision);
	say("add", pepctl_set_add(client, "bad", some, 3, &revision, &error), &revision);
	say("wrong", pepctl_set_add(client, "bad", wrong, 2, &revision, &error), &revision);
	say("name", pepctl_set_add(client, "a/b", some, 1, &revision, &error), &revision);
	say("remove", pepctl_set_remove(client, "bad", some + 2, 1, &revision, &error), &revision);
	members(client);
	say("replace", pepctl_set_replace(client, "bad", some + 2, 1, &revision, &error),
		&revision);
	pepctl_set_list(client, each_set, NULL, &error);
	printf(" are the sets\n");
	say("delete", pepctl_set_delete(client, "bad", &revision, &error), &revision);
	members(client);
	pepctl_client_free(client);
	return 0;
}
