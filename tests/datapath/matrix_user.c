/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Always compiled with the sanitizers: what the verifier proves in the kernel, they watch here. */
#include "matrix.h"

#include <stdlib.h>
#include <string.h>

#include "bpf/classify.h"

static const struct matrix_ruleset *current;
static struct pep_policy current_policies[MATRIX_POLICIES_MAX];

static const struct pep_policy *pep_policy_find(const struct pep_policy_key *key)
{
	for (size_t i = 0; i < current->policy_count; i++)
		if (!memcmp(&current->policies[i].key, key, sizeof(*key)))
			return &current_policies[i];
	return NULL;
}

struct matrix_verdict matrix_judge(
	const struct matrix_ruleset *ruleset, const void *data, size_t size)
{
	struct pep_ruleset packed;
	struct pep_view view = {.generation = 1, .ruleset = &packed};
	unsigned char *copy = malloc(size ? size : 1); /* its end is the frame's, for ASan */
	pep_source source = {.data = copy, .length = (__u32)size};
	__u64 scratch[PEP_HEADER_MAX / sizeof(__u64)];
	struct pep_packet packet;
	struct pep_ruling ruling;
	struct pep_frame frame;

	if (!copy)
		abort();
	memcpy(copy, data, size);
	current = ruleset;
	matrix_ruleset_pack(ruleset, &packed, current_policies);
	pep_frame_init(&frame, &source, scratch);
	pep_parse(&frame, &packet);
	packet.length = pep_source_length(&source);
	pep_judge(&view, &packet, &ruling);
	free(copy);
	return (struct matrix_verdict){
		matrix_letter(ruling.tally), (enum pep_parse_error)packet.error};
}
