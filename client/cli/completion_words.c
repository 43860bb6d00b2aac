/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What may stand at the end of a command line that is being typed: every shell's
 * script asks for it, so that they all know the same. Names come from the daemon.
 */
#include <dirent.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>

#include "client/cli/completion.h"
#include "client/explain.h"
#include "common/iface_pattern.h"

#define ACTIONS "allow block reject rate-limit reflect redirect"
#define PROTOCOLS "tcp udp icmp icmpv6 sctp gre esp ah udplite dccp"
#define SCOPES "policy src dst flow"
#define OPTIONS "--socket --json --quiet --verbose --timeout --version --help"

void typed_offer(const struct typed *t, const char *word)
{
	if (strncmp(word, t->word, strlen(t->word)) == 0)
		puts(word);
}

void typed_offer_words(const struct typed *t, const char *words)
{
	char word[32];

	while (*words) {
		size_t length = strcspn(words, " ");

		snprintf(word, sizeof(word), "%.*s", (int)length, words);
		typed_offer(t, word);
		words += length + (words[length] == ' ');
	}
}

bool typed_has(const struct typed *t, const char *word)
{
	for (int i = 0; i < t->last; i++)
		if (streq(t->list[i], word))
			return true;
	return false;
}

static void offer_devices(const struct typed *t)
{
	struct if_nameindex *all = if_nameindex();

	for (size_t i = 0; all && all[i].if_index; i++)
		typed_offer(t, all[i].if_name);
	if_freenameindex(all);
}

static int offer_policy(void *data, const Pepctl__V1__PolicyStatus *status)
{
	typed_offer(data, status->policy->name);
	return 0;
}

static void offer_policies(struct typed *t)
{
	policy_each(t->cli, t->word, offer_policy, t, NULL);
}

static void offer_attached(const struct typed *t, bool patterns)
{
	Pepctl__V1__ListInterfacesRequest request;
	Pepctl__V1__ListInterfacesResponse *answer;

	pepctl__v1__list_interfaces_request__init(&request);
	if (cli_call(t->cli, METHOD_LIST_INTERFACES, &request.base, &answer) != EXIT_DONE)
		return;
	for (size_t i = 0; i < answer->n_interfaces; i++)
		typed_offer(t, answer->interfaces[i]->name);
	for (size_t i = 0; patterns && i < answer->n_wanted; i++)
		if (iface_pattern_valid(answer->wanted[i]->iface))
			typed_offer(t, answer->wanted[i]->iface);
}

/* --- objects */

static void offer_keys(const struct typed *t)
{
	for (size_t i = 0; text_key(i); i++)
		if (!typed_has(t, text_key(i)) && !streq(text_key(i), "ttl"))
			typed_offer(t, text_key(i));
	if (typed_has(t, "rate-limit") && !typed_has(t, "burst"))
		typed_offer(t, "burst");
	if (typed_has(t, "rate-limit") && !typed_has(t, "per"))
		typed_offer(t, "per");
	if (typed_has(t, "redirect") && !typed_has(t, "mac"))
		typed_offer(t, "mac");
}

/* Behind a word that has a value nothing can be offered, unless it is known what values there are. */
static void policy_value_or_key(const struct typed *t)
{
	bool value = false;

	text_key_field(t->before, &value);
	value |= streq(t->before, "rate-limit") || streq(t->before, "burst") || streq(t->before, "mac");
	if (streq(t->before, "proto"))
		typed_offer_words(t, PROTOCOLS);
	else if (streq(t->before, "per"))
		typed_offer_words(t, SCOPES);
	else if (streq(t->before, "iface") || streq(t->before, "redirect"))
		offer_devices(t);
	else if (!value)
		offer_keys(t);
}

