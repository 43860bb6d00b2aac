/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * packets [OPTION...] OBJECT PROGRAM[:FLOWS[+FIRST]]...: nanoseconds a packet of programs in
 * packets.bpf.c, one line each: name, minimum and median of the rounds, and the 99th
 * percentile of batches of 16 packets. By the kernel's clock of BPF_PROG_TEST_RUN,
 * rounds of all programs interleaved.
 *
 *	-t TEXT   frame of tests/datapath/frame.h (default: TCP over IPv4)
 *	-f FILE   flows, as in packets.h
 *	-p DIR    pins of a running pepctld, whose ruleset packet_filter judges by
 *	-i NAME   interface that the frame comes from
 *	-k FILE   keys of the ladder
 *	-m FILE   addresses (four bytes each) of the kernel's hash and LPM trie
 */
#include <errno.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "common/macros.h"
#include "frame.h"
#include "packets.h"
#include "pinned.h"

#define ROUNDS       25
#define TIMED        4                                 /* rounds whose batches are timed */
#define REPEAT       (BENCH_BATCH * BENCH_BATCHES + 1) /* a batch is written when the next begins */
#define PROGRAMS_MAX 16

struct file {
	void *data;
	uint32_t count;
};

struct options {
	const char *object, *text, *pins, *iface;
	struct file flows, keys, members;
};

struct row {
	const char *name;
	uint32_t flows, first;
	int program;
	uint32_t rounds[ROUNDS];
	uint32_t batches[TIMED * BENCH_BATCHES];
};

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "packets: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static struct file read_file(const char *path, size_t element)
{
	FILE *in = fopen(path, "rb");
	struct file file;
	long size;

	if (!in || fseek(in, 0, SEEK_END) || (size = ftell(in)) < 0)
		fail(path);
	rewind(in);
	file.count = (uint32_t)((size_t)size / element);
	file.data = malloc((size_t)size + 1);
	if (!file.data || fread(file.data, element, file.count, in) != file.count)
		fail(path);
	fclose(in);
	return file;
}

/* --- the object */

static struct bpf_map *map_of(const struct bpf_object *object, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, name);

	if (!map)
		fail(name);
	return map;
}

static void size_map(const struct bpf_object *object, const char *name, uint32_t count)
{
	if (count && bpf_map__set_max_entries(map_of(object, name), count))
		fail(name);
}

/* Only what is measured is loaded: each program costs the verifier its time. */
static void choose(const struct bpf_object *object, const struct row *rows, size_t count)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object)
	{
		bool wanted = false;

		for (size_t i = 0; i < count; i++)
			wanted |= !strcmp(rows[i].name, bpf_program__name(program));
		bpf_program__set_autoload(program, wanted);
	}
}

static struct bpf_object *load(const struct options *options, struct row *rows, size_t count)
{
	struct bpf_object *object = bpf_object__open(options->object);

	if (!object)
		fail(options->object);
	choose(object, rows, count);
	size_map(object, "bench_ladder", options->keys.count);
	size_map(object, "bench_hash", options->members.count);
	size_map(object, "bench_lpm", options->members.count);
	if (options->pins && pinned_reuse(object, options->pins))
		fail(options->pins);
	if (bpf_object__load(object))
		fail("load");
	for (size_t i = 0; i < count; i++) {
		const struct bpf_program *program =
			bpf_object__find_program_by_name(object, rows[i].name);

		if (!program)
			fail(rows[i].name);
		rows[i].program = bpf_program__fd(program);
	}
	return object;
}

/* --- its tables */

static void put(const struct bpf_map *map, const void *key, const void *value)
{
	if (bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY))
		fail(bpf_map__name(map));
}

/* A mapped array's memory. */
static void *window(const struct bpf_object *object, const char *name, size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		bpf_map__fd(map_of(object, name)), 0);

	if (memory == MAP_FAILED)
		fail(name);
	return memory;
}

static void fill_flows(const struct bpf_object *object, const struct file *flows)
{
	const struct bpf_map *small = map_of(object, "bench_small");
	const struct bench_flow *from = flows->data;
	struct bench_flow *to = window(object, "bench_flows", BENCH_FLOWS * sizeof(*to));

	for (uint32_t i = 0; i < BENCH_FLOWS; i++)
		to[i] = from[i % flows->count];
	for (uint32_t i = 0; i < BENCH_SMALL; i++) {
		struct bench_key key = {.rung = BENCH_FIVE_TUPLE,
			.family = to[i].family,
			.proto = to[i].proto,
			.sport = to[i].sport,
			.dport = to[i].dport};
		uint64_t value = i;

		memcpy(key.src, to[i].src, sizeof(key.src));
		memcpy(key.dst, to[i].dst, sizeof(key.dst));
		put(small, &key, &value);
	}
	munmap(to, BENCH_FLOWS * sizeof(*to));
}

