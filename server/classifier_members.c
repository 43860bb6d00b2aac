/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Changes of members. A plan that does not fit into the lines there are
 * (-EAGAIN) makes larger ones, unseen as everything else of it, and begins again
 * in them.
 */
#include "server/classifier_members.h"

#include <errno.h>

#define AHEAD           8u /* members */
#define MEMBERS_A_WORD  8u /* of the filter, at most: then it lets pass one address in 20 that is none */
#define FEW_LENGTHS     2u /* so few are looked for under every value */

static const uint32_t lines_least[2] = {PEP_CHUNK_LINES, PEP_CHUNK_LINES};
static const uint32_t places_wanted[2] = {8, 2}; /* of a line's 10 and 3, at most: cache lines are few, and next ones seldom */

static void no_members(struct pep_members *members)
{
	*members = (struct pep_members){.lines.mask = PEP_TABLE_NONE,
		.filter.mask = PEP_TABLE_NONE,
		.lengths.mask = PEP_TABLE_NONE};
}

int members_init(struct members *m, const struct classifier_memory *memory)
{
	*m = (struct members){.t = memory->tables, .memory = *memory};
	for (size_t i = 0; i < 2; i++) {
		no_members(&m->table[i].now);
		no_members(&m->table[i].next);
		memset(m->table[i].lengths.bit, -1, sizeof(m->table[i].lengths.bit));
	}
	return combos_init(m);
}

void members_deinit(struct members *m)
{
	table_deinit(&m->by_words);
	free(m->combos);
	free(m->free_combos);
	free(m->limbo_combos);
	free(m->places);
}

static void mark_used(struct members *m, const struct pep_table *table, uint32_t per_line)
{
	uint32_t lines = table->mask == PEP_TABLE_NONE ? 0 : table->mask / per_line + 1;

	for (uint32_t i = 0; i < (lines + PEP_CHUNK_LINES - 1) / PEP_CHUNK_LINES; i++)
		m->chunk_used[(table->chunk + i) % PEP_CHUNKS_MAX] = 1;
}

void members_adopt(struct members *m)
{
	const struct pep_config *config = m->t->config;

	m->foreign = true;
	for (size_t i = 0; i < 2; i++) {
		m->adopted[i] = config->ruleset[config->generation & 1].members[i];
		mark_used(m, &m->adopted[i].lines, 1);
		mark_used(m, &m->adopted[i].filter, 8);
		mark_used(m, &m->adopted[i].lengths, 8);
	}
	combos_adopt(m);
}

/* --- larger tables */

static int move_one(struct members *m, const struct member_key *key, uint16_t combo, void *data)
{
	struct member_table *table = data;
	struct member_place place;

	if (!place_make(m, &table->next.lines, key, &place))
		return -EAGAIN;
	place_set(m, &table->next.lines, &place, combo);
	filter_mark(m, table, key);
	lengths_mark(m, table, key);
	table->count++;
	return 0;
}

static void tables_give(struct members *m, const struct pep_members *tables,
	const struct pep_members *kept)
{
	if (tables->lines.chunk != kept->lines.chunk || tables->lines.mask != kept->lines.mask)
		chunks_give(m, &tables->lines, 1);
	if (tables->filter.chunk != kept->filter.chunk || tables->filter.mask != kept->filter.mask)
		chunks_give(m, &tables->filter, 8);
	if (tables->lengths.mask != kept->lengths.mask || tables->lengths.chunk != kept->lengths.chunk)
		chunks_give(m, &tables->lengths, 8);
}

/* next gets tables of that many lines with the members of now. */
static int grow(struct members *m, struct member_table *table, bool six, uint32_t lines,
	struct error *err)
{
	bool by_value = table->lengths.count > FEW_LENGTHS;
	int r;

	table->next = table->now;
	table->next.lines.mask = table->next.filter.mask = table->next.lengths.mask = PEP_TABLE_NONE;
	table->next.always = 0;
	lengths_list(table);
	table->count = 0;
	r = chunks_take(m, &table->next.lines, lines, 1, err);
	if (!r)
		r = chunks_take(m, &table->next.filter, lines * places_wanted[six] / MEMBERS_A_WORD, 8, err);
	if (!r && by_value)
		r = chunks_take(m, &table->next.lengths, PEP_INDEX_VALUES, 8, err);
	if (!r)
		r = places_each(m, &table->now.lines, six, move_one, table);
	return r;
}

