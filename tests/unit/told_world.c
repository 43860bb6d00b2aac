/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "told_world.h"

#include <stdio.h>

struct member_set told_sets[STORE_SETS_MAX];
size_t told_changes;

int __real_classifier_plan(struct classifier *c, uint64_t generation,
	const struct classifier_change *change, struct error *err, struct classifier_plan **ret);
int __wrap_classifier_plan(struct classifier *c, uint64_t generation,
	const struct classifier_change *change, struct error *err, struct classifier_plan **ret);

/* A member is told when it really comes or goes, and never twice. */
int __wrap_classifier_plan(struct classifier *c, uint64_t generation,
	const struct classifier_change *change, struct error *err, struct classifier_plan **ret)
{
	told_changes = change->member_count;
	for (size_t i = 0; i < change->member_count; i++) {
		const struct classifier_member *m = &change->members[i];
		struct member plain = {.family = m->family, .length = m->length};

		memcpy(plain.bytes, m->bytes, sizeof(plain.bytes));
		if (m->add)
			assert_int_equal(member_set_add(&told_sets[m->set], &plain), 1);
		else
			assert_true(member_set_remove(&told_sets[m->set], &plain));
	}
	return __real_classifier_plan(c, generation, change, err, ret);
}

void told_forget(void)
{
	for (size_t i = 0; i < STORE_SETS_MAX; i++)
		member_set_deinit(&told_sets[i]);
}

void told_start(struct world *w, const char *text)
{
	told_forget();
	world_init(w, 10, text);
}

void told_end(struct world *w)
{
	world_deinit(w);
	told_forget();
}

void told_add_change(struct store_tx *tx, enum change_kind kind, const char *name,
	const char *members, bool allow_missing)
{
	char words[2000], message[160];
	struct change change;

	change_init(&change, kind);
	change.allow_missing = allow_missing;
	snprintf(change.name, sizeof(change.name), "%s", name);
	snprintf(words, sizeof(words), "%s", members);
	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
		assert_int_equal(
			member_list_add_text(&change.members, word, strlen(word), message), 0);
	assert_int_equal(change_list_push(&tx->changes, &change), 0);
}

void told_change(struct world *w, enum change_kind kind, const char *name,
	const char *members, struct answer *ret)
{
	struct store_tx tx = {0};

	told_add_change(&tx, kind, name, members, false);
	submit_tx(w, &tx, ret);
	if (store_busy(w->store))
		finish(w);
}

size_t told_count(struct world *w, const char *name)
{
	uint8_t id;

	return store_set_find(w->store, name, &id)
		       ? member_set_count(store_set_members(w->store, id))
		       : SIZE_MAX;
}
