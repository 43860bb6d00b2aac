/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Members that owners hold: what is answered, what the classifier is told, what survives, what ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "random_policy.h"
#include "store_world.h"

#define SECOND 1000000000ll

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
static void take_told(const struct world *w)
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

static void forget_told(void)
{
	for (size_t i = 0; i < STORE_SETS_MAX; i++)
		member_set_deinit(&told[i]);
	pending_count = seen_flips = 0;
}

static void start(struct world *w)
{
	forget_told();
	world_init(w, 10, NULL);
	take_told(w);
}

static void restart(struct world *w, struct world *ret)
{
	forget_told();
	world_reopen(ret, w);
	take_told(ret);
	world_move_disk(ret, w);
	world_deinit(w);
}

static void finish_all(struct world *w)
{
	while (store_busy(w->store)) {
		finish(w);
		take_told(w);
	}
	take_told(w);
}

static void commit(struct world *w, const char *text)
{
	struct answer a;

	submit(w, text, &a);
	finish_all(w);
	assert_int_equal(a.kind, ERROR_NONE);
}

/* --- requests */

static struct store_tx leases(enum store_lease_kind kind, const char *set, const char *owner,
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

static void send(struct world *w, struct store_tx tx, struct answer *ret)
{
	submit_tx(w, &tx, ret);
	finish_all(w);
}

static void hold(struct world *w, const char *set, const char *owner, const char *members, int64_t ttl,
	struct answer *ret)
{
	send(w, leases(STORE_HOLD, set, owner, members, ttl), ret);
}

static bool kernel_has(struct world *w, const char *set, const char *member)
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

static void ring(struct world *w)
{
	store_alarm(w->store);
	finish_all(w);
}

/* --- */

static void test_held_until_all_let_go(void **state)
{
	struct world w;
	struct answer a;
	uint8_t id;

	(void)state;
	start(&w);
	commit(&w, "set s { 10.0.0.1 }\n");
	hold(&w, "s", "x", "10.0.0.1 10.0.0.2 ::1 10.0.0.2", 0, &a);
	assert_int_equal(a.leases.added, 3);
	assert_int_equal(a.leases.unchanged, 1);
	assert_int_equal(a.revision, 1); /* no revision */
	assert_true(kernel_has(&w, "s", "10.0.0.2"));
	hold(&w, "s", "y", "10.0.0.2", 0, &a);
	assert_int_equal(a.leases.added, 1);
	send(&w, leases(STORE_RELEASE, "s", "x", "10.0.0.1 10.0.0.2 10.0.0.9", 0), &a);
	assert_int_equal(a.leases.released, 2);
	assert_int_equal(a.leases.missing, 1);
	assert_true(kernel_has(&w, "s", "10.0.0.2")); /* y's */
	assert_true(kernel_has(&w, "s", "10.0.0.1")); /* the ruleset's */
	commit(&w, "set s { }\n");
	assert_false(kernel_has(&w, "s", "10.0.0.1"));
	assert_true(kernel_has(&w, "s", "10.0.0.2"));
	store_set_find(w.store, "s", &id);
	assert_int_equal(member_set_count(store_set_members(w.store, id)), 0);
	assert_int_equal(store_lease_count(w.store, id), 2);
	send(&w, leases(STORE_RELEASE_ALL, "", "y", "", 0), &a);
	assert_int_equal(a.leases.released, 1);
	assert_false(kernel_has(&w, "s", "10.0.0.2"));
	world_deinit(&w);
}

static void test_never_shortened_silently(void **state)
{
	struct store_tx tx;
	struct world w;
	struct answer a;

	(void)state;
	start(&w);
	commit(&w, "set s\n");
	hold(&w, "s", "x", "10.0.0.1", 10 * SECOND, &a);
	hold(&w, "s", "x", "10.0.0.1 10.0.0.2", 5 * SECOND, &a);
	assert_int_equal(a.leases.unchanged, 1);
	assert_int_equal(a.leases.kept, 1);
	assert_int_equal(a.note.at, 0);
	assert_null(a.note.reason);
	hold(&w, "s", "x", "10.0.0.1", 20 * SECOND, &a);
	assert_int_equal(a.leases.refreshed, 1);
	tx = leases(STORE_HOLD, "s", "x", "10.0.0.1", 5 * SECOND);
	tx.lease->shorten = true;
	send(&w, tx, &a);
	assert_int_equal(a.leases.refreshed, 1);
	hold(&w, "s", "x", "10.0.0.1", 0, &a); /* for ever is later */
	assert_int_equal(a.leases.refreshed, 1);
	hold(&w, "s", "x", "10.0.0.1", 50 * SECOND, &a);
	assert_int_equal(a.leases.kept, 1);
	world_deinit(&w);
}

static void test_expires(void **state)
{
	struct world w;
	struct answer a;

	(void)state;
	start(&w);
	commit(&w, "set s { 10.0.0.3 }\n");
	hold(&w, "s", "x", "10.0.0.1 10.0.0.3", 10 * SECOND, &a);
	hold(&w, "s", "y", "10.0.0.1 10.0.0.2", 20 * SECOND, &a);
	assert_in_range(w.alarm, 10 * SECOND, 10 * SECOND + SECOND);
	w.boottime = w.alarm;
	ring(&w);
	assert_true(kernel_has(&w, "s", "10.0.0.1"));
	assert_true(kernel_has(&w, "s", "10.0.0.3"));
	assert_in_range(w.alarm, 20 * SECOND, 20 * SECOND + SECOND);
	w.boottime = w.alarm;
	ring(&w);
	assert_false(kernel_has(&w, "s", "10.0.0.1"));
	assert_false(kernel_has(&w, "s", "10.0.0.2"));
	assert_true(kernel_has(&w, "s", "10.0.0.3"));
	assert_int_equal(w.line_total, 2);
	assert_int_equal(w.expired, 2);
	assert_non_null(strstr(w.described, "- 10.0.0.2 of set s, held by y\n"));
	assert_int_equal(w.leased, 2);
	assert_int_equal(w.journal_count, 3); /* an end in time needs no record */
	world_deinit(&w);
}

static void test_reconciles(void **state)
{
	struct world w;
	struct answer a;

	(void)state;
	start(&w);
	commit(&w, "set s\n");
	hold(&w, "s", "x", "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5", 0, &a);
	hold(&w, "s", "y", "10.0.0.1", 0, &a);
	send(&w, leases(STORE_RECONCILE, "s", "x", "10.0.0.3 10.0.0.9", 0), &a);
	assert_int_equal(a.leases.released, 4);
	assert_int_equal(a.leases.added, 1);
	assert_int_equal(a.leases.unchanged, 1);
	assert_true(kernel_has(&w, "s", "10.0.0.1"));
	assert_false(kernel_has(&w, "s", "10.0.0.2"));
	assert_true(kernel_has(&w, "s", "10.0.0.9"));
	send(&w, leases(STORE_RECONCILE, "s", "x", "", 0), &a);
	assert_int_equal(a.leases.released, 2);
	world_deinit(&w);
}

/* --- a ban */

static struct store_tx ban(const char *set, const char *members, bool bans_only)
{
	struct store_tx tx = leases(STORE_HOLD, set, "uid:0", members, 60 * SECOND);

	tx.lease->ban = true;
	tx.lease->bans_only = bans_only;
	return tx;
}

static void test_bans(void **state)
{
	struct world w;
	struct answer a;

	(void)state;
	start(&w);
	send(&w, ban("other", "10.0.0.1", false), &a);
	assert_string_equal(a.reason, "NO_SET");
	send(&w, ban("banned", "10.0.0.1", true), &a);
	assert_string_equal(a.reason, "NO_SET"); /* who may only ban makes no set */
	send(&w, ban("banned", "10.0.0.1", false), &a);
	assert_int_equal(a.leases.added, 1);
	assert_int_equal(a.revision, 1);
	assert_non_null(strstr(a.lines, "+ policy banned block src @banned"));
	assert_true(kernel_has(&w, "banned", "10.0.0.1"));
	send(&w, ban("banned", "10.0.0.2", false), &a);
	assert_int_equal(a.revision, 1);
	commit(&w, "policy banned allow src @banned\nset other bannable max-ttl 1m\n");
	send(&w, ban("banned", "10.0.0.3", false), &a);
	assert_string_equal(a.reason, "NOT_BLOCKED");
	commit(&w, "policy o rate-limit 5pps src @other\n");
	send(&w, ban("other", "10.0.0.0/8 10.1.0.0/24 2001:db8::/47", true), &a);
	assert_int_equal(a.leases.added, 1);
	assert_int_equal(a.leases.rejected, 2);
	assert_non_null(a.note.reason);
	world_deinit(&w);
}

static void test_limits_of_the_right_to_ban(void **state)
{
	struct store_tx tx;
	struct world w;
	struct answer a;

	(void)state;
	start(&w);
	commit(&w, "set s bannable max-ttl 30s\nset plain\npolicy p block src @s\npolicy q block src @plain\n");
	send(&w, ban("plain", "10.0.0.1", true), &a);
	assert_string_equal(a.reason, "NOT_BANNABLE");
	assert_int_equal(a.kind, ERROR_DENIED);
	send(&w, ban("s", "10.0.0.1", true), &a); /* a minute */
	assert_string_equal(a.reason, "TTL_TOO_LONG");
	tx = ban("s", "10.0.0.1", true);
	tx.lease->ttl = 0;
	send(&w, tx, &a);
	assert_string_equal(a.reason, "TTL_TOO_LONG");
	tx = ban("s", "10.0.0.1", true);
	tx.lease->ttl = 30 * SECOND;
	send(&w, tx, &a);
	assert_int_equal(a.leases.added, 1);
	world_deinit(&w);
}

static struct store_verdict next_blocks(const struct flow *flow, const char *iface, bool next)
{
	(void)flow;
	(void)iface;
	return next ? (struct store_verdict){POLICY_BLOCK, false, false, "p"} :
		      (struct store_verdict){.passes = true};
}

static void test_a_ban_locks_nobody_out(void **state)
{
	static const struct session session = {.flow = {.family = 4, .src = {10, 0, 0, 9}, .dst = {10, 0, 0, 1},
		.proto = 6, .sport = 40000, .dport = 22}};
	struct store_tx tx;
	struct world w;
	struct answer a;

	(void)state;
	start(&w);
	commit(&w, "set s\ninterface eth0\npolicy p block src @s\n");
	w.filters = "eth0";
	w.sessions = &session;
	w.session_count = 1;
	w.judge = next_blocks;
	hold(&w, "s", "x", "10.0.0.0/24", SECOND, &a);
	assert_string_equal(a.reason, "LOCKOUT");
	assert_non_null(strstr(a.message, "10.0.0.9 port 40000"));
	assert_false(kernel_has(&w, "s", "10.0.0.0/24"));
	pending_count = 0;
	tx = leases(STORE_HOLD, "s", "x", "10.0.0.0/24", SECOND);
	tx.force = true;
	send(&w, tx, &a);
	assert_int_equal(a.leases.added, 1);
	w.boottime = w.alarm;
	ring(&w); /* an end in time is never refused */
	assert_false(kernel_has(&w, "s", "10.0.0.0/24"));
	world_deinit(&w);
}

/* --- beside the ruleset */

static void test_ruleset_leaves_leases_alone(void **state)
{
	struct store_tx tx;
	struct world w;
	struct answer a;

	(void)state;
	start(&w);
	commit(&w, "policy a block src 10.9.0.1\n");
	commit(&w, "set s { 10.0.0.1 }\npolicy p block src @s\n");
	hold(&w, "s", "x", "10.0.0.2", 0, &a);
	tx = tx_of("set s { 10.0.0.1 }\n", CHANGE_DELETE_SET);
	tx.changes.items[0].kind = CHANGE_DELETE_SET;
	send(&w, tx, &a);
	assert_string_equal(a.reason, "SET_HAS_LEASES");
	tx = tx_of("policy b block src 10.9.0.2\n", CHANGE_PUT_POLICY);
	tx.mode = STORE_REPLACE_ALL;
	send(&w, tx, &a);
	assert_false(kernel_has(&w, "s", "10.0.0.1"));
	assert_true(kernel_has(&w, "s", "10.0.0.2"));
	tx = tx_of("policy b block src 10.9.0.2\n", CHANGE_PUT_POLICY);
	tx.mode = STORE_REPLACE_ALL;
	send(&w, tx, &a);
	assert_int_equal(a.revision, 3); /* the same file changes nothing */
	send(&w, (struct store_tx){.kind = STORE_ROLLBACK, .target = 1, .comment = ""}, &a);
	assert_true(kernel_has(&w, "s", "10.0.0.2"));
	send(&w, (struct store_tx){.kind = STORE_ROLLBACK, .target = 2, .comment = ""}, &a);
	assert_true(kernel_has(&w, "s", "10.0.0.1"));
	send(&w, leases(STORE_RELEASE_ALL, "s", "x", "", 0), &a);
	tx = tx_of("policy b block src 10.9.0.2\n", CHANGE_PUT_POLICY);
	tx.mode = STORE_REPLACE_ALL;
	send(&w, tx, &a);
	assert_null(store_set_find(w.store, "s", NULL));
	world_deinit(&w);
}

static void test_count_to_the_limit(void **state)
{
	struct world w;
	struct answer a;
	uint8_t id;

	(void)state;
	start(&w);
	commit(&w, "set s\n");
	hold(&w, "s", "x", "10.0.0.0-10.0.19.136", 0, &a); /* as prefixes these are few */
	assert_int_equal(a.kind, ERROR_NONE);
	for (unsigned int i = 0; i < 70; i++) {
		char owner[16];

		snprintf(owner, sizeof(owner), "o%u", i);
		hold(&w, "s", owner, "192.0.2.1", 0, &a);
		assert_int_equal(a.leases.added, i < STORE_HOLDERS_MAX);
		assert_int_equal(a.leases.rejected, i >= STORE_HOLDERS_MAX);
	}
	store_set_find(w.store, "s", &id);
	assert_true(store_lease_count(w.store, id) > STORE_HOLDERS_MAX);
	world_deinit(&w);
}

/* --- failures and restarts */

static void test_disk_refuses(void **state)
{
	struct error err = ERROR_INIT;
	struct store_tx tx;
	struct world w;
	struct answer a;
	uint8_t id;

	(void)state;
	start(&w);
	commit(&w, "set s\n");
	hold(&w, "s", "x", "10.0.0.1 10.0.0.2", 5 * SECOND, &a);
	tx = leases(STORE_RECONCILE, "s", "x", "10.0.0.2 10.0.0.3", 9 * SECOND);
	submit_tx(&w, &tx, &a);
	error_set(&err, ERROR_PRECONDITION, "NOT_DURABLE", "disk");
	store_persisted(w.store, &err);
	assert_string_equal(a.reason, "NOT_DURABLE");
	store_set_find(w.store, "s", &id);
	assert_int_equal(store_lease_count(w.store, id), 2);
	hold(&w, "s", "x", "10.0.0.1 10.0.0.2", 5 * SECOND, &a);
	assert_int_equal(a.leases.unchanged, 2);
	assert_true(kernel_has(&w, "s", "10.0.0.1"));
	assert_false(kernel_has(&w, "s", "10.0.0.3"));
	world_deinit(&w);
}

/* Its end comes while a dry run makes it longer, which is then taken back. */
static void test_ends_after_a_dry_run(void **state)
{
	struct store_tx tx;
	struct world w;
	struct answer a;

	(void)state;
	start(&w);
	commit(&w, "set s\n");
	hold(&w, "s", "x", "10.0.0.1", 5 * SECOND, &a);
	w.alarm = 0;
	tx = leases(STORE_HOLD, "s", "x", "10.0.0.1", 9 * SECOND);
	tx.validate_only = true;
	send(&w, tx, &a);
	assert_in_range(w.alarm, 5 * SECOND, 6 * SECOND);
	world_deinit(&w);
}

/* What cannot end now is tried again in a second, not at once. */
static void test_end_that_fails(void **state)
{
	struct error err = ERROR_INIT;
	struct world w;
	struct answer a;

	(void)state;
	start(&w);
	commit(&w, "set s\npolicy p block src 10.9.0.1 ttl 5s\n");
	hold(&w, "s", "x", "10.0.0.1", 5 * SECOND, &a);
	w.boottime = 7 * SECOND;
	store_alarm(w.store);
	world_answer(&w, NULL); /* that of a lease needs no disk, and waits for no policy */
	take_told(&w);
	world_answer(&w, NULL);
	assert_false(kernel_has(&w, "s", "10.0.0.1"));
	error_set(&err, ERROR_PRECONDITION, "NOT_DURABLE", "disk");
	store_persisted(w.store, &err);
	assert_non_null(store_policy_find(w.store, "p"));
	assert_int_equal(w.alarm, 7 * SECOND + STORE_AGAIN);
	store_alarm(w.store); /* for another reason */
	assert_false(store_busy(w.store));
	w.boottime = w.alarm;
	ring(&w);
	assert_null(store_policy_find(w.store, "p"));
	world_deinit(&w);
}

static void test_survives(void **state)
{
	struct world w, again;
	struct answer a;

	(void)state;
	start(&w);
	commit(&w, "set s { 10.0.0.9 }\n");
	hold(&w, "s", "x", "10.0.0.1", 10 * SECOND, &a);
	hold(&w, "s", "x", "10.0.0.2", 0, &a);
	w.is_long = true; /* the rest is in the journal */
	hold(&w, "s", "y", "10.0.0.3 10.0.0.4", 20 * SECOND, &a);
	assert_int_equal(w.rewritten, 1);
	send(&w, leases(STORE_RELEASE, "s", "y", "10.0.0.4", 0), &a);
	restart(&w, &again);
	assert_true(kernel_has(&again, "s", "10.0.0.1"));
	assert_true(kernel_has(&again, "s", "10.0.0.9"));
	assert_false(kernel_has(&again, "s", "10.0.0.4"));
	assert_in_range(again.alarm, 10 * SECOND, 11 * SECOND);
	again.boottime = 15 * SECOND; /* meanwhile the daemon is down */
	again.time = 5000 + 15 * SECOND;
	restart(&again, &w);
	assert_false(kernel_has(&w, "s", "10.0.0.1"));
	assert_true(kernel_has(&w, "s", "10.0.0.2"));
	assert_true(kernel_has(&w, "s", "10.0.0.3"));
	w.boot_id = "second"; /* a second later by the wall, whatever the clock of the new boot says */
	w.boottime = 77 * SECOND;
	w.time = 5000 + 16 * SECOND;
	restart(&w, &again);
	assert_true(kernel_has(&again, "s", "10.0.0.3"));
	assert_in_range(again.alarm, (77 + 4) * SECOND, (77 + 5) * SECOND);
	world_deinit(&again);
	forget_told();
}

/* --- random requests, restarts and failures beside a plain array */

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
	struct store_tx tx = leases(kind, set_names[set], owner_names[owner], "", ttl);
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
		pending_count = 0;
		next = *now;
	}
	finish_all(w);
	*now = next;
}