static uint32_t lines_for(uint32_t members, bool six)
{
	uint32_t lines = lines_least[six];

	while (lines < members / places_wanted[six] + 1)
		lines *= 2;
	return lines;
}

/* --- one member */

static int place_of(struct members *m, struct member_table *table, const struct member_key *key,
	bool add, struct member_place *ret)
{
	if (place_find(m, &table->next.lines, key, ret)) {
		ret->former = place_combo(m, &table->next.lines, ret);
		return 0;
	}
	if (!add)
		return -ENOENT;
	if (!place_make(m, &table->next.lines, key, ret))
		return -EAGAIN;
	filter_mark(m, table, key);
	lengths_mark(m, table, key);
	table->count++;
	return 0;
}

static int combos_full(struct error *err)
{
	return error_set(err, ERROR_LIMIT, "COMBOS_FULL",
		"sets overlap in more than %u ways; use fewer sets with common members",
		PEP_COMBOS_MAX - 1);
}

/* What change_one() is going to need: it waits for memory more than it works. */
static void prefetch(const struct members *m, const struct classifier_member *member)
{
	struct member_key key = member_key(m, member);
	const struct member_table *table = &m->table[key.six];

	if (table->next.lines.mask == PEP_TABLE_NONE)
		return;
	place_prefetch(m, &table->next.lines, &key);
	if (member->add)
		filter_prefetch(m, table, &key);
}

static int change_one(struct members *m, const struct classifier_member *member, struct error *err)
{
	struct member_key key = member_key(m, member);
	struct member_table *table = &m->table[key.six];
	uint64_t bit = 1ull << member->set, next;
	const struct combo *former;
	struct member_place place;
	uint16_t combo;
	int r = place_of(m, table, &key, member->add, &place);

	if (r == -ENOENT)
		return error_set(err, ERROR_INTERNAL, "TABLES_DIFFER", "a member is not in the tables");
	if (r)
		return r;
	former = &m->combos[place.former];
	next = member->add ? former->next | bit : former->next & ~bit;
	combo = former->now || next ? combo_take(m, former->now, next) : 0;
	if (!combo && (former->now || next)) {
		table->count -= !place.former;
		return combos_full(err);
	}
	m->combos[place.former].users -= place.former != 0;
	m->combos[combo].users += combo != 0;
	place_set(m, &table->next.lines, &place, combo);
	m->places[m->place_count++] = place;
	return 0;
}

/* --- plans */

static void places_back(struct members *m)
{
	while (m->place_count) {
		const struct member_place *place = &m->places[--m->place_count];
		struct member_table *table = &m->table[place->six];
		uint16_t combo = place_combo(m, &table->next.lines, place);

		m->combos[combo].users -= combo != 0;
		m->combos[place->former].users += place->former != 0;
		place_set(m, &table->next.lines, place, place->former);
		table->count -= !place->former;
	}
}

static uint32_t adds_of(const struct classifier_member *members, size_t count, bool six)
{
	uint32_t adds = 0;

	for (size_t i = 0; i < count; i++)
		adds += members[i].add && (members[i].family == 6) == six;
	return adds;
}

static int lengths_plan(struct members *m, const struct classifier_member *members, size_t count,
	struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < count; i++)
		m->table[members[i].family == 6].lengths.users[members[i].length] +=
			members[i].add ? 1u : UINT32_MAX;
	for (size_t i = 0; i < 2 && !r; i++)
		r = lengths_take(&m->table[i], err);
	return r;
}

/* Whether the tables that are in force will do. */
static bool is_roomy(const struct member_table *table, uint32_t adds, bool six)
{
	return table->now.lines.mask != PEP_TABLE_NONE &&
	       table->now.lines.mask + 1 >= lines_for(table->count + adds, six) &&
	       (table->lengths.count <= FEW_LENGTHS || table->now.lengths.mask != PEP_TABLE_NONE) &&
	       table->removed <= (table->now.lines.mask + 1) * places_wanted[six] / 2;
}

static int prepare_table(struct members *m, bool six, uint32_t adds, uint32_t factor,
	struct error *err)
{
	struct member_table *table = &m->table[six];
	uint32_t members = table->count + adds;

