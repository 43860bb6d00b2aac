/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>

#include "bpf/judge.h"
#include "store_model.h"
#include "store_world.h"

#define PACKETS 4u

static bool differ(const char *what, unsigned long long store, unsigned long long model)
{
	if (store != model)
		printf("%s: %llu in the store, %llu in the model\n", what, store, model);
	return store != model;
}

/* --- packets */

static uint32_t name_of(struct world *w, uint32_t entry)
{
	uint32_t name = 0, slot = entry ? w->engine.tables->entries[entry].slot : PEP_SLOT_NONE;

	while (entry && name < MODEL_POLICIES &&
		classifier_slot(w->engine.classifier, model_policy_names[name]) != slot)
		name++;
	return entry ? name : MODEL_POLICIES;
}

static struct pep_packet packet_of(const struct model_packet *p)
{
	struct pep_packet packet = {.family = p->src.family, .proto = p->proto, .fragment = p->fragment,
		.has_ports = !p->fragment && (p->proto == 6 || p->proto == 17),
		.error = p->malformed ? PEP_PARSE_L4_SHORT : PEP_PARSE_OK,
		.vlan = p->vlan ? (uint16_t)(p->vlan - 1) : PEP_VLAN_NONE};

	if (packet.has_ports) {
		packet.sport = htons(p->sport);
		packet.dport = htons(p->dport);
	}
	memcpy(packet.src, p->src.bytes, sizeof(packet.src));
	memcpy(packet.dst, p->dst.bytes, sizeof(packet.dst));
	return packet;
}

static struct model_verdict ask(struct world *w, const struct model_packet *p)
{
	struct pep_config *config = w->engine.tables->config;
	struct pep_view view = {.generation = config->generation, .roots = &config->roots,
		.ruleset = engine_ruleset(&w->engine),
		.iface = p->iface < MODEL_IFACES ? engine_iface(&w->engine, model_iface_names[p->iface]) : 0};
	struct pep_packet packet = packet_of(p);
	struct pep_ruling ruling = {0};
	struct model_verdict v;

	pep_tables = w->engine.tables;
	pep_judge(&view, &packet, &ruling);
	v = (struct model_verdict){.policy = name_of(w, ruling.entry), .shadow = name_of(w, ruling.shadow)};
	v.by_setting = ruling.reason == PEP_REASON_MALFORMED || ruling.reason == PEP_REASON_FRAGMENT;
	v.passes = ruling.reason == PEP_REASON_DEFAULT && ruling.action == PEP_ACTION_ALLOW;
	return v;
}

static bool packets_differ(const struct model *m, struct world *w)
{
	bool all = false;

	for (size_t i = 0; i < PACKETS; i++) {
		struct model_packet p = model_random_packet();
		struct model_verdict store = ask(w, &p), model = model_judge(m, &p);

		all |= differ("policy that decides", store.policy, model.policy);
		all |= differ("policy in the shadow", store.shadow, model.shadow);
		all |= differ("decided by a setting", store.by_setting, model.by_setting);
		all |= differ("passes by default", store.passes, model.passes);
	}
	return all;
}

/* --- leases */

static uint32_t owner_of(const char *name)
{
	uint32_t i = 0;

	while (i < MODEL_OWNERS && strcmp(model_owner_names[i], name) != 0)
		i++;
	return i;
}

static uint32_t member_of(const struct member *m)
{
	char text[MEMBER_TEXT_SIZE];
	uint32_t i = 0;

	member_format(m, text);
	while (i < MODEL_MEMBERS && strcmp(model_members[i], text) != 0)
		i++;
	return i;
}

static bool list_set(struct world *w, uint32_t set, uint8_t id, struct model_lease ret[MODEL_OWNERS][MODEL_MEMBERS])
{
	struct store_held held[16];
	size_t total = 0;

	for (uint64_t cursor = 0; cursor != UINT64_MAX;) {
		size_t count = store_leases(w->store, id, NULL, &cursor, held, ARRAY_SIZE(held));

		for (size_t i = 0; i < count; i++) {
			uint32_t owner = owner_of(held[i].owner), member = member_of(&held[i].member);

			if (owner == MODEL_OWNERS || member == MODEL_MEMBERS || ret[owner][member].there)
				return false;
			ret[owner][member].there = true;
			ret[owner][member].expiry = held[i].left ? w->boottime + held[i].left : 0;
		}
		total += count;
	}
	return !differ(model_set_names[set], store_lease_count(w->store, id), total);
}

bool model_list_leases(struct world *w, struct model_lease ret[MODEL_SETS][MODEL_OWNERS][MODEL_MEMBERS])
{
	uint8_t id;

	memset(ret, 0, sizeof(*ret) * MODEL_SETS);
	for (uint32_t set = 0; set < MODEL_SETS; set++)
		if (store_set_find(w->store, model_set_names[set], &id) && store_lease_count(w->store, id) &&
			!list_set(w, set, id, ret[set]))
			return false;
	return true;
}

static bool leases_differ(const struct model *m, struct world *w)
{
	struct model_lease found[MODEL_SETS][MODEL_OWNERS][MODEL_MEMBERS];
	const struct model_lease *store = &found[0][0][0], *model = &m->leases[0][0][0];
	bool all = !model_list_leases(w, found);

	for (size_t i = 0; i < MODEL_SETS * MODEL_OWNERS * MODEL_MEMBERS; i++) {
		int64_t expiry = model[i].expiry;

		/* What has run out is listed with 1 ns until it goes. */
		if (expiry && expiry <= m->boottime)
			expiry = m->boottime + 1;
		if (differ("lease is there", store[i].there, model[i].there)) {
			printf("set %zu owner %zu member %zu until %lld, %lld\n", i / MODEL_MEMBERS / MODEL_OWNERS,
				i / MODEL_MEMBERS % MODEL_OWNERS, i % MODEL_MEMBERS, (long long)store[i].expiry,
				(long long)model[i].expiry);
			all = true;
		}
		if (model[i].there)
			all |= differ("lease's expiry", (unsigned long long)store[i].expiry,
				(unsigned long long)expiry);
	}
	return all;
}

