/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * parse OBJECT: nanoseconds of the parser beside a bare drop, by the kernel's
 * own clock of BPF_PROG_TEST_RUN; interleaved, the best of the rounds.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "frame.h"

#define ROUNDS 30
#define REPEAT 200000

static uint32_t run(int program, const struct frame *frame)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame->data,
		.data_size_in = (uint32_t)frame->size, .repeat = REPEAT);

	if (bpf_prog_test_run_opts(program, &options)) {
		perror("BPF_PROG_TEST_RUN");
		exit(EXIT_FAILURE);
	}
	return options.duration;
}

static int program_of(const struct bpf_object *object, const char *name)
{
	return bpf_program__fd(bpf_object__find_program_by_name(object, name));
}

int main(int argc, char *argv[])
{
	static const char *const rows[][2] = {
		{"parse-ip4-tcp", "ip4 tcp dport=80"},
		{"parse-ip6-udp", "ip6 udp dport=53"},
		{"parse-vlan-tcp", "vlan=5 ip4 tcp dport=80"},
		{"parse-ip6-ext-tcp", "ip6 dst tcp dport=80"},
	};
	static struct frame frame;
	struct bpf_object *object = argc == 2 ? bpf_object__open(argv[1]) : NULL;

	if (!object || bpf_object__load(object)) {
		fprintf(stderr, "usage: parse OBJECT (as root)\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t bare = UINT32_MAX, parse = UINT32_MAX;

		frame_build(&frame, rows[i][1]);
		for (int round = 0; round < ROUNDS; round++) {
			uint32_t drop = run(program_of(object, "bare_drop"), &frame);
			uint32_t full = run(program_of(object, "parse_only"), &frame);

			bare = drop < bare ? drop : bare;
			parse = full < parse ? full : parse;
		}
		printf("%s %d ns bare-drop+8 %s\n", rows[i][0], (int)parse - (int)bare,
			parse <= bare + 8 ? "ok" : "missed");
	}
	bpf_object__close(object);
	return 0;
}
