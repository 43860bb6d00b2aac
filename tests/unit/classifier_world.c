/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "classifier_world.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "bpf/judge.h"
#include "common/table.h"

#define EDITS_MAX   8192u
#define MEMBERS_MAX 200000u

static void prepared(void *data, const struct classifier_plan *plan)
{
	struct world *w = data;

	for (size_t i = 0; i < plan->born_count; i++)
		snprintf(w->names[plan->born[i].entry], PEP_NAME_SIZE, "%s", plan->born[i].name);
}

struct world *world_over(uint32_t max_policies, struct pep_tables *tables)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	engine_init(&w->engine, max_policies, tables);
	w->engine.prepared = prepared;
	w->engine.data = w;
	w->names = calloc(classifier_entries(max_policies), sizeof(*w->names));
	w->policies = calloc(2 * (size_t)EDITS_MAX, sizeof(*w->policies));
	w->edits = calloc(EDITS_MAX, sizeof(*w->edits));
	w->members = calloc(MEMBERS_MAX, sizeof(*w->members));
	assert_true(w->names && w->policies && w->edits && w->members);
	return w;
}

struct world *world_new(uint32_t max_policies)
{
	return world_over(max_policies, NULL);
}

static void forget(struct world *w)
{
	for (size_t i = 0; i < 2 * w->edit_count; i++)
		policy_deinit(&w->policies[i]);
	w->edit_count = w->member_count = 0;
}

void world_free(struct world *w)
{
	forget(w);
	engine_deinit(&w->engine);
	free(w->names);
	free(w->policies);
	free(w->edits);
	free(w->members);
	free(w);
}

int world_setup(void **state)
{
	*state = world_new(WORLD_POLICIES);
	return 0;
}

int world_teardown(void **state)
{
	world_free(*state);
	return 0;
}

/* --- changes */

static uint8_t set_of(struct world *w, const struct policy_address *a)
{
	return a->kind == POLICY_SET ? engine_set(&w->engine, a->set) : CLASSIFIER_NO_SET;
}

void world_edit(struct world *w, const char *before, const char *after)
{
	struct policy *p = &w->policies[2 * w->edit_count];
	struct classifier_edit *edit = &w->edits[w->edit_count++];

	assert_in_range(w->edit_count, 1, EDITS_MAX);
	*edit = (struct classifier_edit){.path = "policy", .line = after};
	policy_init(&p[0]);
	policy_init(&p[1]);
	if (before) {
		engine_read(before, &p[0]);
		edit->before = &p[0];
	}
	if (!after)
		return;
	engine_read(after, &p[1]);
	edit->after = &p[1];
	edit->position = ++w->engine.position;
	edit->src_set = set_of(w, &p[1].match.src);
	edit->dst_set = set_of(w, &p[1].match.dst);
}

void world_member(struct world *w, const char *set, const char *prefix, bool add)
{
	assert_in_range(w->member_count, 0, MEMBERS_MAX - 1);
	w->members[w->member_count++] = engine_member(&w->engine, set, prefix, add);
}

struct classifier_plan *world_try(struct world *w, struct error *err)
{
	struct classifier_change change = {w->edits, w->edit_count, w->members, w->member_count};
	struct classifier_plan *plan = NULL;

	if (engine_plan(&w->engine, &change, err, &plan))
		assert_null(plan);
	forget(w); /* the policies' memory stays until the next edit, as the plan wants it */
	return plan;
}

struct classifier_plan *world_plan(struct world *w)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct classifier_plan *plan = world_try(w, &err);

	if (!plan)
		fail_msg("%s", error_message(&err));
	return plan;
}

void world_refused(struct world *w, enum error_kind kind, const char *reason, const char *field)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	size_t count = classifier_count(w->engine.classifier);
	uint64_t rulings = world_rulings(w, world_generation(w));

	assert_null(world_try(w, &err));
	assert_int_equal(err.kind, kind);
	assert_string_equal(error_reason(&err), reason);
	if (field)
		assert_string_equal(err.violations[0].field, field);
	assert_int_equal(classifier_count(w->engine.classifier), count);
	assert_true(world_rulings(w, world_generation(w)) == rulings);
}

void world_commit(struct world *w)
{
	engine_flip(&w->engine, world_plan(w));
}

void world_put(struct world *w, const char *before, const char *after)
{
	world_edit(w, before, after);
	world_commit(w);
}

/* --- decisions */

uint64_t world_generation(const struct world *w)
{
	return w->engine.tables->config->generation;
}

static struct pep_view view_of(const struct world *w, uint64_t generation)
{
	const struct pep_config *config = w->engine.tables->config;

	pep_tables = w->engine.tables;
	return (struct pep_view){.generation = generation,
		.roots = &config->roots,
		.ruleset = &config->ruleset[generation & 1]};
}

static struct pep_packet packet_of(const char *src, const char *dst, uint16_t dport)
{
	struct pep_packet packet = {.family = strchr(src, ':') ? 6 : 4,
		.proto = 6,
		.has_ports = 1,
		.vlan = PEP_VLAN_NONE,
		.sport = htons(1000),
		.dport = htons(dport)};
	int family = packet.family == 6 ? AF_INET6 : AF_INET;

	assert_int_equal(inet_pton(family, src, packet.src), 1);
	assert_int_equal(inet_pton(family, dst, packet.dst), 1);
	return packet;
}

const char *world_decider_in(const struct world *w, uint64_t generation, const char *src,
	const char *dst, uint16_t dport)
{
	struct pep_packet packet = packet_of(src, dst, dport);
	struct pep_view view = view_of(w, generation);
	struct pep_ruling ruling;

	pep_judge(&view, &packet, &ruling);
	return ruling.entry ? w->names[ruling.entry] : "";
}

const char *world_decider(const struct world *w, const char *src, const char *dst, uint16_t dport)
{
	return world_decider_in(w, world_generation(w), src, dst, dport);
}

uint64_t world_rulings(const struct world *w, uint64_t generation)
{
	static const char *const addresses[][2] = {{"192.0.2.1", "198.51.100.1"},
		{"10.1.2.3", "10.3.2.1"}, {"2001:db8::1", "2001:db8:2::1"}, {"203.0.113.7", "192.0.2.9"}};
	struct pep_view view = view_of(w, generation);
	uint64_t all = 0;

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		for (uint32_t dport = 0; dport < 1200; dport++) {
			struct pep_packet packet =
				packet_of(addresses[i][0], addresses[i][1], (uint16_t)dport);
			struct pep_ruling ruling = {0};

			packet.vlan = (uint16_t)(dport % 7);
			pep_judge(&view, &packet, &ruling);
			ruling.parity = 0;
			all = all * 31 + table_hash(&ruling, sizeof(ruling));
		}
	return all;
}
