/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a transaction changes, in lines of the policy file: for its event and the log. */
#include <stdio.h>

#include "server/policy_store_internal.h"

static void add_line(struct tx *tx, char sign, const char *text)
{
	char **lines;

	if (tx->line_total++ >= STORE_CHANGES_SHOWN)
		return;
	lines = reallocarray(tx->lines, tx->line_count + 1, sizeof(*lines));
	if (!lines)
		return;
	tx->lines = lines;
	if (asprintf(&lines[tx->line_count], "%c %s", sign, text) >= 0)
		tx->line_count++;
}

static void add_policy_line(struct tx *tx, char sign, const struct store_policy *policy)
{
	_cleanup_free_ char *text = NULL;

	if (policy && tx->line_total >= STORE_CHANGES_SHOWN)
		tx->line_total++;
	else if (policy && asprintf(&text, "policy %s", policy->line) >= 0)
		add_line(tx, sign, text);
}

static void count(struct store_counts *counts, const struct store_policy *old,
	const struct store_policy *new)
{
	counts->created += !old;
	counts->changed += old && new;
	counts->deleted += !new;
}

/* Lines of `text` that `other` does not have. */
static void add_missing_lines(struct tx *tx, char sign, char *text, const char *other)
{
	for (char *line; (line = strsep(&text, "\n"));) {
		const char *found = *line ? strstr(other, line) : line;
		size_t length = strlen(line);

		while (found && *line && (found[length] != '\n' || (found > other && found[-1] != '\n')))
			found = strstr(found + 1, line);
		if (!found)
			add_line(tx, sign, line);
	}
}

/* A state file leaves out what has its default; who reads of a change wants both values. */
static void write_default_settings(const struct store_config *config, FILE *out)
{
	char value[24];

	for (size_t i = 0; i < SETTING_MAX; i++) {
		const struct setting_info *info = setting_info((enum setting)i);

		if (config->settings[i] != info->value)
			continue;
		setting_format((enum setting)i, info->value, value);
		fprintf(out, "setting %s %s\n", info->name, value);
	}
}

static char *whole_config_text(const struct store_config *config)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	config_write(config, out);
	write_default_settings(config, out);
	return fclose(out) ? NULL : text;
}

/* A set, and how many of its members come and go: a line for each of them would be too many. */
static void describe_set(struct store *s, struct tx *tx, uint8_t id)
{
	const struct store_set *old = &s->former_sets[id], *new = &s->work[id].next;
	const char *name = *new->name ? new->name : old->name;
	size_t counts[2]; /* removed, added */
	char line[160];

	if (sets_toggled_count(s, id, counts) < 0)
		return; /* without memory nothing is told, as of policies */
	snprintf(line, sizeof(line), "set %s", name);
	if (*new->name && (!*old->name || old->bannable != new->bannable || old->max_ttl != new->max_ttl))
		add_line(tx, '+', line);
	for (size_t add = 0; add < 2; add++) {
		snprintf(line, sizeof(line), "%zu member%s of set %s", counts[add],
			counts[add] == 1 ? "" : "s", name);
		if (counts[add])
			add_line(tx, "-+"[add], line);
	}
	snprintf(line, sizeof(line), "set %s", name);
	if (!*new->name)
		add_line(tx, '-', line);
}

void tx_describe_ended(struct store *s, struct tx *tx, size_t from)
{
	for (size_t i = from; i < s->lease_undo_count; i++) {
		const struct lease *l = &s->lease_undo[i].lease;
		char member[MEMBER_TEXT_SIZE], line[256];

		if (tx->line_count < STORE_CHANGES_SHOWN) {
			member_format(&l->member, member);
			snprintf(line, sizeof(line), "%s of set %s, held by %s", member,
				s->work[l->set].next.name, lease_table_owner_name(&s->leases, l->owner));
			add_line(tx, '-', line);
		} else {
			tx->line_total++;
		}
	}
}

void tx_describe(struct store *s, struct tx *tx, const struct store_config *former)
{
	_cleanup_free_ char *old = whole_config_text(former), *new = whole_config_text(&s->next_config);
	_cleanup_free_ char *old_copy = old ? strdup(old) : NULL, *new_copy = new ? strdup(new) : NULL;

	if (old_copy && new_copy) {
		add_missing_lines(tx, '-', old_copy, new);
		add_missing_lines(tx, '+', new_copy, old);
	}
	tx->policies = (struct store_counts){0};
	for (uint8_t id = 0; id < STORE_SETS_MAX; id++)
		if (sets_differs(s, id))
			describe_set(s, tx, id);
	for (size_t i = 0; i < s->undo_count; i++) {
		const struct store_policy *next = entry_next(s->undo[i].entry);

		count(&tx->policies, s->undo[i].next, next);
		add_policy_line(tx, '-', s->undo[i].next);
		add_policy_line(tx, '+', next);
	}
}
