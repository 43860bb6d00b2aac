/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Any bytes as a frame through parse.h and classify.h, and what must hold whatever they are. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/classify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pep_policy policy;

/* Every key has a policy for one half of its values, so that all rungs are walked. */
static const struct pep_policy *pep_policy_find(const struct pep_policy_key *key)
{
	const uint8_t *bytes = (const uint8_t *)key;
	unsigned int sum = 0;

	for (size_t i = 0; i < sizeof(*key); i++)
		sum += bytes[i];
	return sum & 1 ? &policy : NULL;
}

static void must(int condition)
{
	if (!condition)
		abort();
}

static void check_packet(const struct pep_packet *packet, size_t size)
{
	must(packet->length == size);
	must(packet->ip_length <= size);
	must(packet->family == 0 || packet->family == 4 || packet->family == 6);
	must(packet->error < PEP_PARSE_MAX);
	must(packet->vlan <= 0xfff || packet->vlan == PEP_VLAN_NONE);
	must(packet->family || (!packet->has_ports && !packet->fragment && !packet->discovery));
	must(!packet->has_ports || !packet->fragment);
	must(packet->has_ports || (!packet->sport && !packet->dport));
	must(!packet->discovery || (packet->family == 6 && !packet->error && !packet->fragment));
	must(packet->family != 4 || (!packet->src[1] && !packet->dst[1]));
}

static void check_ruling(
	const struct pep_packet *packet, const struct pep_ruling *ruling, int strict)
{
	must(ruling->tally < PEP_TALLY_MAX);
	must(!ruling->rule == (ruling->reason != PEP_REASON_POLICY));
	must(packet->error != PEP_PARSE_HEADERS || ruling->tally == PEP_TALLY_BLOCK_HEADERS);
	if (strict && packet->error)
		must(pep_is_blocked(ruling->tally));
	if (!packet->family && !packet->error)
		must(ruling->tally == PEP_TALLY_NON_IP);
}

static void judge(const struct pep_packet *packet, int strict)
{
	struct pep_ruleset ruleset = {.rungs = (1u << PEP_RUNG_MAX) - 1};
	struct pep_view view = {.generation = 1, .ruleset = &ruleset};
	struct pep_ruling ruling;

	ruleset.malformed_drop = ruleset.fragments_drop = ruleset.default_block[0] = (__u8)strict;
	pep_judge(&view, packet, &ruling);
	check_ruling(packet, &ruling, strict);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1); /* ends where the frame ends */
	pep_source source = {.data = copy, .length = (__u32)size};
	__u64 scratch[PEP_HEADER_MAX / sizeof(__u64)];
	struct pep_packet packet;
	struct pep_frame frame;

	must(copy != NULL);
	if (size)
		memcpy(copy, data, size);
	policy.version[0].dies = UINT64_MAX;
	pep_frame_init(&frame, &source, scratch);
	pep_parse(&frame, &packet);
	packet.length = pep_source_length(&source);
	free(copy);
	check_packet(&packet, size);
	judge(&packet, 0);
	judge(&packet, 1);
	return 0;
}