static void test_random(void **state)
{
	static struct plain now;
	struct world w[2];
	unsigned int in = 0;

	(void)state;
	random_policy_seed(20261130);
	memset(&now, 0, sizeof(now));
	start(&w[0]);
	commit(&w[0], "set s0\nset s1\n");
	for (unsigned int turn = 0; turn < TURNS; turn++) {
		random_turn(&w[in], &now);
		if (!random_below(3)) {
			w[in].boottime += random_below(4) * SECOND;
			w[in].time += random_below(4) * SECOND;
			plain_expire(&now, w[in].boottime);
			ring(&w[in]);
		}
		compare(&w[in], &now);
		if (random_below(20))
			continue;
		restart(&w[in], &w[!in]);
		in = !in;
		compare(&w[in], &now);
	}
	world_deinit(&w[in]);
	forget_told();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_held_until_all_let_go),
		cmocka_unit_test(test_never_shortened_silently),
		cmocka_unit_test(test_expires),
		cmocka_unit_test(test_reconciles),
		cmocka_unit_test(test_bans),
		cmocka_unit_test(test_a_ban_locks_nobody_out),
		cmocka_unit_test(test_limits_of_the_right_to_ban),
		cmocka_unit_test(test_ruleset_leaves_leases_alone),
		cmocka_unit_test(test_count_to_the_limit),
		cmocka_unit_test(test_disk_refuses),
		cmocka_unit_test(test_ends_after_a_dry_run),
		cmocka_unit_test(test_end_that_fails),
		cmocka_unit_test(test_survives),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
