/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "frame.h"
#include "packet_filter.skel.h"

static void fail(const char *what)
{
	fprintf(stderr, "fixture: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

__attribute__((format(printf, 2, 0))) static int quiet(
	enum libbpf_print_level level, const char *format, va_list arguments)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, arguments) : 0;
}

static void *map_memory(struct bpf_map *map, size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (memory == MAP_FAILED)
		fail(bpf_map__name(map));
	return memory;
}

static int on_event(void *context, void *data, size_t size)
{
	struct fixture *fixture = context;

	if (size != sizeof(fixture->last)) {
		errno = EMSGSIZE;
		fail("event");
	}
	memcpy(&fixture->last, data, size);
	fixture->events++;
	return 0;
}

static void load(struct fixture *fixture, uint32_t ring_size)
{
	struct packet_filter *skeleton;

	libbpf_set_print(quiet);
	if (geteuid()) {
		errno = EPERM;
		fail("these tests load a program into the kernel and need root");
	}
	skeleton = packet_filter__open();
	if (!skeleton)
		fail("open");
	bpf_map__set_max_entries(skeleton->maps.policy_map, 2 * FIXTURE_SLOTS);
	bpf_map__set_max_entries(skeleton->maps.policy_stats, fixture->cpus * FIXTURE_SLOTS);
	bpf_map__set_max_entries(skeleton->maps.limiter_map, FIXTURE_SLOTS);
	if (ring_size)
		bpf_map__set_max_entries(skeleton->maps.ring_buffer, ring_size);
	if (packet_filter__load(skeleton))
		fail("load");
	fixture->skeleton = skeleton;
	fixture->program = bpf_program__fd(skeleton->progs.packet_filter);
}

void fixture_init(struct fixture *fixture, uint32_t ring_size)
{
	struct packet_filter *skeleton;

	*fixture = (struct fixture){.cpus = (uint32_t)libbpf_num_possible_cpus()};
	load(fixture, ring_size);
	skeleton = fixture->skeleton;
	fixture->config = map_memory(skeleton->maps.config_map, sizeof(*fixture->config));
	fixture->limiters =
		map_memory(skeleton->maps.limiter_map, FIXTURE_SLOTS * sizeof(*fixture->limiters));
	fixture->rows = map_memory(skeleton->maps.policy_stats,
		(size_t)fixture->cpus * FIXTURE_SLOTS * sizeof(*fixture->rows));
	fixture->ring =
		ring_buffer__new(bpf_map__fd(skeleton->maps.ring_buffer), on_event, fixture, NULL);
	if (!fixture->ring)
		fail("ring buffer");
	fixture->config->abi = PEP_ABI;
	fixture->config->slots = FIXTURE_SLOTS;
	fixture->config->generation = 1;
	fixture_ruleset(fixture)->event_rate = UINT32_MAX;
	fixture_ruleset(fixture)->revision = 7;
}

void fixture_deinit(struct fixture *fixture)
{
	ring_buffer__free(fixture->ring);
	munmap(fixture->config, sizeof(*fixture->config));
	munmap(fixture->limiters, FIXTURE_SLOTS * sizeof(*fixture->limiters));
	munmap(fixture->rows, (size_t)fixture->cpus * FIXTURE_SLOTS * sizeof(*fixture->rows));
	packet_filter__destroy(fixture->skeleton);
}

void fixture_pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("sched_setaffinity");
}

struct pep_ruleset *fixture_ruleset(struct fixture *fixture)
{
	return &fixture->config->ruleset[fixture->config->generation & 1];
}

void fixture_put(
	struct fixture *fixture, const struct pep_policy_key *key, const struct pep_policy *policy)
{
	int map = bpf_map__fd(fixture->skeleton->maps.policy_map);

	if (bpf_map_update_elem(map, key, policy, BPF_ANY))
		fail("policy_map");
	fixture->config->ruleset[0].rungs |= 1u << key->rung;
	fixture->config->ruleset[1].rungs |= 1u << key->rung;
}

void fixture_add(struct fixture *fixture, const struct pep_policy_key *key, struct pep_rule rule)
{
	struct pep_policy policy = {.version = {rule}};

	policy.version[0].born = 1;
	policy.version[0].dies = UINT64_MAX;
	fixture_put(fixture, key, &policy);
}

void fixture_clear(struct fixture *fixture)
{
	int map = bpf_map__fd(fixture->skeleton->maps.policy_map);
	struct pep_policy_key key;

	while (!bpf_map_get_next_key(map, NULL, &key))
		if (bpf_map_delete_elem(map, &key))
			fail("policy_map");
	fixture->config->ruleset[0].rungs = fixture->config->ruleset[1].rungs = 0;
}

