/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "lease_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

/* --- what the classifier is told, and the kernel has after the flip */

static struct member_set told[STORE_SETS_MAX];
static struct classifier_member pending[512];
static size_t pending_count, seen_flips;

int __real_classifier_plan(struct classifier *c, uint64_t generation,
	const struct classifier_change *change, struct error *err, struct classifier_plan **ret);
int __wrap_classifier_plan(struct classifier *c, uint64_t generation,
	const struct classifier_change *change, struct error *err, struct classifier_plan **ret);

int __wrap_classifier_plan(struct classifier *c, uint64_t generation,
	const struct classifier_change *change, struct error *err, struct classifier_plan **ret)
{
	assert_in_range(change->member_count, 0, ARRAY_SIZE(pending));
	pending_count = change->member_count;
	if (pending_count)
		memcpy(pending, change->members, pending_count * sizeof(*pending));
	return __real_classifier_plan(c, generation, change, err, ret);
}

/* A member is told when it really comes or goes, and never twice. */
void take_told(const struct world *w)
{
	if (w->flipped == seen_flips)
		return;
	seen_flips = w->flipped;
	for (size_t i = 0; i < pending_count; i++) {
		struct member m = {.family = pending[i].family, .length = pending[i].length};

		memcpy(m.bytes, pending[i].bytes, sizeof(m.bytes));
		if (pending[i].add)
			assert_int_equal(member_set_add(&told[pending[i].set], &m), 1);
		else
			assert_true(member_set_remove(&told[pending[i].set], &m));
	}
	pending_count = 0;
}

void forget_told(void)
{
	for (size_t i = 0; i < STORE_SETS_MAX; i++)
		member_set_deinit(&told[i]);
	pending_count = seen_flips = 0;
}

void lease_start(struct world *w)
{
	forget_told();
	world_init(w, 10, NULL);
	take_told(w);
}

void lease_restart(struct world *w, struct world *ret)
{
	forget_told();
	world_reopen(ret, w);
	take_told(ret);
	world_move_disk(ret, w);
	world_deinit(w);
}

void lease_finish(struct world *w)
{
	while (store_busy(w->store)) {
		finish(w);
		take_told(w);
	}
	take_told(w);
}

void lease_commit(struct world *w, const char *text)
{
	struct answer a;

	submit(w, text, &a);
	lease_finish(w);
	assert_int_equal(a.kind, ERROR_NONE);
}

/* --- requests */

struct store_tx lease_tx(enum store_lease_kind kind, const char *set, const char *owner,
	const char *members, int64_t ttl)
{
	struct store_lease *lease = calloc(1, sizeof(*lease));
	char words[400], message[160];

	assert_non_null(lease);
	lease->kind = kind;
	lease->ttl = ttl;
	snprintf(lease->set, sizeof(lease->set), "%s", set);
	snprintf(lease->owner, sizeof(lease->owner), "%s", owner);
	snprintf(words, sizeof(words), "%s", members);
	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
		assert_int_equal(member_list_add_text(&lease->members, word, strlen(word), message), 0);
	return (struct store_tx){.kind = STORE_LEASES, .lease = lease, .comment = ""};
}

void lease_send(struct world *w, struct store_tx tx, struct answer *ret)
{
	submit_tx(w, &tx, ret);
	lease_finish(w);
}

void lease_hold(struct world *w, const char *set, const char *owner, const char *members, int64_t ttl,
	struct answer *ret)
{
	lease_send(w, lease_tx(STORE_HOLD, set, owner, members, ttl), ret);
}

bool kernel_has(struct world *w, const char *set, const char *member)
{
	struct member_list list = {0};
	char message[160];
	struct member m;
	uint8_t id;

	assert_non_null(store_set_find(w->store, set, &id));
	assert_int_equal(member_list_add_text(&list, member, strlen(member), message), 0);
	m = member_list_at(&list, 0);
	member_list_deinit(&list);
	return member_set_has(&told[id], &m);
}

void lease_ring(struct world *w)
{
	store_alarm(w->store);
	lease_finish(w);
}

void lease_forget_pending(void)
{
	pending_count = 0;
}