void typed_offer_files(const struct typed *t)
{
	const char *slash = strrchr(t->word, '/');
	size_t length = slash ? (size_t)(slash - t->word) + 1 : 0;
	_cleanup_free_ char *folder = strndup(length ? t->word : "./", length ? length : 2);
	DIR *dir = folder ? opendir(folder) : NULL;
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char path[PATH_MAX];

		if (entry->d_name[0] == '.' && t->word[length] != '.')
			continue;
		snprintf(path, sizeof(path), "%.*s%s%s", (int)length, t->word, entry->d_name,
			entry->d_type == DT_DIR ? "/" : "");
		typed_offer(t, path);
	}
	if (dir)
		closedir(dir);
}

static bool is_option_with_value(const char *word)
{
	return streq(word, "--expect") || streq(word, "--comment") || streq(word, "--request-id") ||
	       streq(word, "--confirm");
}

static void apply_words(struct typed *t)
{
	if (t->last == 1)
		typed_offer_files(t);
	else if (t->list[0][0] == 'a' && !is_option_with_value(t->before))
		typed_offer_words(
			t, "--dry-run --merge --expect --comment --request-id --confirm --force");
}

/* --- revisions */

struct revisions {
	const struct typed *typed;
	bool others; /* than the one in force */
	size_t count;
};

static int offer_revision(void *data, const Pepctl__V1__Revision *revision,
	const Pepctl__V1__ListRevisionsResponse *answer)
{
	struct revisions *r = data;
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)revision->revision);
	if (!r->others ||
		(revision->revision >= answer->oldest && revision->revision != answer->revision))
		typed_offer(r->typed, text);
	return ++r->count == 100;
}

static void offer_revisions(const struct typed *t, bool others)
{
	struct revisions r = {.typed = t, .others = others};

	history_each(t->cli, offer_revision, &r);
}

static void history_words(struct typed *t)
{
	if (t->last == 1)
		offer_revisions(t, false);
}

static void rollback_words(struct typed *t)
{
	bool to = streq(t->before, "to");

	if (t->last == 1 || (t->last == 2 && to))
		offer_revisions(t, true);
	if (t->last == 1)
		typed_offer(t, "to");
	else if (!to && !is_option_with_value(t->before) && !streq(t->before, "comment"))
		typed_offer_words(t, "comment --dry-run --expect --request-id --confirm --force");
}

static void confirm_words(struct typed *t)
{
	Pepctl__V1__GetServerInfoResponse *info;
	char text[24];

	if (t->last > 1 || info_get(t->cli, &info) != EXIT_DONE || !info->confirm_revision)
		return;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)info->confirm_revision);
	typed_offer(t, text);
}

static void policy_words(struct typed *t)
{
	char verb = t->list[1][0];

	if (verb == 'd' || (t->last == 2 && strncmp(t->list[1], "s", 1) == 0))
		offer_policies(t);
	else if (verb == 'f')
		typed_offer(t, "--yes");
	else if (t->last == 2 || strncmp(t->list[1], "sh", 2) == 0)
		return;
	else if (t->last > 3)
		policy_value_or_key(t);
	else
		typed_offer_words(t, ACTIONS);
	if (t->last == 3 && strncmp(t->list[1], "se", 2) == 0)
		offer_keys(t);
}

static void default_words(struct typed *t)
{
	if (t->last == 2 && t->list[1][0] != 's')
		typed_offer(t, "iface");
	else if (t->last == 3)
		offer_devices(t);
}

static void setting_words(struct typed *t)
{
	for (size_t i = 0; i < SETTING_MAX; i++) {
		const struct setting_info *info = setting_info((enum setting)i);
		char value[24];

		if (t->last == 2)
			typed_offer(t, info->name);
		if (t->last != 3 || strncmp(t->list[1], "se", 2) != 0 || !streq(t->before, info->name))
			continue;
		setting_format((enum setting)i, info->value, value);
		typed_offer(t, value);
		if (info->words[0])
			typed_offer(t, info->words[!info->value]);
	}
}

static void iface_words(struct typed *t)
{
	bool attach = t->list[1][0] == 'a';

	if (t->last == 2 && attach)
		offer_devices(t);
	else if (t->last == 2)
		offer_attached(t, true);
	else if (t->last == 3 && attach)
		typed_offer(t, "mode");
	else if (t->last == 4 && attach)
		typed_offer_words(t, "auto native generic");
}