/* --- the ruleset */

static void cut_marks(char *text)
{
	char *to = text;

	for (char *from = text; *from;) {
		size_t line = strcspn(from, "\n") + 1;

		if (strncmp(from, "#@", 2) != 0) {
			memmove(to, from, line);
			to += line;
		}
		from += line;
	}
	*to = 0;
}

static bool texts_differ(const struct model *m, struct world *w)
{
	static char wanted[16384];
	struct state state = {0};
	bool differs;

	assert_int_equal(store_render(w->store, &state), 0);
	cut_marks(state.text);
	model_write(&m->now, wanted, sizeof(wanted));
	differs = strcmp(state.text, wanted) != 0;
	if (differs)
		printf("--- store\n%s--- model\n%s---\n", state.text, wanted);
	state_deinit(&state);
	return differs;
}

static bool ends_differ(const struct model *m, struct world *w)
{
	bool all = false;

	for (uint64_t i = 0; i < m->now.count; i++) {
		const struct model_policy *p = &m->now.policies[i];
		const struct store_policy *found =
			store_policy_find(w->store, model_policy_names[p->name]);

		if (found && p->rule.ttl)
			all |= differ(model_policy_names[p->name],
				(unsigned long long)store_policy_left(w->store, found),
				(unsigned long long)MAX(p->ends - m->boottime, 1));
	}
	return all;
}

bool model_compare(const struct model *m, struct world *w)
{
	uint64_t waiting;
	int64_t left = store_confirm_left(w->store, &waiting);
	bool all = differ("revision", store_revision(w->store), m->revision);

	all |= differ("oldest revision", store_oldest(w->store), m->oldest);
	all |= differ("revision that waits", waiting, m->waiting);
	if (m->waiting)
		all |= differ("time to confirm", (unsigned long long)left,
			(unsigned long long)MAX(
				MAX(m->confirm_boot, m->confirm_again) - m->boottime, 1));
	all |= texts_differ(m, w);
	all |= leases_differ(m, w);
	all |= ends_differ(m, w);
	return all | packets_differ(m, w);
}

/* --- answers */

bool model_compare_answer(const struct model_reply *wanted, const struct answer *a)
{
	bool same = a->done && a->kind == wanted->kind;

	if (!same || wanted->kind)
		return same && strcmp(a->reason, wanted->reason) == 0;
	for (size_t i = 0; i < MODEL_CHANGES; i++)
		same &= a->effects[i] == wanted->effects[i];
	return same && a->revision == wanted->revision && a->repeated == wanted->repeated &&
	       memcmp(&a->policies, &wanted->policies, sizeof(a->policies)) == 0 &&
	       a->leases.added == wanted->leases.added && a->leases.refreshed == wanted->leases.refreshed &&
	       a->leases.unchanged == wanted->leases.unchanged && a->leases.kept == wanted->leases.kept &&
	       a->leases.released == wanted->leases.released && a->leases.missing == wanted->leases.missing &&
	       a->leases.rejected == wanted->leases.rejected;
}

static void print_reply(const char *who, enum error_kind kind, const char *reason, uint64_t revision, bool repeated,
	const enum store_effect *effects, const struct store_counts *c, const struct store_lease_result *l)
{
	printf("%s: kind %d %s revision %llu%s effects", who, (int)kind, kind ? reason : "",
		(unsigned long long)revision, repeated ? " repeated" : "");
	for (size_t i = 0; i < MODEL_CHANGES; i++)
		printf(" %d", (int)effects[i]);
	printf(" policies %d %d %d leases added %d refreshed %d unchanged %d kept %d released %d missing %d "
	       "rejected %d\n",
		(int)c->created, (int)c->changed, (int)c->deleted, (int)l->added, (int)l->refreshed, (int)l->unchanged,
		(int)l->kept, (int)l->released, (int)l->missing, (int)l->rejected);
}

void model_print(const struct model_op *op, const struct model_reply *wanted, const struct answer *a)
{
	printf("request of kind %d mode %d dry %d target %llu id %u uid %u confirm %lld expected %d %llu lease %d set %u "
	       "owner %u ttl %lld ban %d only %d shorten %d\n",
		(int)op->kind, (int)op->mode, op->validate_only, (unsigned long long)op->target, op->id, op->uid,
		(long long)op->confirm_timeout, op->has_expected, (unsigned long long)op->expected, (int)op->lease, op->set,
		op->owner, (long long)op->ttl, op->ban, op->bans_only, op->shorten);
	for (size_t i = 0; i < op->count; i++)
		printf("  change of kind %d name %u iface %u missing %d\n", (int)op->changes[i].kind, op->changes[i].name,
			op->changes[i].iface, op->changes[i].allow_missing);
	for (size_t i = 0; op->kind == STORE_LEASES && i < MODEL_MEMBERS; i++)
		if (op->named[i])
			printf("  member %zu %s\n", i, model_members[i]);
	print_reply("store", a->kind, a->reason, a->revision, a->repeated, a->effects, &a->policies, &a->leases);
	print_reply("model", wanted->kind, wanted->reason, wanted->revision, wanted->repeated, wanted->effects,
		&wanted->policies, &wanted->leases);
}
