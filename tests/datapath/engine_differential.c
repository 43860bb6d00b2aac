/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "engine_differential.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bpf/classify.h"

static const struct size {
	size_t rulesets, policies, packets;
} sizes[] = {{40, 3, 300}, {30, 20, 700}, {6, 200, 3000}, {1, 1000, 8000}};

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

/* What the last ruleset of a size can cost a packet. */
static void tell_cost(const struct engine_oracle *o, int flavour, const struct size *size)
{
	struct classifier_info info;

	classifier_info(o->engine.classifier, &info);
	printf("%s %zu: tuples %u, longest run %u, most steps %u\n", ruleset_flavour_names[flavour],
		size->policies, info.tuples, info.longest_run, info.most_steps);
}

int engine_differential(struct engine_oracle *o,
	int (*decide)(void *o, const struct oracle_packet *packet, const uint8_t *frame, size_t size,
		struct oracle_ruling *ret),
	int argc, char *argv[])
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL);
	size_t scale = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	struct differential_result result = {0};
	struct differential d = {
		.load = load, .decide = decide, .flow_percent = flow_percent, .context = o};
	int r = 0;

	printf("seed %llu\n", (unsigned long long)seed);
	for (int flavour = 0; flavour < RULESET_FLAVOURS && !r; flavour++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes) && !r; i++) {
			struct differential_plan plan = {(enum ruleset_flavour)flavour,
				sizes[i].rulesets * scale, sizes[i].policies, sizes[i].packets, seed};

			r = differential_run(&d, &plan, &result);
			tell_cost(o, flavour, &sizes[i]);
		}
	differential_print(&result, stdout);
	return r || !result.decisions || result.hits * 2 < result.decisions;
}
