/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The lock-out check: what is asked about, what is refused, and with which words. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>

#include "protect_world.h"

static const struct store_verdict passes = {.passes = true};

/* --- rulesets */

static struct store_verdict new_blocks(const struct flow *flow, const char *iface, bool next)
{
	(void)flow;
	(void)iface;
	return next ? (struct store_verdict){POLICY_BLOCK, false, false, "p"} : passes;
}

static struct store_verdict both_block(const struct flow *flow, const char *iface, bool next)
{
	(void)next;
	return new_blocks(flow, iface, true);
}

static struct store_verdict new_rejects_new_ones(
	const struct flow *flow, const char *iface, bool next)
{
	(void)iface;
	return next && flow->tcp_flags == TH_SYN && flow->sport == 40000
		       ? (struct store_verdict){POLICY_REJECT, false, false, "p"}
		       : passes;
}

static struct store_verdict default_decides(const struct flow *flow, const char *iface, bool next)
{
	(void)flow;
	(void)iface;
	(void)next;
	return (struct store_verdict){.passes = true, .by_default = true}; /* as far as it knows */
}

static struct store_verdict bucket_fills_up(const struct flow *flow, const char *iface, bool next)
{
	(void)flow;
	(void)iface;
	return (struct store_verdict){POLICY_RATE_LIMIT, !next, false, "p"};
}

static struct store_verdict udp_goes(const struct flow *flow, const char *iface, bool next)
{
	(void)iface;
	return next && flow->proto == IPPROTO_UDP
		       ? (struct store_verdict){POLICY_REDIRECT, false, false, "p"}
		       : passes;
}

static void test_what_cuts_off_is_refused_with_flow_and_policy(void **state)
{
	struct world *w = *state;
	struct answer a;

	w->judge = new_blocks;
	submit(w, "setting capture 5\npolicy p block\n", &a);
	protect_refused(w, &a, "LOCKOUT");
	assert_string_equal(a.message, "policy p would drop on eth0 the established connection "
				       "from 10.0.0.9 port 40000 to "
				       "10.0.0.1 port 22 (and 1 more); nothing was changed: let it "
				       "pass by a policy, or force "
				       "the change (--force)");
	assert_string_equal(a.field, "operations[1].put_policy");
	assert_int_equal(a.violations, 1);
	assert_int_equal(w->port_count, 1);
	assert_int_equal(w->ports[0], 22);
	w->judge = new_rejects_new_ones;
	submit(w, "policy p block\n", &a);
	protect_refused(w, &a, "LOCKOUT");
	assert_non_null(
		strstr(a.message, "policy p would reject on eth0 a new connection like the "
				  "established one from 10.0.0.9 port 40000 to 10.0.0.1 port 22;"));
	w->judge = NULL;
	submit(w, "policy p block\n", &a);
	protect_committed(w, &a);
}

static void test_what_is_forced_or_cut_off_already_is_not(void **state)
{
	struct world *w = *state;
	struct store_tx tx = tx_of("policy p block\n", CHANGE_PUT_POLICY);
	struct answer a;

	w->judge = new_blocks;
	tx.force = true;
	submit_tx(w, &tx, &a);
	protect_committed(w, &a);
	assert_int_equal(w->judged + w->listed, 0);
	protect_again(w);
	w->judge = both_block;
	submit(w, "policy p block\n", &a);
	protect_committed(w, &a);
	assert_int_equal(w->judged, 2 * 2 * 2);
	protect_again(w);
	w->judge = bucket_fills_up;
	submit(w, "policy p rate-limit 1pps\n", &a);
	protect_committed(w, &a);
}

static void test_a_dry_run_is_told_too(void **state)
{
	struct world *w = *state;
	struct store_tx tx = tx_of("policy p block\n", CHANGE_PUT_POLICY);
	struct answer a;

	w->judge = new_blocks;
	tx.validate_only = true;
	submit_tx(w, &tx, &a);
	protect_refused(w, &a, "LOCKOUT");
	tx = tx_of("policy p block\n", CHANGE_PUT_POLICY);
	tx.validate_only = tx.force = true;
	submit_tx(w, &tx, &a);
	assert_true(a.done);
	assert_int_equal(a.kind, ERROR_NONE);
}

