/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Tallies, per interface and per policy; settings and default by interface. */
#include "cmocka_all.h"

#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "fixture.h"
#include "frame.h"
#include "packet_filter.skel.h"

static struct fixture fixture;

static int setup(void **state)
{
	(void)state;
	fixture_init(&fixture, 0, 0);
	return 0;
}

static int setup_explained(void **state)
{
	(void)state;
	fixture_init_explained(&fixture, 0, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_deinit(&fixture);
	return 0;
}

/* The clock of last_hit. */
static uint64_t jiffies_now(void)
{
	static struct frame frame;

	frame_build(&frame, "arp");
	fixture_explain(&fixture, frame.data, frame.size, 0);
	return fixture.explain->jiffies;
}

static void test_one_tally_per_packet(void **state)
{
	struct pep_stats stats;
	uint64_t packets = 0;
	uint64_t bytes = 0;

	(void)state;
	fixture_run_text(&fixture, "ip4 tcp pay=46");       /* 100 bytes */
	fixture_run_text(&fixture, "ip4 udp pay=9000");     /* 9042 */
	fixture_run_text(&fixture, "arp");                  /* 42 */
	fixture_run_text(&fixture, "ip4 tcp iplen=20");     /* 54 */
	fixture_run_text(&fixture, "vlan=1 vlan=2 vlan=3"); /* 26 */
	stats = fixture_stats(&fixture, 0);
	for (int i = 0; i < PEP_TALLY_MAX; i++) {
		packets += stats.tally[i].packets;
		bytes += stats.tally[i].bytes;
	}
	assert_int_equal(packets, 5);
	assert_int_equal(bytes, 100 + 9042 + 42 + 54 + 26);
	assert_int_equal(stats.tally[PEP_TALLY_ALLOW_DEFAULT].bytes, 100 + 9042 + 54);
	assert_int_equal(stats.tally[PEP_TALLY_NON_IP].packets, 1);
	assert_int_equal(stats.tally[PEP_TALLY_BLOCK_HEADERS].packets, 1);
	assert_int_equal(stats.parse_errors[PEP_PARSE_OK], 0);
	assert_int_equal(stats.parse_errors[PEP_PARSE_L4_SHORT], 1);
	assert_int_equal(stats.parse_errors[PEP_PARSE_HEADERS], 1);
}

/* The policy comes and goes until its counters are the last ones. */
static void add_at_last_slot(const char *name, const char *line)
{
	for (uint32_t i = 0; fixture_policy(&fixture, line) != fixture.slots - 1; i++) {
		assert_in_range(i, 0, 2 * fixture.slots);
		engine_remove(&fixture.engine, name);
	}
}

static void test_policy_rows(void **state)
{
	uint64_t before = jiffies_now();
	struct fixture_row row;
	uint32_t src;

	(void)state;
	src = fixture_policy(&fixture, "src allow src " FRAME_GOOD4);
	add_at_last_slot("udp", "udp block proto udp");
	for (int i = 0; i < 7; i++)
		fixture_run_text(&fixture, "ip4 tcp pay=46");
	fixture_run_text(&fixture, "bad4 udp");
	row = fixture_row(&fixture, src);
	assert_int_equal(row.packets, 7);
	assert_int_equal(row.bytes, 700);
	assert_int_equal(row.exceeded_packets, 0);
	assert_in_range(row.last_hit, before, jiffies_now());
	row = fixture_row(&fixture, fixture.slots - 1);
	assert_int_equal(row.packets, 1);
	assert_int_equal(row.bytes, 42);
	for (uint32_t slot = 0; slot < fixture.slots; slot++)
		if (slot != src && slot != fixture.slots - 1)
			assert_int_equal(fixture_row(&fixture, slot).packets, 0);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_ALLOW_POLICY), 7);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_BLOCK_POLICY), 1);
}

static void set_ref(uint32_t at, uint32_t ifindex, uint32_t slot)
{
	struct pep_iface_ref ref = {.ifindex = ifindex, .slot = slot};

	assert_int_equal(bpf_map_update_elem(bpf_map__fd(fixture.skeleton->maps.iface_index), &at,
				 &ref, BPF_ANY),
		0);
}

static void test_interfaces(void **state)
{
	(void)state;
	fixture_run_text(&fixture, "ip4 tcp");
	assert_int_equal(fixture_stats(&fixture, 0).tally[PEP_TALLY_ALLOW_DEFAULT].packets, 1);
	/* The last probe still finds it; an entry of another interface does not count. */
	set_ref(FIXTURE_IFINDEX, FIXTURE_IFINDEX + PEP_IFACE_BUCKETS, 9);
	set_ref(FIXTURE_IFINDEX + PEP_IFACE_PROBES - 1, FIXTURE_IFINDEX, 63);
	fixture_run_text(&fixture, "ip4 tcp");
	assert_int_equal(fixture_stats(&fixture, 63).tally[PEP_TALLY_ALLOW_DEFAULT].packets, 1);
	fixture_ruleset(&fixture)->default_block[0] = 1;
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp"), XDP_PASS);
	fixture_ruleset(&fixture)->default_block[63] = 1;
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp"), XDP_DROP);
	assert_int_equal(fixture_stats(&fixture, 63).tally[PEP_TALLY_BLOCK_DEFAULT].packets, 1);
	assert_int_equal(fixture_stats(&fixture, 9).tally[PEP_TALLY_ALLOW_DEFAULT].packets, 0);
	fixture_ruleset(&fixture)->default_block[63] = 0;
	set_ref(FIXTURE_IFINDEX + PEP_IFACE_PROBES - 1, 0, 0);
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp"), XDP_DROP);
}

/* Each alone: the matrix has both at once. */
static void test_settings(void **state)
{
	struct pep_ruleset *ruleset = fixture_ruleset(&fixture);

	(void)state;
	ruleset->malformed_drop = 1;
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp iplen=20"), XDP_DROP);
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp offset=8"), XDP_PASS);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_BLOCK_MALFORMED), 1);
	ruleset->malformed_drop = 0;
	ruleset->fragments_drop = 1;
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp iplen=20"), XDP_PASS);
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp offset=8"), XDP_DROP);
	assert_int_equal(fixture_run_text(&fixture, "ip4 tcp more"), XDP_PASS);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_BLOCK_FRAGMENT), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_tally_per_packet, setup, teardown),
		cmocka_unit_test_setup_teardown(test_policy_rows, setup_explained, teardown),
		cmocka_unit_test_setup_teardown(test_interfaces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_settings, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
