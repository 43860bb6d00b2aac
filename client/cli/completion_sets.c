/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Of set, ban and unban. */
#include "client/cli/completion.h"
#include "client/cli/lease.h"

static void offer_sets(const struct typed *t)
{
	Pepctl__V1__ListSetsRequest request;
	Pepctl__V1__ListSetsResponse *answer;

	pepctl__v1__list_sets_request__init(&request);
	if (cli_call(t->cli, METHOD_LIST_SETS, &request.base, &answer) == EXIT_DONE)
		for (size_t i = 0; i < answer->n_sets; i++)
			typed_offer(t, answer->sets[i]->name);
}

/* Behind members; a word that was given is not offered again. */
static void lease_words(struct typed *t, unsigned int takes)
{
	const char *word;

	if (streq(t->before, "in"))
		offer_sets(t);
	else if (streq(t->before, "file"))
		typed_offer_files(t);
	for (size_t i = 0; !lease_key_has_value(t->before) && (word = lease_key_word(takes, i));
		i++)
		if (!typed_has(t, word))
			typed_offer(t, word);
}

void completion_ban(struct typed *t)
{
	lease_words(t, t->list[0][0] == 'b' ? LEASE_BAN : LEASE_UNBAN);
}

static void set_lease_words(struct typed *t, const char *verb)
{
	if (strncmp(verb, "rec", 3) == 0 && t->last == 3)
		typed_offer_files(t);
	else if (strncmp(verb, "rec", 3) == 0)
		lease_words(t, LEASE_RECONCILE);
	else if (strncmp(verb, "rel", 3) == 0)
		lease_words(t, LEASE_RELEASE);
	else if (*verb == 'l')
		lease_words(t, LEASE_HOLD);
}

void completion_set(struct typed *t)
{
	bool create = t->list[1][0] == 'c';

	if (t->last == 2 && !create)
		offer_sets(t);
	else if (t->last > 2 && create && !streq(t->before, "max-ttl"))
		typed_offer_words(t, "bannable max-ttl");
	else if (t->last > 2)
		set_lease_words(t, t->list[1]);
}
