/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Always compiled with the sanitizers: what the verifier proves in the kernel, they watch here. */
#include "matrix.h"

#include <stdlib.h>
#include <string.h>

#include "bpf/judge.h"

static const struct matrix_ruleset *current;
static struct engine engine;

static struct pep_view view_of(const struct matrix_ruleset *ruleset)
{
	if (!current)
		engine_init(&engine, MATRIX_POLICIES_MAX, NULL);
	if (current != ruleset)
		matrix_ruleset_apply(ruleset, &engine);
	current = ruleset;
	pep_tables = engine.tables;
	return (struct pep_view){.generation = pep_config()->generation,
		.roots = &pep_config()->roots,
		.ruleset = engine_ruleset(&engine)};
}

struct matrix_verdict matrix_judge(
	const struct matrix_ruleset *ruleset, const void *data, size_t size)
{
	struct pep_view view = view_of(ruleset);
	unsigned char *copy = malloc(size ? size : 1); /* its end is the frame's, for ASan */
	pep_source source = {.data = copy, .length = (__u32)size};
	struct pep_packet packet;
	struct pep_ruling ruling;
	struct pep_frame frame;

	if (!copy)
		abort();
	memcpy(copy, data, size);
	pep_frame_init(&frame, &source);
	pep_parse(&frame, &packet);
	packet.length = pep_source_length(&source);
	pep_judge(&view, &packet, &ruling);
	free(copy);
	return (struct matrix_verdict){
		matrix_letter(ruling.tally), (enum pep_parse_error)packet.error};
}

void matrix_judge_end(void)
{
	if (current)
		engine_deinit(&engine);
	current = NULL;
}
