/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Export and apply are the identity: random rulesets through the text, and through
 * the store by the messages that an export is made of. What fails is printed
 * smaller, with its seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/policy_proto.h"
#include "random_ruleset.h"
#include "store_world.h"

#define OTHER_EVERY                                                                                \
	4u /* of them are applied to another host's ruleset too, which takes most of the time */

typedef bool fails(const struct change_list *rules);

/* Fewer where each takes long, as under valgrind. */
static uint32_t rulesets(void)
{
	const char *count = getenv("PEP_RULESETS");

	return count ? (uint32_t)strtoul(count, NULL, 10) : RULESETS;
}

static void read_text(const char *text, struct change_list *ret)
{
	struct text_problems problems = {0};

	if (text_parse_file(text, strlen(text), ret, &problems))
		fail_msg(
			"line %u: %s\n%s", problems.items[0].line, problems.items[0].message, text);
}

static void without(const struct change_list *rules, size_t index, struct change_list *ret)
{
	*ret = (struct change_list){0};
	for (size_t i = 0; i < rules->count; i++) {
		struct change copy;

		if (i == index)
			continue;
		assert_int_equal(change_copy(&rules->items[i], &copy), 0);
		assert_int_equal(change_list_push(ret, &copy), 0);
	}
}

/* Leaves out what is not needed to fail. */
static void shrink(struct change_list *rules, fails *wrong)
{
	for (size_t i = rules->count; i-- > 0;) {
		struct change_list fewer;

		without(rules, i, &fewer);
		if (wrong(&fewer)) {
			change_list_deinit(rules);
			*rules = fewer;
		} else {
			change_list_deinit(&fewer);
		}
	}
}

static void check(uint32_t seed, struct change_list *rules, fails *wrong)
{
	if (!wrong(rules))
		return;
	shrink(rules, wrong);
	fail_msg("seed %u, shrunk to:\n%s", seed, random_ruleset_text(rules));
}

/* --- the text alone: everything that the model knows */

static bool members_equal(const struct member_list *a, const struct member_list *b)
{
	bool equal = a->v4_count == b->v4_count && a->v6_count == b->v6_count;

	for (size_t i = 0; equal && i < member_list_count(a); i++) {
		struct member m = member_list_at(a, i), n = member_list_at(b, i);

		equal = m.length == n.length && memcmp(m.bytes, n.bytes, sizeof(m.bytes)) == 0;
	}
	return equal;
}

static bool change_equal(const struct change *a, const struct change *b)
{
	return a->kind == b->kind && streq(a->name, b->name) && streq(a->iface, b->iface) &&
	       a->block == b->block && a->setting == b->setting && a->value == b->value &&
	       a->mode == b->mode && a->bannable == b->bannable && a->max_ttl == b->max_ttl &&
	       members_equal(&a->members, &b->members) &&
	       (a->kind != CHANGE_PUT_POLICY || policy_equal(&a->policy, &b->policy));
}

static bool text_differs(const struct change_list *rules)
{
	_cleanup_free_ char *text = random_ruleset_text(rules);
	_cleanup_changes_ struct change_list again = {0};
	struct text_problems problems = {0};
	bool differs = text_parse_file(text, strlen(text), &again, &problems);

	for (size_t i = 0; i < problems.count; i++)
		text_problem_print(&problems.items[i], "the text", stdout);
	text_problems_deinit(&problems);
	differs |= again.count != rules->count;
	for (size_t i = 0; !differs && i < again.count; i++)
		differs = !change_equal(&rules->items[i], &again.items[i]);
	return differs;
}

static void test_text(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= rulesets(); seed++) {
		_cleanup_changes_ struct change_list rules = {0};

		random_ruleset(seed, &(struct random_ruleset){0}, &rules);
		check(seed, &rules, text_differs);
	}
	print_message("seeds 1 to %u\n", rulesets());
}

/* --- the store: two of them, which have another ruleset each time */

static struct world worlds[2];

static void push(struct change_list *list, struct change *change)
{
	assert_int_equal(change_list_push(list, change), 0);
}

