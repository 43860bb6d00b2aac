/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Redirect with fib, by real routes and neighbours of a namespace: what leaves, what is left to the
 * kernel, and what is dropped.
 */
#include "cmocka_all.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "fixture.h"
#include "frame.h"
#include "packet_filter.skel.h"
#include "sandbox.h"

static struct fixture fixture;
static struct frame frame;
static uint8_t out[FRAME_MAX];
/* The destination MAC address is the neighbour's, the source out0's. */
static const uint8_t macs[12] = {2, 0, 0, 0, 0, 0x99, 2, 0, 0, 0, 0, 0x11};

static void forwarding(const char *value)
{
	static const char *const files[] = {
		"/proc/sys/net/ipv4/conf/lo/forwarding", /* where frames come in */
		"/proc/sys/net/ipv4/conf/out0/forwarding",
		"/proc/sys/net/ipv6/conf/all/forwarding",
		"/proc/sys/net/ipv6/conf/out0/forwarding"};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		FILE *file = fopen(files[i], "w");

		assert_non_null(file);
		assert_true(fputs(value, file) >= 0);
		assert_int_equal(fclose(file), 0);
	}
}

static void point_to(uint32_t ifindex)
{
	uint32_t at = 0;
	int map = bpf_map__fd(fixture.skeleton->maps.redirect_map);

	assert_int_equal(ifindex ? bpf_map_update_elem(map, &at, &ifindex, BPF_ANY)
				 : bpf_map_delete_elem(map, &at),
		0);
}

static int setup(void **state)
{
	(void)state;
	sandbox_enter();
	sandbox_run("ip link set out0 address 02:00:00:00:00:11 mtu 1400");
	sandbox_run("ip address add 10.88.0.1/24 dev out0");
	sandbox_run("ip address add fd88::1/64 dev out0 nodad");
	sandbox_run("ip route add 203.0.113.0/24 via 10.88.0.9 dev out0");
	sandbox_run("ip route add 2001:db8:2::/48 via fd88::9 dev out0");
	sandbox_run("ip neigh add 10.88.0.9 lladdr 02:00:00:00:00:99 nud permanent dev out0");
	sandbox_run("ip neigh add fd88::9 lladdr 02:00:00:00:00:99 nud permanent dev out0");
	forwarding("1");
	fixture_init(&fixture, 0, 0);
	fixture_policy(&fixture, "away redirect out0 fib");
	point_to(if_nametoindex("out0"));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_deinit(&fixture);
	return 0;
}

/* RFC 1071, over the header: 0 when its checksum is right. */
static unsigned int sum_of(const uint8_t *ip)
{
	unsigned int sum = 0;

	for (size_t i = 0; i < (ip[0] & 15u) * 4u; i += 2)
		sum += (unsigned int)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
}

static int run(void)
{
	return fixture_run(&fixture, frame.data, frame.size, 1, out);
}

/* It leaves: what a router changes is changed, and nothing else. */
static void check_forwarded(const char *text)
{
	size_t hop;

	frame_build(&frame, text);
	hop = frame.l3 + (frame.data[frame.l3] >> 4 == 4 ? 8 : 7);
	assert_int_equal(run(), XDP_REDIRECT);
	assert_memory_equal(out, macs, sizeof(macs));
	assert_int_equal(out[hop], frame.data[hop] - 1);
	if (frame.data[frame.l3] >> 4 == 4) {
		assert_int_equal(sum_of(out + frame.l3), 0);
		memcpy(out + frame.l3 + 10, frame.data + frame.l3 + 10, 2);
	}
	out[hop]++;
	assert_memory_equal(out + 12, frame.data + 12, frame.size - 12);
}

/* Whatever becomes of it, it is as it came. */
static void check_left(const char *text, int verdict)
{
	frame_build(&frame, text);
	assert_int_equal(run(), verdict);
	assert_memory_equal(out, frame.data, frame.size);
}

static void test_forwarded(void **state)
{
	char text[64];

	(void)state;
	check_forwarded("ip4 udp pay=10");
	check_forwarded("ip6 udp pay=10");
	check_forwarded("vlan=5 ip4 tcp pay=10");
	check_forwarded("svlan=7 vlan=5 ip6 tcp");
	check_forwarded("ip4 opts udp");
	check_forwarded("ip4 udp pay=1372");
	check_forwarded("ip4 udp offset=80 pay=3");
	for (int ttl = 2; ttl < 256; ttl += 23) {
		snprintf(text, sizeof(text), "ip4 udp pay=%d ttl=%d", ttl * 5, ttl);
		check_forwarded(text);
	}
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_REDIRECT), 7 + 12);
	assert_int_equal(fixture_events(&fixture), 0);
}

static void test_left_to_the_kernel(void **state)
{
	(void)state;
	check_left("ip4 udp ttl=1", XDP_PASS);
	check_left("ip4 udp ttl=0", XDP_PASS);
	check_left("ip6 udp ttl=1", XDP_PASS);
	check_left("ip4 udp pay=1373", XDP_PASS);
	check_left("ip6 udp pay=1400", XDP_PASS);
	sandbox_run("ip neigh del 10.88.0.9 dev out0");
	sandbox_run("ip neigh del fd88::9 dev out0");
	check_left("ip4 udp", XDP_PASS);
	check_left("ip6 udp", XDP_PASS);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_ALLOW_POLICY), 7);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_REDIRECT), 0);
}

