/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "client/cli/lease.h"

static const struct {
	const char *word;
	enum lease_key key;
	bool has_value;
	const char *missing;
} keys[] = {
	{"in", LEASE_IN, true, "the set is missing behind in"},
	{"file", LEASE_FILE, true, "the file is missing; - is standard input"},
	{"ttl", LEASE_TTL, true, "the time is missing behind ttl, as 1h"},
	{"until-released", LEASE_UNTIL_RELEASED, false, NULL},
	{"owner", LEASE_OWNER, true, "the name is missing behind owner"},
	{"any-owner", LEASE_ANY_OWNER, false, NULL},
	{"shorten", LEASE_SHORTEN, false, NULL},
	{"all", LEASE_ALL, false, NULL},
};

const char *lease_key_word(unsigned int takes, size_t index)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].key & takes && !index--)
			return keys[i].word;
	return NULL;
}

bool lease_key_has_value(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (streq(keys[i].word, word))
			return keys[i].has_value;
	return false;
}

static int read_ttl(const char *word, uint64_t *ret)
{
	char message[160];

	if (text_parse_duration(word, ret, message) < 0)
		return usage_error("%s", message);
	if (!*ret)
		return usage_error(
			"ttl %s is no time; until-released is the word for no end", word);
	if (*ret > TTL_MAX)
		return usage_error("ttl %s is more than ten years", word);
	return EXIT_DONE;
}

static int read_value(enum lease_key key, const char *value, struct lease_words *ret)
{
	if (key == LEASE_TTL)
		return read_ttl(value, &ret->ttl);
	if (key == LEASE_FILE)
		ret->file = value;
	if (key == LEASE_IN)
		ret->set = value;
	if (key == LEASE_IN && !policy_name_valid(value))
		return usage_error("\"%s\" is no name of a set: 1 to %u of [A-Za-z0-9._-]", value,
			POLICY_NAME_MAX);
	if (key == LEASE_OWNER)
		ret->owner = value;
	if (key == LEASE_OWNER && !member_owner_valid(value))
		return usage_error(
			"\"%s\" is no owner: 1 to %u of [A-Za-z0-9._:-]", value, MEMBER_OWNER_MAX);
	return EXIT_DONE;
}

static int read_key(struct words *words, size_t i, struct lease_words *ret)
{
	const char *value;

	if (ret->given & keys[i].key)
		return usage_error("%s is given twice", keys[i].word);
	ret->given |= keys[i].key;
	if (!keys[i].has_value)
		return EXIT_DONE;
	value = words_next(words);
	return value ? read_value(keys[i].key, value, ret) : usage_error("%s", keys[i].missing);
}

static int read_word(
	struct words *words, const char *word, unsigned int takes, struct lease_words *ret)
{
	char message[160], other[160];
	uint64_t time;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].key & takes && streq(keys[i].word, word))
			return read_key(words, i, ret);
	if (member_list_add_text(&ret->members, word, strlen(word), message) >= 0)
		return EXIT_DONE;
	if (takes & LEASE_TTL && text_parse_duration(word, &time, other) >= 0)
		return usage_error("%s; a time goes behind ttl: ttl %s", message, word);
	return usage_error("%s", message);
}

static int contradiction(const struct lease_words *w)
{
	size_t count = member_list_count(&w->members);

	if (w->given & LEASE_TTL && w->given & LEASE_UNTIL_RELEASED)
		return usage_error("either ttl or until-released");
	if (w->given & LEASE_OWNER && w->given & LEASE_ANY_OWNER)
		return usage_error("either owner or any-owner");
	if (w->given & LEASE_ALL && (count || w->file))
		return usage_error("all is whatever is held; no member goes with it");
	return EXIT_DONE;
}

int lease_read_words(struct words *words, unsigned int takes, struct lease_words *ret)
{
	const char *word;
	int status = EXIT_DONE;

	while ((word = words_next(words)))
		status |= read_word(words, word, takes, ret);
	return status ? status : contradiction(ret);
}
