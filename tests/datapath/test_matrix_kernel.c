/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The matrix by the loaded program: verdict, tally, parse error and event of
 * every row under every ruleset, whole and with the smallest first buffer.
 */
#include "cmocka_all.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "fixture.h"
#include "frame.h"
#include "matrix.h"
#include "truncation.h"

#define LINEAR_MIN 14u /* the kernel takes no less than an Ethernet header */

static struct fixture fixture;
static struct matrix_ruleset rulesets[MATRIX_RULESETS];
static size_t installed = MATRIX_RULESETS;
static struct frame frame;

static void install(size_t index)
{
	if (installed != index)
		matrix_ruleset_apply(&rulesets[index], &fixture.engine);
	installed = index;
}

struct answer {
	struct matrix_verdict verdict;
	int action;            /* XDP_* */
	enum pep_reason event; /* PEP_REASON_NONE = no event */
};

/* What the counters say has happened since `before`; exactly one tally may have. */
static struct matrix_verdict difference(const struct pep_stats *before, size_t size)
{
	struct pep_stats after = fixture_stats(&fixture, 0);
	struct matrix_verdict verdict = {'?', PEP_PARSE_OK};
	int tallies = 0;

	for (int i = 0; i < PEP_TALLY_MAX; i++) {
		if (after.tally[i].packets == before->tally[i].packets)
			continue;
		tallies++;
		if (after.tally[i].bytes == before->tally[i].bytes + size)
			verdict.letter = matrix_letter((enum pep_tally)i);
	}
	for (int i = 1; i < PEP_PARSE_MAX; i++)
		if (after.parse_errors[i] == before->parse_errors[i] + 1)
			verdict.error = (enum pep_parse_error)i;
	if (tallies != 1)
		verdict.letter = '!';
	return verdict;
}

static struct answer judge(size_t ruleset, const void *data, size_t size, uint32_t linear)
{
	struct answer answer = {.event = PEP_REASON_NONE};
	struct pep_stats before;

	install(ruleset);
	before = fixture_stats(&fixture, 0);
	answer.action = linear ? fixture_run_linear(&fixture, data, size, linear)
			       : fixture_run(&fixture, data, size, 1, NULL);
	answer.verdict = difference(&before, size);
	if (fixture_events(&fixture) == 1)
		answer.event = (enum pep_reason)fixture.last.reason;
	return answer;
}

static int check(const struct matrix_row *row, size_t ruleset, uint32_t linear)
{
	struct answer got = judge(ruleset, frame.data, frame.size, linear);
	char letter = row->answers[ruleset];

	if (got.verdict.letter == letter && got.verdict.error == row->error &&
		got.action == (isupper(letter) ? XDP_DROP : XDP_PASS) &&
		got.event == matrix_reason(letter))
		return 0;
	print_error("\"%s\" under %s, first buffer %u: %c %s action %d event %d, expected %c %s\n",
		row->frame, rulesets[ruleset].name, linear, got.verdict.letter,
		matrix_errors[got.verdict.error], got.action, (int)got.event, letter,
		matrix_errors[row->error]);
	return 1;
}

static void test_every_row(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t ruleset = 0; ruleset < MATRIX_RULESETS; ruleset++) {
		for (size_t i = 0; i < matrix_row_count; i++) {
			frame_build(&frame, matrix_rows[i].frame);
			wrong += check(&matrix_rows[i], ruleset, 0);
		}
	}
	assert_int_equal(wrong, 0);
}

/* Headers in other buffers, and across the edge of the first one. */
static void test_every_row_in_pieces(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t ruleset = 0; ruleset < MATRIX_RULESETS; ruleset++) {
		for (size_t i = 0; i < matrix_row_count; i++) {
			frame_build(&frame, matrix_rows[i].frame);
			for (uint32_t linear = LINEAR_MIN; linear < frame.size && linear < 80;
				linear += 11)
				wrong += check(&matrix_rows[i], ruleset, linear);
		}
	}
	assert_int_equal(wrong, 0);
}

static struct matrix_verdict judge_whole(
	size_t ruleset, const void *data, size_t size, void *context)
{
	(void)context;
	return judge(ruleset, data, size, 0).verdict;
}

static void test_every_truncation(void **state)
{
	(void)state;
	assert_int_equal(truncation_check(judge_whole, LINEAR_MIN, NULL), 0);
}

static void check_verified(const char *name, int program)
{
	struct bpf_prog_info info = {0};
	__u32 size = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(program, &info, &size), 0);
	print_message("%s: verified instructions: %u, program: %u\n", name, info.verified_insns,
		info.xlated_prog_len / 8);
	assert_in_range(info.verified_insns, 1, 400000); /* the kernel's limit is a million */
}

static void test_verified_instructions(void **state)
{
	(void)state;
	check_verified("packet_filter", fixture.program);
	check_verified("packet_explain", fixture.explainer);
}

static int setup(void **state)
{
	(void)state;
	matrix_rulesets_init(rulesets);
	fixture_init_explained(&fixture, 0, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_deinit(&fixture);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row),
		cmocka_unit_test(test_every_row_in_pieces),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_verified_instructions),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
