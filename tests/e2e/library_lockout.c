/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Changes that would cut off an SSH session, with and without force. PEPCTL_SOCKET tells where. */
#include <stdint.h>
#include <stdio.h>

#include "client/include/pepctl.h"

static struct pepctl_error error;

static void say(const char *what, int code)
{
	if (code)
		printf("%s: %d %s %s\n", what, code, error.reason, error.message);
	else
		printf("%s: 0\n", what);
}

int main(void)
{
	pepctl_client *client;

	if (pepctl_client_new(NULL, &error, &client))
		return 1;
	say("add", pepctl_policy_add(client, "p block dport 22", NULL, &error));
	pepctl_client_set_force(client, 1);
	say("add, forced", pepctl_policy_add(client, "p block dport 22", NULL, &error));
	pepctl_iface_detach(client, "pep0", NULL);
	pepctl_client_set_force(client, 0);
	say("attach", pepctl_iface_attach(client, "pep0", PEPCTL_MODE_AUTO, NULL, &error));
	pepctl_client_set_force(client, 1);
	say("attach, forced", pepctl_iface_attach(client, "pep0", PEPCTL_MODE_AUTO, NULL, &error));
	pepctl_client_free(client);
	return 0;
}
