/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The state file: the policy file that makes the ruleset, with what a policy
 * file does not say in comments of the form `#@`:
 *	#@ pepctl state 1 revision 12
 *	#@ 3 7              revisions that created and last changed the policy below
 *	#@ end 2            how many policies there were: a cut file has no end
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/text.h"
#include "server/policy_store_internal.h"

/* --- out */

static int by_position(const void *a, const void *b)
{
	const struct store_policy *const *p = a, *const *q = b;

	return ((*p)->position > (*q)->position) - ((*p)->position < (*q)->position);
}

/* What the working state will be, in the ruleset's order. */
static const struct store_policy **collect(const struct store *s)
{
	const struct store_policy **all = calloc(s->next_count + 1, sizeof(*all));
	size_t count = 0;

	for (size_t i = 0; all && i < s->entries.size; i++)
		for (struct table_node *n = s->entries.buckets[i]; n; n = n->next) {
			const struct store_policy *p = entry_next(CONTAINER_OF(n, struct entry, node));

			if (p)
				all[count++] = p;
		}
	if (all)
		qsort(all, count, sizeof(*all), by_position);
	return all;
}

int text_render(const struct store *s, char **ret, size_t *ret_size)
{
	_cleanup_free_ const struct store_policy **all = collect(s);
	char *text = NULL;
	size_t size = 0;
	FILE *out = all ? open_memstream(&text, &size) : NULL;
	bool failed;

	if (!out)
		return -ENOMEM;
	fprintf(out, "#@ pepctl state 1 revision %" PRIu64 "\n", s->next_revision);
	config_write(&s->next_config, out);
	for (size_t i = 0; i < s->next_count; i++)
		fprintf(out, "#@ %" PRIu64 " %" PRIu64 "\npolicy %s\n", all[i]->created_revision,
			all[i]->changed_revision, all[i]->line);
	fprintf(out, "#@ end %zu\n", s->next_count);
	failed = ferror(out);
	if (fclose(out) || failed) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	*ret_size = size;
	return 0;
}

/* --- in */

struct marks {
	bool begun, ended;
	uint64_t revision;
	size_t policies; /* that the end tells */
	uint64_t (*revisions)[2];
	size_t count;
};

static int read_mark(const char *line, struct marks *m)
{
	uint64_t a, b;

	if (sscanf(line, "#@ pepctl state 1 revision %" SCNu64, &a) == 1) {
		m->begun = true;
		m->revision = a;
	} else if (sscanf(line, "#@ end %" SCNu64, &a) == 1) {
		m->ended = true;
		m->policies = a;
	} else if (sscanf(line, "#@ %" SCNu64 " %" SCNu64, &a, &b) == 2) {
		uint64_t(*grown)[2] = reallocarray(m->revisions, m->count + 1, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		m->revisions = grown;
		grown[m->count][0] = a;
		grown[m->count++][1] = b;
	} else {
		return -EINVAL;
	}
	return 0;
}

static int read_marks(const char *text, size_t size, struct marks *m)
{
	_cleanup_free_ char *copy = strndup(text, size);
	char *rest = copy, *line;
	int r = copy ? 0 : -ENOMEM;

	while (!r && (line = strsep(&rest, "\n")))
		if (strncmp(line, "#@", 2) == 0)
			r = read_mark(line, m);
	return r;
}

static size_t count_policies(const struct change_list *list)
{
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++)
		count += list->items[i].kind == CHANGE_PUT_POLICY;
	return count;
}

static int damaged(struct error *err, const char *why)
{
	return error_set(err, ERROR_PRECONDITION, "STATE_DAMAGED", "%s", why);
}

int text_restore(const char *text, size_t size, struct change_list *ret, uint64_t *ret_revision,
	uint64_t (**ret_revisions)[2], struct error *err)
{
	struct text_problems problems = {0};
	_cleanup_changes_ struct change_list list = {0};
	struct marks m = {0};
	int r = 0;

	if (read_marks(text, size, &m) < 0 || !m.begun)
		r = damaged(err, "it does not begin with a line of a known version");
	else if (!m.ended)
		r = damaged(err, "its end is missing");
	else if (text_parse_file(text, size, &list, &problems) < 0)
		r = error_set(err, ERROR_PRECONDITION, "STATE_DAMAGED", "line %u: %s",
			problems.count ? problems.items[0].line : 0,
			problems.count ? problems.items[0].message : "it cannot be read");
	else if (count_policies(&list) != m.policies || m.count != m.policies)
		r = damaged(err, "it has not as many policies as it says");
	text_problems_deinit(&problems);
	if (r) {
		free(m.revisions);
		return r;
	}
	*ret = list;
	list = (struct change_list){0};
	*ret_revision = m.revision;
	*ret_revisions = m.revisions;
	return 0;
}
