/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The same: which packets a field matches. */
#include "oracle_world.h"

static void test_prefixes_match_their_family_and_bits(void **state)
{
	struct oracle_world *w = *state;

	oracle_add(w, "all4 block src 0.0.0.0/0");
	oracle_add(w, "all6 block src ::/0");
	oracle_add(w, "odd block src 192.168.1.128/25");
	oracle_receive(w, "192.168.1.127", "1.1.1.1", 47, 0, 0);
	assert_string_equal(oracle_decider(w), "all4");
	oracle_receive(w, "192.168.1.128", "1.1.1.1", 47, 0, 0);
	assert_string_equal(oracle_decider(w), "odd");
	oracle_receive(w, "c0a8:180::", "::", 47, 0, 0);
	assert_string_equal(oracle_decider(w), "all6");
}

static void test_ports_mean_protocols_with_ports(void **state)
{
	static const uint8_t with[] = {6, 17, 136, 132, 33}, without[] = {1, 47, 50, 0, 255};
	struct oracle_world *w = *state;

	oracle_add(w, "web block dport 80-90");
	for (size_t i = 0; i < 5; i++) {
		oracle_receive(w, "10.0.0.1", "10.0.0.2", with[i], 5, 80);
		assert_string_equal(oracle_decider(w), "web");
		w->packet.dport = 90;
		assert_string_equal(oracle_decider(w), "web");
		w->packet.dport = 91;
		assert_string_equal(oracle_decider(w), "allow");
		w->packet.dport = 79;
		assert_string_equal(oracle_decider(w), "allow");
		oracle_receive(w, "10.0.0.1", "10.0.0.2", without[i], 5, 80);
		w->packet.has_ports = true;
		assert_string_equal(oracle_decider(w), "allow");
	}
	oracle_receive(w, "10.0.0.1", "10.0.0.2", 6, 80, 5);
	assert_string_equal(oracle_decider(w), "allow");
	w->packet.dport = 80;
	w->packet.has_ports = false;
	assert_string_equal(oracle_decider(w), "allow");
}

static void test_any_port_needs_no_ports(void **state)
{
	struct oracle_world *w = *state;

	oracle_add(w, "all block dport 0-65535");
	oracle_receive(w, "10.0.0.1", "10.0.0.2", 1, 0, 0);
	assert_string_equal(oracle_decider(w), "all");
	oracle_receive(w, "10.0.0.1", "10.0.0.2", 6, 0, 0);
	w->packet.has_ports = false;
	assert_string_equal(oracle_decider(w), "all");
}

static void test_icmp(void **state)
{
	struct oracle_world *w = *state;

	oracle_add(w, "unreachable block proto icmp icmp-type 3");
	oracle_add(w, "needed block proto icmp icmp-type 3/4 priority 5");
	oracle_receive(w, "10.0.0.1", "10.0.0.2", 1, 0, 0);
	w->packet.icmp_type = 3;
	assert_string_equal(oracle_decider(w), "allow");
	w->packet.has_icmp = true;
	assert_string_equal(oracle_decider(w), "unreachable");
	w->packet.icmp_code = 4;
	assert_string_equal(oracle_decider(w), "needed");
	w->packet.icmp_type = 8;
	assert_string_equal(oracle_decider(w), "allow");
	w->packet.icmp_type = 3;
	w->packet.family = 6;
	assert_string_equal(oracle_decider(w), "allow");
}

static void test_tcp_flags(void **state)
{
	struct oracle_world *w = *state;

	oracle_add(w, "new block proto tcp tcp-flags syn/syn,ack");
	oracle_receive(w, "10.0.0.1", "10.0.0.2", 6, 1, 2);
	w->packet.tcp_flags = 0xc2;
	assert_string_equal(oracle_decider(w), "allow");
	w->packet.has_tcp = true;
	assert_string_equal(oracle_decider(w), "new");
	w->packet.tcp_flags = 0x12;
	assert_string_equal(oracle_decider(w), "allow");
}

static void test_vlan_iface_and_percent(void **state)
{
	struct oracle_world *w = *state;

	oracle_add(w, "tagged block vlan 0 iface eth0,eth1 percent 12.5");
	oracle_receive(w, "10.0.0.1", "10.0.0.2", 6, 1, 2);
	assert_string_equal(oracle_decider(w), "allow");
	w->packet.has_vlan = true;
	assert_string_equal(oracle_decider(w), "tagged");
	w->packet.flow_percent = 1249;
	assert_string_equal(oracle_decider(w), "tagged");
	w->packet.flow_percent = 1250;
	assert_string_equal(oracle_decider(w), "allow");
	w->packet.flow_percent = 0;
	strcpy(w->packet.iface, "eth2");
	assert_string_equal(oracle_decider(w), "allow");
	strcpy(w->packet.iface, "eth1");
	w->packet.vlan = 1;
	assert_string_equal(oracle_decider(w), "allow");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ORACLE_TEST(test_prefixes_match_their_family_and_bits),
		ORACLE_TEST(test_ports_mean_protocols_with_ports),
		ORACLE_TEST(test_any_port_needs_no_ports),
		ORACLE_TEST(test_icmp),
		ORACLE_TEST(test_tcp_flags),
		ORACLE_TEST(test_vlan_iface_and_percent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
