/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "client/cli/rules.h"

#include <errno.h>
#include <stdio.h>

#include "client/cli/cli.h"
#include "client/members.h"
#include "common/policy_cover.h"

#define SIZE_LIMIT ((size_t)1 << 30) /* of a file: what comes without end is no policy file */

void rules_deinit(struct rules *rules)
{
	free(rules->text);
	change_list_deinit(&rules->changes);
	text_problems_deinit(&rules->errors);
	text_problems_deinit(&rules->warnings);
}

/* --- reading */

static int read_all(FILE *in, char **ret, size_t *ret_size)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0, room = 65536, got;

	do {
		char *grown = size > SIZE_LIMIT ? NULL : realloc(text, room);

		if (!grown)
			return size > SIZE_LIMIT ? -EFBIG : -ENOMEM;
		text = grown;
		got = fread(text + size, 1, room - size, in);
		size += got;
		room = size == room ? 2 * room : room;
	} while (got);
	if (ferror(in))
		return -errno;
	*ret = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}

static int read_path(const char *path, struct rules *rules)
{
	bool is_stdin = streq(path, "-");
	FILE *in = is_stdin ? stdin : fopen(path, "re");
	int r;

	rules->name = is_stdin ? "<stdin>" : path;
	r = in ? read_all(in, &rules->text, &rules->size) : -errno;
	if (in && !is_stdin)
		fclose(in);
	return r ? usage_error("%s cannot be read: %s", rules->name, strerror(-r)) : EXIT_DONE;
}

/* --- warnings */

static int warn(struct rules *rules, const struct change *change, const char *message)
{
	return text_locate(
		rules->text, rules->size, &change->origin, "put_policy", message, &rules->warnings);
}

static int warn_covered(struct rules *rules, const struct change *covered, const struct change *by)
{
	char message[400];

	snprintf(message, sizeof(message),
		"policy %s can never decide: policy %s in line %u outranks it and matches all that "
		"it "
		"matches",
		covered->policy.name, by->policy.name, by->origin.line);
	return warn(rules, covered, message);
}

static int find_covered(struct rules *rules)
{
	const struct change_list *list = &rules->changes;
	_cleanup_free_ const struct policy **policies = calloc(list->count + 1, sizeof(*policies));
	_cleanup_free_ const struct change **changes = calloc(list->count + 1, sizeof(*changes));
	_cleanup_free_ struct policy_covered *found = NULL;
	size_t count = 0, found_count = 0;
	int r;

	if (!policies || !changes)
		return -ENOMEM;
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].kind != CHANGE_PUT_POLICY)
			continue;
		policies[count] = &list->items[i].policy;
		changes[count++] = &list->items[i];
	}
	r = policy_cover_find(policies, count, &found, &found_count);
	for (size_t i = 0; i < found_count && !r; i++)
		r = warn_covered(rules, changes[found[i].index], changes[found[i].by]);
	return r;
}

/* --- the files that sets name */

/* What is wrong in it is told at once, that it is at the statement that names it. */
static int load_set(struct rules *rules, struct change *change, const char *folder)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct text_problems problems = {0};
	int r = members_load(change, folder, &problems, &err);

	for (size_t i = 0; i < problems.count; i++)
		text_problem_print(&problems.items[i], change->file, stderr);
	if (problems.count)
		error_set(&err, ERROR_INVALID, "FILE", "%zu line%s of %s cannot be read", problems.count,
			problems.count == 1 ? "" : "s", change->file);
	text_problems_deinit(&problems);
	if (r != -EINVAL)
		return r;
	return text_locate(rules->text, rules->size, &change->origin, "put_set.file",
		error_message(&err), &rules->errors);
}

static int by_place(const void *a, const void *b)
{
	const struct text_problem *x = a, *y = b;

	return x->line != y->line ? (x->line > y->line) - (x->line < y->line)
				  : (x->column > y->column) - (x->column < y->column);
}

/* Relative names count from the folder of the policy file. */
static int load_sets(struct rules *rules, const char *path)
{
	_cleanup_free_ char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;
	size_t before = rules->errors.count;
	int r = folder ? 0 : -ENOMEM;

	if (slash)
		*slash = 0;
	for (size_t i = 0; i < rules->changes.count && !r; i++)
		r = load_set(rules, &rules->changes.items[i], slash ? folder : NULL);
	if (rules->errors.count > before)
		qsort(rules->errors.items, rules->errors.count, sizeof(*rules->errors.items), by_place);
	return r;
}

int rules_read(const char *path, struct rules *ret)
{
	int status = read_path(path, ret), r;

	if (status)
		return status;
	r = text_parse_file(ret->text, ret->size, &ret->changes, &ret->errors);
	if (r != -ENOMEM)
		r = load_sets(ret, path);
	if (!r && !ret->errors.count)
		r = find_covered(ret);
	if (r == -ENOMEM) {
		usage_error("out of memory");
		return EXIT_REFUSED;
	}
	return EXIT_DONE;
}

/* --- printing */

void rules_print_errors(const struct rules *rules)
{
	for (size_t i = 0; i < rules->errors.count; i++)
		text_problem_print(&rules->errors.items[i], rules->name, stderr);
}

void rules_print_warnings(const struct rules *rules, size_t most)
{
	size_t count = rules->warnings.count;

	for (size_t i = 0; i < MIN(count, most); i++) {
		struct text_problem warning = rules->warnings.items[i];
		_cleanup_free_ char *message = NULL;

		if (asprintf(&message, "warning: %s", warning.message ? warning.message : "") < 0)
			message = NULL;
		warning.message = message;
		text_problem_print(&warning, rules->name, stderr);
	}
	if (count > most)
		fprintf(stderr, "%s: %zu more warnings; see pepctl check\n", rules->name,
			count - most);
}

json_t *rules_json(const struct text_problems *problems)
{
	json_t *all = json_array();

	for (size_t i = 0; i < problems->count; i++) {
		const struct text_problem *p = &problems->items[i];

		json_array_append_new(
			all, json_pack("{s:i, s:i, s:s, s:s}", "line", (int)p->line, "column",
				     (int)p->column, "word", p->word ? p->word : "", "message",
				     p->message ? p->message : ""));
	}
	return all;
}

/* --- what the daemon says of operations[i] */

static void locate(
	const struct rules *rules, const struct error_violation *v, struct text_problems *ret)
{
	unsigned long long index;
	int end = 0;

	if (!v->field || sscanf(v->field, "operations[%llu]%n", &index, &end) != 1 || !end ||
		index >= rules->changes.count)
		return;
	text_locate(rules->text, rules->size, &rules->changes.items[index].origin,
		v->field + end + (v->field[end] == '.'),
		v->description ? v->description : "is wrong", ret);
}

bool rules_print_refusal(const struct rules *rules, const struct error *err)
{
	struct text_problems found = {0};
	bool any;

	for (size_t i = 0; i < err->violation_count; i++)
		locate(rules, &err->violations[i], &found);
	for (size_t i = 0; i < found.count; i++)
		text_problem_print(&found.items[i], rules->name, stderr);
	any = found.count;
	text_problems_deinit(&found);
	return any;
}
