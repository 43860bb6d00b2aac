/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "fixture.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/membarrier.h>

#include "frame.h"
#include "packet_filter.skel.h"
#include "server/datapath_chunks.h"

void fixture_fail(const char *what)
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
		fixture_fail(bpf_map__name(map));
	return memory;
}

static int on_event(void *context, void *data, size_t size)
{
	struct fixture *fixture = context;

	if (size != sizeof(fixture->last)) {
		errno = EMSGSIZE;
		fixture_fail("event");
	}
	memcpy(&fixture->last, data, size);
	fixture->events++;
	return 0;
}

/* --- the maps */

static void set_sizes(struct fixture *fixture, uint32_t ring_size, uint32_t max_policies)
{
	struct packet_filter *skeleton = fixture->skeleton;
	uint32_t entries = classifier_entries(max_policies);

	fixture->slots = classifier_room(max_policies);
	bpf_map__set_max_entries(skeleton->maps.policy_map, fixture->slots);
	bpf_map__set_max_entries(skeleton->maps.entry_map, entries);
	bpf_map__set_max_entries(skeleton->maps.more_map, entries);
	bpf_map__set_max_entries(skeleton->maps.rule_map, entries);
	bpf_map__set_max_entries(skeleton->maps.bucket_map, classifier_buckets(max_policies));
	bpf_map__set_max_entries(skeleton->maps.policy_stats, fixture->cpus * fixture->slots);
	bpf_map__set_max_entries(skeleton->maps.limiter_map, fixture->slots);
	bpf_map__set_max_entries(skeleton->maps.scope_map, FIXTURE_LINES);
	if (ring_size)
		bpf_map__set_max_entries(skeleton->maps.ring_buffer, ring_size);
}

static void load(struct fixture *fixture, uint32_t ring_size, uint32_t max_policies, bool explained)
{
	libbpf_set_print(quiet);
	if (geteuid()) {
		errno = EPERM;
		fixture_fail("these tests load a program into the kernel and need root");
	}
	fixture->skeleton = packet_filter__open();
	if (!fixture->skeleton)
		fixture_fail("open");
	set_sizes(fixture, ring_size, max_policies);
	bpf_program__set_autoload(fixture->skeleton->progs.packet_explain, explained);
	if (packet_filter__load(fixture->skeleton))
		fixture_fail("load");
	fixture->program = bpf_program__fd(fixture->skeleton->progs.packet_filter);
	fixture->explainer = bpf_program__fd(fixture->skeleton->progs.packet_explain);
}

/* Each mapped array: its map and the pointer to it. */
#define MAPPED(f, name, pointer)                                                                   \
	{(f)->skeleton->maps.name, (void **)&(pointer)}

static void each_window(struct fixture *f, void (*cb)(struct bpf_map *map, void **at, size_t size))
{
	struct pep_tables *t = &f->tables;
	const struct {
		struct bpf_map *map;
		void **at;
	} windows[] = {
		MAPPED(f, data_config, t->config),
		MAPPED(f, data_tuples, t->tuples),
		MAPPED(f, data_index, t->index),
		MAPPED(f, data_classes, t->classes),
		MAPPED(f, data_combos, t->combos),
		MAPPED(f, entry_map, t->entries),
		MAPPED(f, more_map, t->more),
		MAPPED(f, rule_map, t->rules),
		MAPPED(f, bucket_map, t->buckets),
		MAPPED(f, spread_map, t->spreads),
		MAPPED(f, explain_map, f->explain),
		MAPPED(f, iface_index, f->ifaces),
		MAPPED(f, limiter_map, f->limiters),
		MAPPED(f, scope_map, f->places),
		MAPPED(f, policy_stats, f->rows),
	};

	for (size_t i = 0; i < ARRAY_SIZE(windows); i++)
		cb(windows[i].map, windows[i].at,
			(size_t)bpf_map__value_size(windows[i].map) *
				bpf_map__max_entries(windows[i].map));
}

static void window_open(struct bpf_map *map, void **at, size_t size)
{
	*at = map_memory(map, size);
}

static void window_close(struct bpf_map *map, void **at, size_t size)
{
	(void)map;
	munmap(*at, size);
}

/* --- the engine over them */

static int chunks_make(void *data, uint32_t first, uint32_t count)
{
	struct fixture *fixture = data;

	return datapath_chunks_make(bpf_map__fd(fixture->skeleton->maps.set_map),
		&fixture->tables, first, count);
}

static void chunks_drop(void *data, uint32_t first, uint32_t count)
{
	struct fixture *fixture = data;

	datapath_chunks_drop(bpf_map__fd(fixture->skeleton->maps.set_map), &fixture->tables, first,
		count);
}

void fixture_grace(void *data)
{
	(void)data;
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		fixture_fail("membarrier");
}

/* As server/datapath does; elements of entries that are gone wait until their number is used again. */
static void prepared(void *data, const struct classifier_plan *plan)
{
	struct fixture *fixture = data;
	int map = bpf_map__fd(fixture->skeleton->maps.policy_map);

	for (size_t i = 0; i < plan->born_count; i++) {
		const struct classifier_born *born = &plan->born[i];
		struct pep_policy policy = {0};

		snprintf(policy.name, sizeof(policy.name), "%s", born->name);
		snprintf(policy.line, sizeof(policy.line), "%s", born->line);
		if (bpf_map_update_elem(map, &born->entry, &policy, BPF_ANY))
			fixture_fail("policy_map");
	}
	for (size_t i = 0; i < plan->fresh_slot_count; i++) {
		uint32_t slot = plan->fresh_slots[i];

		fixture->limiters[slot] = (struct pep_limiter){0};
		for (uint32_t cpu = 0; cpu < fixture->cpus; cpu++)
			fixture->rows[cpu * fixture->slots + slot] = (struct pep_policy_stats){0};
	}
	for (size_t i = 0; i < plan->fresh_limiter_count; i++)
		fixture->limiters[plan->fresh_limiters[i]].tat = 0;
}

