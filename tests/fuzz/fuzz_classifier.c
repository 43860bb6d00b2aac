/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Any bytes as a sequence of changes: planned, undone, refused for want of memory
 * or committed, beside a model that is a list. What the old generation decides must not change
 * before the flip, the new one must decide by the new model before and after it.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/judge.h"
#include "fuzz_model.h"
#include "tests/datapath/engine.h"
#include "tests/oracle/oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILL_BLOCK   2500u /* members that come to the last set together */
#define TRANSACTIONS 24u
#define DECISIONS    20u

static struct engine engine;
static struct model now, next;

static void must(int condition)
{
	if (!condition)
		abort();
}

static uint32_t draw(struct input *in, uint32_t below)
{
	in->random = (in->random ^ in->random >> 29) * 0xbf58476d1ce4e5b9ull + 1;
	return (uint32_t)(in->random >> 33) % below;
}

static void universe_read(void)
{
	for (size_t i = 0; i < MODEL_PREFIXES && !model_universe[i].kind; i++) {
		struct classifier_member m =
			engine_member(&engine, model_sets[0], model_prefixes[i], true);

		model_universe[i] = (struct policy_address){
			.kind = POLICY_PREFIX, .family = m.family, .length = m.length};
		memcpy(model_universe[i].bytes, m.bytes, sizeof(m.bytes));
	}
}

/* --- the change from one model to the other */

static uint8_t set_of(const struct policy_address *a)
{
	return a->kind == POLICY_SET ? engine_set(&engine, a->set) : CLASSIFIER_NO_SET;
}

static size_t edits_make(struct classifier_edit edits[static 2 * MODEL_NAMES])
{
	size_t n = 0;

	for (size_t i = 0; i < now.count; i++)
		if (model_find(&next, now.policies[i].name) == next.count)
			edits[n++] =
				(struct classifier_edit){.before = &now.policies[i], .path = ""};
	for (size_t i = 0; i < next.count; i++) {
		const struct policy *p = &next.policies[i];
		size_t at = model_find(&now, p->name);

		if (at < now.count && policy_equal(p, &now.policies[at]) &&
			next.positions[i] == now.positions[at])
			continue;
		edits[n++] = (struct classifier_edit){
			.before = at < now.count ? &now.policies[at] : NULL,
			.after = p,
			.path = "",
			.position = next.positions[i],
			.src_set = set_of(&p->match.src),
			.dst_set = set_of(&p->match.dst)};
	}
	return n;
}

static struct policy_address fill_address(uint32_t i)
{
	return (struct policy_address){.kind = POLICY_PREFIX,
		.family = 6,
		.length = 128,
		.bytes = {0xfd, 1, [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i}};
}

static void member_put(
	struct classifier_member *to, size_t set, const struct policy_address *a, bool add)
{
	*to = (struct classifier_member){.set = engine_set(&engine, model_sets[set]),
		.add = add,
		.family = a->family,
		.length = a->length};
	memcpy(to->bytes, a->bytes, sizeof(to->bytes));
}

/* Owned by the caller. */
static struct classifier_member *members_make(size_t *ret)
{
	struct classifier_member *all =
		calloc(MODEL_SETS * MODEL_PREFIXES + MODEL_FILL_MAX * FILL_BLOCK, sizeof(*all));
	uint32_t low = MIN(now.fill, next.fill) * FILL_BLOCK,
		 high = MAX(now.fill, next.fill) * FILL_BLOCK;

	must(all != NULL);
	*ret = 0;
	for (size_t set = 0; set < MODEL_SETS; set++)
		for (size_t i = 0; i < MODEL_PREFIXES; i++)
			if ((now.members[set] ^ next.members[set]) >> i & 1)
				member_put(&all[(*ret)++], set, &model_universe[i],
					next.members[set] >> i & 1);
	for (; low < high; low++) {
		struct policy_address a = fill_address(low);

		member_put(&all[(*ret)++], MODEL_SETS - 1, &a, next.fill > now.fill);
	}
	return all;
}

/* --- decisions */

static struct oracle_set sets_of(const struct model *m, size_t set)
{
	struct oracle_set s = {.count = 0};

	strcpy(s.name, model_sets[set]);
	s.members = calloc(MODEL_PREFIXES + MODEL_FILL_MAX * FILL_BLOCK, sizeof(*s.members));
	must(s.members != NULL);
	for (size_t i = 0; i < MODEL_PREFIXES; i++)
		if (m->members[set] >> i & 1)
			s.members[s.count++] = model_universe[i];
	for (uint32_t i = 0; set == MODEL_SETS - 1 && i < m->fill * FILL_BLOCK; i++)
		s.members[s.count++] = fill_address(i);
	return s;
}

/* An address of a prefix: its first, or any. */
static void host(struct input *in, int family, uint8_t ret[16])
{
	const struct policy_address *a;

	do {
		a = &model_universe[draw(in, MODEL_PREFIXES)];
	} while (a->family != family);
	memset(ret, 0, 16);
	memcpy(ret, a->bytes, family == 6 ? 16 : 4);
	for (uint32_t bit = a->length; bit < (family == 6 ? 128u : 32u) && draw(in, 3); bit++)
		ret[bit / 8] |= (uint8_t)(draw(in, 2) << (7 - bit % 8));
	if (family == 6 && !draw(in, 6))
		memcpy(ret, fill_address(draw(in, MODEL_FILL_MAX * FILL_BLOCK)).bytes, 16);
}

static struct oracle_packet packet_make(struct input *in)
{
	struct oracle_packet p = {
		.family = draw(in, 2) ? 6 : 4, .proto = model_protos[draw(in, MODEL_PROTOS)]};

