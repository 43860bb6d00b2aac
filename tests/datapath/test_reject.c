/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Reject: who is answered, to the byte what leaves, how often, and what is counted and told. */
#include "cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "answer_rows.h"
#include "fixture.h"
#include "packet_filter.skel.h"

#define HALF_A_MINUTE ((1ull << 43) - 1) /* the most that a limiter takes */

static struct fixture fixture;
static struct frame frame;
static uint8_t out[FRAME_MAX], wanted[FRAME_MAX];
static uint32_t out_size, slot4, slot6;

/*
 * Both have an address, so that neighbour discovery is theirs too. Answers cost as good as nothing:
 * what is limited has tests of its own.
 */
static int setup(void **state)
{
	(void)state;
	fixture_init(&fixture, 0, 0);
	fixture_pin();
	slot4 = fixture_policy(&fixture, "no reject dst 0.0.0.0/0");
	slot6 = fixture_policy(&fixture, "no6 reject dst ::/0");
	fixture_ruleset(&fixture)->reject_cost = 1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_deinit(&fixture);
	return 0;
}

/* Runs the frame, of which the first buffer has so many bytes; 0 = all. */
static int run(uint32_t linear)
{
	struct xdp_md context = {.data_end = linear, .ingress_ifindex = FIXTURE_IFINDEX};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data,
		.data_size_in = (uint32_t)frame.size, .data_out = out, .data_size_out = sizeof(out),
		.repeat = 1);

	if (linear) {
		options.ctx_in = &context;
		options.ctx_size_in = sizeof(context);
	}
	if (bpf_prog_test_run_opts(fixture.program, &options))
		return -errno;
	out_size = options.data_size_out;
	return (int)options.retval;
}

static int wrong(const struct answer_row *row, const char *what)
{
	print_error("\"%s\" %s: %s\n", row->text, row->bytes, what);
	return 1;
}

static int check_row(const struct answer_row *row, uint32_t linear)
{
	size_t size = row->kind ? answer_wanted(&frame, row->kind, wanted) : frame.size;
	const uint8_t *bytes = row->kind ? wanted : frame.data;

	if (run(linear) != (row->kind ? XDP_TX : XDP_DROP))
		return wrong(row, row->kind ? "not answered" : "answered");
	if (out_size != size)
		return wrong(row, "the length");
	for (size_t i = 0; i < size; i++)
		if (out[i] != bytes[i]) {
			print_error("byte %zu is %02x, wanted %02x\n", i, out[i], bytes[i]);
			return wrong(row, "the bytes");
		}
	return 0;
}

static void test_every_row(void **state)
{
	uint64_t answered = 0;
	int faults = 0;

	(void)state;
	for (size_t i = 0; i < answer_row_count; i++) {
		answer_question(&answer_rows[i], &frame);
		faults += check_row(&answer_rows[i], 0);
		answered += answer_rows[i].kind != ANSWER_NONE;
	}
	assert_int_equal(faults, 0);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_BLOCK_REJECT), answered);
	assert_int_equal(
		fixture_tally(&fixture, PEP_TALLY_BLOCK_POLICY), answer_row_count - answered);
	assert_int_equal(
		fixture_row(&fixture, slot4).packets + fixture_row(&fixture, slot6).packets,
		answer_row_count);
}

/* Several buffers, the first of which ends anywhere in the headers or behind: blocked as they are. */
static void test_several_buffers(void **state)
{
	static const struct answer_row rows[] = {
		{"ip4 tcp pay=8000", "t4=12345678", ANSWER_NONE},
		{"ip6 dst tcp pay=8000", "", ANSWER_NONE},
		{"vlan=5 ip4 udp pay=8000", "", ANSWER_NONE},
		{"svlan=7 vlan=5 ip6 hop udp pay=8000", "", ANSWER_NONE},
		{"ip4 udp pay=400", "", ANSWER_NONE},
	};
	static const uint32_t linear[] = {14, 17, 30, 40, 64, 100, 300, 1000, 2000, 3000};
	int faults = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(linear); k++) {
			answer_question(&rows[i], &frame);
			if (linear[k] >= frame.size || run(linear[k]) == -EINVAL)
				continue; /* Linux before 6.18 takes no such first buffer */
			faults += check_row(&rows[i], linear[k]);
		}
	}
	assert_int_equal(faults, 0);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_BLOCK_REJECT), 0);
}