/* Jiffies: the coarse clock's resolution is the tick. */
static uint32_t ticks_per_second(void)
{
	struct timespec tick;

	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	return (uint32_t)(1000000000 / tick.tv_nsec);
}

static void begin(struct fixture *fixture)
{
	struct pep_config *config = fixture->tables.config;

	config->abi = PEP_ABI;
	config->slots = fixture->slots;
	config->scope_lines = FIXTURE_LINES;
	config->generation = 1;
	config->hz = ticks_per_second();
	for (size_t i = 0; i < 4; i++) {
		struct pep_members *m = &config->ruleset[i / 2].members[i % 2];

		m->lines.mask = m->filter.mask = m->lengths.mask = PEP_TABLE_NONE;
	}
	config->ruleset[1].event_rate = UINT32_MAX;
	config->ruleset[1].reject_cost = pep_reject_cost(PEP_REJECT_RATE_DEFAULT);
	config->ruleset[1].revision = 7;
	fixture->config = config;
}

static void init(struct fixture *fixture, uint32_t ring_size, uint32_t max_policies, bool explained)
{
	max_policies = max_policies ? max_policies : FIXTURE_POLICIES;
	*fixture = (struct fixture){.cpus = (uint32_t)libbpf_num_possible_cpus()};
	load(fixture, ring_size, max_policies, explained);
	each_window(fixture, window_open);
	begin(fixture);
	fixture->ring = ring_buffer__new(
		bpf_map__fd(fixture->skeleton->maps.ring_buffer), on_event, fixture, NULL);
	if (!fixture->ring)
		fixture_fail("ring buffer");
	engine_init(&fixture->engine, max_policies, &fixture->tables);
	fixture_lend(fixture, &fixture->engine);
}

void fixture_init(struct fixture *fixture, uint32_t ring_size, uint32_t max_policies)
{
	init(fixture, ring_size, max_policies, false);
}

void fixture_init_explained(struct fixture *fixture, uint32_t ring_size, uint32_t max_policies)
{
	init(fixture, ring_size, max_policies, true);
}

void fixture_lend(struct fixture *fixture, struct engine *engine)
{
	engine->data = fixture;
	engine->prepared = prepared;
	engine->chunks_make = chunks_make;
	engine->chunks_drop = chunks_drop;
}

void fixture_deinit(struct fixture *fixture)
{
	engine_deinit(&fixture->engine);
	ring_buffer__free(fixture->ring);
	for (uint32_t i = 0; i < PEP_CHUNKS_MAX; i++)
		if (fixture->tables.chunks[i])
			munmap(fixture->tables.chunks[i], PEP_CHUNK_LINES * sizeof(struct pep_line));
	each_window(fixture, window_close);
	packet_filter__destroy(fixture->skeleton);
}

void fixture_pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fixture_fail("sched_setaffinity");
}

struct pep_ruleset *fixture_ruleset(struct fixture *fixture)
{
	return engine_ruleset(&fixture->engine);
}

uint32_t fixture_policy(struct fixture *fixture, const char *line)
{
	return engine_add(&fixture->engine, line);
}

struct pep_entry *fixture_entry(struct fixture *fixture, const char *name)
{
	uint32_t entry = engine_entry(&fixture->engine, name);

	if (!entry) {
		errno = ENOENT;
		fixture_fail(name);
	}
	return &fixture->tables.entries[entry];
}

void fixture_clear(struct fixture *fixture)
{
	engine_clear(&fixture->engine);
}

void fixture_arrive(struct fixture *fixture, uint32_t slot)
{
	fixture->ifaces[FIXTURE_IFINDEX] =
		(struct pep_iface_ref){.ifindex = slot ? FIXTURE_IFINDEX : 0, .slot = slot};
}

int fixture_run(
	struct fixture *fixture, const void *data, size_t size, uint32_t repeat, void *ret_out)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = data, .data_size_in = (uint32_t)size,
		.data_out = ret_out, .data_size_out = ret_out ? (uint32_t)size : 0,
		.repeat = (int)repeat);

	if (bpf_prog_test_run_opts(fixture->program, &options))
		fixture_fail("BPF_PROG_TEST_RUN");
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

void fixture_explain(struct fixture *fixture, const void *data, size_t size, uint32_t iface)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = data, .data_size_in = (uint32_t)size,
		.repeat = 1);

	fixture->explain->generation = 0;
	fixture->explain->iface = iface;
	if (bpf_prog_test_run_opts(fixture->explainer, &options))
		fixture_fail("packet_explain");
	errno = EBADMSG;
	if (options.retval != XDP_PASS)
		fixture_fail("packet_explain");
}

int fixture_run_text(struct fixture *fixture, const char *text)
{
	struct frame *frame = malloc(sizeof(*frame));
	int verdict;

	if (!frame)
		fixture_fail("malloc");
	frame_build(frame, text);
	verdict = fixture_run(fixture, frame->data, frame->size, 1, NULL);
	free(frame);
	return verdict;
}
