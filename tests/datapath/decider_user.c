/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* classify.h in user space. */
#include "decider.h"

#include <errno.h>
#include <stdlib.h>

#include "bpf/judge.h"

int decider_decide(void *context, const struct oracle_packet *packet, const uint8_t *data,
	size_t size, struct oracle_ruling *ret)
{
	struct engine_oracle *o = context;
	struct pep_config *config = o->engine.tables->config;
	struct pep_view view = {.generation = config->generation,
		.roots = &config->roots,
		.ruleset = engine_ruleset(&o->engine),
		.iface = engine_iface(&o->engine, packet->iface)};
	uint8_t *copy = malloc(size ? size : 1); /* ends where the frame does */
	pep_source source = {.data = copy, .length = (__u32)size};
	struct pep_packet parsed;
	struct pep_ruling ruling;
	struct pep_frame frame;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, data, size);
	pep_tables = o->engine.tables;
	pep_frame_init(&frame, &source);
	pep_parse(&frame, &parsed);
	parsed.length = (__u32)size;
	pep_judge(&view, &parsed, &ruling);
	free(copy);
	*ret = engine_oracle_ruling(o, &ruling);
	return 0;
}

void decider_open(uint32_t max_policies)
{
	engine_oracle_init(&decider_oracle, max_policies, NULL);
}

void decider_close(void)
{
	engine_oracle_deinit(&decider_oracle);
}
