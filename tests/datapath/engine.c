/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "engine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "common/text.h"

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "engine: %s: %s\n", what, why);
	abort();
}

static void *memory(size_t count, size_t size)
{
	void *all = calloc(count, size);

	if (!all)
		fail("calloc", strerror(errno));
	return all;
}

/* --- what the classifier works in */

static uint32_t iface_slot(void *data, const char *iface)
{
	return engine_iface(data, iface);
}

static int chunks_make(void *data, uint32_t first, uint32_t count)
{
	struct engine *e = data;

	if (e->chunks_fail && !--e->chunks_fail)
		return -ENOMEM;
	if (e->chunks_make)
		return e->chunks_make(e->data, first, count);
	for (uint32_t i = first; i < first + count; i++)
		e->tables->chunks[i] = memory(PEP_CHUNK_LINES, sizeof(struct pep_line));
	return 0;
}

static void chunks_drop(void *data, uint32_t first, uint32_t count)
{
	struct engine *e = data;

	if (e->chunks_drop) {
		e->chunks_drop(e->data, first, count);
		return;
	}
	for (uint32_t i = first; i < first + count; i++)
		free(TAKE_PTR(e->tables->chunks[i]));
}

static void grace(void *data)
{
	const struct engine *e = data;

	if (e->grace)
		e->grace(e->data);
}

static void own_tables(struct pep_tables *t, uint32_t max_policies)
{
	t->config = memory(1, sizeof(*t->config));
	t->entries = memory(classifier_entries(max_policies), sizeof(*t->entries));
	t->more = memory(classifier_entries(max_policies), sizeof(*t->more));
	t->classes = memory(PEP_DIM_MAX * PEP_CLASSES_MAX, sizeof(*t->classes));
	t->rules = memory(classifier_entries(max_policies), sizeof(*t->rules));
	t->buckets = memory(classifier_buckets(max_policies), sizeof(*t->buckets));
	t->tuples = memory(PEP_TUPLES_MAX, sizeof(*t->tuples));
	t->index = memory(1, sizeof(*t->index));
	t->combos = memory(PEP_COMBOS_MAX, sizeof(*t->combos));
	t->spreads = memory(PEP_SPREADS_MAX, sizeof(*t->spreads));
	t->config->abi = PEP_ABI;
	t->config->generation = 1;
	for (size_t i = 0; i < 4; i++) {
		struct pep_members *m = &t->config->ruleset[i / 2].members[i % 2];

		m->lines.mask = m->filter.mask = m->lengths.mask = PEP_TABLE_NONE;
	}
}

void engine_init(struct engine *e, uint32_t max_policies, struct pep_tables *tables)
{
	struct classifier_memory m = {.iface_slot = iface_slot,
		.chunks_make = chunks_make,
		.chunks_drop = chunks_drop,
		.grace = grace,
		.data = e};

	*e = (struct engine){.max_policies = max_policies, .tables = tables};
	if (!tables) {
		own_tables(&e->own, max_policies);
		e->tables = &e->own;
	}
	m.tables = e->tables;
	e->ifaces = memory(PEP_IFACES_MAX, sizeof(*e->ifaces));
	e->sets = memory(CLASSIFIER_SETS_MAX, sizeof(*e->sets));
	if (classifier_new(max_policies, &m, &e->classifier) < 0)
		fail("classifier_new", strerror(errno));
}

static void policies_free(struct policy *policies, size_t count)
{
	for (size_t i = 0; i < count; i++)
		policy_deinit(&policies[i]);
	free(policies);
}

void engine_deinit(struct engine *e)
{
	struct pep_tables *t = &e->own;

	classifier_free(e->classifier);
	policies_free(e->policies, e->count);
	free(e->ifaces);
	free(e->sets);
	if (e->tables != t)
		return;
	for (uint32_t i = 0; i < PEP_CHUNKS_MAX; i++)
		free(t->chunks[i]);
	free(t->config);
	free(t->entries);
	free(t->more);
	free(t->classes);
	free(t->rules);
	free(t->buckets);
	free(t->tuples);
	free(t->index);
	free(t->combos);
	free(t->spreads);
}

/* --- commits */

