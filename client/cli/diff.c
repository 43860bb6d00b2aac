/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * diff FILE: how the running ruleset and a policy file differ, whole, with nothing asked that
 * needs the right to change it.
 */
#include <errno.h>
#include <stdio.h>

#include "client/cli/cli.h"
#include "client/cli/rules.h"
#include "client/ruleset.h"
#include "common/table.h"

/* What a ruleset says of one thing: the last statement about it counts. */
struct subject {
	struct table_node node;
	const struct change *change;
	size_t order; /* of the first statement */
	bool in_both;
};

struct side {
	struct change_list implied; /* what holds where nothing is said */
	struct subject *subjects;   /* in their order */
	size_t count;
	struct table table;
};

struct diff {
	struct side now, file;
	json_t *json; /* NULL = lines go to standard output */
	size_t lines;
	bool quiet;
};

/* --- a side */

static void side_deinit(struct side *side)
{
	change_list_deinit(&side->implied);
	free(side->subjects);
	table_deinit(&side->table);
}

static const char *name_of(const struct change *c)
{
	if (c->kind == CHANGE_PUT_POLICY)
		return c->policy.name;
	if (c->kind == CHANGE_SETTING)
		return setting_info(c->setting)->name;
	return c->kind == CHANGE_PUT_SET ? c->name : c->iface;
}

static bool same_subject(const struct change *a, const struct change *b)
{
	return a->kind == b->kind && streq(name_of(a), name_of(b));
}

static uint64_t hash_of(const struct change *c)
{
	return table_hash(name_of(c), strlen(name_of(c))) + c->kind;
}

static struct subject *side_find(const struct side *side, const struct change *c)
{
	for (struct table_node *n = table_first(&side->table, hash_of(c)); n; n = table_next(n)) {
		struct subject *subject = CONTAINER_OF(n, struct subject, node);

		if (same_subject(subject->change, c))
			return subject;
	}
	return NULL;
}

static void side_add(struct side *side, const struct change *c)
{
	struct subject *subject = side_find(side, c);

	if (!subject) {
		subject = &side->subjects[side->count];
		subject->order = side->count++;
		table_add(&side->table, &subject->node, hash_of(c));
	}
	subject->change = c;
}

/* A file without them means the common default and each setting's own. */
static int add_implied(struct change_list *list)
{
	struct change change;
	int r;

	change_init(&change, CHANGE_DEFAULT);
	r = change_list_push(list, &change);
	for (size_t i = 0; !r && i < SETTING_MAX; i++) {
		change_init(&change, CHANGE_SETTING);
		change.setting = (enum setting)i;
		change.value = setting_info(change.setting)->value;
		r = change_list_push(list, &change);
	}
	return r;
}

/* Points into `changes`. */
static int side_init(struct side *side, const struct change_list *changes)
{
	int r = add_implied(&side->implied);

	side->subjects = calloc(side->implied.count + changes->count, sizeof(*side->subjects));
	if (r < 0 || !side->subjects ||
		table_reserve(&side->table, side->implied.count + changes->count) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < side->implied.count; i++)
		side_add(side, &side->implied.items[i]);
	for (size_t i = 0; i < changes->count; i++)
		side_add(side, &changes->items[i]);
	return 0;
}

/* --- lines */

static void add_line(struct diff *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void add_line(struct diff *d, const char *fmt, ...)
{
	_cleanup_free_ char *line = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&line, fmt, args) < 0)
		line = NULL;
	va_end(args);
	d->lines++;
	if (d->json)
		json_array_append_new(d->json, json_string(line ? line : ""));
	else if (!d->quiet)
		puts(line ? line : "");
}

/* malloc'ed, of a set without its members. */
static char *line_of(const struct change *c)
{
	struct change head = *c;

	head.members = (struct member_list){0};
	return text_format_change(&head);
}

static void add_members(struct diff *d, char sign, const struct change *set, size_t from, size_t to)
{
	char text[MEMBER_TEXT_SIZE];

	for (; from < to; from++) {
		struct member m = member_list_at(&set->members, from);

		member_format(&m, text);
		add_line(d, "%c member %s of set %s", sign, text, set->name);
	}
}

static int compare_members(const struct change *a, size_t i, const struct change *b, size_t j)
{
	struct member m = member_list_at(&a->members, i), n = member_list_at(&b->members, j);
	int r = (int)m.family - (int)n.family;

	if (!r)
		r = memcmp(m.bytes, n.bytes, sizeof(m.bytes));
	return r ? r : (int)m.length - (int)n.length;
}