static void events_words(struct typed *t)
{
	const char *key;

	for (size_t i = 0; t->last % 2 == 1 && (key = events_key(i)); i++)
		typed_offer(t, key);
	if (t->last % 2 == 1)
		return;
	if (streq(t->before, "policy"))
		offer_policies(t);
	else if (streq(t->before, "action"))
		typed_offer_words(t, ACTIONS);
	else if (streq(t->before, "iface"))
		offer_attached(t, false);
	else if (streq(t->before, "proto"))
		typed_offer_words(t, PROTOCOLS);
	else if (streq(t->before, "--pcapng"))
		typed_offer_files(t);
}

/* Options may stand anywhere between pairs of words. */
static void explain_words(struct typed *t)
{
	if (streq(t->before, "--candidate")) {
		typed_offer_files(t);
	} else if (streq(t->before, "proto")) {
		typed_offer_words(t, PROTOCOLS);
	} else if (streq(t->before, "iface")) {
		offer_devices(t);
	} else {
		bool value = streq(t->before, "--hex");

		for (size_t i = 0; explain_key(i); i++)
			value |= streq(t->before, explain_key(i));
		for (size_t i = 0; !value && explain_key(i); i++)
			if (!typed_has(t, explain_key(i)))
				typed_offer(t, explain_key(i));
		if (!value)
			typed_offer_words(t, "--candidate --merge --hex");
	}
}

static const struct {
	const char *object, *verbs;
	void (*words)(struct typed *t); /* from the second word behind the object on */
} rows[] = {
	{"policy", "add set del show flush help", policy_words},
	{"set", "create add del show import replace lease release reconcile help", completion_set},
	{"ban", "", completion_ban},
	{"unban", "", completion_ban},
	{"default", "allow block unset show help", default_words},
	{"setting", "show set help", setting_words},
	{"iface", "attach detach show help", iface_words},
	{"apply", "", apply_words},
	{"check", "", apply_words},
	{"diff", "", apply_words},
	{"export", "help", NULL},
	{"history", "", history_words},
	{"rollback", "", rollback_words},
	{"confirm", "", confirm_words},
	{"stats", "--watch help", NULL},
	{"events", "help", events_words},
	{"explain", "", explain_words},
	{"info", "help", NULL},
	{"panic", "--yes --pin-dir help", NULL},
	{"completion", "bash zsh fish help", NULL},
};

static void complete(struct typed *t)
{
	size_t row = ARRAY_SIZE(rows);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (t->last == 0)
			typed_offer(t, rows[i].object);
		else if (streq(rows[i].object, t->list[0]) || (row == ARRAY_SIZE(rows) &&
			 strncmp(rows[i].object, t->list[0], strlen(t->list[0])) == 0))
			row = i;
	if (t->last == 0)
		typed_offer_words(t, "help " OPTIONS);
	if (row == ARRAY_SIZE(rows))
		return;
	if (t->last == 1)
		typed_offer_words(t, rows[row].verbs);
	if (rows[row].words && (t->last > 1 || !*rows[row].verbs || rows[row].words == events_words))
		rows[row].words(t);
}

/* Options before the object; the socket among them is the one to ask. */
int completion_words(struct cli *cli, struct words *words)
{
	while (words->at + 1 < words->count && words->list[words->at][0] == '-') {
		const char *option = words_next(words);
		bool socket = streq(option, "-s") || streq(option, "--socket");

		if (!socket && !streq(option, "--timeout") && !streq(option, "--confirm"))
			continue;
		if (words->at + 1 >= words->count)
			return EXIT_DONE;
		option = words_next(words);
		if (socket)
			cli->socket = option;
	}
	if (words->at < words->count) {
		struct typed t = {.cli = cli, .list = &words->list[words->at],
			.last = words->count - words->at - 1};

		t.word = t.list[t.last];
		t.before = t.last ? t.list[t.last - 1] : "";
		complete(&t);
	}
	words->at = words->count;
	return EXIT_DONE;
}
