/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "churn_change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *memory(size_t count, size_t size)
{
	void *all = calloc(count + 1, size);

	if (!all) {
		fprintf(stderr, "churn: calloc: %s\n", strerror(errno));
		exit(EXIT_FAILURE);
	}
	return all;
}

/* --- policies */

/* Of the flows' addresses, but for other ports: they share tuples and runs with those that decide.
 */
static void more_line(char line[static 96], char letter, unsigned int i)
{
	snprintf(line, 96, "%c%u block src 192.0.0.0/%u dport %u%s", letter, i, 9 + i % 14,
		1000 + i, i % 3 ? "" : "-50000");
}

static void read_all(struct churn_change *c, size_t side, const struct churn_ruleset *ruleset)
{
	size_t first = side ? c->counts[0] : 0, count = 0;
	char line[96];

	for (; count < CHURN_LINES && ruleset->policies[count]; count++) {
		c->lines[first + count] = strdup(ruleset->policies[count]);
		engine_read(ruleset->policies[count], &c->policies[first + count]);
	}
	for (unsigned int i = 0; i < ruleset->more_policies; i++, count++) {
		more_line(line, ruleset->letter, i);
		c->lines[first + count] = strdup(line);
		engine_read(line, &c->policies[first + count]);
	}
	c->counts[side] = count;
}

/* Index of the name among `count` policies, or count. */
static size_t find(const struct policy *policies, size_t count, const char *name)
{
	size_t at = 0;

	while (at < count && strcmp(policies[at].name, name) != 0)
		at++;
	return at;
}

static uint8_t set_of(const struct policy_address *a)
{
	return a->kind == POLICY_SET ? engine_set(churn_engine(), a->set) : CLASSIFIER_NO_SET;
}

static void make_edits(struct churn_change *c)
{
	struct policy *from = c->policies, *to = &c->policies[c->counts[0]];
	size_t n = 0;

	for (size_t i = 0; i < c->counts[0]; i++)
		if (find(to, c->counts[1], from[i].name) == c->counts[1])
			c->edits[n++] = (struct classifier_edit){.before = &from[i], .path = ""};
	for (size_t i = 0; i < c->counts[1]; i++) {
		size_t at = find(from, c->counts[0], to[i].name);
		bool is_new = at == c->counts[0];

		if (!is_new && strcmp(c->lines[at], c->lines[c->counts[0] + i]) == 0)
			continue;
		c->edits[n++] = (struct classifier_edit){.before = is_new ? NULL : &from[at],
			.after = &to[i],
			.path = "",
			.line = c->lines[c->counts[0] + i],
			.position = (uint32_t)i + 1,
			.src_set = set_of(&to[i].match.src),
			.dst_set = set_of(&to[i].match.dst)};
	}
	c->step.change.edits = c->edits;
	c->step.change.edit_count = n;
}

/* --- members */

static bool has_member(const struct churn_ruleset *ruleset, const char *const member[2])
{
	for (size_t i = 0; i < CHURN_MEMBERS && ruleset->members[i][0]; i++)
		if (!strcmp(ruleset->members[i][0], member[0]) &&
			!strcmp(ruleset->members[i][1], member[1]))
			return true;
	return false;
}

static void add_members(struct churn_change *c, const struct churn_ruleset *of,
	const struct churn_ruleset *but, bool add)
{
	for (size_t i = 0; i < CHURN_MEMBERS && of->members[i][0]; i++)
		if (!has_member(but, of->members[i]))
			c->members[c->step.change.member_count++] = engine_member(
				churn_engine(), of->members[i][0], of->members[i][1], add);
}

/* Addresses of both families, and prefixes of lengths that come and go. */
static struct classifier_member fill_member(uint32_t i, bool add)
{
	struct classifier_member m = {.set = engine_set(churn_engine(), "fill"),
		.add = add,
		.family = 4,
		.length = 32,
		.bytes = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};

	if (i % 97 == 0) {
		m.length = (uint8_t)(24 + i / 4096 % 8);
		m.bytes[0] = 11;
		memmove(&m.bytes[1], &m.bytes[2], 2);
		m.bytes[3] = 0;
	} else if (i % 2) {
		m.family = 6;
		m.length = 128;
		memmove(&m.bytes[12], m.bytes, 4);
		memcpy(m.bytes, "\x20\x01\x0d\xb8", 4);
	}
	return m;
}

void churn_change_make(struct churn_change *ret, const struct churn_ruleset *from,
	const struct churn_ruleset *to, size_t fill_from, size_t fill_to)
{
	size_t policies = 2 * CHURN_LINES + from->more_policies + to->more_policies;
	size_t low = MIN(fill_from, fill_to), high = MAX(fill_from, fill_to);

	*ret = (struct churn_change){.policies = memory(policies, sizeof(*ret->policies)),
		.lines = memory(policies, sizeof(*ret->lines)),
		.edits = memory(policies, sizeof(*ret->edits)),
		.members = memory(2 * CHURN_MEMBERS + high - low, sizeof(*ret->members))};
	read_all(ret, 0, from);
	read_all(ret, 1, to);
	make_edits(ret);
	add_members(ret, from, to, false);
	add_members(ret, to, from, true);
	for (size_t i = low; i < high; i++)
		ret->members[ret->step.change.member_count++] =
			fill_member((uint32_t)i, fill_to > fill_from);
	ret->step.change.members = ret->members;
	ret->step.block = to->block;
	memcpy(ret->step.before, from->verdict, sizeof(ret->step.before));
	memcpy(ret->step.after, to->verdict, sizeof(ret->step.after));
}

void churn_change_free(struct churn_change *change)
{
	for (size_t i = 0; i < change->counts[0] + change->counts[1]; i++) {
		policy_deinit(&change->policies[i]);
		free(change->lines[i]);
	}
	free(change->policies);
	free(change->lines);
	free(change->edits);
	free(change->members);
}
