/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The state file: the policy file that makes the ruleset, with what a policy
 * file does not say in comments of the form `#@`:
 *	#@ pepctl state 2 revision 12 sequence 40 boot ID position 21
 *	                    the last record of the journal that it has, the boot it was written in,
 *	                    the last position that was given to a policy
 *	#@ set 2 5 5 1000   of the set below: revisions that created it, last changed it,
 *	                    last changed its members; how many members it has
 *	#@ leases 38 1000   the part sets/@leases.38 has what owners hold, that many leases
 *	#@ 3 7 20           revisions that created and last changed the policy below; its position
 *	#@ 3 7 20 ends B T  the same of one with a ttl, which is removed at boot time B, in ns, or
 *	                    in another boot at T ns since the epoch
 *	#@ end 2            how many policies there were: a cut file has no end
 * The members of a large set are a part of their own, a block-list file. Version 1 had neither
 * sequence nor positions.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/array.h"
#include "common/netset.h"
#include "server/policy_store_internal.h"

/* --- out */

static int by_position(const void *a, const void *b)
{
	const struct store_policy *const *p = a, *const *q = b;

	return ((*p)->position > (*q)->position) - ((*p)->position < (*q)->position);
}

struct collection {
	const struct store_policy **items;
	size_t count;
};

static int collect_entry(void *data, struct entry *entry)
{
	struct collection *all = data;
	const struct store_policy *p = entry_next(entry);

	if (p)
		all->items[all->count++] = p;
	return 0;
}

/* What the working state will be, in the ruleset's order. */
static const struct store_policy **collect(const struct store *s)
{
	struct collection all = {.items = calloc(s->next_count + 1, sizeof(*all.items))};

	if (!all.items)
		return NULL;
	entries_each(s, collect_entry, &all);
	qsort(all.items, all.count, sizeof(*all.items), by_position);
	return all.items;
}

static int fill_part(struct state_part *part, const struct member_list *list)
{
	FILE *out = open_memstream(&part->text, &part->size);
	int r;

	if (!out)
		return -ENOMEM;
	r = netset_write(list, out);
	return fclose(out) ? -ENOMEM : r;
}

/* A large set is only named; its part is written once for each revision of its members. */
static int render_part(struct store_set *set, struct change *line, struct state_part *part)
{
	snprintf(part->name, sizeof(part->name), "sets/%s.%" PRIu64, set->name, set->members_revision);
	if (!set->filed && fill_part(part, &line->members) < 0)
		return -ENOMEM;
	set->filed = true;
	line->file = strdup(part->name);
	return line->file ? 0 : -ENOMEM;
}

static int render_set(struct store *s, uint8_t id, FILE *out, struct state *ret)
{
	struct store_set *set = &s->work[id].next;
	size_t count = sets_count(s, id);
	_cleanup_free_ char *text = NULL;
	struct change line;
	int r = 0;

	change_init(&line, CHANGE_PUT_SET);
	memcpy(line.name, set->name, sizeof(line.name));
	line.bannable = set->bannable;
	line.max_ttl = set->max_ttl;
	set->filed = set->filed && count > STORE_MEMBERS_INLINE;
	if (!set->filed)
		r = sets_list(s, id, &line.members);
	if (count <= STORE_MEMBERS_INLINE) /* a file for people, as far as they can read it */
		member_list_sort(&line.members);
	if (!r && count > STORE_MEMBERS_INLINE)
		r = render_part(set, &line, &ret->parts[ret->part_count++]);
	text = r ? NULL : text_format_change(&line);
	change_deinit(&line);
	if (!text)
		return -ENOMEM;
	fprintf(out, "#@ set %" PRIu64 " %" PRIu64 " %" PRIu64 " %zu\n%s\n", set->created_revision,
		set->changed_revision, set->members_revision, count, text);
	return 0;
}

/* Ids are nobody's business: the same ruleset is the same file. */
static size_t sets_by_name(const struct store *s, uint8_t ret[static STORE_SETS_MAX])
{
	size_t count = 0;

	for (uint8_t id = 0; id < STORE_SETS_MAX; id++) {
		size_t at = count;

		if (!*s->work[id].next.name)
			continue;
		for (; at && strcmp(s->work[ret[at - 1]].next.name, s->work[id].next.name) > 0; at--)
			ret[at] = ret[at - 1];
		ret[at] = id;
		count++;
	}
	return count;
}

