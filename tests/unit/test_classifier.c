/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Plans are carried out on a plain array in place of policy_map, and judged by
 * the packet program's own classify.h: before the flip by the old generation,
 * after it by the new one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "bpf/classify.h"
#include "server/classifier.h"

enum { MAP_SIZE = 256, MAX_POLICIES = 8 };

static struct {
	bool used;
	struct pep_policy_key key;
	struct pep_policy value;
} map[MAP_SIZE];
static struct pep_ruleset ruleset[2];
static uint64_t generation;

static size_t map_at(const struct pep_policy_key *key)
{
	size_t free_at = MAP_SIZE;

	for (size_t i = 0; i < MAP_SIZE; i++) {
		if (map[i].used && memcmp(&map[i].key, key, sizeof(*key)) == 0)
			return i;
		if (!map[i].used && free_at == MAP_SIZE)
			free_at = i;
	}
	assert_true(free_at < MAP_SIZE);
	return free_at;
}

static const struct pep_policy *pep_policy_find(const struct pep_policy_key *key)
{
	size_t at = map_at(key);

	return map[at].used ? &map[at].value : NULL;
}

static void prepare(const struct classifier_plan *plan)
{
	for (size_t i = 0; i < plan->element_count; i++) {
		size_t at = map_at(&plan->elements[i].key);

		assert_int_equal(map[at].used, plan->elements[i].existed);
		map[at].used = true;
		map[at].key = plan->elements[i].key;
		map[at].value = plan->elements[i].prepared;
	}
	ruleset[plan->generation & 1].rungs = plan->rungs;
}

static void flip(const struct classifier_plan *plan)
{
	generation = plan->generation;
	for (size_t i = 0; i < plan->element_count; i++)
		if (plan->elements[i].dies)
			map[map_at(&plan->elements[i].key)].used = false;
}

static void undo(const struct classifier_plan *plan)
{
	for (size_t i = 0; i < plan->element_count; i++) {
		size_t at = map_at(&plan->elements[i].key);

		map[at].used = plan->elements[i].existed;
		map[at].value = plan->elements[i].former;
	}
}

/* Who decides on tcp 192.0.2.1:1000 > 198.51.100.1:dport in the generation in force. */
static const char *decider(uint16_t dport)
{
	struct pep_packet packet = {.family = 4, .proto = 6, .has_ports = 1};
	struct pep_view view = {.generation = generation, .ruleset = &ruleset[generation & 1]};
	const struct pep_rule *rule;

	packet.src[0] = htonl(0xc0000201);
	packet.dst[0] = htonl(0xc6336401);
	packet.sport = htons(1000);
	packet.dport = htons(dport);
	rule = pep_classify(&view, &packet);
	return rule ? rule->name : "";
}

static struct policy make(const char *name, unsigned int fields, uint16_t dport)
{
	struct policy p;

	policy_init(&p);
	strncpy(p.name, name, sizeof(p.name) - 1);
	p.action.kind = POLICY_BLOCK;
	if (fields & 1)
		p.match.src = (struct policy_address){POLICY_PREFIX, 4, 32, {192, 0, 2, 1}, ""};
	if (fields & 2)
		p.match.dst = (struct policy_address){POLICY_PREFIX, 4, 32, {198, 51, 100, 1}, ""};
	if (fields & 4)
		p.match.sport = (struct policy_ports){1000, 1000};
	if (fields & 8)
		p.match.dport = (struct policy_ports){dport, dport};
	p.match.has_proto = fields & 16;
	p.match.proto = 6;
	return p;
}

static int setup(void **state)
{
	struct classifier *c;

	memset(map, 0, sizeof(map));
	memset(ruleset, 0, sizeof(ruleset));
	generation = 1;
	assert_int_equal(classifier_new(MAX_POLICIES, &c), 0);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	classifier_free(*state);
	return 0;
}

static struct classifier_plan *plan(struct classifier *c, const struct classifier_edit *edits, size_t count)
{
	struct error err = ERROR_INIT;
	struct classifier_change change = {.edits = edits, .edit_count = count};
	struct classifier_plan *plan;

	assert_int_equal(classifier_plan(c, generation + 1, &change, &err, &plan), 0);
	return plan;
}

static void commit(struct classifier *c, const struct policy *before, const struct policy *after)
{
	struct classifier_edit edit = {before, after, "", CLASSIFIER_NO_SET, CLASSIFIER_NO_SET};
	struct classifier_plan *p = plan(c, &edit, 1);

	prepare(p);
	flip(p);
	classifier_commit(c, p);
}

