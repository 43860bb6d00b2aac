/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A policy file: lines into words, words into changes. Every problem is told, not only the first. */
#include <errno.h>

#include "common/iface_pattern.h"
#include "common/table.h"
#include "common/text_internal.h"

struct seen {
	struct table_node node;
	const char *name;
	unsigned int line;
};

struct file {
	struct text_reader in;
	struct change_origin origin; /* of the statement being read */
	struct change_list changes;
	struct text_problems *problems;
	struct table names, set_names; /* struct seen */
	struct change set;  /* whose brace is open */
	bool in_set, set_wrong;
	unsigned int set_line;
	bool no_memory;
};

/* --- statements */

static int push(struct file *f, struct change *change)
{
	change->origin = f->origin;
	if (change_list_push(&f->changes, change) < 0) {
		f->no_memory = true;
		change_deinit(change);
		return -ENOMEM;
	}
	return 0;
}

/* Names point into the changes' policies only when all are read; so a copy is kept. */
static int check_name(struct file *f, struct table *names, struct text_words *w, const char *name)
{
	uint64_t hash = table_hash(name, strlen(name));
	struct seen *seen;

	for (struct table_node *n = table_first(names, hash); n; n = table_next(n)) {
		seen = CONTAINER_OF(n, struct seen, node);
		if (streq(seen->name, name))
			return text_problem_add(w, 1, "%s %s comes twice, first in line %u",
				names == &f->names ? "policy" : "set", name, seen->line);
	}
	seen = calloc(1, sizeof(*seen) + strlen(name) + 1);
	if (!seen || table_reserve(names, names->count + 1) < 0) {
		free(seen);
		f->no_memory = true;
		return -ENOMEM;
	}
	memcpy(seen + 1, name, strlen(name) + 1);
	seen->name = (const char *)(seen + 1);
	seen->line = w->line;
	table_add(names, &seen->node, hash);
	return 0;
}

static int read_policy(struct file *f, struct text_words *w)
{
	struct change change;
	int r;

	change_init(&change, CHANGE_PUT_POLICY);
	r = text_read_policy(w, &change.policy);
	if (!r)
		r = check_name(f, &f->names, w, change.policy.name);
	if (r) {
		change_deinit(&change);
		return r;
	}
	return push(f, &change);
}

static int read_iface(
	struct text_words *w, bool (*valid)(const char *name), char ret[static IFACE_NAME_SIZE])
{
	const char *word = text_next(w, "the interface");

	if (!word)
		return -EINVAL;
	if (!valid(word))
		return text_problem_add(w, w->at - 1, "\"%s\" is no interface name", word);
	snprintf(ret, IFACE_NAME_SIZE, "%s", word);
	return 0;
}

static int read_default(struct file *f, struct text_words *w)
{
	const char *word = text_next(w, "allow or block");
	struct change change;
	int r = 0;

	if (!word)
		return -EINVAL;
	change_init(&change, CHANGE_DEFAULT);
	change.block = streq(word, "block");
	if (!change.block && !streq(word, "allow"))
		r = text_problem_add(w, w->at - 1, "\"%s\" is neither allow nor block", word);
	if (w->at < w->count) {
		if (!streq(w->words[w->at++], "iface"))
			return text_problem_add(w, w->at - 1, "\"%s\" is not iface DEV", w->words[w->at - 1]);
		r = text_worse(r, read_iface(w, iface_name_valid, change.iface));
	}
	return r ? r : push(f, &change);
}

static int read_setting(struct file *f, struct text_words *w)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	const char *name = text_next(w, "the setting's name");
	const char *value = name ? text_next(w, "the value") : NULL;
	struct change change;

	if (!value)
		return -EINVAL;
	change_init(&change, CHANGE_SETTING);
	if (setting_parse(name, value, "", &change.setting, &change.value, &err) < 0)
		return text_problem_add(w, w->at - (setting_known(name) ? 1 : 2), "%s",
			err.violations[0].description);
	return push(f, &change);
}

static int read_interface(struct file *f, struct text_words *w)
{
	struct change change;
	int r;

	change_init(&change, CHANGE_ATTACH);
	r = read_iface(w, iface_or_pattern_valid, change.iface);
	if (w->at < w->count) {
		const char *key = w->words[w->at++], *mode;

		if (!streq(key, "mode"))
			return text_problem_add(w, w->at - 1, "\"%s\" is not mode MODE", key);
		mode = text_next(w, "the mode");
		if (!mode)
			return -EINVAL;
		if (!attach_mode_parse(mode, &change.mode))
			return text_problem_add(w, w->at - 1,
				"\"%s\" is no mode: auto, native, generic or offload", mode);
	}
	return r ? r : push(f, &change);
}

