/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "decider.h"

#include <stdio.h>

#include "bpf/classify.h"

struct engine_oracle decider_oracle;

static int load(void *context, const struct oracle_ruleset *ruleset)
{
	struct engine_oracle *o = context;
	int r = engine_oracle_load(o, ruleset);

	if (r)
		printf("refused: %s\n", error_message(&o->err));
	return r;
}

static uint16_t flow_percent(void *context, const struct oracle_packet *packet)
{
	const struct engine_oracle *o = context;
	struct pep_packet p = {.proto = packet->proto,
		.sport = PEP_BE16(packet->has_ports ? packet->sport : 0),
		.dport = PEP_BE16(packet->has_ports ? packet->dport : 0)};

	memcpy(p.src, packet->src, packet->family == 4 ? 4 : 16);
	memcpy(p.dst, packet->dst, packet->family == 4 ? 4 : 16);
	return (uint16_t)pep_flow_percent(&p, o->engine.tables->config->roots.seed);
}

struct differential decider_begin(uint32_t max_policies)
{
	decider_open(max_policies);
	return (struct differential){.load = load,
		.decide = decider_decide,
		.flow_percent = flow_percent,
		.context = &decider_oracle};
}

void decider_end(void)
{
	decider_close();
}

void decider_tell_cost(const char *name, size_t policies)
{
	struct classifier_info info;

	classifier_info(decider_oracle.engine.classifier, &info);
	printf("%s %zu: tuples %u, longest run %u, most steps %u\n", name, policies, info.tuples,
		info.longest_run, info.most_steps);
}