static void refused(struct classifier *c, const struct policy *after, enum error_kind kind,
	const char *field)
{
	struct classifier_edit edit = {NULL, after, "policy", CLASSIFIER_NO_SET, CLASSIFIER_NO_SET};
	_cleanup_error_ struct error err = ERROR_INIT;
	size_t count = classifier_count(c);
	struct classifier_change change = {.edits = &edit, .edit_count = 1};
	struct classifier_plan *p = NULL;

	assert_true(classifier_plan(c, generation + 1, &change, &err, &p) < 0);
	assert_null(p);
	assert_int_equal(err.kind, kind);
	if (field)
		assert_string_equal(err.violations[0].field, field);
	assert_int_equal(classifier_count(c), count);
}

static void test_each_rung_beats_the_next(void **state)
{
	static const unsigned int fields[PEP_RUNG_MAX] = {31, 1 | 24, 2 | 24, 24, 1, 16};
	static const char *const names[PEP_RUNG_MAX] = {
		"five", "src-dport", "dst-dport", "dport", "src", "proto"};

	for (int rung = PEP_RUNG_MAX - 1; rung >= 0; rung--) {
		struct policy p = make(names[rung], fields[rung], 80);

		commit(*state, NULL, &p);
		assert_string_equal(decider(80), names[rung]);
	}
	for (int rung = 0; rung < PEP_RUNG_MAX; rung++) {
		struct policy p = make(names[rung], fields[rung], 80);

		assert_string_equal(decider(80), names[rung]);
		commit(*state, &p, NULL);
	}
	assert_string_equal(decider(80), "");
	assert_int_equal(ruleset[generation & 1].rungs, 0);
}

static void test_nothing_shows_before_the_flip(void **state)
{
	struct policy a = make("a", 24, 80), b = make("b", 24, 443);
	struct policy a2 = make("a", 24, 443), b2 = make("b", 24, 80);
	struct classifier_edit trade[] = {{&a, &a2, "", CLASSIFIER_NO_SET, CLASSIFIER_NO_SET}, {&b, &b2, "", CLASSIFIER_NO_SET, CLASSIFIER_NO_SET}};
	struct classifier_plan *p;
	uint32_t slot;

	commit(*state, NULL, &a);
	commit(*state, NULL, &b);
	slot = classifier_slot(*state, "a");
	for (int round = 0; round < 5; round++) {
		p = plan(*state, trade, 2);
		prepare(p);
		assert_string_equal(decider(80), "a");
		assert_string_equal(decider(443), "b");
		undo(p);
		classifier_abort(*state, p);
		assert_string_equal(decider(80), "a");
		assert_string_equal(decider(443), "b");
	}
	p = plan(*state, trade, 2);
	prepare(p);
	flip(p);
	assert_int_equal(p->fresh_slot_count, 0);
	classifier_commit(*state, p);
	assert_string_equal(decider(80), "b");
	assert_string_equal(decider(443), "a");
	assert_int_equal(classifier_slot(*state, "a"), slot);
}

static void test_a_full_table_can_be_replaced_whole(void **state)
{
	struct policy old[MAX_POLICIES], new[MAX_POLICIES], more = make("more", 24, 999);
	struct classifier_edit edits[2 * MAX_POLICIES];
	struct classifier_plan *p;

	for (unsigned int i = 0; i < MAX_POLICIES; i++) {
		char name[] = {(char)('a' + i), 0}, other[] = {(char)('A' + i), 0};

		old[i] = make(name, 24, (uint16_t)(100 + i));
		new[i] = make(other, 24, (uint16_t)(100 + i));
		edits[2 * i] = (struct classifier_edit){&old[i], NULL, "", CLASSIFIER_NO_SET, CLASSIFIER_NO_SET};
		edits[2 * i + 1] = (struct classifier_edit){NULL, &new[i], "", CLASSIFIER_NO_SET, CLASSIFIER_NO_SET};
		commit(*state, NULL, &old[i]);
	}
	refused(*state, &more, ERROR_LIMIT, NULL);
	p = plan(*state, edits, ARRAY_SIZE(edits));
	assert_int_equal(p->fresh_slot_count, MAX_POLICIES);
	prepare(p);
	flip(p);
	classifier_commit(*state, p);
	assert_int_equal(classifier_count(*state), MAX_POLICIES);
	assert_string_equal(decider(100), "A");
	assert_string_equal(decider(107), "H");
}

