/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The loaded programs: packet_explain says who decides, and packet_filter has to do what that
 * policy says and count it, once.
 */
#include "decider.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "fixture.h"
#include "packet_filter.skel.h"

/* The decider's engine is over the maps of the fixture; the fixture's own is not used. */
static struct fixture fixture;

/* Decisions of a policy of the ruleset in force. */
static uint64_t count_of(size_t policy)
{
	if (policy == ORACLE_NONE)
		return 0;
	return fixture_row(&fixture, classifier_slot(decider_oracle.engine.classifier,
					     decider_oracle.engine.policies[policy].name))
		.packets;
}

/* Redirect targets are all there. */
static bool does(enum policy_action_kind action, int verdict)
{
	switch (action) {
	case POLICY_ALLOW:
		return verdict == XDP_PASS;
	case POLICY_RATE_LIMIT:
		return verdict == XDP_PASS || verdict == XDP_DROP;
	case POLICY_REFLECT:
		return verdict == XDP_TX;
	case POLICY_REJECT: /* not every packet is answered */
		return verdict == XDP_TX || verdict == XDP_DROP;
	case POLICY_REDIRECT:
		return verdict == XDP_REDIRECT;
	default:
		return verdict == XDP_DROP;
	}
}

/* Runs packet_filter and holds it to the ruling that packet_explain has given. */
static int enforce(const struct oracle_ruling *ruling, const uint8_t *frame, size_t size)
{
	uint64_t decided = count_of(ruling->policy), shadowed = count_of(ruling->shadow);
	int verdict = fixture_run(&fixture, frame, size, 1, NULL);
	bool right =
		ruling->policy == ORACLE_NONE
			? verdict == (ruling->pass ? XDP_PASS : XDP_DROP)
			: does(decider_oracle.engine.policies[ruling->policy].action.kind, verdict);

	decided = count_of(ruling->policy) - decided;
	shadowed = count_of(ruling->shadow) - shadowed;
	if (right && decided == (ruling->policy != ORACLE_NONE) &&
		shadowed == (ruling->shadow != ORACLE_NONE))
		return 0;
	printf("packet_filter: verdict %d, counted %llu times, as shadow %llu times\n", verdict,
		(unsigned long long)decided, (unsigned long long)shadowed);
	return -EBADMSG;
}

int decider_decide(void *context, const struct oracle_packet *packet, const uint8_t *frame,
	size_t size, struct oracle_ruling *ret)
{
	struct engine_oracle *o = context;
	uint32_t iface = engine_iface(&o->engine, packet->iface);

	fixture_arrive(&fixture, iface);
	fixture_explain(&fixture, frame, size, iface);
	*ret = engine_oracle_ruling(o, &fixture.explain->ruling);
	return enforce(ret, frame, size);
}

static void set_targets(void)
{
	int map = bpf_map__fd(fixture.skeleton->maps.redirect_map);
	uint32_t ifindex = FIXTURE_IFINDEX;

	for (uint32_t at = 0; at < PEP_REDIRECTS_MAX; at++)
		if (bpf_map_update_elem(map, &at, &ifindex, BPF_ANY)) {
			perror("redirect_map");
			exit(EXIT_FAILURE);
		}
}

void decider_open(uint32_t max_policies)
{
	fixture_init_explained(&fixture, 0, max_policies);
	fixture_pin();
	set_targets();
	fixture_ruleset(&fixture)->event_rate = 0;
	engine_oracle_init(&decider_oracle, max_policies, &fixture.tables);
	fixture_lend(&fixture, &decider_oracle.engine);
}

void decider_close(void)
{
	engine_oracle_deinit(&decider_oracle);
	fixture_deinit(&fixture);
}
