/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Any bytes as a policy file: what is refused has problems with a place in it, and
 * what is read is written and read again as the same.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

static char *write_all(const struct change_list *list, size_t *ret_size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_size);

	must(out != NULL);
	for (size_t i = 0; i < list->count; i++)
		text_write_change(&list->items[i], out);
	must(fclose(out) == 0);
	return text;
}

static unsigned int count_lines(const char *data, size_t size)
{
	unsigned int lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	return lines;
}

static void check_problems(const struct text_problems *problems, const char *data, size_t size)
{
	FILE *nowhere = fopen("/dev/null", "we");
	unsigned int lines = count_lines(data, size);

	must(nowhere != NULL);
	for (size_t i = 0; i < problems->count; i++) {
		const struct text_problem *p = &problems->items[i];

		must(p->line >= 1 && p->line <= lines);
		must(p->message && *p->message && p->word);
		must(!p->source || (p->column >= 1 && p->column <= strlen(p->source) + 1));
		text_problem_print(p, "file", nowhere);
	}
	fclose(nowhere);
}

/* What a daemon blames is found in the file that it came from. */
static void check_places(const struct change_list *list, const char *data, size_t size)
{
	static const char *const fields[] = {"put_policy.match.dport", "put_policy.action.kind",
		"put_policy", "attach.mode", "default_action.iface", "setting.value", "put_set",
		""};
	struct text_problems found = {0};

	for (size_t i = 0; i < list->count; i++)
		for (size_t j = 0; j < ARRAY_SIZE(fields); j++)
			must(text_locate(data, size, &list->items[i].origin, fields[j], "is wrong",
				     &found) == 0);
	must(found.count == list->count * ARRAY_SIZE(fields));
	check_problems(&found, data, size);
	text_problems_deinit(&found);
}

static void check_again(const struct change_list *list)
{
	_cleanup_free_ char *text = NULL, *again = NULL;
	_cleanup_changes_ struct change_list copy = {0};
	struct text_problems problems = {0};
	size_t size, again_size;

	text = write_all(list, &size);
	must(text_parse_file(text, size, &copy, &problems) == 0);
	must(!problems.count && copy.count == list->count);
	for (size_t i = 0; i < copy.count; i++)
		must(copy.items[i].kind == list->items[i].kind &&
			(copy.items[i].kind != CHANGE_PUT_POLICY ||
				policy_equal(&copy.items[i].policy, &list->items[i].policy)));
	again = write_all(&copy, &again_size);
	must(size == again_size && memcmp(text, again, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	_cleanup_changes_ struct change_list list = {0};
	struct text_problems problems = {0};
	/* Of its own size, so that a byte too far is seen. */
	char *data = malloc(size + !size);
	int r;

	must(data != NULL);
	memcpy(data, bytes, size);
	r = text_parse_file(data, size, &list, &problems);
	must(r == 0 || r == -EINVAL);
	must((r == 0) == (problems.count == 0));
	check_problems(&problems, data, size);
	if (!r) {
		check_places(&list, data, size);
		check_again(&list);
	}
	text_problems_deinit(&problems);
	free(data);
	return 0;
}
