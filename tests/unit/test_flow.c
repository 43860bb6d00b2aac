/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What is built from a flow is what the packet program's parser finds in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>

#include "bpf/parse.h"
#include "common/flow.h"
#include "common/policy.h"

static const uint8_t protos[] = {6, 17, 136, 132, 33, 1, 58, 47, 50, 255, 0};

static struct pep_packet parse(const uint8_t *bytes, size_t size)
{
	pep_source source = {.data = bytes, .length = (__u32)size};
	struct pep_packet packet;
	struct pep_frame frame;

	pep_frame_init(&frame, &source);
	pep_parse(&frame, &packet);
	return packet;
}

static struct flow a_flow(uint8_t family, uint8_t proto)
{
	struct flow flow = {.family = family,
		.proto = proto,
		.sport = 0x1234,
		.dport = 0x5678,
		.icmp_type = 3,
		.icmp_code = 4,
		.tcp_flags = 0x12};

	for (uint8_t i = 0; i < (family == 4 ? 4 : 16); i++) {
		flow.src[i] = (uint8_t)(i + 1);
		flow.dst[i] = (uint8_t)(i + 101);
	}
	return flow;
}

static void check(const struct flow *flow)
{
	bool is_icmp = flow->proto == 1 || flow->proto == 58;
	uint8_t frame[FLOW_BYTES_MAX];
	size_t size = flow_build(flow, frame);
	struct pep_packet p;

	assert_true(size >= FLOW_BYTES_MIN && size <= FLOW_BYTES_MAX);
	p = parse(frame, size);
	assert_int_equal(p.error, PEP_PARSE_OK);
	assert_int_equal(p.family, flow->family);
	assert_int_equal(p.proto, flow->proto);
	assert_memory_equal(p.src, flow->src, 16);
	assert_memory_equal(p.dst, flow->dst, 16);
	assert_int_equal(p.vlan, flow->has_vlan ? flow->vlan : PEP_VLAN_NONE);
	assert_int_equal(p.has_ports, proto_has_ports(flow->proto));
	assert_int_equal(p.sport, p.has_ports ? htons(0x1234) : 0);
	assert_int_equal(p.dport, p.has_ports ? htons(0x5678) : 0);
	assert_int_equal(p.has_icmp, is_icmp);
	assert_int_equal(p.icmp_type, is_icmp ? flow->icmp_type : 0);
	assert_int_equal(p.icmp_code, is_icmp ? flow->icmp_code : 0);
	assert_int_equal(p.has_tcp, flow->proto == 6);
	assert_int_equal(p.tcp_flags, flow->proto == 6 ? 0x12 : 0);
	if (flow->length)
		assert_int_equal(p.ip_length, flow->length);
}

static void test_the_parser_finds_the_flow(void **state)
{
	(void)state;
	for (uint8_t family = 4; family <= 6; family += 2)
		for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
			struct flow flow = a_flow(family, protos[i]);

			if (flow_is_extension(&flow))
				continue;
			check(&flow);
			flow.has_vlan = true;
			flow.vlan = 77;
			check(&flow);
			flow.length = FLOW_BYTES_MAX - 18;
			check(&flow);
		}
}

static void test_lengths(void **state)
{
	struct flow flow = a_flow(4, 6);
	uint8_t frame[FLOW_BYTES_MAX];

	(void)state;
	assert_int_equal(flow_build(&flow, frame), 54);
	flow.length = 40;
	assert_int_equal(flow_build(&flow, frame), 54);
	flow.length = 39;
	assert_int_equal(flow_build(&flow, frame), 0);
	flow.length = FLOW_BYTES_MAX - 14;
	assert_int_equal(flow_build(&flow, frame), FLOW_BYTES_MAX);
	flow.length++;
	assert_int_equal(flow_build(&flow, frame), 0);
	flow.length = UINT32_MAX;
	assert_int_equal(flow_build(&flow, frame), 0);
	flow = a_flow(6, 47);
	assert_int_equal(flow_build(&flow, frame), 54);
}

