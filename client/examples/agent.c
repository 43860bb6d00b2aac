/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * An agent in a page: blocks an address, watches until it has been blocked so
 * often or the time is over, tells what it saw, and cleans up.
 *
 *	agent ADDRESS COUNT SECONDS
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <pepctl.h>

#define NAME "agent-example"

static int fail(const struct pepctl_error *error)
{
	fprintf(stderr, "agent: %s (%s)\n", error->message, error->reason);
	return EXIT_FAILURE;
}

/* Returns how many packets of the policy were reported; losses are said. */
static unsigned long watch(pepctl_events *events, unsigned long wanted, time_t end)
{
	struct pollfd ready = {.fd = pepctl_events_fd(events), .events = POLLIN};
	unsigned long seen = 0;

	while (seen < wanted && time(NULL) < end && poll(&ready, 1, 1000) >= 0) {
		struct pepctl_error error;
		struct pepctl_event event;
		int r;

		while ((r = pepctl_events_next(events, &event, &error)) > 0) {
			if (event.type == PEPCTL_EVENT_PACKET)
				printf("blocked %s > %s, proto %u\n", event.src, event.dst, event.proto);
			if (event.type == PEPCTL_EVENT_LOST)
				printf("%llu more were not shown\n",
					(unsigned long long)(event.lost + event.suppressed + event.ring_full));
			seen += event.type == PEPCTL_EVENT_PACKET;
		}
		if (r < 0)
			break;
	}
	return seen;
}

int main(int argc, char *argv[])
{
	const struct pepctl_event_filter filter = {.policy = NAME};
	struct pepctl_error error;
	struct pepctl_stats stats;
	pepctl_client *client;
	pepctl_events *events;
	unsigned long seen;
	char line[128];

	if (argc != 4) {
		fprintf(stderr, "usage: agent ADDRESS COUNT SECONDS\n");
		return 2;
	}
	if (pepctl_client_new(NULL, &error, &client))
		return fail(&error);
	if (pepctl_events_new(NULL, &filter, &error, &events))
		return fail(&error);
	snprintf(line, sizeof(line), NAME " block src %s", argv[1]);
	if (pepctl_policy_set(client, line, NULL, &error))
		return fail(&error);
	seen = watch(events, strtoul(argv[2], NULL, 10), time(NULL) + atoi(argv[3]));
	if (pepctl_stats_get(client, &stats, &error))
		return fail(&error);
	printf("%lu reported, %llu of %llu packets blocked\n", seen,
		(unsigned long long)stats.packets_blocked, (unsigned long long)stats.packets_total);
	if (pepctl_policy_delete(client, NAME, NULL, &error))
		return fail(&error);
	pepctl_events_free(events);
	pepctl_client_free(client);
	return seen >= strtoul(argv[2], NULL, 10) ? EXIT_SUCCESS : EXIT_FAILURE;
}