struct pep_ruleset *engine_ruleset(struct engine *e)
{
	return &e->tables->config->ruleset[e->tables->config->generation & 1];
}

int engine_plan(struct engine *e, const struct classifier_change *change, struct error *err,
	struct classifier_plan **ret)
{
	struct pep_config *config = e->tables->config;
	struct pep_ruleset next = *engine_ruleset(e);
	int r = classifier_plan(e->classifier, config->generation + 1, change, err, ret);

	if (r)
		return r;
	memcpy(next.members, (*ret)->members, sizeof(next.members));
	config->ruleset[(config->generation + 1) & 1] = next;
	if (e->prepared)
		e->prepared(e->data, *ret);
	return 0;
}

void engine_flip(struct engine *e, struct classifier_plan *plan)
{
	struct pep_config *config = e->tables->config;

	__atomic_store_n(&config->generation, config->generation + 1, __ATOMIC_RELEASE);
	classifier_commit(e->classifier, plan);
	grace(e);
	classifier_settle(e->classifier);
}

void engine_abort(struct engine *e, struct classifier_plan *plan)
{
	classifier_abort(e->classifier, plan);
}

int engine_change(struct engine *e, const struct classifier_change *change, struct error *err)
{
	struct classifier_plan *plan;
	int r = engine_plan(e, change, err, &plan);

	if (!r)
		engine_flip(e, plan);
	return r;
}

static void must_change(struct engine *e, const struct classifier_change *change)
{
	struct error err = ERROR_INIT;

	if (engine_change(e, change, &err))
		fail("refused", error_message(&err));
}

static uint8_t set_of(struct engine *e, const struct policy_address *a)
{
	return a->kind == POLICY_SET ? engine_set(e, a->set) : CLASSIFIER_NO_SET;
}

static struct classifier_edit edit_of(struct engine *e, const struct policy *after, char **line)
{
	*line = text_format_policy(after);
	if (!*line)
		fail("text_format_policy", "no memory");
	return (struct classifier_edit){.after = after, .path = "", .line = *line,
		.position = ++e->position, .src_set = set_of(e, &after->match.src),
		.dst_set = set_of(e, &after->match.dst)};
}

void engine_read(const char *line, struct policy *ret)
{
	struct text_problems problems = {0};
	struct change_list changes = {0};
	char text[512];
	int length = snprintf(text, sizeof(text), "policy %s\n", line);

	if (text_parse_file(text, (size_t)length, &changes, &problems) || changes.count != 1 ||
		policy_copy(&changes.items[0].policy, ret) < 0)
		fail(line, problems.count ? problems.items[0].message : "no policy");
	change_list_deinit(&changes);
	text_problems_deinit(&problems);
}

uint32_t engine_add(struct engine *e, const char *line)
{
	struct policy *more = realloc(e->policies, (e->count + 1) * sizeof(*more));
	struct classifier_edit edit;
	char *text;

	if (!more)
		fail("realloc", strerror(errno));
	e->policies = more;
	engine_read(line, &more[e->count]);
	edit = edit_of(e, &more[e->count++], &text);
	must_change(e, &(struct classifier_change){.edits = &edit, .edit_count = 1});
	free(text);
	return classifier_slot(e->classifier, edit.after->name);
}

void engine_remove(struct engine *e, const char *name)
{
	size_t at = 0;
	struct classifier_edit edit;

	while (at < e->count && !streq(e->policies[at].name, name))
		at++;
	if (at == e->count)
		fail(name, "there is no such policy");
	edit = (struct classifier_edit){.before = &e->policies[at], .path = ""};
	must_change(e, &(struct classifier_change){.edits = &edit, .edit_count = 1});
	policy_deinit(&e->policies[at]);
	memmove(&e->policies[at], &e->policies[at + 1], (--e->count - at) * sizeof(*e->policies));
}

/* Old names that stay are one edit, as the store would make it. */
static size_t replacement(struct engine *e, const struct policy *policies, size_t count,
	struct classifier_edit *edits, char **lines)
{
	size_t edit_count = 0;

	for (size_t i = 0; i < count; i++)
		edits[edit_count++] = edit_of(e, &policies[i], &lines[i]);
	for (size_t i = 0; i < e->count; i++)
		edits[edit_count++] = (struct classifier_edit){.before = &e->policies[i], .path = ""};
	return edit_count;
}