/* Behind the equal ones: a file may have the same member more than once. */
static size_t skip(const struct change *set, size_t at)
{
	size_t count = member_list_count(&set->members), first = at++;

	while (at < count && !compare_members(set, first, set, at))
		at++;
	return at;
}

/* Both are sorted. */
static void diff_members(struct diff *d, const struct change *old, const struct change *new)
{
	size_t old_count = member_list_count(&old->members);
	size_t new_count = member_list_count(&new->members);
	size_t i = 0, j = 0;

	while (i < old_count || j < new_count) {
		int order = i == old_count   ? 1
			    : j == new_count ? -1
					     : compare_members(old, i, new, j);

		if (order < 0)
			add_members(d, '-', old, i, i + 1);
		else if (order > 0)
			add_members(d, '+', new, j, j + 1);
		i = order <= 0 ? skip(old, i) : i;
		j = order >= 0 ? skip(new, j) : j;
	}
}

static void add_whole(struct diff *d, char sign, const struct change *c)
{
	static const struct change none = {0};
	_cleanup_free_ char *line = line_of(c);

	add_line(d, "%c %s", sign, line ? line : "");
	if (c->kind == CHANGE_PUT_SET && sign == '+')
		diff_members(d, &none, c);
}

static void diff_pair(struct diff *d, const struct change *old, const struct change *new)
{
	_cleanup_free_ char *old_line = line_of(old), *new_line = line_of(new);

	if (old_line && new_line && !streq(old_line, new_line)) {
		add_line(d, "- %s", old_line);
		add_line(d, "+ %s", new_line);
	}
	if (old->kind == CHANGE_PUT_SET)
		diff_members(d, old, new);
}

/*
 * In the file's order. A policy stands in another place when one that the file has before it
 * stands behind it now: of equal rank, the other one decides.
 */
static void diff_sides(struct diff *d)
{
	size_t last = 0;

	for (size_t i = 0; i < d->file.count; i++) {
		const struct change *new = d->file.subjects[i].change;
		struct subject *old = side_find(&d->now, new);

		if (!old) {
			add_whole(d, '+', new);
			continue;
		}
		old->in_both = true;
		diff_pair(d, old->change, new);
		if (new->kind != CHANGE_PUT_POLICY)
			continue;
		if (old->order < last)
			add_line(d, "~ policy %s  # another place", new->policy.name);
		last = MAX(last, old->order);
	}
	for (size_t i = 0; i < d->now.count; i++)
		if (!d->now.subjects[i].in_both)
			add_whole(d, '-', d->now.subjects[i].change);
}

/* --- the whole */

static int compare(
	struct cli *cli, struct rules *rules, const struct change_list *now, uint64_t revision)
{
	struct diff d = {.json = cli->json ? json_array() : NULL, .quiet = cli->quiet};
	int status = EXIT_DONE;

	for (size_t i = 0; i < rules->changes.count; i++)
		member_list_sort(&rules->changes.items[i].members);
	if (side_init(&d.now, now) < 0 || side_init(&d.file, &rules->changes) < 0)
		status = usage_error("out of memory");
	else
		diff_sides(&d);
	if (!status && cli->json)
		output_json(json_pack("{s:I, s:b, s:O}", "revision", (json_int_t)revision, "equal",
			!d.lines, "changes", d.json));
	else if (!status && !d.lines && !cli->quiet)
		printf("no difference (revision %llu)\n", (unsigned long long)revision);
	json_decref(d.json);
	side_deinit(&d.now);
	side_deinit(&d.file);
	return status;
}

static int diff_path(struct cli *cli, const char *path)
{
	_cleanup_changes_ struct change_list now = {0};
	_cleanup_rules_ struct rules rules = {0};
	struct error err = ERROR_INIT;
	uint64_t revision;
	int status = rules_read(path, &rules);

	if (!status && rules.errors.count) {
		rules_print_errors(&rules);
		status = usage_error("%s has %zu error%s", rules.name, rules.errors.count,
			rules.errors.count == 1 ? "" : "s");
	}
	if (!status)
		status = cli_client(cli);
	if (status)
		return status;
	if (ruleset_read(cli->client, &now, &revision, &err))
		return cli_fail(&err);
	return compare(cli, &rules, &now, revision);
}

int diff_main(struct cli *cli, struct words *words)
{
	const char *path = words_next(words);
	int status = words_end(words);

	if (path && streq(path, "help") && !status) {
		printf("Usage: pepctl diff FILE|-\n"
		       "  how the running ruleset and the file differ: - is only now, + only in "
		       "the "
		       "file\n");
		return EXIT_DONE;
	}
	if (!path)
		return usage_error("diff: the policy file is missing; - is standard input");
	return status ? status : diff_path(cli, path);
}