static void test_defaults_and_interfaces_to_come(void **state)
{
	struct world *w = *state;
	struct answer a;

	w->judge = default_decides;
	submit(w, "default block iface eth1\n", &a);
	protect_committed(w, &a);
	protect_again(w);
	w->judge = default_decides;
	submit(w, "setting capture 5\ndefault block iface eth0\n", &a);
	protect_refused(w, &a, "LOCKOUT");
	assert_string_equal(a.field, "operations[1].default_action");
	assert_non_null(strstr(a.message, "the default action would drop on eth0 the established"));
	submit(w, "default block\n", &a);
	protect_refused(w, &a, "LOCKOUT");
	submit(w, "default block\ndefault allow iface eth0\ninterface eth1\n", &a);
	protect_refused(w, &a, "LOCKOUT");
	assert_non_null(strstr(a.message, "would drop on eth1"));
	w->judge = both_block; /* and yet nothing is filtered there */
	submit(w, "interface eth1\n", &a);
	protect_refused(w, &a, "LOCKOUT");
	assert_string_equal(a.field, "operations[0].attach");
	submit(w, "interface none\n", &a);
	protect_committed(w, &a);
}

static void test_what_is_put_back_is_asked_about(void **state)
{
	struct world *w = *state;
	struct store_tx tx = tx_of("interface eth0\n", CHANGE_PUT_POLICY);
	struct answer a;

	w->judge = both_block;
	submit_tx(w, &tx, &a);
	assert_int_equal(a.kind, ERROR_NONE); /* it is in place */
	w->filters = NULL;
	submit(w, "interface eth0\n", &a);
	protect_refused(w, &a, "LOCKOUT");
	submit(w, "interface eth0\npolicy p allow dport 9\n", &a); /* nor beside another change */
	protect_refused(w, &a, "LOCKOUT");
	tx = tx_of("interface eth0\n", CHANGE_PUT_POLICY);
	tx.force = true;
	submit_tx(w, &tx, &a);
	assert_int_equal(a.kind, ERROR_NONE);
}

static void test_what_a_pattern_finds_is_asked_about(void **state)
{
	struct world *w = *state;
	struct answer a;

	w->judge = both_block;
	submit(w, "interface veth*\n", &a);
	protect_refused(w, &a, "LOCKOUT");
	assert_non_null(strstr(a.message, "on veth1"));
	assert_string_equal(a.field, "operations[0].attach");
	submit(w, "interface wlan*\n", &a);
	protect_committed(w, &a);
}

static void test_listed_flows(void **state)
{
	struct world *w = *state;
	static const struct flow flow = {.family = 4,
		.src = {10, 0, 0, 9},
		.dst = {10, 0, 0, 1},
		.proto = IPPROTO_UDP,
		.sport = 5,
		.dport = 53};
	struct store_tx tx = tx_of("policy p block\n", CHANGE_PUT_POLICY);
	struct answer a;

	w->judge = udp_goes;
	tx.protect = calloc(1, sizeof(flow));
	*tx.protect = flow;
	tx.protect_count = 1;
	submit_tx(w, &tx, &a);
	protect_refused(w, &a, "LOCKOUT");
	assert_non_null(
		strstr(a.message, "policy p would redirect on eth0 protect[0]: a packet from "
				  "10.0.0.9 port 5 to 10.0.0.1 port 53;"));
	submit(w, "policy p block\n", &a);
	protect_committed(w, &a);
}

/* A change does not take away the protection from itself; the next one may do without. */
static void test_ports(void **state)
{
	struct world *w = *state;
	struct answer a;

	w->judge = new_blocks;
	submit(w, "setting protect-ports none\npolicy p block\n", &a);
	protect_refused(w, &a, "LOCKOUT");
	submit(w, "setting protect-ports 1,2\npolicy p block\n", &a);
	assert_int_equal(w->port_count, 3);
	w->judge = NULL;
	submit(w, "setting protect-ports none\n", &a);
	protect_committed(w, &a);
	w->judge = new_blocks;
	w->listed = 0;
	submit(w, "policy p block\n", &a);
	finish(w);
	assert_int_equal(a.revision, 3);
	assert_int_equal(w->listed, 0);
}

/* Nor are connections listed for what cannot be about them; for what was or will be, they are. */
static void test_other_ports(void **state)
{
	static const struct {
		const char *text;
		bool listed;
	} rows[] = {
		{"policy a block dport 80\n", false},
		{"policy b block proto udp\n", false},
		{"policy a block dport 23-65535\npolicy c block dport 0-21\n", false},
		{"policy c block dport 21-22\n", true},
		{"policy c block dport 80 proto tcp\n", true}, /* it was about 22 */
		{"policy c block dport 443 proto tcp\n", false},
		{"set s { 10.9.9.9 }\npolicy d block src @s dport 80\n", true},
		{"setting capture 1\n", true},
		{"policy e block src 10.9.9.9\n", true},
		{"policy e block src 10.9.9.9 proto 6\n", true},
		{"policy f block vlan 5\n", true},
		{"policy f block vlan 6 dport 80\n", true},
		{"policy f block vlan 7 dport 80\n", false},
	};
	struct world *w = *state;
	struct answer a;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		w->listed = 0;
		submit(w, rows[i].text, &a);
		finish(w);
		assert_int_equal(a.revision, i + 2);
		assert_int_equal(w->listed, rows[i].listed);
	}
}

