/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Reflect and redirect: what leaves, what is counted, and what becomes of a missing target. */
#include "cmocka_all.h"

#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include "bpf/hash.h"
#include "fixture.h"
#include "frame.h"
#include "packet_filter.skel.h"

static struct fixture fixture;
static struct frame frame;
static uint8_t out[FRAME_MAX];
static const uint8_t given[6] = {2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee};

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

static uint32_t slot;

static void install(const char *line)
{
	slot = fixture_policy(&fixture, line);
}

/* The classifier gives out the first index. */
static void set_target(void)
{
	uint32_t at = 0;
	uint32_t ifindex = FIXTURE_IFINDEX;

	assert_string_equal(classifier_redirect(fixture.engine.classifier, at), "lo");
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(fixture.skeleton->maps.redirect_map), &at,
				 &ifindex, BPF_ANY),
		0);
}

static int run(const char *text)
{
	frame_build(&frame, text);
	return fixture_run(&fixture, frame.data, frame.size, 1, out);
}

static void test_reflect(void **state)
{
	(void)state;
	install("elsewhere reflect proto udp");
	assert_int_equal(run("ip4 udp pay=10"), XDP_TX);
	assert_memory_equal(out, frame.data + 6, 6);
	assert_memory_equal(out + 6, frame.data, 6);
	assert_memory_equal(out + 12, frame.data + 12, frame.size - 12);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_REFLECT), 1);
	assert_int_equal(fixture_row(&fixture, slot).packets, 1);
	assert_int_equal(fixture_events(&fixture), 0);
}

static void test_redirect_keeps_mac(void **state)
{
	(void)state;
	install("elsewhere redirect lo proto udp");
	set_target();
	assert_int_equal(run("ip6 udp pay=10"), XDP_REDIRECT);
	assert_memory_equal(out, frame.data, frame.size);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_REDIRECT), 1);
}

static void test_redirect_given_mac(void **state)
{
	(void)state;
	install("elsewhere redirect lo mac 02:aa:bb:cc:dd:ee proto udp");
	set_target();
	assert_int_equal(run("vlan=3 ip4 udp pay=10"), XDP_REDIRECT);
	assert_memory_equal(out, given, sizeof(given));
	assert_memory_equal(out + 6, frame.data + 6, frame.size - 6);
}

static void test_redirect_target_missing(void **state)
{
	(void)state;
	install("elsewhere redirect lo mac 02:aa:bb:cc:dd:ee proto udp");
	assert_int_equal(run("ip4 udp pay=10"), XDP_DROP);
	assert_memory_equal(out, frame.data, frame.size);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_BLOCK_FAILED), 1);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_REDIRECT), 0);
	assert_int_equal(fixture_events(&fixture), 1);
	assert_int_equal(fixture.last.reason, PEP_REASON_FAILED);
	assert_int_equal(fixture.last.action, PEP_ACTION_REDIRECT);
	assert_string_equal(fixture.last.policy, "elsewhere");
}

/* --- to several interfaces */

static struct pep_spread *spread_of(const char *name)
{
	uint32_t entry = engine_entry(&fixture.engine, name);

	return &fixture.tables.spreads[fixture.tables.rules[entry].spread];
}

/* A flow of a family, or what answers it. */
static struct pep_packet flow(int six, uint16_t port, int back)
{
	struct pep_packet p = {.family = six ? 6 : 4, .proto = IPPROTO_UDP};
	uint8_t *ip, *udp;

	frame_build(&frame, six ? "ip6 udp" : "ip4 udp");
	ip = frame.data + frame.l3 + (six ? 8 : 12);
	udp = frame.data + frame.l4;
	udp[back ? 2 : 0] = (uint8_t)(port >> 8);
	udp[back ? 3 : 1] = (uint8_t)port;
	udp[back ? 0 : 2] = 0;
	udp[back ? 1 : 3] = 80;
	if (back) {
		uint8_t source[16];
		size_t size = six ? 16 : 4;

		memcpy(source, ip, size);
		memmove(ip, ip + size, size);
		memcpy(ip + size, source, size);
	}
	memcpy(p.src, ip, six ? 16 : 4);
	memcpy(p.dst, ip + (six ? 16 : 4), six ? 16 : 4);
	memcpy(&p.sport, udp, 2);
	memcpy(&p.dport, udp + 2, 2);
	return p;
}

/* With a single choice in the table, a flow gets out when that is the interface that is there. */
static void check_flow(int six, uint16_t port, int back)
{
	struct pep_spread *s = spread_of("elsewhere");
	struct pep_packet p = flow(six, port, back);
	uint64_t at = pep_flow_hash(&p, PEP_SPREAD_SEED) >> PEP_SPREAD_SHIFT;
	uint32_t first = s->order[at] & 15;

	assert_int_equal(fixture_run(&fixture, frame.data, frame.size, 1, NULL), XDP_REDIRECT);
	s->count = 1;
	assert_int_equal(fixture_run(&fixture, frame.data, frame.size, 1, NULL),
		first ? XDP_DROP : XDP_REDIRECT);
	s->count = 2;
}

static void test_redirect_to_several(void **state)
{
	(void)state;
	install("elsewhere redirect lo,gone proto udp");
	assert_string_equal(classifier_redirect(fixture.engine.classifier, 1), "gone");
	set_target();
	for (uint16_t port = 1; port < 20; port++)
		for (int i = 0; i < 4; i++)
			check_flow(i & 1, port, i >> 1);
	assert_in_range(fixture_tally(&fixture, PEP_TALLY_BLOCK_FAILED), 15, 61); /* about half of 76 */
}

static void test_redirect_to_none_of_several(void **state)
{
	(void)state;
	install("elsewhere redirect gone,lost mac 02:aa:bb:cc:dd:ee proto udp");
	assert_int_equal(run("ip4 udp pay=10"), XDP_DROP);
	assert_memory_equal(out, frame.data, frame.size);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_BLOCK_FAILED), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reflect, setup, teardown),
		cmocka_unit_test_setup_teardown(test_redirect_keeps_mac, setup, teardown),
		cmocka_unit_test_setup_teardown(test_redirect_given_mac, setup, teardown),
		cmocka_unit_test_setup_teardown(test_redirect_target_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_redirect_to_several, setup, teardown),
		cmocka_unit_test_setup_teardown(test_redirect_to_none_of_several, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
