/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The lock-out check of connections and flows that come in VLANs. */
#include <netinet/tcp.h>

#include "protect_world.h"

static const struct store_verdict passes = {.passes = true};

/* VLAN 5, whatever is behind its tag. */
static struct store_verdict vlan_5_goes(const struct flow *flow, const char *iface, bool next)
{
	(void)iface;
	return next && flow->has_vlan && flow->vlan == 5
		       ? (struct store_verdict){POLICY_BLOCK, false, false, "p"}
		       : passes;
}

static struct store_verdict inner_7_goes(const struct flow *flow, const char *iface, bool next)
{
	return flow->has_inner && flow->inner == 7 && flow->tcp_flags == TH_SYN
		       ? vlan_5_goes(flow, iface, next)
		       : passes;
}

static void vlans(struct world *w, const struct session *sessions, const struct way *ways, size_t count)
{
	w->sessions = sessions;
	w->session_count = 2;
	w->ways = ways;
	w->way_count = count;
	w->judge = vlan_5_goes;
}

/* As long as the interface is the one that it comes by so, and the connection is counted once. */
static void test_connections_in_vlans(void **state)
{
	static const struct way ways[] = {{"eth1", {5}, 1}, {"eth0", {6}, 1}, {"eth0", {5, 7}, 2}};
	struct world *w = *state;
	struct session sessions[2] = {protect_sessions[0], protect_sessions[2]};
	struct answer a;

	vlans(w, sessions, ways, ARRAY_SIZE(ways)); /* of which no connection has one */
	submit(w, "policy p block vlan 5\n", &a);
	protect_committed(w, &a);
	protect_again(w);
	vlans(w, sessions, ways, ARRAY_SIZE(ways));
	sessions[1].way_count = 3;
	submit(w, "policy p block vlan 5\n", &a);
	protect_refused(w, &a, "LOCKOUT");
	assert_non_null(strstr(a.message, "policy p would drop on eth0 the established connection from "
					  "10.0.0.9 port 40001 to 10.0.0.1 port 22 in VLAN 7 inside "
					  "VLAN 5; nothing"));
	w->judge = inner_7_goes;
	submit(w, "policy p block vlan 5\n", &a);
	assert_non_null(strstr(a.message, "a new connection like the established one from 10.0.0.9 port "
					  "40001 to 10.0.0.1 port 22 in VLAN 7 inside VLAN 5;"));
	sessions[1].way_count = 2;
	w->judge = vlan_5_goes;
	submit(w, "policy p block vlan 5\n", &a);
	protect_committed(w, &a);
	assert_int_equal(w->named, 1);
}

static void test_listed_flows_in_vlans(void **state)
{
	struct store_tx tx = tx_of("policy p block vlan 5\n", CHANGE_PUT_POLICY);
	struct world *w = *state;
	struct answer a;

	w->judge = vlan_5_goes;
	tx.protect = calloc(1, sizeof(*tx.protect));
	assert_non_null(tx.protect);
	*tx.protect = protect_sessions[0].flow;
	tx.protect->has_vlan = true;
	tx.protect->vlan = 5;
	tx.protect_count = 1;
	submit_tx(w, &tx, &a);
	protect_refused(w, &a, "LOCKOUT");
	assert_non_null(strstr(a.message, "a packet from 10.0.0.9 port 40000 to 10.0.0.1 port 22 in VLAN 5;"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, protect_setup, protect_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_connections_in_vlans),
		TEST(test_listed_flows_in_vlans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
