/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "crash_transaction.h"

#define MINUTE (60 * 1000000000ll)
#define HOUR   (60 * MINUTE)

static void add_members(struct member_list *list, char *words)
{
	char message[160], *word;

	while ((word = strsep(&words, " ")))
		if (*word)
			assert_int_equal(
				member_list_add_text(list, word, strlen(word), message), 0);
}

static void add_many(struct member_list *list, unsigned int count)
{
	char word[24], message[160];

	for (unsigned int i = 0; i < count; i++) {
		snprintf(word, sizeof(word), "10.%u.%u.%u", count & 255, i >> 8, i & 255);
		assert_int_equal(member_list_add_text(list, word, strlen(word), message), 0);
	}
}

/* --- changes */

static void read_text(struct store_tx *tx, char *text, enum change_kind policies)
{
	char lines[1000];

	snprintf(lines, sizeof(lines), "%s\n", text);
	for (char *at = lines; (at = strchr(at, ';'));)
		*at = '\n';
	*tx = tx_of(lines, policies);
}

static enum change_kind kind_of(const char *verb)
{
	static const struct {
		const char *verb;
		enum change_kind kind;
	} all[] = {{"drop", CHANGE_DELETE_POLICY}, {"flush", CHANGE_FLUSH_POLICIES},
		{"add", CHANGE_ADD_MEMBERS}, {"take", CHANGE_REMOVE_MEMBERS},
		{"swap", CHANGE_REPLACE_MEMBERS}, {"fill", CHANGE_REPLACE_MEMBERS},
		{"unset", CHANGE_DELETE_SET}, {"default", CHANGE_UNSET_DEFAULT},
		{"detach", CHANGE_DETACH}};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (streq(verb, all[i].verb))
			return all[i].kind;
	fail_msg("there is no verb %s", verb);
	return CHANGE_DETACH;
}

static void read_change(struct store_tx *tx, const char *verb, char *words)
{
	const char *name = strsep(&words, " ");
	struct change change;

	change_init(&change, kind_of(verb));
	change.allow_missing = true;
	if (change.kind == CHANGE_UNSET_DEFAULT || change.kind == CHANGE_DETACH)
		snprintf(change.iface, sizeof(change.iface), "%s", name ? name : "");
	else
		snprintf(change.name, sizeof(change.name), "%s", name ? name : "");
	if (streq(verb, "fill"))
		add_many(&change.members, (unsigned int)strtoul(words, NULL, 10));
	else if (words)
		add_members(&change.members, words);
	assert_int_equal(change_list_push(&tx->changes, &change), 0);
}

/* --- leases */

static bool read_lease(struct store_tx *tx, const char *verb, char *words)
{
	static const struct {
		const char *verb;
		enum store_lease_kind kind;
	} all[] = {{"hold", STORE_HOLD}, {"cut", STORE_HOLD}, {"ban", STORE_HOLD},
		{"mine", STORE_RECONCILE}, {"let", STORE_RELEASE}, {"free", STORE_RELEASE_ALL}};
	size_t i = 0;

	while (i < ARRAY_SIZE(all) && !streq(verb, all[i].verb))
		i++;
	if (i == ARRAY_SIZE(all))
		return false;
	tx->kind = STORE_LEASES;
	tx->lease = calloc(1, sizeof(*tx->lease));
	assert_non_null(tx->lease);
	tx->lease->kind = all[i].kind;
	tx->lease->shorten = streq(verb, "cut");
	tx->lease->ban = streq(verb, "ban");
	snprintf(tx->lease->set, sizeof(tx->lease->set), "%s", strsep(&words, " "));
	snprintf(tx->lease->owner, sizeof(tx->lease->owner), "%s", strsep(&words, " "));
	if (all[i].kind == STORE_HOLD || all[i].kind == STORE_RECONCILE)
		tx->lease->ttl = (int64_t)strtoul(strsep(&words, " "), NULL, 10) * HOUR;
	add_members(&tx->lease->members, words);
	return true;
}

/* --- transactions */

