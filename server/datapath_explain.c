/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * packet_explain, run on a frame. It also tells the kernel's jiffies, in which
 * the program notes when a policy decided last.
 */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include <bpf/bpf.h>

#include "bpf/hash.h"
#include "bpf/scope.h"
#include "server/datapath_internal.h"

#define SECOND    1000000000ull
#define FRAME_MIN 14u

/* Question and answer stand in one element, and the worker asks about candidates. */
static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;

static int run(struct datapath *dp, const void *frame, size_t size)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = (uint32_t)size,
		.repeat = 1);

	return bpf_prog_test_run_opts(dp->explainer, &options) < 0 ? -errno : 0;
}

int datapath_explain(struct datapath *dp, const void *frame, size_t size, uint64_t generation,
	const char *iface, struct pep_explain *ret)
{
	int r;

	pthread_mutex_lock(&asking);
	*dp->maps.explain =
		(struct pep_explain){.generation = generation, .iface = slot_known(dp, iface)};
	r = run(dp, frame, size);
	if (!r)
		*ret = *dp->maps.explain;
	pthread_mutex_unlock(&asking);
	return r;
}

bool datapath_iface_known(const struct datapath *dp, const char *name)
{
	return slot_known(dp, name);
}

/* --- what stands behind the answer */

static void name_of(struct datapath *dp, uint32_t entry, char ret[static PEP_NAME_SIZE])
{
	struct pep_policy value;

	*ret = 0;
	if (!entry || bpf_map_lookup_elem(dp->maps.fds[MAP_POLICY], &entry, &value) < 0)
		return;
	memcpy(ret, value.name, PEP_NAME_SIZE);
	ret[PEP_NAME_SIZE - 1] = 0;
}

static uint64_t in_ns(struct timespec t)
{
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static uint64_t monotonic_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return in_ns(t);
}

/* Of the packet's own bucket, 0 = it has none yet. */
static uint64_t arrival_in_scope(
	const struct datapath *dp, const struct pep_rule *rule, const struct pep_packet *packet)
{
	const struct pep_config *config = dp->maps.config;
	const struct pep_scope_line *line;
	struct pep_scope_key key;
	__u64 ahead;
	uint32_t at;

	pep_scope_key(config, rule, packet, &key);
	if (key.line >= config->scope_lines)
		return 0;
	line = &dp->maps.scopes[key.line];
	at = pep_scope_find(line, key.tag, 0, &ahead);
	return ahead == PEP_SCOPE_FOUND ? __atomic_load_n(&line->place[at].tat, __ATOMIC_RELAXED)
					: 0;
}

/* Theoretical arrival time; a prepared commit begins a bucket anew whose rate it changes. */
static uint64_t arrival_of(const struct datapath *dp, uint64_t generation, uint32_t slot)
{
	for (size_t i = 0; generation && i < dp->fresh_limiter_count; i++)
		if (dp->fresh_limiters[i] == slot)
			return 0;
	return slot < dp->maps.slots
		       ? __atomic_load_n(&dp->maps.limiters[slot].tat, __ATOMIC_RELAXED)
		       : 0;
}

/* Units that take so many clock steps, to the nearest. */
static uint64_t units_of(const struct pep_rule *rule, uint64_t steps)
{
	unsigned __int128 scaled = (unsigned __int128)steps << (rule->limit_shift & 63);

	return rule->limit_mul ? (uint64_t)((scaled + rule->limit_mul / 2) / rule->limit_mul) : 0;
}

/* As pep_limit_try() sees it, which the packet would come to next. */
static void read_limiter(
	struct datapath *dp, const struct pep_explain *explain, struct datapath_explained *ret)
{
	const struct pep_rule *rule = &dp->maps.tables.rules[explain->ruling.entry];
	uint32_t slot = dp->maps.tables.entries[explain->ruling.entry].slot;
	uint64_t now = monotonic_now() << PEP_LIMIT_CLOCK_SHIFT;
	uint64_t arrival = rule->scope == PEP_SCOPE_POLICY
				   ? arrival_of(dp, explain->generation, slot)
				   : arrival_in_scope(dp, rule, &explain->packet);
	uint64_t ahead = arrival - now;

	if (ahead > rule->limit_tau + pep_limit_cost(rule, PEP_LIMIT_UNITS_MAX))
		ahead = 0;
	ret->limited = true;
	ret->passes = ahead < rule->limit_tau;
	ret->available = ret->passes ? units_of(rule, rule->limit_tau - ahead) : 0;
	ret->burst = units_of(rule, rule->limit_tau);
}

void datapath_explained(
	struct datapath *dp, const struct pep_explain *explain, struct datapath_explained *ret)
{
	const struct pep_ruling *ruling = &explain->ruling;

	*ret = (struct datapath_explained){.flow_percent = (uint16_t)pep_flow_percent(
						   &explain->packet, dp->maps.config->roots.seed)};
	name_of(dp, ruling->entry, ret->policy);
	name_of(dp, ruling->shadow, ret->shadow);
	if (ruling->entry && ruling->entry < dp->maps.config->roots.entries &&
		ruling->action == PEP_ACTION_RATE_LIMIT)
		read_limiter(dp, explain, ret);
}

/* --- the time of day in the kernel */

/* The resolution of the coarse clock is the kernel's tick (clock_getres(2)). */
uint64_t tick_ns(void)
{
	struct timespec t;

	clock_getres(CLOCK_MONOTONIC_COARSE, &t);
	return in_ns(t);
}

uint64_t jiffies_to_monotonic(struct datapath *dp, uint64_t jiffies)
{
	static const uint8_t frame[FRAME_MIN];
	uint64_t now, ago;

	if (!jiffies)
		return 0;
	now = monotonic_now();
	if (!dp->clock.monotonic || now - dp->clock.monotonic > SECOND) {
		struct pep_explain answer;

		if (datapath_explain(dp, frame, sizeof(frame), 0, "", &answer))
			return 0;
		dp->clock.monotonic = now;
		dp->clock.jiffies = answer.jiffies;
	}
	if (jiffies > dp->clock.jiffies) /* later than the reading */
		return now;
	ago = (dp->clock.jiffies - jiffies) * tick_ns();
	return ago < dp->clock.monotonic ? dp->clock.monotonic - ago : 1;
}
