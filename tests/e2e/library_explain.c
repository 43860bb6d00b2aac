/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* library_explain PACKET...: each through libpepctl, a line of what came back. */
#include <stdio.h>

#include "client/include/pepctl.h"

static void verdict(void *data, const struct pepctl_explanation *e)
{
	(void)data;
	printf("%s %s [%s] shadow [%s] limiter %d %d %d/%d considered %d revision %d:", e->verdict,
		e->reason, e->policy, e->shadow, e->limited, e->passes, (int)e->available,
		(int)e->burst, (int)e->considered, (int)e->revision);
}

static int each(void *data, const struct pepctl_considered *c)
{
	(void)data;
	printf(" %s %d (%s)", c->policy, c->matched, c->why);
	return 0;
}

int main(int argc, char *argv[])
{
	struct pepctl_error error;
	pepctl_client *client;

	if (pepctl_client_new(NULL, &error, &client))
		return 1;
	for (int i = 1; i < argc; i++) {
		if (pepctl_packet_explain(client, argv[i], verdict, each, NULL, &error))
			printf("%d %s", error.code, error.message);
		putchar('\n');
	}
	pepctl_client_free(client);
	return 0;
}
