/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Random packets explained by a running pepctld over random rulesets: what it says of the
 * policies before the decider must agree with the packet program's decision, and that with
 * the oracle; a candidate must be answered like the same ruleset in force.
 * explain_random SEED RULESETS PACKETS POLICIES; PEPCTL_SOCKET tells where.
 */
#include <stdio.h>

#include "client/apply.h"
#include "common/policy_proto.h"
#include "common/text.h"
#include "describe.h"
#include "flow_frame.h"
#include "flow_random.h"
#include "ruleset_random.h"

#define CANDIDATE_EVERY 64u /* packets that are asked about a candidate too */

static struct client *client;
static struct arena arena;
static struct oracle_ruleset rules;
static struct change_list changes;
static bool with_oracle; /* no policy takes a share of the flows, whose hash is the daemon's own */
static size_t asked, decided, shadowed, candidates, refused, reasons;

_Noreturn static void fail(const char *what, const struct oracle_packet *packet)
{
	fprintf(stderr, "%s\n", what);
	if (packet) {
		describe_ruleset(&rules, stderr);
		describe_packet(packet, stderr);
		fputc('\n', stderr);
	}
	exit(EXIT_FAILURE);
}

/* --- the ruleset */

static void simplify(void)
{
	for (size_t i = 0; i < rules.count; i++) {
		struct policy *p = &rules.policies[i];

		if (with_oracle)
			p->match.percent = POLICY_PERCENT_ALL;
	}
}

static void read_rules(void)
{
	struct text_problems problems = {0};
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	describe_ruleset(&rules, out);
	fclose(out);
	if (text_parse_file(text, size, &changes, &problems))
		fail(problems.count ? problems.items[0].message : "out of memory", NULL);
}

/* False: the tables cannot hold it. */
static bool put_in_force(const struct change_list *list)
{
	const struct apply_options options = {.replace = true};
	Pepctl__V1__ApplyChangesResponse *answer;
	struct error err = ERROR_INIT;

	arena_reset(&arena);
	if (!apply_changes(client, list, &options, &arena, &answer, &err))
		return true;
	if (err.kind != ERROR_LIMIT)
		fail(error_message(&err), NULL);
	printf("not in force: %s\n", error_message(&err));
	error_deinit(&err);
	return false;
}

/* --- a question */

static Pepctl__V1__ExplainPacketResponse *ask(
	const struct oracle_packet *packet, uint8_t *frame, size_t size, bool candidate)
{
	Pepctl__V1__ExplainPacketRequest request;
	Pepctl__V1__ExplainPacketResponse *answer;
	struct error err = ERROR_INIT;

	pepctl__v1__explain_packet_request__init(&request);
	request.packet_case = PEPCTL__V1__EXPLAIN_PACKET_REQUEST__PACKET_FRAME;
	request.frame = (ProtobufCBinaryData){.len = size, .data = frame};
	request.iface = arena_strdup(&arena, packet->iface);
	if (candidate) {
		request.mode = PEPCTL__V1__APPLY_MODE__MODE_REPLACE_ALL;
		request.n_operations = changes.count;
		request.operations =
			arena_array(&arena, changes.count, sizeof(*request.operations));
		for (size_t i = 0; i < changes.count; i++)
			request.operations[i] = change_to_proto(&changes.items[i], &arena);
	}
	if (call_unary(client, METHOD_EXPLAIN_PACKET, &request.base, &arena, &answer, &err))
		fail(error_message(&err), packet);
	return answer;
}

/* The policies before the decider do not match, or are shadow policies, of which the first counts.
 */
static void check_considered(
	const Pepctl__V1__ExplainPacketResponse *m, const struct oracle_packet *packet)
{
	size_t others = m->n_considered - (*m->policy && m->n_considered);
	const char *shadow = "";

	for (size_t i = 0; i < others; i++) {
		bool is_shadow = strstr(m->considered[i]->why, "shadow");

		if (m->considered[i]->matched != is_shadow)
			fail("a policy matches and does not decide", packet);
		if (is_shadow && !*shadow)
			shadow = m->considered[i]->policy;
	}
	if (!streq(shadow, m->shadow))
		fail("another shadow policy than the packet program found", packet);
	if (*m->policy && (!m->considered[others]->matched ||
				  !streq(m->considered[others]->policy, m->policy)))
		fail("the decider does not match", packet);
	decided += *m->policy != 0;
	shadowed += *m->shadow != 0;
}

/* The policy with no other field than the one that the sentence is about. False: it is about none.
 */
static bool keep_field(const char *why, const struct policy_match *m, struct policy_match *ret)
{
	if (strstr(why, "iface")) {
		ret->ifaces = m->ifaces;
		ret->iface_count = m->iface_count;
	} else if (strstr(why, "vlan")) {
		ret->has_vlan = m->has_vlan;
		ret->vlan = m->vlan;
	} else if (!strncmp(why, "proto ", 6)) {
		ret->has_proto = m->has_proto;
		ret->proto = m->proto;
	} else if (strstr(why, "sport ")) {
		ret->sport = m->sport;
	} else if (strstr(why, "dport ")) {
		ret->dport = m->dport;
	} else if (!strncmp(why, "src ", 4)) {
		ret->src = m->src;
	} else if (!strncmp(why, "dst ", 4)) {
		ret->dst = m->dst;
	} else {
		return false;
	}
	return true;
}