static void fill_peers(const struct bpf_object *object, const struct options *options)
{
	const struct bench_key *keys = options->keys.data;
	const __be32 *members = options->members.data;

	for (uint64_t i = 0; i < options->keys.count; i++)
		put(map_of(object, "bench_ladder"), &keys[i], &i);
	for (uint32_t i = 0; i < options->members.count; i++) {
		struct bench_prefix prefix = {.length = 32, .address = members[i]};

		put(map_of(object, "bench_hash"), &members[i], &i);
		put(map_of(object, "bench_lpm"), &prefix, &i);
	}
}

/* --- measuring */

static uint32_t run(const struct row *row, const struct frame *frame, uint32_t ifindex)
{
	struct xdp_md context = {.data_end = (uint32_t)frame->size, .ingress_ifindex = ifindex};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame->data,
		.data_size_in = (uint32_t)frame->size, .repeat = REPEAT);

	if (ifindex) {
		options.ctx_in = &context;
		options.ctx_size_in = sizeof(context);
	}
	if (bpf_prog_test_run_opts(row->program, &options))
		fail("BPF_PROG_TEST_RUN");
	return options.duration;
}

static void set_state(const struct bpf_object *object, const struct row *row, bool timed)
{
	struct bench_state state = {.first = row->first, .mask = row->flows - 1, .timed = timed};

	const uint32_t zero = 0;

	put(map_of(object, "bench_state"), &zero, &state);
}

static void measure(const struct bpf_object *object, struct row *rows, size_t count,
	const struct frame *frame, uint32_t ifindex)
{
	uint32_t *batches = window(object, "bench_batches", BENCH_BATCHES * sizeof(*batches));

	for (size_t round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < count; i++) {
			set_state(object, &rows[i], false);
			rows[i].rounds[round] = run(&rows[i], frame, ifindex);
		}
	}
	for (size_t round = 0; round < TIMED; round++) {
		for (size_t i = 0; i < count; i++) {
			memset(batches, 0, BENCH_BATCHES * sizeof(*batches));
			set_state(object, &rows[i], true);
			run(&rows[i], frame, ifindex);
			memcpy(&rows[i].batches[round * BENCH_BATCHES], batches,
				BENCH_BATCHES * sizeof(*batches));
		}
	}
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void print(struct row *row)
{
	qsort(row->rounds, ROUNDS, sizeof(row->rounds[0]), compare);
	qsort(row->batches, ARRAY_SIZE(row->batches), sizeof(row->batches[0]), compare);
	printf("%s:%u+%u %u %u %u\n", row->name, row->flows, row->first, row->rounds[0],
		row->rounds[ROUNDS / 2],
		row->batches[ARRAY_SIZE(row->batches) * 99 / 100] / BENCH_BATCH);
}

/* --- arguments */

static void read_row(struct row *row, char *word)
{
	unsigned int flows = BENCH_FLOWS, first = 0;
	char *colon = strchr(word, ':');

	if (colon) {
		*colon = 0;
		sscanf(colon + 1, "%u+%u", &flows, &first);
	}
	row->name = word;
	row->flows = flows;
	row->first = first;
	if (flows && !(flows & (flows - 1)) && flows <= BENCH_FLOWS && first <= BENCH_FLOWS - flows)
		return;
	fprintf(stderr, "packets: %s: flows must be a power of two, and end before %u\n", word,
		BENCH_FLOWS);
	exit(2);
}

static void read_options(int argc, char *argv[], struct options *ret)
{
	int option;

	*ret = (struct options){.text = "ip4 tcp dport=80"};
	while ((option = getopt(argc, argv, "t:f:p:i:k:m:")) >= 0) {
		switch (option) {
		case 't':
			ret->text = optarg;
			break;
		case 'f':
			ret->flows = read_file(optarg, sizeof(struct bench_flow));
			break;
		case 'p':
			ret->pins = optarg;
			break;
		case 'i':
			ret->iface = optarg;
			break;
		case 'k':
			ret->keys = read_file(optarg, sizeof(struct bench_key));
			break;
		case 'm':
			ret->members = read_file(optarg, sizeof(__be32));
			break;
		default:
			exit(2);
		}
	}
	ret->object = argv[optind];
	if (argc - optind < 2 || argc - optind > PROGRAMS_MAX + 1) {
		fprintf(stderr, "usage: packets [OPTION...] OBJECT PROGRAM[:FLOWS]... (as root)\n");
		exit(2);
	}
}

int main(int argc, char *argv[])
{
	static struct row rows[PROGRAMS_MAX];
	static struct frame frame;
	struct bpf_object *object;
	struct options options;
	uint32_t ifindex;
	size_t count;

	read_options(argc, argv, &options);
	count = (size_t)(argc - optind - 1);
	for (size_t i = 0; i < count; i++)
		read_row(&rows[i], argv[optind + 1 + (int)i]);
	frame_build(&frame, options.text);
	ifindex = options.iface ? if_nametoindex(options.iface) : 0;
	object = load(&options, rows, count);
	if (options.flows.data)
		fill_flows(object, &options.flows);
	fill_peers(object, &options);
	free(options.flows.data);
	free(options.keys.data);
	free(options.members.data);
	measure(object, rows, count, &frame, ifindex);
	for (size_t i = 0; i < count; i++)
		print(&rows[i]);
	bpf_object__close(object);
	return 0;
}
