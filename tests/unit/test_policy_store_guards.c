/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Bans: what they need, what they make, whom they may not cut off, and the right to no more than that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "lease_world.h"

static struct store_tx ban(const char *set, const char *members, bool bans_only)
{
	struct store_tx tx = lease_tx(STORE_HOLD, set, "uid:0", members, 60 * SECOND);

	tx.lease->ban = true;
	tx.lease->bans_only = bans_only;
	return tx;
}

static void test_bans(void **state)
{
	struct world w;
	struct answer a;

	(void)state;
	lease_start(&w);
	lease_send(&w, ban("other", "10.0.0.1", false), &a);
	assert_string_equal(a.reason, "NO_SET");
	lease_send(&w, ban("banned", "10.0.0.1", true), &a);
	assert_string_equal(a.reason, "NO_SET"); /* who may only ban makes no set */
	lease_send(&w, ban("banned", "10.0.0.1", false), &a);
	assert_int_equal(a.leases.added, 1);
	assert_int_equal(a.revision, 1);
	assert_non_null(strstr(a.lines, "+ policy banned block src @banned"));
	assert_true(kernel_has(&w, "banned", "10.0.0.1"));
	lease_send(&w, ban("banned", "10.0.0.2", false), &a);
	assert_int_equal(a.revision, 1);
	lease_commit(&w, "policy banned allow src @banned\nset other bannable max-ttl 1m\n");
	lease_send(&w, ban("banned", "10.0.0.3", false), &a);
	assert_string_equal(a.reason, "NOT_BLOCKED");
	lease_commit(&w, "policy o rate-limit 5pps src @other\n");
	lease_send(&w, ban("other", "10.0.0.0/8 10.1.0.0/24 2001:db8::/47", true), &a);
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
	lease_start(&w);
	lease_commit(&w, "set s bannable max-ttl 30s\nset plain\npolicy p block src @s\npolicy q block src @plain\n");
	lease_send(&w, ban("plain", "10.0.0.1", true), &a);
	assert_string_equal(a.reason, "NOT_BANNABLE");
	assert_int_equal(a.kind, ERROR_DENIED);
	lease_send(&w, ban("s", "10.0.0.1", true), &a); /* a minute */
	assert_string_equal(a.reason, "TTL_TOO_LONG");
	tx = ban("s", "10.0.0.1", true);
	tx.lease->ttl = 0;
	lease_send(&w, tx, &a);
	assert_string_equal(a.reason, "TTL_TOO_LONG");
	tx = ban("s", "10.0.0.1", true);
	tx.lease->ttl = 30 * SECOND;
	lease_send(&w, tx, &a);
	assert_int_equal(a.leases.added, 1);
	world_deinit(&w);
}

/* The bits of the sets that the change leaves to themselves. */
static uint64_t lost(struct world *w, struct store_tx tx)
{
	struct answer a;

	lease_send(w, tx, &a);
	assert_int_equal(a.kind, ERROR_NONE);
	return a.unguarded;
}

static uint64_t bit_of(const struct world *w, const char *set)
{
	uint8_t id;

	assert_non_null(store_set_find(w->store, set, &id));
	return 1ull << id;
}

/* By whatever change, a dry run's too; but of a set for bans, and of its last policy. */
static void test_a_lost_guard_is_told(void **state)
{
	static const struct {
		const char *text;
		bool lost;
	} rows[] = {
		{"policy banned block src @banned dport 80\n", false},
		{"policy second rate-limit 1pps src @banned\npolicy banned allow\n", false},
		{"policy second block src @banned shadow\n", true},
		{"policy second reject src @banned\n", false},
		{"policy second block dst @banned\n", true},
		{"policy second allow src @banned\n", false}, /* it was lost before */
		{"policy other block src @plain\n", false},
		{"policy other allow\n", false}, /* nobody is banned into that */
	};
	struct store_tx tx;
	struct world w;
	struct answer a;

	(void)state;
	lease_start(&w);
	lease_commit(&w, "set plain\n");
	lease_send(&w, ban("banned", "10.0.0.1", false), &a);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		tx = tx_of(rows[i].text, CHANGE_PUT_POLICY);
		tx.validate_only = true;
		assert_int_equal(lost(&w, tx), rows[i].lost ? bit_of(&w, "banned") : 0);
		tx = tx_of(rows[i].text, CHANGE_PUT_POLICY);
		assert_int_equal(lost(&w, tx), rows[i].lost ? bit_of(&w, "banned") : 0);
	}
	lease_hold(&w, "plain", "x", "10.0.0.1", SECOND, &a);
	lease_commit(&w, "policy other block src @plain\n");
	assert_int_equal(lost(&w, tx_of("policy other allow\n", CHANGE_PUT_POLICY)), bit_of(&w, "plain"));
	world_deinit(&w);
}

static void test_a_guard_lost_by_rollback_is_told(void **state)
{
	struct world w;
	struct answer a;

	(void)state;
	lease_start(&w);
	lease_send(&w, ban("banned", "10.0.0.1", false), &a);
	assert_int_equal(lost(&w, (struct store_tx){.kind = STORE_ROLLBACK, .target = 0}),
		bit_of(&w, "banned"));
	assert_int_equal(lost(&w, (struct store_tx){.kind = STORE_ROLLBACK, .target = 1}), 0);
	lease_send(&w, (struct store_tx){.kind = STORE_ROLLBACK, .target = 0}, &a);
	lease_send(&w, ban("banned", "10.0.0.2", false), &a);
	assert_string_equal(a.reason, "NOT_BLOCKED");
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
	lease_start(&w);
	lease_commit(&w, "set s\ninterface eth0\npolicy p block src @s\n");
	w.filters = "eth0";
	w.sessions = &session;
	w.session_count = 1;
	w.judge = next_blocks;
	lease_hold(&w, "s", "x", "10.0.0.0/24", SECOND, &a);
	assert_string_equal(a.reason, "LOCKOUT");
	assert_non_null(strstr(a.message, "10.0.0.9 port 40000"));
	assert_false(kernel_has(&w, "s", "10.0.0.0/24"));
	lease_forget_pending();
	tx = lease_tx(STORE_HOLD, "s", "x", "10.0.0.0/24", SECOND);
	tx.force = true;
	lease_send(&w, tx, &a);
	assert_int_equal(a.leases.added, 1);
	w.boottime = w.alarm;
	lease_ring(&w); /* an end in time is never refused */
	assert_false(kernel_has(&w, "s", "10.0.0.0/24"));
	world_deinit(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bans),
		cmocka_unit_test(test_limits_of_the_right_to_ban),
		cmocka_unit_test(test_a_lost_guard_is_told),
		cmocka_unit_test(test_a_guard_lost_by_rollback_is_told),
		cmocka_unit_test(test_a_ban_locks_nobody_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