static void test_refusals_name_the_field(void **state)
{
	struct policy p = make("p", 24, 80), same = make("same", 24, 80);

	commit(*state, NULL, &p);
	refused(*state, &same, ERROR_EXISTS, NULL);
	refused(*state, &p, ERROR_EXISTS, NULL);
	p = make("q", 8, 80);
	refused(*state, &p, ERROR_UNIMPLEMENTED, "policy.match");
	p = make("q", 1, 0);
	p.match.src.length = 24;
	refused(*state, &p, ERROR_UNIMPLEMENTED, "policy.match.src");
	p = make("q", 1, 0);
	p.priority = 5;
	refused(*state, &p, ERROR_UNIMPLEMENTED, "policy.priority");
	p = make("q", 1, 0);
	p.action.kind = POLICY_REJECT;
	refused(*state, &p, ERROR_UNIMPLEMENTED, "policy.action.kind");
	assert_string_equal(decider(80), "p");
}

static void test_limiter_is_kept_unless_the_rate_changes(void **state)
{
	struct policy slow = make("l", 1, 0), logged, fast;
	struct classifier_edit edit;
	struct classifier_plan *p;

	slow.action.kind = POLICY_RATE_LIMIT;
	slow.action.rate = 1000;
	slow.action.rate_unit = POLICY_PACKETS;
	logged = fast = slow;
	logged.log = 10;
	fast.action.rate = 2000;
	commit(*state, NULL, &slow);
	edit = (struct classifier_edit){&slow, &logged, "", CLASSIFIER_NO_SET, CLASSIFIER_NO_SET};
	p = plan(*state, &edit, 1);
	assert_int_equal(p->fresh_limiter_count, 0);
	classifier_abort(*state, p);
	edit = (struct classifier_edit){&slow, &fast, "", CLASSIFIER_NO_SET, CLASSIFIER_NO_SET};
	p = plan(*state, &edit, 1);
	assert_int_equal(p->fresh_limiter_count, 1);
	assert_int_equal(p->fresh_limiters[0], classifier_slot(*state, "l"));
	classifier_abort(*state, p);
}

static void test_redirect_targets_are_counted(void **state)
{
	struct policy_target target = {"eth9", 1};
	struct policy p = make("r", 1, 0);

	p.action.kind = POLICY_REDIRECT;
	p.action.targets = &target;
	p.action.target_count = 1;
	commit(*state, NULL, &p);
	assert_string_equal(classifier_redirect(*state, 0), "eth9");
	commit(*state, &p, NULL);
	assert_string_equal(classifier_redirect(*state, 0), "");
}

static void test_adoption_yields_the_same_tables(void **state)
{
	struct policy a = make("a", 24, 80), b = make("b", 31, 80);
	struct classifier *adopted;

	commit(*state, NULL, &a);
	commit(*state, NULL, &b);
	assert_int_equal(classifier_new(MAX_POLICIES, &adopted), 0);
	for (size_t i = 0; i < MAP_SIZE; i++)
		if (map[i].used)
			assert_int_equal(classifier_adopt(adopted, generation, &map[i].key,
						 &map[i].value, NULL), 0);
	assert_int_equal(classifier_count(adopted), 2);
	assert_int_equal(classifier_slot(adopted, "a"), classifier_slot(*state, "a"));
	assert_int_equal(classifier_slot(adopted, "b"), classifier_slot(*state, "b"));
	commit(adopted, &b, NULL);
	assert_string_equal(decider(80), "a");
	assert_true(classifier_adopt(adopted, generation, &map[0].key, &map[0].value, NULL) < 0 ||
		    !map[0].used);
	classifier_free(adopted);
}

#define CLASSIFIER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLASSIFIER_TEST(test_each_rung_beats_the_next),
		CLASSIFIER_TEST(test_nothing_shows_before_the_flip),
		CLASSIFIER_TEST(test_a_full_table_can_be_replaced_whole),
		CLASSIFIER_TEST(test_refusals_name_the_field),
		CLASSIFIER_TEST(test_limiter_is_kept_unless_the_rate_changes),
		CLASSIFIER_TEST(test_redirect_targets_are_counted),
		CLASSIFIER_TEST(test_adoption_yields_the_same_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
