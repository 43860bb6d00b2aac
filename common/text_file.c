/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A policy file: lines into words, words into changes. Every problem is told, not only the first. */
#include <errno.h>

#include "common/table.h"
#include "common/text_internal.h"

#define LINE_WORDS_MAX 4096u /* of one statement */

/* A line after continuations are joined, cut into words in place. */
struct line {
	char *text;   /* owned; words point into it */
	char *source; /* owned; as written, for the caret */
	const char **words;
	unsigned int *columns;
	size_t count;
	unsigned int number;
	bool has_nul; /* what stands behind it would be lost */
};

struct seen {
	struct table_node node;
	const char *name;
	unsigned int line;
};

struct file {
	const char *at, *end;
	unsigned int number; /* of the line at `at` */
	struct change_list changes;
	struct text_problems *problems;
	struct table names; /* struct seen */
	bool no_memory;
};

static void line_deinit(struct line *line)
{
	free(line->text);
	free(line->source);
	free(line->words);
	free(line->columns);
}

/* --- lines */

/* A comment ends with its line: it must not swallow the statement below. */
static bool is_comment(const char *line, size_t length)
{
	size_t at = 0;

	while (at < length && (line[at] == ' ' || line[at] == '\t'))
		at++;
	return at < length && line[at] == '#';
}

/* Joins lines that end in a backslash; the column counts in what was joined. */
static int read_line(struct file *f, struct line *ret)
{
	struct line line = {.number = f->number};
	const char *first = f->at;
	size_t size = 0;
	FILE *out = open_memstream(&line.text, &size);
	bool more = true;

	if (!out)
		return -ENOMEM;
	while (more && f->at < f->end) {
		const char *newline = memchr(f->at, '\n', (size_t)(f->end - f->at));
		const char *stop = newline ? newline : f->end;
		size_t length = (size_t)(stop - f->at);

		more = length && stop[-1] == '\\' && newline && !is_comment(f->at, length);
		length -= more;
		length -= !more && length && f->at[length - 1] == '\r';
		fwrite(f->at, 1, length, out);
		if (more)
			fputc(' ', out);
		f->at = newline ? newline + 1 : f->end;
		f->number++;
	}
	line.has_nul = out && memchr(first, 0, (size_t)(f->at - first));
	if (fclose(out) || !(line.source = strdup(line.text))) {
		line_deinit(&line);
		return -ENOMEM;
	}
	*ret = line;
	return 0;
}

/* One word, quotes and their backslashes taken away in place. NULL = a quote that does not end. */
static char *cut_word(char *at)
{
	char *out = at;
	bool quoted = false;

	for (; *at && (quoted || !strchr(" \t", *at)); at++) {
		if (*at == '"') {
			quoted = !quoted;
			continue;
		}
		if (quoted && *at == '\\' && (at[1] == '"' || at[1] == '\\'))
			at++;
		*out++ = *at;
	}
	if (quoted)
		return NULL;
	at += *at != 0;
	*out = 0;
	return at;
}

static int cut_line(struct line *line)
{
	char *at = line->text;

	line->words = calloc(LINE_WORDS_MAX, sizeof(*line->words));
	line->columns = calloc(LINE_WORDS_MAX + 1, sizeof(*line->columns));
	if (!line->words || !line->columns)
		return -ENOMEM;
	for (;;) {
		at += strspn(at, " \t");
		line->columns[line->count] = (unsigned int)(at - line->text) + 1;
		if (!*at || *at == '#')
			return 0;
		if (line->count == LINE_WORDS_MAX)
			return -E2BIG;
		line->words[line->count++] = at;
		at = cut_word(at);
		if (!at)
			return -EINVAL;
	}
}

/* --- statements */

static int push(struct file *f, struct change *change)
{
	if (change_list_push(&f->changes, change) < 0) {
		f->no_memory = true;
		change_deinit(change);
		return -ENOMEM;
	}
	return 0;
}

/* Names point into the changes' policies only when all are read; so a copy is kept. */
static int check_name(struct file *f, struct text_words *w, const char *name)
{
	uint64_t hash = table_hash(name, strlen(name));
	struct seen *seen;

	for (struct table_node *n = table_first(&f->names, hash); n; n = table_next(n)) {
		seen = CONTAINER_OF(n, struct seen, node);
		if (streq(seen->name, name))
			return text_problem_add(w, 1, "policy %s comes twice, first in line %u", name,
				seen->line);
	}
	seen = calloc(1, sizeof(*seen) + strlen(name) + 1);
	if (!seen || table_reserve(&f->names, f->names.count + 1) < 0) {
		free(seen);
		f->no_memory = true;
		return -ENOMEM;
	}
	memcpy(seen + 1, name, strlen(name) + 1);
	seen->name = (const char *)(seen + 1);
	seen->line = w->line;
	table_add(&f->names, &seen->node, hash);
	return 0;
}