/* Nobody gets more than he sends, beyond the headers: not from 28 bytes, and not from 3000. */
static void test_no_amplifier(void **state)
{
	char text[32];

	(void)state;
	for (unsigned int size = 0; size < 3000; size += size < 1500 ? 1 : 97) {
		snprintf(text, sizeof(text), "ip%d udp pay=%u", size % 2 ? 4 : 6, size);
		frame_build(&frame, text);
		assert_int_equal(run(0), XDP_TX);
		assert_true(out_size <= frame.size + (size % 2 ? 28 : 48));
		assert_true(out_size <= 14u + (size % 2 ? 576 : 1280));
	}
}

static void ask(const char *text, int verdict)
{
	frame_build(&frame, text);
	assert_int_equal(run(0), verdict);
}

/* An answered packet is told as rejected and as it came, another as blocked. */
static void test_events(void **state)
{
	(void)state;
	fixture_ruleset(&fixture)->capture = 80;
	ask("ip4 tcp pay=30", XDP_TX);
	assert_int_equal(fixture_events(&fixture), 1);
	assert_int_equal(fixture.last.action, PEP_ACTION_REJECT);
	assert_int_equal(fixture.last.reason, PEP_REASON_POLICY);
	assert_string_equal(fixture.last.policy, "no");
	assert_int_equal(fixture.last.length, 84);
	assert_int_equal(fixture.last.captured, 80);
	assert_memory_equal(fixture.last.data, frame.data, 80);
	assert_int_equal(fixture.last.data[80], 0);
	ask("ip6 udp pay=1", XDP_TX);
	assert_int_equal(fixture_events(&fixture), 1);
	assert_int_equal(fixture.last.captured, 63);
	assert_memory_equal(fixture.last.data, frame.data, 63);
	assert_int_equal(fixture.last.data[63], 0);
	ask("ip4 icmp=3", XDP_DROP);
	assert_int_equal(fixture_events(&fixture), 1);
	assert_int_equal(fixture.last.action, PEP_ACTION_BLOCK);
	assert_int_equal(fixture.last.reason, PEP_REASON_POLICY);
	assert_string_equal(fixture.last.policy, "no");
	assert_memory_equal(fixture.last.data, frame.data, frame.size);
}

/* A shadow policy that outranks it tells of the packet as it came, too. */
static void test_shadow_event(void **state)
{
	(void)state;
	fixture_ruleset(&fixture)->capture = 96;
	fixture_policy(&fixture, "would block proto tcp shadow log priority 1");
	ask("ip4 tcp pay=60", XDP_TX);
	assert_int_equal(fixture_events(&fixture), 2);
	assert_int_equal(fixture.last.reason, PEP_REASON_SHADOW);
	assert_memory_equal(fixture.last.data, frame.data, 96);
}

/* A shadow policy never answers. */
static void test_shadow_reject(void **state)
{
	(void)state;
	fixture_clear(&fixture);
	fixture_policy(&fixture, "would reject proto tcp shadow log priority 1");
	ask("ip4 tcp", XDP_PASS);
	assert_int_equal(out_size, frame.size);
	assert_int_equal(fixture_events(&fixture), 1);
	assert_int_equal(fixture.last.action, PEP_ACTION_REJECT);
	assert_int_equal(fixture.last.reason, PEP_REASON_SHADOW);
}

#define HELPER(number)                                                                             \
	{                                                                                          \
		.code = BPF_JMP | BPF_CALL, .imm = (number)                                        \
	}
#define SET(to, value)                                                                             \
	{                                                                                          \
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (to), .imm = (value)               \
	}
#define MOVE(to, from)                                                                             \
	{                                                                                          \
		.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (to), .src_reg = (from)            \
	}
#define ADD(to, value)                                                                             \
	{                                                                                          \
		.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = (to), .imm = (value)               \
	}
#define CROWD   200 /* of the 216 bytes before a frame */
#define CROWDED 104

/* A program that moves the frame's beginning to where little is before it, and goes on with ours.
 */