static void test_what_cannot_be_asked_is_refused(void **state)
{
	struct world *w = *state;
	struct answer a;

	w->refuse_sessions = -ENOENT;
	submit(w, "policy p block\n", &a);
	protect_refused(w, &a, "NO_SOCK_DIAG");
	w->refuse_sessions = 0;
	w->refuse_judge = true;
	submit(w, "policy p block\n", &a);
	protect_refused(w, &a, "KERNEL_REFUSED");
}

static void test_too_many_are_said(void **state)
{
	struct world *w = *state;
	static struct session many[STORE_SESSIONS_MAX + 1];
	struct answer a;

	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = protect_sessions[0];
	w->sessions = many;
	w->session_count = ARRAY_SIZE(many);
	submit(w, "policy p block\n", &a);
	protect_committed(w, &a);
	assert_true(a.protect_cut);
	assert_int_equal(w->judged, 2 * STORE_SESSIONS_MAX);
}

/* One that a pattern has found and could not attach may be attached at any time. */
static void test_what_is_off_is_asked_about(void **state)
{
	struct world *w = *state;
	struct answer a;

	submit(w, "interface eth*\n", &a);
	protect_committed(w, &a);
	w->filters = NULL;
	w->judge = new_blocks;
	submit(w, "policy p block\n", &a);
	assert_string_equal(a.reason, "LOCKOUT");
	assert_non_null(strstr(a.message, "on eth0"));
	w->filters = "eth0";
	w->sessions = NULL;
	w->session_count = 0;
	submit(w, "policy p block\n", &a);
	finish(w);
	assert_int_equal(a.revision, 3);
}

static void test_a_late_one_did_not_happen(void **state)
{
	struct store_tx tx = tx_of("policy p block\n", CHANGE_PUT_POLICY);
	struct world *w = *state;
	struct answer a;

	w->asking_takes = 500;
	tx.deadline = 1400; /* a world begins at 1000 */
	submit_tx(w, &tx, &a);
	assert_int_equal(a.kind, ERROR_DEADLINE);
	assert_int_equal(store_revision(w->store), 1);
	assert_int_equal(w->prepared, w->flipped + w->aborted);
	tx = tx_of("policy p block\n", CHANGE_PUT_POLICY);
	tx.deadline = 5000;
	submit_tx(w, &tx, &a);
	protect_committed(w, &a);
}

/* What another client forces, in the same batch, opens no way for who puts an interface back. */
static void test_force_is_of_one_only(void **state)
{
	struct store_tx forced = tx_of("policy f allow\n", CHANGE_PUT_POLICY);
	struct world *w = *state;
	struct answer first, a, b;

	submit(w, "setting capture 1\n", &first); /* on its way to the disk */
	w->judge = both_block;
	w->filters = NULL;
	forced.force = true;
	submit(w, "interface eth0\n", &a);
	submit_tx(w, &forced, &b);
	finish(w);
	assert_string_equal(a.reason, "LOCKOUT");
	finish(w);
	assert_int_equal(b.kind, ERROR_NONE);
}

/* Those that wait are committed together; the one at fault is refused alone. */
static void test_of_several_one_is_at_fault(void **state)
{
	struct world *w = *state;
	struct store_tx forced = tx_of("policy f allow\n", CHANGE_PUT_POLICY);
	struct answer first, a, b;

	submit(w, "setting capture 1\n", &first); /* on its way to the disk */
	w->judge = new_blocks;
	forced.force = true;
	submit(w, "policy p block\n", &a);
	submit_tx(w, &forced, &b);
	finish(w);
	assert_string_equal(a.reason, "LOCKOUT");
	assert_string_equal(a.field, "operations[0].put_policy");
	assert_false(b.done);
	finish(w);
	assert_int_equal(b.revision, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, protect_setup, protect_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_cuts_off_is_refused_with_flow_and_policy),
		TEST(test_what_is_forced_or_cut_off_already_is_not),
		TEST(test_a_dry_run_is_told_too),
		TEST(test_defaults_and_interfaces_to_come),
		TEST(test_what_is_put_back_is_asked_about),
		TEST(test_what_a_pattern_finds_is_asked_about),
		TEST(test_listed_flows),
		TEST(test_other_ports),
		TEST(test_ports),
		TEST(test_what_cannot_be_asked_is_refused),
		TEST(test_too_many_are_said),
		TEST(test_what_is_off_is_asked_about),
		TEST(test_a_late_one_did_not_happen),
		TEST(test_force_is_of_one_only),
		TEST(test_of_several_one_is_at_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
