/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Every call of libpepctl on leases, each with a line of what came back. PEPCTL_SOCKET tells where.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/include/pepctl.h"

#define HOUR 3600000000000

static struct pepctl_error error;
static struct pepctl_lease_counts counts;

static void say(const char *what, int code)
{
	const struct {
		const char *name;
		uint64_t count;
	} all[] = {
		{"added", counts.added},
		{"refreshed", counts.refreshed},
		{"unchanged", counts.unchanged},
		{"released", counts.released},
		{"missing", counts.missing},
		{"rejected", counts.rejected},
		{"kept", counts.kept},
	};

	printf("%s:", what);
	if (code)
		printf(" %d %s %s", code, error.reason, error.field[0] ? error.field : "-");
	for (size_t i = 0; !code && i < sizeof(all) / sizeof(*all); i++)
		printf(" %d %s", (int)all[i].count, all[i].name);
	putchar('\n');
}

static char notes[200];

static int each_note(void *data, const struct pepctl_lease_note *note)
{
	(void)data;
	snprintf(notes + strlen(notes), sizeof(notes) - strlen(notes), "%s %s", note->member,
		note->reason);
	return 0;
}

static int each_set(void *data, const struct pepctl_set *set)
{
	(void)data;
	printf(" %s %d", set->name, (int)set->leases);
	return 0;
}

static char lines[10][100];
static size_t line_count;

static int each_lease(void *data, const struct pepctl_lease *lease)
{
	(void)data;
	snprintf(lines[line_count++], sizeof(lines[0]), " %s %s %s", lease->member, lease->owner,
		lease->left ? "expires" : "stays");
	return line_count == 10;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void list(pepctl_client *client)
{
	line_count = 0;
	pepctl_lease_list(client, "banned", NULL, each_lease, NULL, &error);
	qsort(lines, line_count, sizeof(lines[0]), by_text);
	for (size_t i = 0; i < line_count; i++)
		puts(lines[i]);
}

static void hold(pepctl_client *client, const char *what, struct pepctl_lease_options options,
	const char *const members[], size_t count)
{
	say(what, pepctl_lease_hold(
			  client, &options, members, count, each_note, NULL, &counts, &error));
}

int main(void)
{
	static const char *const some[] = {"192.0.2.1", "192.0.2.2", "::1"};
	static const char *const wrong[] = {"192.0.2.1", "10.0.0.1/8"};
	struct pepctl_lease_options options = {.set = "banned", .ttl = HOUR, .ban = 1};
	struct pepctl_lease_options own = {.set = "banned", .owner = "x"};
	pepctl_client *client;

	if (pepctl_client_new(NULL, &error, &client))
		return 1;
	hold(client, "ban", options, some, 2);
	options.ttl = HOUR / 2;
	hold(client, "shorter", options, some, 1);
	printf(" [%s] are the notes\n", notes);
	options.shorten = 1;
	hold(client, "shorten", options, some, 1);
	hold(client, "set", (struct pepctl_lease_options){.set = "a/b"}, some, 1);
	hold(client, "owner", (struct pepctl_lease_options){.set = "a", .owner = "a b"}, some, 1);
	hold(client, "member", options, wrong, 2);
	hold(client, "nowhere", (struct pepctl_lease_options){.set = "none"}, some, 1);
	hold(client, "others", own, some, 3);
	own.ttl = HOUR;
	say("reconcile", pepctl_lease_reconcile(
				 client, &own, some + 1, 1, each_note, NULL, &counts, &error));
	pepctl_set_list(client, each_set, NULL, &error);
	printf(" are the sets\n");
	list(client);
	say("release", pepctl_lease_release(client, "banned", NULL, some + 1, 2, &counts, &error));
	say("all", pepctl_lease_release(
			   client, NULL, PEPCTL_LEASE_ANY_OWNER, NULL, 0, &counts, &error));
	list(client);
	pepctl_client_free(client);
	return 0;
}
