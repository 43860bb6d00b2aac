/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the six rungs do not have, by the loaded program: rows of policies and frames. */
#include "cmocka_all.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <linux/bpf.h>

#include "fixture.h"
#include "frame.h"

static struct fixture fixture;

static int setup(void **state)
{
	(void)state;
	fixture_init(&fixture, 0, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_deinit(&fixture);
	return 0;
}

/* Policies of which one blocks, a frame that it blocks, and one that it does not. */
struct row {
	const char *policies[3];
	const char *blocked;
	const char *passed;
};

static void check_row(const struct row *row)
{
	fixture_clear(&fixture);
	for (size_t i = 0; i < ARRAY_SIZE(row->policies) && row->policies[i]; i++)
		fixture_policy(&fixture, row->policies[i]);
	if (row->blocked && fixture_run_text(&fixture, row->blocked) != XDP_DROP)
		fail_msg("\"%s\" does not block %s", row->policies[0], row->blocked);
	if (row->passed && fixture_run_text(&fixture, row->passed) != XDP_PASS)
		fail_msg("\"%s\" does not let pass %s", row->policies[0], row->passed);
}

static const struct row rows[] = {
	{{"p block vlan 77"}, "vlan=77 ip4 tcp", "vlan=78 ip4 tcp"},
	{{"p block vlan 77"}, "svlan=77 vlan=5 ip6 udp", "svlan=5 vlan=77 ip6 udp"},
	{{"p block vlan 0"}, "vlan=0 ip4 tcp", "ip4 tcp"},
	{{"p block proto icmp icmp-type 3"}, "ip4 icmp=3/4", "ip4 icmp=8"},
	{{"p block proto icmp icmp-type 3/4"}, "ip4 icmp=3/4", "ip4 icmp=3/1"},
	{{"p block proto icmp icmp-type 3/0"}, "ip4 icmp=3", "ip4 icmp=3/1"},
	{{"p block proto icmp icmp-type 0"}, "ip4 icmp=0", "ip4 icmp=0 offset=8"},
	{{"p block proto icmpv6 icmp-type 128"}, "ip6 icmp6=128", "ip6 icmp6=129"},
	/* The frames' TCP flags are syn. */
	{{"p block proto tcp tcp-flags syn/syn,ack"}, "ip4 tcp", "ip4 udp"},
	{{"p block proto tcp tcp-flags syn,ack/syn,ack"}, NULL, "ip4 tcp"},
	{{"p block proto tcp tcp-flags syn/syn"}, "ip6 dst tcp", "ip6 frag offset=8 tcp"},
	{{"p block src 192.0.2.0/24"}, "ip4 tcp", "bad4 tcp"},
	{{"p block src 192.0.2.0/31"}, "ip4 gre", "bad4 gre"},
	{{"p block src 128.0.0.0/1"}, "bad4 tcp", "ip6 tcp"},
	{{"p block dst 203.0.0.0/15"}, NULL, "ip6 tcp"},
	{{"p block dst 203.0.112.0/20"}, "ip4 udp", "ip6 udp"},
	{{"p block src 0.0.0.0/0"}, "ip4 tcp", "ip6 tcp"},
	{{"p block src ::/0"}, "ip6 tcp", "ip4 tcp"},
	{{"p block src 2001:db8:bad::/48"}, "bad6 tcp", "ip6 tcp"},
	{{"p block src 2001:db8::/127"}, "ip6 tcp", "bad6 tcp"},
	{{"p block dst 2001:db8::/33"}, "ip6 esp", "ip4 esp"},
	{{"p block src 2001:d00::/24"}, "bad6 udp", "ip4 udp"},
	{{"p block dport 80-443"}, "ip4 tcp dport=443", "ip4 tcp dport=444"},
	{{"p block dport 80-443"}, "ip6 udp dport=80", "ip6 udp dport=79"},
	{{"p block dport 80-443"}, "ip4 sctp dport=80", "ip4 icmp=8"},
	{{"p block sport 39999-40001 dport 0-80"}, "ip4 tcp", "ip4 tcp dport=81"},
	{{"p block dport 1-65535"}, "ip4 udp dport=1", "ip4 udp dport=0"},
	{{"p block dport 0"}, "ip4 udp dport=0", "ip4 udp offset=8"},
	{{"p block"}, "ip4 gre", "arp"},
	/* Priority beats what is more specific; equal ones fall back to it, then to the place. */
	{{"wide block src 192.0.0.0/8 priority 1", "exact allow src 192.0.2.1 dport 80 proto tcp"},
		"ip4 tcp", "bad4 tcp"},
	{{"wide block src 192.0.0.0/8 priority 1001", "exact allow src 192.0.2.1"}, NULL, "ip4 tcp"},
	{{"wide allow src 192.0.0.0/8", "narrow block src 192.0.2.0/24"}, "ip4 tcp", "bad4 tcp"},
	{{"wide allow dport 1-1000", "narrow block dport 80-81"}, "ip4 tcp", "ip4 tcp dport=82"},
	{{"first block vlan 5", "second allow vlan 5"}, "vlan=5 ip4 tcp", "ip4 tcp"},
	{{"any allow priority 0", "all block"}, NULL, "ip4 tcp"},
	{{"last block priority 4294967295"}, "ip4 tcp", "arp"},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
}

static void test_sets(void **state)
{
	static const struct row members[] = {
		{{"p block src @bad"}, "bad4 tcp", "ip4 tcp"},
		{{"p block src @bad"}, "bad6 gre", "ip6 gre"},
		{{"p block src @bad dport 80"}, "bad4 tcp", "bad4 tcp dport=81"},
		{{"p block dst @good"}, "ip4 tcp", "ip6 icmp6=128"},
		{{"p block src @bad dst @good"}, "bad4 udp", "ip4 udp"},
		{{"p block src @bad", "q allow src 198.51.100.66"}, "bad6 tcp", "bad4 tcp"},
		{{"p block src @bad", "q allow src 0.0.0.0/0"}, "bad6 tcp", "bad4 tcp"},
		{{"p block src @bad", "q allow proto tcp"}, "bad4 tcp", "ip4 tcp"},
		{{"p block src @empty"}, NULL, "bad4 tcp"},
	};
	static const struct row left = {{"p block src @bad"}, "bad6 tcp", "bad4 tcp"};

	(void)state;
	engine_join(&fixture.engine, "bad", FRAME_BAD4);
	engine_join(&fixture.engine, "bad", "2001:db8:bad::/48");
	engine_join(&fixture.engine, "good", "203.0.113.0/24");
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		check_row(&members[i]);
	engine_leave(&fixture.engine, "bad", FRAME_BAD4);
	check_row(&left);
	engine_join(&fixture.engine, "bad", "0.0.0.0/0");
	check_row(&members[1]);
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp"), XDP_DROP);
}

static void test_iface(void **state)
{
	uint32_t eth0, eth1;

	(void)state;
	fixture_policy(&fixture, "p block iface eth0");
	fixture_policy(&fixture, "q block iface eth0,eth1 proto udp");
	eth0 = engine_iface(&fixture.engine, "eth0");
	eth1 = engine_iface(&fixture.engine, "eth1");
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp"), XDP_PASS);
	assert_int_equal(fixture_run_text(&fixture, "ip4 udp"), XDP_PASS);
	fixture_arrive(&fixture, eth0);
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp"), XDP_DROP);
	fixture_arrive(&fixture, eth1);
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp"), XDP_PASS);
	assert_int_equal(fixture_run_text(&fixture, "ip4 udp"), XDP_DROP);
}

/* The last interface slot there is. */
static void test_last_iface(void **state)
{
	char name[IFACE_NAME_SIZE], line[64];

	(void)state;
	for (unsigned int i = 1; i < PEP_IFACES_MAX; i++) {
		snprintf(name, sizeof(name), "eth%u", i);
		assert_int_equal(engine_iface(&fixture.engine, name), i);
	}
	snprintf(line, sizeof(line), "p block iface %s", name);
	fixture_policy(&fixture, line);
	fixture_arrive(&fixture, PEP_IFACES_MAX - 1);
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp"), XDP_DROP);
	fixture_arrive(&fixture, PEP_IFACES_MAX - 2);
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp"), XDP_PASS);
}

/* --- shadow */

static void test_shadow(void **state)
{
	uint32_t shadow, worse, ban;

	(void)state;
	ban = fixture_policy(&fixture, "ban allow proto tcp");
	shadow = fixture_policy(&fixture, "try block src " FRAME_BAD4 " shadow");
	worse = fixture_policy(&fixture, "worse block src 198.51.0.0/16 shadow");
	assert_int_equal(fixture_run_text(&fixture, "bad4 tcp"), XDP_PASS);
	assert_int_equal(fixture_row(&fixture, ban).packets, 1);
	assert_int_equal(fixture_row(&fixture, shadow).packets, 1);
	assert_int_equal(fixture_row(&fixture, worse).packets, 0);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_ALLOW_POLICY), 1);
	assert_int_equal(fixture_events(&fixture), 1);
	assert_int_equal(fixture.last.reason, PEP_REASON_SHADOW);
	assert_int_equal(fixture.last.action, PEP_ACTION_BLOCK);
	assert_string_equal(fixture.last.policy, "try");
	assert_int_equal(fixture_run_text(&fixture, "bad4 udp"), XDP_PASS); /* the default */
	assert_int_equal(fixture_row(&fixture, shadow).packets, 2);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_ALLOW_DEFAULT), 1);
}