static void test_neighbour_discovery_is_as_it_is_sent(void **state)
{
	struct flow flow = a_flow(6, 58);
	uint8_t frame[FLOW_BYTES_MAX];
	size_t size;

	(void)state;
	for (unsigned int type = 128; type < 140; type++) {
		flow.icmp_type = (uint8_t)type;
		flow.icmp_code = 0;
		size = flow_build(&flow, frame);
		assert_int_equal(parse(frame, size).discovery, type >= 133 && type <= 137);
	}
}

/* --- the message */

static int read_flow(const Pepctl__V1__Flow *message, struct flow *ret, char field[static 64])
{
	struct error err = ERROR_INIT;
	int r = flow_from_proto(message, "flow", ret, &err);

	snprintf(field, 64, "%s", err.violation_count ? err.violations[0].field : "");
	assert_int_equal(r != 0, err.violation_count > 0);
	error_deinit(&err);
	return r;
}

static void test_defaults(void **state)
{
	Pepctl__V1__IcmpType icmp;
	Pepctl__V1__Flow m;
	struct flow flow;
	char field[64];

	(void)state;
	pepctl__v1__flow__init(&m);
	assert_int_equal(read_flow(&m, &flow, field), 0);
	assert_int_equal(flow.family, 4);
	assert_int_equal(flow.proto, 6);
	assert_int_equal(flow.sport, FLOW_SPORT);
	assert_int_equal(flow.tcp_flags, 2);
	m.dst = (char[]){"2001:db8::1"};
	pepctl__v1__icmp_type__init(&icmp);
	m.icmp_type = &icmp;
	assert_int_equal(read_flow(&m, &flow, field), 0);
	assert_int_equal(flow.family, 6);
	assert_int_equal(flow.proto, 58);
	assert_int_equal(flow.icmp_type, 0); /* as given */
	m.icmp_type = NULL;
	m.proto_present_case = PEPCTL__V1__FLOW__PROTO_PRESENT_PROTO;
	m.proto = 58;
	assert_int_equal(read_flow(&m, &flow, field), 0);
	assert_int_equal(flow.icmp_type, 128);
}

#define REFUSED(path, ...)                                                                         \
	do {                                                                                       \
		Pepctl__V1__Flow m;                                                                \
		struct flow flow;                                                                  \
		char field[64];                                                                    \
		pepctl__v1__flow__init(&m);                                                        \
		__VA_ARGS__;                                                                       \
		assert_int_equal(read_flow(&m, &flow, field), -22);                                \
		assert_string_equal(field, path);                                                  \
	} while (0)

static void set_proto(Pepctl__V1__Flow *m, uint32_t proto)
{
	m->proto_present_case = PEPCTL__V1__FLOW__PROTO_PRESENT_PROTO;
	m->proto = proto;
}

static void test_contradictions(void **state)
{
	Pepctl__V1__IcmpType icmp;
	char v4[] = "192.0.2.1", v6[] = "::1", prefix[] = "10.0.0.0/8", set[] = "@bad";

	(void)state;
	pepctl__v1__icmp_type__init(&icmp);
	icmp.type = 256;
	REFUSED("flow.dst", m.src = v4; m.dst = v6);
	REFUSED("flow.src", m.src = prefix);
	REFUSED("flow.dst", m.dst = set);
	REFUSED("flow.proto", set_proto(&m, 256));
	REFUSED("flow.proto", m.src = v6; set_proto(&m, 44));
	REFUSED("flow.dport", set_proto(&m, 47); m.dport = 5);
	REFUSED("flow.sport", set_proto(&m, 47); m.sport = 5);
	REFUSED("flow.dport", m.dport = 65536);
	REFUSED("flow.icmp_type", set_proto(&m, 17); icmp.type = 8; m.icmp_type = &icmp);
	REFUSED("flow.icmp_type.type", icmp.type = 256; m.icmp_type = &icmp);
	REFUSED("flow.tcp_flags", set_proto(&m, 17); m.tcp_flags_present_case = 8);
	REFUSED("flow.tcp_flags", m.tcp_flags_present_case = 8; m.tcp_flags = 256);
	REFUSED("flow.vlan", m.vlan_present_case = 6; m.vlan = 4095);
	REFUSED("flow.length", m.length = 39);
	REFUSED("flow.length", m.length = UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_parser_finds_the_flow),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_neighbour_discovery_is_as_it_is_sent),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_contradictions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
