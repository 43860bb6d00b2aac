/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Random requests, restarts and failures beside a plain array of who holds what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "lease_world.h"
#include "random_policy.h"
#include "tests/lib/amount.h"

#define SETS 2u
#define OWNERS 3u
#define ADDRESSES 24u
#define TURNS 6000u

struct plain {
	bool own[SETS][ADDRESSES];
	bool there[SETS][OWNERS][ADDRESSES];
	int64_t expiry[SETS][OWNERS][ADDRESSES]; /* 0 = for ever */
};

static const char *const set_names[] = {"s0", "s1"}, *const owner_names[] = {"a", "b", "uid:7"};

static void plain_expire(struct plain *p, int64_t now)
{
	for (size_t i = 0; i < SETS * OWNERS * ADDRESSES; i++)
		if ((&p->there[0][0][0])[i] && (&p->expiry[0][0][0])[i] && (&p->expiry[0][0][0])[i] <= now)
			(&p->there[0][0][0])[i] = false;
}

static void plain_hold(struct plain *p, unsigned int set, unsigned int owner, unsigned int n, int64_t expiry)
{
	int64_t *old = &p->expiry[set][owner][n];

	if (!p->there[set][owner][n] || (*old && (!expiry || expiry > *old)))
		*old = expiry;
	p->there[set][owner][n] = true;
}

static void text_of(unsigned int n, char ret[static 40])
{
	if (n % 3 == 2)
		snprintf(ret, 40, "2001:db8::%x", n);
	else
		snprintf(ret, 40, n % 3 ? "10.%u.0.0/16" : "192.0.2.%u", n);
}

static struct store_tx random_leases(struct plain *p, const struct world *w)
{
	static const enum store_lease_kind kinds[] = {STORE_HOLD, STORE_HOLD, STORE_RELEASE, STORE_RECONCILE,
		STORE_RELEASE_ALL};
	unsigned int set = random_below(SETS), owner = random_below(OWNERS);
	enum store_lease_kind kind = kinds[random_below(ARRAY_SIZE(kinds))];
	int64_t ttl = random_below(3) * (int64_t)(1 + random_below(20)) * SECOND;
	struct store_tx tx = lease_tx(kind, set_names[set], owner_names[owner], "", ttl);
	bool named[ADDRESSES] = {0};
	char text[40], message[160];

	for (unsigned int i = random_below(6); kind != STORE_RELEASE_ALL && i; i--) {
		unsigned int n = random_below(ADDRESSES);

		named[n] = true;
		text_of(n, text);
		member_list_add_text(&tx.lease->members, text, strlen(text), message);
	}
	for (unsigned int n = 0; n < ADDRESSES; n++) {
		if (named[n] && (kind == STORE_HOLD || kind == STORE_RECONCILE))
			plain_hold(p, set, owner, n, ttl ? w->boottime + ttl : 0);
		else if (kind == STORE_RELEASE_ALL || named[n] == (kind == STORE_RELEASE))
			p->there[set][owner][n] &= kind == STORE_HOLD;
	}
	return tx;
}

static struct store_tx random_set(struct plain *p)
{
	unsigned int set = random_below(SETS);
	char text[2000];
	size_t at = (size_t)snprintf(text, sizeof(text), "set %s {", set_names[set]);

	for (unsigned int n = 0; n < ADDRESSES; n++) {
		char member[40];

		p->own[set][n] = !random_below(4);
		text_of(n, member);
		if (p->own[set][n])
			at += (size_t)snprintf(text + at, sizeof(text) - at, " %s", member);
	}
	snprintf(text + at, sizeof(text) - at, " }\n");
	return tx_of(text, CHANGE_PUT_SET);
}

static void compare(struct world *w, const struct plain *p)
{
	for (unsigned int set = 0; set < SETS; set++) {
		size_t count = 0;
		uint8_t id;

		for (unsigned int n = 0; n < ADDRESSES; n++) {
			bool has = p->own[set][n];
			char text[40];

			for (unsigned int owner = 0; owner < OWNERS; owner++) {
				count += p->there[set][owner][n];
				has |= p->there[set][owner][n];
			}
			text_of(n, text);
			assert_int_equal(kernel_has(w, set_names[set], text), has);
		}
		store_set_find(w->store, set_names[set], &id);
		assert_int_equal(store_lease_count(w->store, id), count);
	}
}

/* What the answer to a lease says must be what happened; the disk may refuse it. */
static void random_turn(struct world *w, struct plain *now)
{
	bool fails = !random_below(10), changes = !random_below(5);
	struct error err = ERROR_INIT;
	struct plain next = *now;
	struct store_tx tx = changes ? random_set(&next) : random_leases(&next, w);
	struct answer a;

	w->is_long = !random_below(30);
	submit_tx(w, &tx, &a);
	if (fails && store_busy(w->store)) {
		w->journal_count--;
		free((void *)(uintptr_t)w->journal[w->journal_count].payload);
		error_set(&err, ERROR_PRECONDITION, "NOT_DURABLE", "disk");
		store_persisted(w->store, &err);
		lease_forget_pending();
		next = *now;
	}
	lease_finish(w);
	*now = next;
}

static void test_random(void **state)
{
	static struct plain now;
	struct world w[2];
	unsigned int in = 0, turns = (unsigned int)amount(TURNS);

	(void)state;
	random_policy_seed(20261130);
	memset(&now, 0, sizeof(now));
	lease_start(&w[0]);
	lease_commit(&w[0], "set s0\nset s1\n");
	for (unsigned int turn = 0; turn < turns; turn++) {
		random_turn(&w[in], &now);
		if (!random_below(3)) {
			w[in].boottime += random_below(4) * SECOND;
			w[in].time += random_below(4) * SECOND;
			plain_expire(&now, w[in].boottime);
			lease_ring(&w[in]);
		}
		compare(&w[in], &now);
		if (random_below(20))
			continue;
		lease_restart(&w[in], &w[!in]);
		in = !in;
		compare(&w[in], &now);
	}
	world_deinit(&w[in]);
	forget_told();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