int engine_replace(struct engine *e, const struct policy *policies, size_t count, struct error *err)
{
	struct classifier_edit *edits = memory(count + e->count + 1, sizeof(*edits));
	struct policy *kept = memory(count + 1, sizeof(*kept));
	char **lines = memory(count + 1, sizeof(*lines));
	size_t edit_count = replacement(e, policies, count, edits, lines);
	int r = engine_change(e,
		&(struct classifier_change){.edits = edits, .edit_count = edit_count}, err);

	for (size_t i = 0; i < count; i++) {
		free(lines[i]);
		if (!r && policy_copy(&policies[i], &kept[i]) < 0)
			fail("policy_copy", "no memory");
	}
	if (!r) {
		policies_free(e->policies, e->count);
		e->policies = kept;
		e->count = count;
	} else {
		free(kept);
	}
	free(edits);
	free(lines);
	return r;
}

void engine_clear(struct engine *e)
{
	struct error err = ERROR_INIT;

	if (engine_replace(e, NULL, 0, &err))
		fail("clear", error_message(&err));
}

uint32_t engine_iface(struct engine *e, const char *name)
{
	for (size_t i = 0; i < e->iface_count; i++)
		if (streq(e->ifaces[i], name))
			return (uint32_t)i + 1;
	if (e->iface_count == PEP_IFACES_MAX - 1)
		return 0;
	snprintf(e->ifaces[e->iface_count], IFACE_NAME_SIZE, "%s", name);
	return (uint32_t)++e->iface_count;
}

/* --- sets */

uint8_t engine_set(struct engine *e, const char *name)
{
	for (uint8_t i = 0; i < e->set_count; i++)
		if (streq(e->sets[i], name))
			return i;
	if (e->set_count == CLASSIFIER_SETS_MAX)
		fail(name, "too many sets");
	snprintf(e->sets[e->set_count], sizeof(*e->sets), "%s", name);
	return e->set_count++;
}

struct classifier_member engine_member(struct engine *e, const char *set, const char *prefix, bool add)
{
	struct classifier_member m = {.set = engine_set(e, set), .add = add};
	char address[64];
	const char *slash = strchr(prefix, '/');

	snprintf(address, sizeof(address), "%.*s",
		slash ? (int)(slash - prefix) : (int)strlen(prefix), prefix);
	m.family = strchr(address, ':') ? 6 : 4;
	m.length = slash ? (uint8_t)strtoul(slash + 1, NULL, 10) : m.family == 6 ? 128 : 32;
	if (inet_pton(m.family == 6 ? AF_INET6 : AF_INET, address, m.bytes) != 1)
		fail(prefix, "no prefix");
	return m;
}

static void move_member(struct engine *e, const char *set, const char *prefix, bool add)
{
	struct classifier_member member = engine_member(e, set, prefix, add);

	must_change(e, &(struct classifier_change){.members = &member, .member_count = 1});
}

void engine_join(struct engine *e, const char *set, const char *prefix)
{
	move_member(e, set, prefix, true);
}

void engine_leave(struct engine *e, const char *set, const char *prefix)
{
	move_member(e, set, prefix, false);
}

static bool is_alive(const struct pep_entry *entry, uint64_t generation)
{
	int32_t stamp = (int32_t)pep_stamp(generation);

	return entry->rank[0] && (!entry->born || stamp - (int32_t)entry->born >= 0) &&
	       (!entry->dies || (int32_t)entry->dies - stamp > 0);
}

uint32_t engine_entry(const struct engine *e, const char *name)
{
	const struct pep_tables *t = e->tables;
	uint32_t slot = classifier_slot(e->classifier, name);

	for (uint32_t i = 1; slot != PEP_SLOT_NONE && i < t->config->roots.entries; i++)
		if (t->entries[i].slot == slot && is_alive(&t->entries[i], t->config->generation))
			return i;
	return 0;
}

const char *engine_name(const struct engine *e, uint32_t entry)
{
	for (size_t i = 0; i < e->count; i++)
		if (classifier_slot(e->classifier, e->policies[i].name) == e->tables->entries[entry].slot)
			return e->policies[i].name;
	return "";
}