static void check_failed(const char *text)
{
	uint64_t before = fixture_tally(&fixture, PEP_TALLY_BLOCK_FAILED);

	check_left(text, XDP_DROP);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_BLOCK_FAILED), before + 1);
	assert_int_equal(fixture_events(&fixture), 1);
	assert_int_equal(fixture.last.reason, PEP_REASON_FAILED);
	assert_int_equal(fixture.last.action, PEP_ACTION_REDIRECT);
}

static void test_not_for_many(void **state)
{
	(void)state;
	frame_build(&frame, "ip4 udp");
	frame.data[0] = 3;
	assert_int_equal(run(), XDP_DROP);
	frame_build(&frame, "ip4 udp");
	memcpy(frame.data + frame.l3 + 16, "\xe0\0\0\1", 4);
	assert_int_equal(run(), XDP_DROP);
	frame_build(&frame, "ip4 udp");
	memcpy(frame.data + frame.l3 + 16, "\x0a\x58\0\1", 4); /* out0's own */
	assert_int_equal(run(), XDP_DROP);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_BLOCK_FAILED), 3);
}

/* From or to where no router sends anything on; `at` is in the IP header. */
static void martian(const char *text, size_t at, const void *address, size_t size)
{
	frame_build(&frame, text);
	memcpy(frame.data + frame.l3 + at, address, size);
	assert_int_equal(run(), XDP_DROP);
}

static void test_no_martians(void **state)
{
	static const uint8_t loopback6[16] = {[15] = 1}, none6[16] = {0}, many6[16] = {0xff, 2, [15] = 1};

	(void)state;
	sandbox_run("ip route add default via 10.88.0.9 dev out0");
	sandbox_run("ip route add default via fd88::9 dev out0");
	martian("ip4 udp", 12, "\x7f\0\0\1", 4);
	martian("ip4 udp", 12, "\0\0\0\0", 4);
	martian("ip4 udp", 12, "\xe0\0\0\1", 4);
	martian("ip4 udp", 12, "\xff\xff\xff\xff", 4);
	martian("ip4 udp", 16, "\x7f\0\0\1", 4);
	martian("ip4 udp", 16, "\0\0\0\1", 4);
	martian("ip6 udp", 8, loopback6, 16);
	martian("ip6 udp", 8, none6, 16);
	martian("ip6 udp", 8, many6, 16);
	martian("ip6 udp", 24, loopback6, 16);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_BLOCK_FAILED), 10);
}

static void to_host(const char *text)
{
	static const uint8_t own4[] = {10, 89, 0, 1};
	static const uint8_t own6[16] = {0xfd, 0x89, [15] = 1};

	frame_build(&frame, text);
	if (frame.data[frame.l3] >> 4 == 4)
		memcpy(frame.data + frame.l3 + 16, own4, sizeof(own4));
	else
		memcpy(frame.data + frame.l3 + 24, own6, sizeof(own6));
	assert_int_equal(run(), XDP_DROP);
}

/* The host's own addresses on another interface: no hop limit or size is a way past the policy. */
static void test_not_to_the_host(void **state)
{
	(void)state;
	sandbox_run("ip address add 10.89.0.1/24 dev lo");
	sandbox_run("ip address add fd89::1/64 dev lo nodad");
	sandbox_run("ip route add default via 10.88.0.7 dev out0"); /* no neighbour is known */
	sandbox_run("ip route add default via fd88::7 dev out0");
	to_host("ip4 udp ttl=1");
	to_host("ip6 udp ttl=1");
	to_host("ip4 udp ttl=0");
	to_host("ip4 udp");
	to_host("ip6 udp");
	to_host("ip4 udp pay=1373");
	to_host("ip6 udp pay=1400");
	to_host("vlan=5 ip4 tcp ttl=1");
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_BLOCK_FAILED), 8);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_ALLOW_POLICY), 0);
}

/* The kernel would send by its own best route what it is left. */
static void test_not_by_another_interface(void **state)
{
	(void)state;
	sandbox_run("ip address add 10.90.0.1/24 dev in0");
	sandbox_run("ip route del 203.0.113.0/24");
	sandbox_run("ip route add 203.0.113.0/24 via 10.88.0.8 dev out0 metric 200"); /* unknown */
	check_left("ip4 udp", XDP_PASS);
	sandbox_run("ip route add 203.0.113.0/24 via 10.90.0.9 dev in0 metric 100");
	check_failed("ip4 udp");
	check_failed("ip4 udp pay=1373");
	check_left("ip4 udp ttl=1", XDP_PASS); /* to be told that its time is exceeded */
	sandbox_run("ip neigh add 10.88.0.8 lladdr 02:00:00:00:00:99 nud permanent dev out0");
	check_forwarded("ip4 udp");
}

static void test_dropped(void **state)
{
	(void)state;
	check_failed("ip4 udp pay=100 chop=1");
	sandbox_run("ip route del 203.0.113.0/24");
	check_failed("ip4 udp");
	sandbox_run("ip route add blackhole 203.0.113.0/24");
	check_failed("ip4 udp");
	sandbox_run("ip route add 203.0.113.9/32 via 10.88.0.9 dev out0");
	check_forwarded("ip4 udp");
	forwarding("0");
	check_failed("ip4 udp");
	check_failed("ip6 udp");
	forwarding("1");
	check_forwarded("ip6 udp");
	point_to(0);
	check_failed("ip6 udp");
}

/* The flow's interface is asked, of several. */
static void test_of_several(void **state)
{
	(void)state;
	fixture_clear(&fixture);
	fixture_policy(&fixture, "several redirect out0,gone fib");
	check_forwarded("ip4 udp");
	check_forwarded("ip6 udp");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_forwarded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_left_to_the_kernel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_for_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_martians, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_to_the_host, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_by_another_interface, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_of_several, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