/* Outranked, it would have decided nothing. One that would have passed makes no event. */
static void test_shadow_below(void **state)
{
	uint32_t below, quiet;

	(void)state;
	fixture_policy(&fixture, "ban block src " FRAME_BAD4);
	below = fixture_policy(&fixture, "below allow proto tcp shadow");
	quiet = fixture_policy(&fixture, "quiet block proto udp shadow nolog");
	assert_int_equal(fixture_run_text(&fixture, "bad4 tcp"), XDP_DROP);
	assert_int_equal(fixture_events(&fixture), 1);
	assert_int_equal(fixture.last.reason, PEP_REASON_POLICY);
	assert_int_equal(fixture_row(&fixture, below).packets, 0);
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp"), XDP_PASS);
	assert_int_equal(fixture_run_text(&fixture, "ip4 udp"), XDP_PASS);
	assert_int_equal(fixture_row(&fixture, below).packets, 1);
	assert_int_equal(fixture_row(&fixture, quiet).packets, 1);
	assert_int_equal(fixture_events(&fixture), 0);
}

/* --- percent */

static int run_flow(struct frame *frame, uint32_t flow, int back)
{
	uint16_t sport = htons((uint16_t)(1024 + flow)), dport = htons(80);
	uint8_t src[4] = {192, 0, (uint8_t)(flow >> 8), (uint8_t)flow}, dst[4] = {203, 0, 113, 9};

	memcpy(&frame->data[frame->l3 + (back ? 16 : 12)], src, 4);
	memcpy(&frame->data[frame->l3 + (back ? 12 : 16)], dst, 4);
	memcpy(&frame->data[frame->l4 + (back ? 2 : 0)], &sport, 2);
	memcpy(&frame->data[frame->l4 + (back ? 0 : 2)], &dport, 2);
	return fixture_run(&fixture, frame->data, frame->size, 1, NULL);
}

/* A flow's packets and their answers are all in the share or all outside, and it is about P %. */
static void check_percent(const char *line, uint32_t least, uint32_t most)
{
	static struct frame frame;
	uint32_t inside = 0;

	fixture_clear(&fixture);
	fixture_policy(&fixture, line);
	frame_build(&frame, "ip4 tcp");
	for (uint32_t flow = 0; flow < 10000; flow++) {
		int verdict = run_flow(&frame, flow, 0);

		assert_int_equal(run_flow(&frame, flow, 0), verdict);
		assert_int_equal(run_flow(&frame, flow, 1), verdict);
		inside += verdict == XDP_DROP;
	}
	assert_in_range(inside, least, most);
}

/* Bounds are six standard deviations from the mean, or more. */
static void test_percent(void **state)
{
	(void)state;
	check_percent("p block percent 25", 2240, 2760);
	check_percent("p block percent 50", 4700, 5300);
	check_percent("p block percent 0.01", 0, 12);
	check_percent("p block percent 99.99", 9988, 10000);
	check_percent("p block percent 100", 10000, 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_iface, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_iface, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shadow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shadow_below, setup, teardown),
		cmocka_unit_test_setup_teardown(test_percent, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