	if (!members || (factor == 1 && is_roomy(table, adds, six)))
		return 0;
	return grow(m, table, six, lines_for(members, six) * factor, err);
}

static void reset_next(struct members *m)
{
	for (size_t i = 0; i < 2; i++) {
		tables_give(m, &m->table[i].next, &m->table[i].now);
		m->table[i].next = m->table[i].now;
	}
}

static int plan_once(struct members *m, const struct classifier_member *members, size_t count,
	uint32_t factor, struct error *err)
{
	uint32_t counts[2] = {m->table[0].count, m->table[1].count};
	int r = 0;

	for (size_t six = 0; six < 2 && !r; six++) {
		uint32_t adds = adds_of(members, count, six);

		lengths_list(&m->table[six]);
		if (adds)
			r = prepare_table(m, six, adds, factor, err);
	}
	for (size_t i = 0; i < count && !r; i++) {
		if (i + AHEAD < count)
			prefetch(m, &members[i + AHEAD]);
		r = change_one(m, &members[i], err);
	}
	if (!r)
		return 0;
	places_back(m);
	reset_next(m);
	for (size_t six = 0; six < 2; six++)
		m->table[six].count = counts[six];
	return r;
}

int members_plan(struct members *m, uint64_t generation, const struct classifier_member *members,
	size_t count, struct error *err)
{
	struct member_place *places = reallocarray(m->places, count + 1, sizeof(*places));
	int r;

	if (!places)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	m->places = places;
	m->place_count = 0;
	m->parity = (generation - 1) & 1;
	m->planned = true;
	for (size_t i = 0; i < 2; i++)
		m->table[i].former = m->table[i].lengths;
	if (!count)
		return 0;
	r = lengths_plan(m, members, count, err);
	if (r)
		return r;
	r = -EAGAIN;
	for (uint32_t factor = 1; r == -EAGAIN && factor <= 64; factor *= 2)
		r = plan_once(m, members, count, factor, err);
	if (r == -EAGAIN)
		return error_set(err, ERROR_LIMIT, "MEMBERS_FULL", "the members cannot be placed");
	return r;
}

void members_describe(const struct members *m, struct pep_members ret[static 2])
{
	for (size_t i = 0; i < 2; i++)
		ret[i] = m->table[i].next;
}

void members_abort(struct members *m)
{
	if (!m->planned)
		return;
	places_back(m);
	reset_next(m);
	for (size_t i = 0; i < 2; i++)
		m->table[i].lengths = m->table[i].former;
	combos_reap(m, false);
	m->planned = false;
}

/* --- settling */

static void place_settle(struct members *m, const struct member_place *place)
{
	struct member_table *table = &m->table[place->six];
	uint16_t number = place_combo(m, &table->next.lines, place);
	struct combo *combo = &m->combos[number];
	uint16_t to = combo->next ? combo->alias : 0;

	if (!number || (combo->next && !combo->alias))
		return;
	combo->users--;
	m->combos[to].users += to != 0;
	place_set(m, &table->next.lines, place, to);
	table->count -= !to;
	table->removed += !to;
}

/* Tables of another daemon, which the commit has put out of force. */
static void foreign_end(struct members *m)
{
	struct pep_members none;

	no_members(&none);
	for (size_t i = 0; i < 2 && m->foreign; i++)
		tables_give(m, &m->adopted[i], &none);
	m->foreign = false;
}

void members_settle(struct members *m)
{
	if (!m->planned)
		return;
	if (m->place_count)
		combos_settle(m);
	for (size_t i = 0; i < m->place_count; i++) {
		const struct member_place *later = &m->places[MIN(i + AHEAD, m->place_count - 1)];

		__builtin_prefetch(chunk_line(m, &m->table[later->six].next.lines, later->line), 1);
		place_settle(m, &m->places[i]);
	}
	m->place_count = 0;
	for (size_t i = 0; i < 2; i++) {
		struct member_table *table = &m->table[i];

		tables_give(m, &table->now, &table->next);
		if (table->now.lines.chunk != table->next.lines.chunk)
			table->removed = 0;
		table->now = table->next;
	}
	combos_reap(m, true);
	foreign_end(m);
	m->planned = false;
}
