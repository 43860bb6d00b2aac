/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Classes of values: what a packet reads of them while there are few, and many, and few again. */
#include "classifier_world.h"

#include "bpf/tables.h"
#include "server/classifier_internal.h"

#define DIM PEP_DIM_DPORT

static bool is_wide(const struct world *w)
{
	return w->engine.tables->config->roots.wide >> DIM & 1;
}

static void set_all(struct world *w, uint32_t first, uint32_t end, uint64_t base)
{
	for (uint32_t value = first; value < end; value++)
		class_set(w->engine.classifier, DIM, value, base ? base + value : 0);
}

static void check_all(const struct world *w, uint32_t first, uint32_t end, uint64_t base)
{
	pep_tables = w->engine.tables;
	for (uint32_t value = first; value < end; value++)
		assert_int_equal(pep_index_at(pep_tables->config->roots.wide, DIM, (uint16_t)value),
			base ? base + value : 0);
}

static void test_few(void **state)
{
	struct world *w = world_new(1);

	(void)state;
	set_all(w, 0, 255, 1000);
	check_all(w, 0, 255, 1000);
	check_all(w, 255, PEP_INDEX_VALUES, 0);
	assert_false(is_wide(w));
	world_free(w);
}

static void test_many_and_few_again(void **state)
{
	struct world *w = world_new(1);

	(void)state;
	for (unsigned int round = 1; round < 4; round++) {
		set_all(w, 0, 1000, round * 5000ull);
		check_all(w, 0, 1000, round * 5000ull);
		assert_true(is_wide(w));
		set_all(w, 100, 1000, 0);
		check_all(w, 100, PEP_INDEX_VALUES, 0);
		classes_settle(w->engine.classifier);
		assert_false(is_wide(w));
		check_all(w, 0, 100, round * 5000ull);
		check_all(w, 100, PEP_INDEX_VALUES, 0);
	}
	set_all(w, 100, 200, 30000); /* low numbers are used again */
	assert_false(is_wide(w));
	check_all(w, 100, 200, 30000);
	world_free(w);
}

/* Who has read that bytes suffice goes on reading the former words there. */
static void test_former_reader(void **state)
{
	struct world *w = world_new(1);

	(void)state;
	set_all(w, 0, 200, 1000);
	set_all(w, 0, 1000, 5000);
	pep_tables = w->engine.tables;
	assert_true(is_wide(w));
	for (uint32_t value = 0; value < 200; value++) {
		uint64_t word = pep_index_at(0, DIM, (uint16_t)value);

		assert_true(word == 1000 + value || word == 5000 + value);
	}
	world_free(w);
}

static void count_grace(void *data)
{
	++*(unsigned int *)data;
}

/* More words than there are classes: the numbers are waited for a few times, not for each one. */
static void test_too_many(void **state)
{
	struct world *w = world_new(1);
	unsigned int graces = 0;

	(void)state;
	w->engine.grace = count_grace;
	w->engine.data = &graces;
	for (uint32_t i = 0; i < 40000; i++) {
		class_set(w->engine.classifier, DIM, i % 5000, 1000 + i);
		assert_true(class_word(w->engine.classifier, DIM, i % 5000) == 1000 + i ||
			    class_word(w->engine.classifier, DIM, i % 5000) == UINT64_MAX);
	}
	assert_in_range(graces, 1, 40000 / 256);
	world_free(w);
}

/* Another daemon takes over the tables, whatever they were. */
static void test_adopted(void **state)
{
	(void)state;
	for (uint32_t count = 100; count <= 1000; count += 900) {
		struct world *w = world_new(1), *next;

		set_all(w, 0, count, 1000);
		next = world_over(1, w->engine.tables);
		classes_adopt(next->engine.classifier);
		classes_settle(next->engine.classifier);
		check_all(next, 0, count, 1000);
		assert_int_equal(is_wide(next), count > 255);
		set_all(next, 0, count, 70000);
		check_all(next, 0, count, 70000);
		world_free(next);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_many_and_few_again),
		cmocka_unit_test(test_former_reader),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_adopted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
