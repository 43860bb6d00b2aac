/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdarg.h>
#include <stdio.h>

#include "client/cli/cli.h"

int usage_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("pepctl: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	return EXIT_USAGE;
}

const char *words_next(struct words *words)
{
	return words->at < words->count ? words->list[words->at++] : NULL;
}

bool words_take(struct words *words, const char *word)
{
	bool is = words->at < words->count && streq(words->list[words->at], word);

	words->at += is;
	return is;
}

bool words_at_help(const struct words *words)
{
	const char *word = words->at < words->count ? words->list[words->at] : "";

	return streq(word, "help") || streq(word, "--help");
}

int words_check_name(const struct words *words, int at)
{
	if (at >= words->count || at >= words->options_end || words->list[at][0] != '-')
		return EXIT_DONE;
	return usage_error("\"%s\" looks like an option; a name that begins with - goes behind --",
		words->list[at]);
}

int words_confirm(const char *what, const char *question)
{
	char answer[8];

	if (!isatty(STDIN_FILENO)) {
		usage_error("%s; say --yes to do it without asking", what);
		return EXIT_REFUSED;
	}
	fprintf(stderr, "%s [y/N] ", question);
	if (fgets(answer, sizeof(answer), stdin) && (*answer == 'y' || *answer == 'Y'))
		return EXIT_DONE;
	fprintf(stderr, "pepctl: nothing was done\n");
	return EXIT_REFUSED;
}

int words_end(const struct words *words)
{
	if (words->at == words->count)
		return EXIT_DONE;
	return usage_error("\"%s\" is one word too many", words->list[words->at]);
}

int words_revision(const char *what, const char *word, uint64_t *ret)
{
	if (!word || !*word || word[strspn(word, "0123456789")] || strlen(word) > 19)
		return usage_error("%s: \"%s\" is no revision", what, word ? word : "");
	*ret = strtoull(word, NULL, 10);
	return EXIT_DONE;
}

static void print_table(FILE *out, const char *object, const struct verb *verbs)
{
	fprintf(out, "Usage:\n");
	for (const struct verb *verb = verbs; verb->name; verb++) {
		char line[120];

		snprintf(line, sizeof(line), "pepctl %s%s%s%s%s", object, *object ? " " : "", verb->name,
			*verb->usage ? " " : "", verb->usage);
		fprintf(out, "  %-52s %s\n", line, verb->help);
	}
}

static void list_names(const struct verb *verbs, const char *prefix, char *ret, size_t size)
{
	*ret = 0;
	for (const struct verb *verb = verbs; verb->name; verb++)
		if (strncmp(verb->name, prefix, strlen(prefix)) == 0)
			snprintf(ret + strlen(ret), size - strlen(ret), "%s%s", *ret ? ", " : "", verb->name);
}

static const struct verb *find(const struct verb *verbs, const char *word, size_t *ret_matches)
{
	const struct verb *found = NULL;

	*ret_matches = 0;
	for (const struct verb *verb = verbs; verb->name; verb++) {
		if (strncmp(verb->name, word, strlen(word)) != 0)
			continue;
		found = verb;
		++*ret_matches;
		if (streq(verb->name, word)) {
			*ret_matches = 1;
			return verb;
		}
	}
	return found;
}

int words_run(struct cli *cli, struct words *words, const char *object, const struct verb *verbs)
{
	bool help = words_at_help(words);
	const char *word = words_next(words);
	const struct verb *verb;
	char names[300];
	size_t matches;

	if (!word || help) { /* a missing word is an error, and no output */
		print_table(word ? stdout : stderr, object, verbs);
		return word ? EXIT_DONE : EXIT_USAGE;
	}
	verb = find(verbs, word, &matches);
	if (matches == 1) {
		if (words_at_help(words) && *object) {
			printf("Usage: pepctl %s %s %s\n  %s\n", object, verb->name, verb->usage, verb->help);
			return EXIT_DONE;
		}
		return verb->run(cli, words);
	}
	list_names(verbs, matches ? word : "", names, sizeof(names));
	if (matches)
		return usage_error("\"%s\" is ambiguous: %s", word, names);
	return usage_error("%s%s\"%s\" is unknown: %s; see pepctl %s%shelp", object, *object ? ": " : "",
		word, names, object, *object ? " " : "");
}