static int read_policy(struct file *f, struct text_words *w)
{
	struct change change;
	int r;

	change_init(&change, CHANGE_PUT_POLICY);
	r = text_read_policy(w, &change.policy);
	if (!r)
		r = check_name(f, w, change.policy.name);
	if (r) {
		change_deinit(&change);
		return r;
	}
	return push(f, &change);
}

static int read_iface(struct text_words *w, char ret[static IFACE_NAME_SIZE])
{
	const char *word = text_next(w, "the interface");

	if (!word)
		return -EINVAL;
	if (!iface_name_valid(word))
		return text_problem_add(w, w->at - 1, "\"%s\" is no interface name", word);
	snprintf(ret, IFACE_NAME_SIZE, "%s", word);
	return 0;
}

static int read_default(struct file *f, struct text_words *w)
{
	const char *word = text_next(w, "allow or block");
	struct change change;

	if (!word)
		return -EINVAL;
	change_init(&change, CHANGE_DEFAULT);
	change.block = streq(word, "block");
	if (!change.block && !streq(word, "allow"))
		return text_problem_add(w, w->at - 1, "\"%s\" is neither allow nor block", word);
	if (w->at < w->count) {
		if (!streq(w->words[w->at++], "iface"))
			return text_problem_add(w, w->at - 1, "\"%s\" is not iface DEV", w->words[w->at - 1]);
		if (read_iface(w, change.iface) < 0)
			return -EINVAL;
	}
	return push(f, &change);
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
		return text_problem_add(w, w->at - 1, "%s", err.violations[0].description);
	return push(f, &change);
}

static int read_interface(struct file *f, struct text_words *w)
{
	struct change change;

	change_init(&change, CHANGE_ATTACH);
	if (read_iface(w, change.iface) < 0)
		return -EINVAL;
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
	return push(f, &change);
}

/* Known to the grammar; the engine refuses it by name. */
static int read_set(struct file *f, struct text_words *w)
{
	const char *name = text_next(w, "the set's name");
	struct change change;

	if (!name)
		return -EINVAL;
	if (!policy_name_valid(name))
		return text_problem_add(w, w->at - 1, "\"%s\" is no name: 1 to %u of [A-Za-z0-9._-]", name,
			POLICY_NAME_MAX);
	change_init(&change, CHANGE_SET);
	snprintf(change.name, sizeof(change.name), "%s", name);
	w->at = w->count;
	return push(f, &change);
}

static const struct {
	const char *word;
	int (*read)(struct file *f, struct text_words *w);
} statements[] = {
	{"policy", read_policy}, {"default", read_default}, {"setting", read_setting},
	{"interface", read_interface}, {"set", read_set},
};

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

static void take_line(struct file *f, struct line *line)
{
	int r = cut_line(line);
	struct text_words w = {
		.words = line->words,
		.columns = line->columns,
		.count = line->count,
		.line = line->number,
		.source = line->source,
		.problems = f->problems,
	};

	if (r == -ENOMEM)
		f->no_memory = true;
	else if (line->has_nul)
		text_problem_add(&w, 0, "the line has a NUL character");
	else if (r == -EINVAL)
		text_problem_add(&w, line->count - 1, "the quote does not end");
	else if (r)
		text_problem_add(&w, 0, "more than %u words in one statement", LINE_WORDS_MAX);
	else if (line->count && line->words[0])
		read_statement(f, &w);
}

static void names_free(struct file *f)
{
	for (size_t i = 0; i < f->names.size; i++)
		while (f->names.buckets[i]) {
			struct seen *seen = CONTAINER_OF(f->names.buckets[i], struct seen, node);

			table_remove(&f->names, &seen->node);
			free(seen);
		}
	table_deinit(&f->names);
}

int text_parse_file(
	const char *data, size_t size, struct change_list *ret, struct text_problems *problems)
{
	struct file f = {.at = data, .end = data + size, .number = 1, .problems = problems};
	size_t before = problems->count;

	while (f.at < f.end && !f.no_memory) {
		struct line line = {0};

		if (read_line(&f, &line) < 0)
			f.no_memory = true;
		else
			take_line(&f, &line);
		line_deinit(&line);
	}
	names_free(&f);
	if (f.no_memory || problems->count > before) {
		change_list_deinit(&f.changes);
		return f.no_memory ? -ENOMEM : -EINVAL;
	}
	*ret = f.changes;
	return 0;
}