/* The set goes on in the next line, or is done. */
static int end_set(struct file *f, bool open)
{
	f->in_set = open;
	if (open)
		return 0;
	if (!f->set_wrong)
		return push(f, &f->set);
	change_deinit(&f->set);
	return -EINVAL;
}

static int read_set(struct file *f, struct text_words *w)
{
	bool open;

	f->set_line = w->line;
	f->set_wrong = text_read_set(w, &f->set, &open) < 0;
	if (*f->set.name && check_name(f, &f->set_names, w, f->set.name) < 0)
		f->set_wrong = true;
	return end_set(f, open);
}

static void read_on(struct file *f, struct text_words *w)
{
	bool open;

	if (text_read_members(w, &f->set, &open) < 0)
		f->set_wrong = true;
	if (!end_set(f, open) && w->at < w->count)
		text_problem_add(w, w->at, "\"%s\" is one word too many", w->words[w->at]);
}

static const struct {
	const char *word;
	int (*read)(struct file *f, struct text_words *w);
} statements[] = {
	{"policy", read_policy}, {"default", read_default}, {"setting", read_setting},
	{"interface", read_interface}, {"set", read_set},
};

/* A brace that nobody closed. */
static void break_set(struct file *f)
{
	struct text_words w = {.line = f->set_line, .problems = f->problems};

	text_problem_add(&w, 0, "the brace of set %s does not end", f->set.name);
	change_deinit(&f->set);
	f->in_set = false;
}

/* No member is such a word: the set's brace was forgotten, and what follows is read as it is meant. */
static bool is_statement(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(statements); i++)
		if (streq(statements[i].word, word))
			return true;
	return false;
}

static void read_statement(struct file *f, struct text_words *w)
{
	const char *word = w->words[w->at++];

	for (size_t i = 0; i < ARRAY_SIZE(statements); i++) {
		if (!streq(statements[i].word, word))
			continue;
		if (!statements[i].read(f, w) && w->at < w->count)
			text_problem_add(w, w->at, "\"%s\" is one word too many", w->words[w->at]);
		return;
	}
	text_problem_add(w, 0, "\"%s\" is no statement: policy, default, setting, interface or set",
		word);
}

static void take_line(struct file *f, struct text_line *line)
{
	int r = text_line_cut(line);
	struct text_words w = {
		.words = line->words,
		.columns = line->columns,
		.count = line->count,
		.line = line->origin.line,
		.source = line->source,
		.problems = f->problems,
	};

	if (!r && f->in_set && line->count && line->words[0] && is_statement(line->words[0]))
		break_set(f);
	if (r == -ENOMEM)
		f->no_memory = true;
	else if (line->has_nul)
		text_problem_add(&w, 0, "the line has a NUL character");
	else if (r == -EINVAL)
		text_problem_add(&w, line->count - 1, "the quote does not end");
	else if (r)
		text_problem_add(&w, 0, "more than %u words in one statement", TEXT_LINE_WORDS_MAX);
	else if (line->count && f->in_set)
		read_on(f, &w);
	else if (line->count && line->words[0]) {
		f->origin = line->origin;
		read_statement(f, &w);
	}
}

static void names_free(struct table *names)
{
	for (size_t i = 0; i < names->size; i++)
		while (names->buckets[i]) {
			struct seen *seen = CONTAINER_OF(names->buckets[i], struct seen, node);

			table_remove(names, &seen->node);
			free(seen);
		}
	table_deinit(names);
}

static void end_file(struct file *f)
{
	if (f->in_set)
		break_set(f);
	names_free(&f->names);
	names_free(&f->set_names);
}

int text_parse_file(
	const char *data, size_t size, struct change_list *ret, struct text_problems *problems)
{
	struct file f = {.in = {data, data, data + size, 1}, .problems = problems};
	struct text_line line = {0};
	size_t before = problems->count;

	while (f.in.at < f.in.end && !f.no_memory) {
		if (text_line_read(&f.in, &line) < 0)
			f.no_memory = true;
		else
			take_line(&f, &line);
	}
	text_line_deinit(&line);
	end_file(&f);
	*ret = f.changes;
	if (f.no_memory)
		return -ENOMEM;
	return problems->count > before ? -EINVAL : 0;
}