static int crowd(int programs)
{
	const struct bpf_insn code[] = {
		MOVE(BPF_REG_6, BPF_REG_1),
		SET(BPF_REG_2, -CROWD),
		HELPER(BPF_FUNC_xdp_adjust_head),
		MOVE(BPF_REG_1, BPF_REG_6),
		SET(BPF_REG_2, CROWD),
		MOVE(BPF_REG_3, BPF_REG_10),
		ADD(BPF_REG_3, -CROWDED),
		SET(BPF_REG_4, CROWDED),
		HELPER(BPF_FUNC_xdp_load_bytes),
		MOVE(BPF_REG_1, BPF_REG_6),
		SET(BPF_REG_2, 0),
		MOVE(BPF_REG_3, BPF_REG_10),
		ADD(BPF_REG_3, -CROWDED),
		SET(BPF_REG_4, CROWDED),
		HELPER(BPF_FUNC_xdp_store_bytes),
		MOVE(BPF_REG_1, BPF_REG_6),
		{.code = BPF_LD | BPF_DW,
			.dst_reg = BPF_REG_2,
			.src_reg = BPF_PSEUDO_MAP_FD,
			.imm = programs},
		{0},
		SET(BPF_REG_3, 0),
		HELPER(BPF_FUNC_tail_call),
		SET(BPF_REG_0, XDP_PASS),
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_XDP,
		.prog_flags = BPF_F_XDP_HAS_FRAGS);

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "crowd", "GPL", code, ARRAY_SIZE(code), &options);
}

/* What cannot be answered for want of room is dropped, and said to have failed. */
static void test_no_room(void **state)
{
	int programs = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, NULL, 4, 4, 1, NULL);
	uint32_t zero = 0;
	int ours = fixture.program;

	(void)state;
	assert_int_equal(bpf_map_update_elem(programs, &zero, &ours, BPF_ANY), 0);
	fixture.program = crowd(programs);
	assert_true(fixture.program >= 0);
	fixture_ruleset(&fixture)->capture = 96;
	ask("ip4 udp pay=62", XDP_DROP);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_BLOCK_FAILED), 1);
	assert_int_equal(fixture_events(&fixture), 1);
	assert_int_equal(fixture.last.action, PEP_ACTION_REJECT);
	assert_int_equal(fixture.last.reason, PEP_REASON_FAILED);
	assert_memory_equal(fixture.last.data, frame.data, 96);
	ask("ip4 tcp pay=50", XDP_TX); /* a RST needs none */
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_BLOCK_REJECT), 1);
	close(fixture.program);
	close(programs);
	fixture.program = ours;
}

/* A hundred at once of a thousand a second, each interface its own; then they are blocked. */
static void test_limit(void **state)
{
	uint64_t answered;

	(void)state;
	fixture_ruleset(&fixture)->reject_cost = HALF_A_MINUTE;
	for (uint32_t iface = 1; iface < 3; iface++) {
		fixture_arrive(&fixture, iface);
		ask("ip4 tcp", XDP_TX);
		ask("ip4 tcp", XDP_DROP);
		ask("ip6 udp", XDP_DROP);
		ask("ip4 tcp", XDP_DROP);
		assert_int_equal(
			fixture_stats(&fixture, iface).tally[PEP_TALLY_BLOCK_REJECT].packets, 1);
		assert_int_equal(
			fixture_stats(&fixture, iface).tally[PEP_TALLY_BLOCK_POLICY].packets, 3);
	}
	assert_true(fixture_events(&fixture) == 8);
	assert_int_equal(fixture.last.action, PEP_ACTION_BLOCK);
	fixture_arrive(&fixture, 3);
	fixture_ruleset(&fixture)->reject_cost = pep_reject_cost(1000);
	for (int i = 0; i < 100; i++)
		ask("ip4 tcp", XDP_TX);
	answered = fixture_stats(&fixture, 3).tally[PEP_TALLY_BLOCK_REJECT].packets;
	assert_int_equal(answered, 100);
}

/* What is never answered takes nothing of the rate, and a rate of 0 answers nothing. */
static void test_limit_of_questions(void **state)
{
	(void)state;
	fixture_ruleset(&fixture)->reject_cost = HALF_A_MINUTE;
	ask("ip4 icmp=3", XDP_DROP);
	ask("ip4 udp more", XDP_DROP);
	ask("ip4 udp", XDP_TX);
	fixture_arrive(&fixture, 1);
	fixture_ruleset(&fixture)->reject_cost = pep_reject_cost(0);
	ask("ip4 udp", XDP_DROP);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_BLOCK_REJECT), 1);
}

static void test_other_frames(void **state)
{
	(void)state;
	ask("arp", XDP_PASS);
	fixture_ruleset(&fixture)->fragments_drop = 1;
	ask("ip4 udp offset=8", XDP_DROP);
	assert_int_equal(fixture_tally(&fixture, PEP_TALLY_BLOCK_FRAGMENT), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_row, setup, teardown),
		cmocka_unit_test_setup_teardown(test_several_buffers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_amplifier, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shadow_event, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shadow_reject, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limit_of_questions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_frames, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