static int render_leases(struct store *s, FILE *out, struct state *ret)
{
	size_t count;
	int r = leases_render(s, &ret->parts[ret->part_count], &count);

	if (r <= 0)
		return r;
	ret->part_count++;
	fprintf(out, "#@ leases %" PRIu64 " %zu\n", s->leases_sequence, count);
	return 0;
}

static int render_sets(struct store *s, FILE *out, struct state *ret)
{
	uint8_t ids[STORE_SETS_MAX];
	size_t count;
	int r = 0;

	ret->parts = calloc(STORE_SETS_MAX + 1, sizeof(*ret->parts));
	if (!ret->parts)
		return -ENOMEM;
	count = sets_by_name(s, ids);
	for (size_t i = 0; i < count && !r; i++)
		r = render_set(s, ids[i], out, ret);
	return r ? r : render_leases(s, out, ret);
}

static void write_policy(const struct store_policy *p, const struct store_clock *clock, FILE *out)
{
	fprintf(out, "#@ %" PRIu64 " %" PRIu64 " %" PRIu64, p->created_revision, p->changed_revision,
		p->position);
	if (p->policy.ttl)
		fprintf(out, " ends %" PRId64 " %" PRId64, p->ends, deadline_wall(clock, p->ends));
	fprintf(out, "\npolicy %s\n", p->line);
}

static int render(struct store *s, FILE *out, struct state *ret)
{
	struct store_clock clock;
	_cleanup_free_ const struct store_policy **all = collect(s);

	if (!all)
		return -ENOMEM;
	s->backend.clock(s->backend.data, &clock);
	fprintf(out,
		"#@ pepctl state 2 revision %" PRIu64 " sequence %" PRIu64
		" boot %s position %" PRIu64 "\n",
		s->next_revision, s->sequence, *clock.boot_id ? clock.boot_id : "-",
		s->last_position);
	config_write(&s->next_config, out);
	if (render_sets(s, out, ret) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < s->next_count; i++)
		write_policy(all[i], &clock, out);
	fprintf(out, "#@ end %zu\n", s->next_count);
	return ferror(out) ? -ENOMEM : 0;
}

int text_render(struct store *s, struct state *ret)
{
	struct state state = {0};
	FILE *out = open_memstream(&state.text, &state.size);
	int r;

	if (!out)
		return -ENOMEM;
	r = render(s, out, &state);
	if (fclose(out) || r) {
		state_deinit(&state);
		return -ENOMEM;
	}
	*ret = state;
	return 0;
}

/* --- in */

void text_marks_deinit(struct text_marks *marks)
{
	free(marks->revisions);
	free(marks->sets);
	*marks = (struct text_marks){0};
}

static int read_set_mark(const char *line, struct text_marks *m)
{
	struct text_set_mark *mark;

	if (array_grow(&m->sets, &m->set_room, m->set_count, sizeof(*m->sets)) < 0)
		return -ENOMEM;
	mark = &m->sets[m->set_count++];
	*mark = (struct text_set_mark){0};
	return sscanf(line, "#@ set %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &mark->created,
		       &mark->changed, &mark->members_changed, &mark->members) == 4 ? 0 : -EINVAL;
}

static int read_policy_mark(const char *line, struct text_marks *m)
{
	struct text_policy_mark mark = {0};

	if (sscanf(line, "#@ %" SCNu64 " %" SCNu64 " %" SCNu64 " ends %" SCNd64 " %" SCNd64, &mark.created,
		    &mark.changed, &mark.position, &mark.ends, &mark.ends_time) < 2)
		return -EINVAL;
	if (array_grow(&m->revisions, &m->room, m->count, sizeof(*m->revisions)) < 0)
		return -ENOMEM;
	m->revisions[m->count++] = mark;
	return 0;
}

static int read_mark(const char *line, struct text_marks *m)
{
	if (strncmp(line, "#@ set ", 7) == 0)
		return read_set_mark(line, m);
	if (strncmp(line, "#@ pepctl state ", 16) == 0) {
		m->begun = sscanf(line, "#@ pepctl state 1 revision %" SCNu64, &m->revision) == 1 ||
			   sscanf(line,
				   "#@ pepctl state 2 revision %" SCNu64 " sequence %" SCNu64
				   " boot %39s position %" SCNu64,
				   &m->revision, &m->sequence, m->boot_id, &m->last_position) >= 2;
		return m->begun ? 0 : -EINVAL;
	}
	if (strncmp(line, "#@ leases ", 10) == 0)
		return sscanf(line, "#@ leases %" SCNu64 " %" SCNu64, &m->leases_sequence, &m->leases) == 2 ?
			       0 : -EINVAL;
	if (strncmp(line, "#@ end ", 7) == 0) {
		m->ended = sscanf(line, "#@ end %zu", &m->policies) == 1;
		return m->ended ? 0 : -EINVAL;
	}
	return read_policy_mark(line, m);
}

