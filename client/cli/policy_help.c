/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a policy line is made of, a line each. */
#include <stdio.h>

#include "client/cli/cli.h"

struct line {
	const char *words, *help;
};

static const struct line actions[] = {
	{"allow", "let it pass"},
	{"block", "drop it"},
	{"rate-limit RATE [burst SIZE]", "drop what is above 10mbit, 1.5MB/s or 500pps"},
	{"           [per SCOPE]", "a bucket each: src, src/24, dst or flow, not one (policy)"},
	{"reject", "drop it with a TCP reset or an ICMP error"},
	{"reflect", "send it back with its MAC addresses swapped"},
	{"redirect DEV[,DEV...]", "send it out of another interface; DEV*3,DEV: flows by weight"},
	{"         [mac MAC|fib]", "to that address, or to the kernel's next hop"},
};

static const struct line keys[] = {
	{"src, dst ADDRESS", "192.0.2.1, 2001:db8::/32 or @SET"},
	{"sport, dport PORT", "80 or 8000-8080"},
	{"proto PROTO", "tcp, udp, icmp, icmpv6, sctp, gre ... or a number"},
	{"iface DEV[,DEV...]", "only what these interfaces receive"},
	{"vlan ID", "the outermost tag, 0 to 4094"},
	{"icmp-type TYPE[/CODE]", "numbers; with proto icmp or icmpv6"},
	{"tcp-flags VALUE/MASK", "as syn/syn,ack; with proto tcp"},
	{"percent P", "only a stable share of the flows, 0.01 to 100"},
	{"priority N", "the lower one decides, 0 to 4294967295 (1000)"},
	{"ttl TIME", "delete the policy after it, as 10m"},
	{"log [1/N]", "an event for each, or for every Nth decision"},
	{"nolog", "no events"},
	{"shadow", "count what it would decide, decide nothing"},
	{"comment TEXT", "up to 255 bytes"},
};

static void print(const char *heading, const struct line *lines, size_t count)
{
	printf("\n%s\n", heading);
	for (size_t i = 0; i < count; i++)
		printf("  %-29s %s\n", lines[i].words, lines[i].help);
}

void policy_help(void)
{
	print("ACTION:", actions, ARRAY_SIZE(actions));
	print("KEY VALUE, each at most once, in any order:", keys, ARRAY_SIZE(keys));
	printf("\npolicy set: with keys of the match behind the ACTION the policy is replaced or created;\n"
	       "without them its match stays. KEY VALUE alone changes these. See pepctl-policy(5).\n");
}