struct pep_rule fixture_rule(const char *name, uint32_t slot, enum pep_action action)
{
	struct pep_rule rule = {.slot = slot, .log_every = 1, .action = (__u8)action};

	snprintf(rule.name, sizeof(rule.name), "%s", name);
	return rule;
}

static void set_address(struct pep_policy_key *key, const char *text, __be32 *to)
{
	if (!text)
		return;
	key->family = strchr(text, ':') ? 6 : 4;
	if (inet_pton(key->family == 6 ? AF_INET6 : AF_INET, text, to) != 1)
		fail(text);
}

struct pep_policy_key fixture_key(enum pep_rung rung, const char *src, const char *dst,
	unsigned int sport, unsigned int dport, unsigned int proto)
{
	struct pep_policy_key key = {.rung = (__u8)rung,
		.proto = (__u8)proto,
		.sport = htons((uint16_t)sport),
		.dport = htons((uint16_t)dport)};

	set_address(&key, src, key.src);
	set_address(&key, dst, key.dst);
	return key;
}

int fixture_run(
	struct fixture *fixture, const void *data, size_t size, uint32_t repeat, void *ret_out)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = data, .data_size_in = (uint32_t)size,
		.data_out = ret_out, .data_size_out = ret_out ? (uint32_t)size : 0,
		.repeat = (int)repeat);

	if (bpf_prog_test_run_opts(fixture->program, &options))
		fail("BPF_PROG_TEST_RUN");
	return (int)options.retval;
}

int fixture_run_linear(struct fixture *fixture, const void *data, size_t size, uint32_t linear)
{
	struct xdp_md context = {.data_end = linear, .ingress_ifindex = FIXTURE_IFINDEX};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = data, .data_size_in = (uint32_t)size,
		.ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = 1);
	int error = bpf_prog_test_run_opts(fixture->program, &options);

	return error ? error : (int)options.retval;
}

int fixture_run_text(struct fixture *fixture, const char *text)
{
	struct frame *frame = malloc(sizeof(*frame));
	int verdict;

	if (!frame)
		fail("malloc");
	frame_build(frame, text);
	verdict = fixture_run(fixture, frame->data, frame->size, 1, NULL);
	free(frame);
	return verdict;
}

/* Adds up the per-CPU values of an entry, all of which are 64-bit words. */
static void sum(const struct fixture *fixture, struct bpf_map *map, uint32_t key, size_t words,
	uint64_t *ret_sum)
{
	uint64_t *values = calloc(fixture->cpus, words * sizeof(*values));

	if (!values || bpf_map_lookup_elem(bpf_map__fd(map), &key, values))
		fail(bpf_map__name(map));
	for (size_t i = 0; i < words; i++) {
		ret_sum[i] = 0;
		for (size_t cpu = 0; cpu < fixture->cpus; cpu++)
			ret_sum[i] += values[cpu * words + i];
	}
	free(values);
}

struct pep_stats fixture_stats(struct fixture *fixture, uint32_t iface)
{
	union {
		struct pep_stats stats;
		uint64_t words[sizeof(struct pep_stats) / sizeof(uint64_t)];
	} all;

	sum(fixture, fixture->skeleton->maps.stats_map, iface,
		sizeof(all.words) / sizeof(all.words[0]), all.words);
	return all.stats;
}

struct pep_event_state fixture_event_state(struct fixture *fixture)
{
	union {
		struct pep_event_state state;
		uint64_t words[sizeof(struct pep_event_state) / sizeof(uint64_t)];
	} all;

	sum(fixture, fixture->skeleton->maps.event_state, 0,
		sizeof(all.words) / sizeof(all.words[0]), all.words);
	return all.state;
}

uint64_t fixture_tally(struct fixture *fixture, enum pep_tally tally)
{
	return fixture_stats(fixture, 0).tally[tally].packets;
}

struct pep_policy_stats fixture_row(struct fixture *fixture, uint32_t slot)
{
	struct pep_policy_stats all = {0};
	const struct pep_policy_stats *row;

	for (uint32_t cpu = 0; cpu < fixture->cpus; cpu++) {
		row = &fixture->rows[cpu * FIXTURE_SLOTS + slot];
		all.packets += row->packets;
		all.bytes += row->bytes;
		all.exceeded_packets += row->exceeded_packets;
		all.exceeded_bytes += row->exceeded_bytes;
		if (row->last_hit > all.last_hit)
			all.last_hit = row->last_hit;
	}
	return all;
}

size_t fixture_events(struct fixture *fixture)
{
	int taken = ring_buffer__consume(fixture->ring);

	if (taken < 0)
		fail("ring_buffer__consume");
	return (size_t)taken;
}