static void export_config(struct store *s, struct change_list *ret)
{
	const struct store_config *c = store_config(s);
	struct change change;

	change_init(&change, CHANGE_DEFAULT);
	change.block = c->block;
	push(ret, &change);
	for (size_t i = 0; i < c->default_count; i++) {
		change_init(&change, CHANGE_DEFAULT);
		change.block = c->defaults[i].block;
		memcpy(change.iface, c->defaults[i].iface, IFACE_NAME_SIZE);
		push(ret, &change);
	}
	for (size_t i = 0; i < SETTING_MAX; i++) {
		change_init(&change, CHANGE_SETTING);
		change.setting = (enum setting)i;
		change.value = c->settings[i];
		if (change.value != setting_info(change.setting)->value)
			push(ret, &change);
	}
	for (size_t i = 0; i < c->attachment_count; i++) {
		change_init(&change, CHANGE_ATTACH);
		change.mode = c->attachments[i].mode;
		memcpy(change.iface, c->attachments[i].iface, IFACE_NAME_SIZE);
		push(ret, &change);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct change *)a)->name, ((const struct change *)b)->name);
}

static void export_sets(struct store *s, struct change_list *ret)
{
	size_t first = ret->count;

	for (uint8_t id = 0; id < STORE_SETS_MAX; id++) {
		const struct store_set *set = store_set_at(s, id);
		struct change change;
		uint64_t cursor = 0;
		struct member m;

		if (!set)
			continue;
		change_init(&change, CHANGE_PUT_SET);
		memcpy(change.name, set->name, sizeof(change.name));
		change.bannable = set->bannable;
		change.max_ttl = set->max_ttl;
		while (member_set_next(store_set_members(s, id), &cursor, &m))
			assert_int_equal(member_list_push(&change.members, &m), 0);
		member_list_sort(&change.members);
		push(ret, &change);
	}
	qsort(&ret->items[first], ret->count - first, sizeof(*ret->items), by_name);
}

/* By the messages that a listing has. */
static void export_policies(struct store *s, struct change_list *ret)
{
	size_t first = ret->count, count = store_policy_count(s);

	for (size_t i = 0; i < count; i++) {
		struct change change;

		change_init(&change, CHANGE_PUT_POLICY);
		push(ret, &change);
	}
	for (size_t i = 0; i < count; i++) {
		const struct store_policy *p = store_policy_at(s, i);
		Pepctl__V1__Policy *m = pepctl__v1__policy__unpack(NULL, p->packed_size, p->packed);
		struct policy *into = &ret->items[first + store_policy_position(s, p) - 1].policy;

		policy_deinit(into);
		assert_int_equal(policy_from_proto(m, "policy", into, NULL), 0);
		pepctl__v1__policy__free_unpacked(m, NULL);
	}
}

static char *export(struct world *w)
{
	_cleanup_changes_ struct change_list rules = {0};

	export_config(w->store, &rules);
	export_sets(w->store, &rules);
	export_policies(w->store, &rules);
	return random_ruleset_text(&rules);
}

/* The revision, unchanged when nothing was; 0 = refused. */
static uint64_t apply(struct world *w, struct change_list *rules)
{
	struct store_tx tx = {.changes = *rules, .mode = STORE_REPLACE_ALL};
	struct answer a;

	*rules = (struct change_list){0};
	submit_tx(w, &tx, &a);
	if (!a.done)
		finish(w);
	return a.revision;
}

static uint64_t apply_text(struct world *w, const char *text)
{
	struct change_list rules = {0};

	read_text(text, &rules);
	return apply(w, &rules);
}

/* What is refused does not differ; shrinking comes to such rulesets, seeds must not. */
static bool export_differs(const struct change_list *in)
{
	_cleanup_free_ char *wanted = random_ruleset_text(in);
	_cleanup_free_ char *got = NULL, *other = NULL;
	struct change_list rules;
	uint64_t revision;

	without(in, SIZE_MAX, &rules);
	random_ruleset_shuffle(&rules);
	revision = apply(&worlds[0], &rules);
	if (!revision)
		return false;
	got = export(&worlds[0]);
	if (!streq(got, wanted) || apply_text(&worlds[0], got) != revision)
		return true;
	if (revision % OTHER_EVERY)
		return false;
	apply_text(&worlds[1], got);
	other = export(&worlds[1]);
	return !streq(other, wanted);
}

static void test_store(void **state)
{
	uint64_t applied;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(worlds); i++)
		world_init(&worlds[i], 300, NULL);
	for (uint32_t seed = 1; seed <= rulesets(); seed++) {
		_cleanup_changes_ struct change_list rules = {0};

		random_ruleset(seed, &(struct random_ruleset){.enforceable = true}, &rules);
		check(seed, &rules, export_differs);
	}
	applied = store_revision(worlds[0].store);
	for (size_t i = 0; i < ARRAY_SIZE(worlds); i++)
		world_deinit(&worlds[i]);
	print_message("seeds 1 to %u, %llu applied\n", rulesets(), (unsigned long long)applied);
	assert_true(
		applied + 10 >= rulesets()); /* what is refused, or happens to be the one before */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