static int read_marks(const char *text, size_t size, struct text_marks *m)
{
	_cleanup_free_ char *copy = strndup(text, size);
	char *rest = copy, *line;
	int r = copy ? 0 : -ENOMEM;

	while (!r && (line = strsep(&rest, "\n")))
		if (strncmp(line, "#@", 2) == 0)
			r = read_mark(line, m);
	return r;
}

static size_t count_kind(const struct change_list *list, enum change_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++)
		count += list->items[i].kind == kind;
	return count;
}

static int damaged(struct error *err, const char *why)
{
	return error_set(err, ERROR_PRECONDITION, "STATE_DAMAGED", "%s", why);
}

/* --- members that are a part of their own */

static int load_part(struct store *s, struct change *change, struct error *err)
{
	struct text_problems problems = {0};
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int r = s->backend.load(s->backend.data, change->file, &text, &size, err);

	if (!r && netset_parse(text, size, &change->members, &problems) < 0)
		r = error_set(err, ERROR_PRECONDITION, "STATE_DAMAGED", "%s: line %u: %s", change->file,
			problems.count ? problems.items[0].line : 0,
			problems.count ? problems.items[0].message : "it cannot be read");
	text_problems_deinit(&problems);
	return r;
}

static int load_set(struct store *s, struct change *change, struct text_set_mark *mark,
	struct error *err)
{
	int r = change->file ? load_part(s, change, err) : 0;

	mark->filed = change->file;
	if (!r && member_list_count(&change->members) != mark->members)
		r = error_set(err, ERROR_PRECONDITION, "STATE_DAMAGED",
			"%s has %zu members and not %" PRIu64 "; it was changed or is not whole",
			change->file ? change->file : "it", member_list_count(&change->members),
			mark->members);
	if (r)
		error_prefix(err, "set %s: ", change->name);
	free(TAKE_PTR(change->file)); /* it is read */
	return r;
}

static int load_sets(struct store *s, struct change_list *list, const struct text_marks *m,
	struct error *err)
{
	size_t at = 0;
	int r = 0;

	if (count_kind(list, CHANGE_PUT_SET) != m->set_count)
		return damaged(err, "it has not as many sets as marks of them");
	for (size_t i = 0; m->sets && i < list->count && !r; i++)
		if (list->items[i].kind == CHANGE_PUT_SET)
			r = load_set(s, &list->items[i], &m->sets[at++], err);
	return r;
}

static int read_changes(const char *text, size_t size, struct change_list *ret, struct error *err)
{
	struct text_problems problems = {0};
	int r = text_parse_file(text, size, ret, &problems);

	if (r)
		r = error_set(err, ERROR_PRECONDITION, "STATE_DAMAGED", "line %u: %s",
			problems.count ? problems.items[0].line : 0,
			problems.count ? problems.items[0].message : "it cannot be read");
	text_problems_deinit(&problems);
	return r;
}

int text_restore(struct store *s, const char *text, size_t size, struct change_list *ret,
	struct text_marks *ret_marks, struct error *err)
{
	_cleanup_changes_ struct change_list list = {0};
	_cleanup_(text_marks_deinit) struct text_marks m = {0};
	int r;

	if (read_marks(text, size, &m) < 0 || !m.begun)
		return damaged(err, "it does not begin with a line of a known version");
	if (!m.ended)
		return damaged(err, "its end is missing");
	r = read_changes(text, size, &list, err);
	if (!r && (count_kind(&list, CHANGE_PUT_POLICY) != m.policies || m.count != m.policies))
		r = damaged(err, "it has not as many policies as it says");
	if (!r)
		r = load_sets(s, &list, &m, err);
	if (r)
		return r;
	*ret = list;
	list = (struct change_list){0};
	*ret_marks = m;
	m = (struct text_marks){0};
	return 0;
}