	host(in, p.family, p.src);
	host(in, p.family, p.dst);
	p.has_ports = proto_has_ports(p.proto) && draw(in, 8);
	if (p.has_ports) {
		p.sport = model_ports[draw(in, MODEL_PORTS)];
		p.dport = model_ports[draw(in, MODEL_PORTS)];
	}
	p.has_vlan = !draw(in, 3);
	p.vlan = p.has_vlan ? 5 : 0;
	strcpy(p.iface, draw(in, 2) ? "eth0" : "eth1");
	return p;
}

static struct pep_packet parsed(const struct oracle_packet *p)
{
	struct pep_packet packet = {.family = p->family,
		.proto = p->proto,
		.has_ports = p->has_ports,
		.sport = htons(p->sport),
		.dport = htons(p->dport),
		.vlan = p->has_vlan ? p->vlan : PEP_VLAN_NONE};

	memcpy(packet.src, p->src, sizeof(packet.src));
	memcpy(packet.dst, p->dst, sizeof(packet.dst));
	return packet;
}

static void check_entry(const struct model *m, uint32_t entry, size_t policy)
{
	const struct pep_entry *e = &engine.tables->entries[entry];

	must(!entry == (policy == ORACLE_NONE));
	if (!entry)
		return;
	must(e->slot == classifier_slot(engine.classifier, m->policies[policy].name));
	must(e->action == m->policies[policy].action.kind);
	must((uint32_t)e->rank[1] == m->positions[policy]);
}

static void decide(
	struct input *in, const struct model *m, const struct oracle *oracle, uint64_t generation)
{
	const struct pep_config *config = engine.tables->config;
	struct oracle_packet packet = packet_make(in);
	struct pep_packet p = parsed(&packet);
	struct pep_view view = {.generation = generation,
		.roots = &config->roots,
		.ruleset = &config->ruleset[generation & 1],
		.iface = engine_iface(&engine, packet.iface)};
	struct oracle_ruling wanted;
	struct pep_ruling ruling;

	packet.flow_percent = (uint16_t)pep_flow_percent(&p, config->roots.seed);
	wanted = oracle_decide(oracle, &packet);
	pep_judge(&view, &p, &ruling);
	check_entry(m, ruling.entry, wanted.policy);
	check_entry(m, ruling.shadow, wanted.shadow);
	if (wanted.reason == ORACLE_BY_DEFAULT)
		must(pep_is_blocked(ruling.tally) == !wanted.pass);
}

static void check(struct input *in, struct model *m, uint64_t generation)
{
	struct oracle_set sets[MODEL_SETS];
	struct oracle_ruleset ruleset = {.policies = m->policies,
		.count = m->count,
		.sets = sets,
		.set_count = MODEL_SETS,
		.default_block = m->block};
	struct oracle *oracle;

	for (size_t i = 0; i < MODEL_SETS; i++)
		sets[i] = sets_of(m, i);
	must(oracle_new(&ruleset, &oracle) == 0);
	for (size_t i = 0; i < DECISIONS; i++)
		decide(in, m, oracle, generation);
	oracle_free(oracle);
	for (size_t i = 0; i < MODEL_SETS; i++)
		free(sets[i].members);
}

/* --- transactions */

static void prepared(void *data, const struct classifier_plan *plan)
{
	struct pep_ruleset *ruleset = &engine.tables->config->ruleset[plan->generation & 1];

	(void)data;
	memset(ruleset->default_block, next.block, sizeof(ruleset->default_block));
}

static struct classifier_plan *plan_make(unsigned int failing)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct classifier_edit edits[2 * MODEL_NAMES];
	struct classifier_change change = {.edits = edits, .edit_count = edits_make(edits)};
	struct classifier_member *members = members_make(&change.member_count);
	struct classifier_plan *plan = NULL;
	int r;

	change.members = members;
	engine.chunks_fail = failing;
	r = engine_plan(&engine, &change, &err, &plan);
	must(!r || (failing && !engine.chunks_fail && err.kind == ERROR_LIMIT));
	engine.chunks_fail = 0;
	free(members);
	return r ? NULL : plan;
}

/* The first byte: how it ends, and how many changes it has. */
static void transaction(struct input *in)
{
	uint64_t generation = engine.tables->config->generation;
	uint8_t what = input_byte(in);
	struct classifier_plan *plan;

	next = now;
	for (unsigned int i = 0; i <= what % 8u; i++)
		model_change(in, &next);
	plan = plan_make(what >= 224 ? what / 8 % 4 + 1 : 0);
	check(in, &now, generation);
	if (plan)
		check(in, &next, generation + 1);
	if (plan && what % 32 >= 24) {
		engine_abort(&engine, plan);
	} else if (plan) {
		engine_flip(&engine, plan);
		now = next;
	}
	check(in, &now, engine.tables->config->generation);
	must(classifier_count(engine.classifier) == now.count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {.at = data, .end = data + size, .random = size};
	struct classifier_info info;

	now = (struct model){.count = 0};
	engine_init(&engine, MODEL_NAMES, NULL);
	engine.prepared = prepared;
	engine.tables->config->roots.seed = 0x9e3779b97f4a7c15ull; /* the same each time */
	pep_tables = engine.tables;
	universe_read();
	for (unsigned int i = 0; i < TRANSACTIONS && in.at < in.end; i++)
		transaction(&in);
	classifier_info(engine.classifier, &info);
	must(info.entries == now.count);
	engine_deinit(&engine);
	return 0;
}