static void read_one(struct store_tx *tx, char *words, uint64_t revision)
{
	const char *verb = strsep(&words, " ");

	if (streq(verb, "put") || streq(verb, "all") || streq(verb, "wait")) {
		read_text(tx, words, CHANGE_PUT_POLICY);
		tx->mode = streq(verb, "all") ? STORE_REPLACE_ALL : STORE_MERGE;
		tx->confirm_timeout = streq(verb, "wait") ? HOUR + 7 * MINUTE : 0;
	} else if (streq(verb, "create")) {
		read_text(tx, words, CHANGE_CREATE_POLICY);
	} else if (streq(verb, "back")) {
		uint64_t steps = strtoul(words, NULL, 10);

		tx->kind = STORE_ROLLBACK;
		tx->target = revision > steps ? revision - steps : 0;
	} else if (streq(verb, "confirm")) {
		tx->kind = STORE_CONFIRM;
	} else if (!read_lease(tx, verb, words)) {
		read_change(tx, verb, words);
	}
}

void transactions_deinit(struct transactions *t)
{
	for (unsigned int i = 0; i < t->count; i++) {
		change_list_deinit(&t->items[i].changes);
		if (t->items[i].lease)
			member_list_deinit(&t->items[i].lease->members);
		free(t->items[i].lease);
		t->items[i].lease = NULL;
	}
	t->count = 0;
}

void transactions_read(
	struct transactions *t, const char *step, unsigned int number, uint64_t revision)
{
	char words[1600], *rest = words, *one;

	transactions_deinit(t);
	memset(t, 0, sizeof(*t));
	snprintf(words, sizeof(words), "%s", step + (*step == '+'));
	while ((one = strsep(&rest, "|"))) {
		struct store_tx *tx = &t->items[t->count];

		assert_true(t->count < TRANSACTIONS_MAX);
		read_one(tx, one + (*one == '#'), revision);
		tx->comment = step;
		t->with_ids = *one == '#';
		snprintf(t->ids[t->count], sizeof(t->ids[0]), "%u.%u", number, t->count);
		tx->request_id = *one == '#' ? t->ids[t->count] : NULL;
		tx->request_hash = number;
		t->count++;
	}
}

static void on_dry(void *data, const struct store_result *result, struct error *err)
{
	struct transactions *t = data;

	(void)result;
	(void)err;
	if (!t->store) /* it ends before the turn came */
		return;
	for (unsigned int i = 0; i < t->count; i++)
		store_submit(t->store, &t->items[i], on_done, &t->answers[i]);
}

void transactions_submit(struct transactions *t, struct store *store)
{
	struct store_tx dry = {.validate_only = true, .comment = ""};

	t->store = store;
	store_submit(store, &dry, on_dry, t);
}

bool answer_blames_disk(const struct answer *a)
{
	return a->kind == ERROR_UNKNOWN || streq(a->reason, "NOT_DURABLE") ||
	       streq(a->reason, "DURABILITY_UNKNOWN");
}

static bool is_met(const struct transactions *t, unsigned int i)
{
	const struct answer *a = &t->answers[i];

	if (t->refused >> i & 1)
		return a->kind != ERROR_NONE && !answer_blames_disk(a);
	return a->kind == ERROR_NONE;
}

const struct answer *transactions_unmet(const struct transactions *t)
{
	for (unsigned int i = 0; i < t->count; i++)
		if (!is_met(t, i))
			return &t->answers[i];
	return NULL;
}

bool transactions_done(const struct transactions *t)
{
	for (unsigned int i = 0; i < t->count; i++)
		if (!t->answers[i].done)
			return false;
	return !transactions_unmet(t);
}

unsigned int transactions_changing(const struct transactions *t)
{
	unsigned int bits = 0;

	for (unsigned int i = 0; i < t->count; i++)
		bits |= (unsigned int)(*t->answers[i].lines != 0) << i;
	return bits;
}

unsigned int transactions_refused(const struct transactions *t)
{
	unsigned int bits = 0;

	for (unsigned int i = 0; i < t->count; i++)
		bits |= (unsigned int)(t->answers[i].kind != ERROR_NONE) << i;
	return bits;
}

unsigned int transactions_repeated(const struct transactions *t)
{
	unsigned int bits = 0;

	for (unsigned int i = 0; i < t->count; i++)
		bits |= (unsigned int)t->answers[i].repeated << i;
	return bits;
}
