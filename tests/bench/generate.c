/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * generate OBJECT FLOWS COUNT IFACE...: sends COUNT frames out of each interface, in
 * ROUNDS interleaved rounds, and prints for each: name, minimum and median of the
 * nanoseconds a frame, by the kernel's clock. Frames are test runs of a program that redirects
 * (BPF_F_TEST_XDP_LIVE_FRAMES): over a veth pair this core receives them too, at the end of
 * each batch, so that the time is the whole path's, from the generator to the drop.
 */
#include <errno.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "generate.h"

#define ROUNDS     20
#define IFACES_MAX 8
#define BATCH      64

static const uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 46, 0, 0, 0,
	0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0x30, 0x39, 0, 9, 0, 26};

static struct bpf_object *object;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "generate: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static void load(const char *path, const char *flows)
{
	size_t size = GENERATE_FLOWS * sizeof(struct bench_flow);
	FILE *in = fopen(flows, "rb");
	void *memory;

	object = bpf_object__open(path);
	if (!object || bpf_object__load(object))
		fail(path);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		bpf_object__find_map_fd_by_name(object, "flows"), 0);
	if (!in || memory == MAP_FAILED || fread(memory, 1, size, in) != size)
		fail(flows);
	fclose(in);
}

static uint32_t send_frames(const char *iface, uint32_t count)
{
	const struct bpf_program *program = bpf_object__find_program_by_name(object, "generate");
	struct generate_state state = {.ifindex = if_nametoindex(iface)};
	int map = bpf_object__find_map_fd_by_name(object, "state");
	uint32_t zero = 0;

	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame),
		.repeat = (int)count, .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);

	if (!state.ifindex || bpf_map_update_elem(map, &zero, &state, BPF_ANY))
		fail(iface);
	if (bpf_prog_test_run_opts(bpf_program__fd(program), &options))
		fail("BPF_PROG_TEST_RUN");
	return options.duration;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char *argv[])
{
	static uint32_t took[IFACES_MAX][ROUNDS];
	uint32_t count = argc > 4 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;
	int ifaces = argc - 4;

	if (!count || ifaces > IFACES_MAX) {
		fprintf(stderr, "usage: generate OBJECT FLOWS COUNT IFACE... (as root)\n");
		return 2;
	}
	load(argv[1], argv[2]);
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < ifaces; i++)
			took[i][round] = send_frames(argv[4 + i], count);
	for (int i = 0; i < ifaces; i++) {
		qsort(took[i], ROUNDS, sizeof(took[i][0]), compare);
		printf("%s %u %u\n", argv[4 + i], took[i][0], took[i][ROUNDS / 2]);
	}
	bpf_object__close(object);
	return 0;
}