/* A policy of the named field alone does not match either, the oracle says. */
static void check_reason(const char *name, const char *why, const struct oracle_packet *packet)
{
	_cleanup_(oracle_freep) struct oracle *oracle = NULL;
	struct oracle_ruleset alone = rules;
	struct policy one;

	policy_init(&one);
	if (!keep_field(why, &rules.policies[strtoul(name + 1, NULL, 10)].match, &one.match))
		return;
	alone.policies = &one;
	alone.count = 1;
	if (oracle_new(&alone, &oracle))
		fail("no oracle", NULL);
	if (oracle_decide(oracle, packet).policy != ORACLE_NONE) {
		fprintf(stderr, "%s: %s: ", name, why);
		fail("the oracle finds that this field matches", packet);
	}
	reasons++;
}

static bool is_policy(const char *name, size_t index)
{
	char wanted[24] = "";

	if (index != ORACLE_NONE)
		snprintf(wanted, sizeof(wanted), "p%zu", index);
	return streq(name, wanted);
}

static void check_oracle(const struct oracle *oracle, const Pepctl__V1__ExplainPacketResponse *m,
	const struct oracle_packet *packet)
{
	struct oracle_ruling ruling = oracle_decide(oracle, packet);

	if (!is_policy(m->policy, ruling.policy) || !is_policy(m->shadow, ruling.shadow))
		fail("another policy than the oracle found", packet);
	if (ruling.policy == ORACLE_NONE &&
		(m->verdict == PEPCTL__V1__ACTION_KIND__ACTION_ALLOW) != ruling.pass)
		fail("another verdict than the oracle's", packet);
	for (size_t i = 0; i < m->n_considered; i++)
		if (!m->considered[i]->matched)
			check_reason(m->considered[i]->policy, m->considered[i]->why, packet);
	if (m->considered_total != (m->n_considered) || (m->n_considered && packet->family == 0))
		fail("policies were counted that were not asked", packet);
}

static void explain(
	struct oracle *oracle, const struct oracle_packet *packet, struct rng *rng, bool candidate)
{
	Pepctl__V1__ExplainPacketResponse *m;
	uint8_t frame[FLOW_FRAME_MAX];
	size_t size = flow_frame(packet, rng, frame);

	arena_reset(&arena);
	m = ask(packet, frame, size, candidate);
	check_considered(m, packet);
	if (with_oracle)
		check_oracle(oracle, m, packet);
	asked += !candidate;
	candidates += candidate;
}

static void try_ruleset(uint64_t seed, size_t packets, size_t policies)
{
	_cleanup_(oracle_freep) struct oracle *oracle = NULL;
	const struct change_list nothing = {0};
	struct oracle_packet packet;
	struct flow_random flow;
	struct rng rng;
	bool fits;

	if (ruleset_random(seed % RULESET_FLAVOURS, policies, seed, &rules))
		fail("out of memory", NULL);
	simplify();
	read_rules();
	if (oracle_new(&rules, &oracle))
		fail("no oracle", NULL);
	flow_random_init(&flow, &rules, seed);
	rng_init(&rng, seed);
	fits = put_in_force(&changes);
	for (size_t i = 0; fits && i < packets; i++) {
		flow_random_next(&flow, &packet);
		explain(oracle, &packet, &rng, false);
	}
	refused += !fits;
	put_in_force(&nothing); /* the same answers must come from the candidate */
	for (size_t i = 0; fits && i < packets / CANDIDATE_EVERY; i++) {
		flow_random_next(&flow, &packet);
		explain(oracle, &packet, &rng, true);
	}
	change_list_deinit(&changes);
	changes = (struct change_list){0};
	oracle_ruleset_deinit(&rules);
}

int main(int argc, char *argv[])
{
	struct error err = ERROR_INIT;
	uint64_t seed;

	if (argc != 5) {
		fprintf(stderr, "usage: %s SEED RULESETS PACKETS POLICIES\n", argv[0]);
		return 2;
	}
	seed = strtoull(argv[1], NULL, 10);
	arena_init(&arena, 64u << 20);
	if (client_open(NULL, &err, &client))
		fail(error_message(&err), NULL);
	for (uint64_t i = 0; i < strtoull(argv[2], NULL, 10); i++) {
		with_oracle = i % 2 == 0; /* beginning with the first, also of few */
		try_ruleset(seed + i, strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
	}
	printf("seed %llu: %zu packets, %zu decided by a policy, %zu with a shadow policy, %zu "
	       "asked about a "
	       "candidate, %zu reasons right\n",
		(unsigned long long)seed, asked, decided, shadowed, candidates, reasons);
	client_free(client);
	arena_deinit(&arena);
	if (2 * refused > strtoull(argv[2], NULL, 10))
		fail("more than half of the rulesets do not fit", NULL);
	return decided && shadowed && candidates && reasons ? EXIT_SUCCESS : EXIT_FAILURE;
}
