/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * packet_explain, run on a frame. It also tells the kernel's jiffies, in which
 * the program notes when a policy decided last.
 */
#include <errno.h>
#include <time.h>

#include <bpf/bpf.h>

#include "server/datapath_internal.h"

#define SECOND 1000000000ull
#define FRAME_MIN 14u

static int run(struct datapath *dp, const void *frame, size_t size)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = (uint32_t)size,
		.repeat = 1);

	return bpf_prog_test_run_opts(dp->explainer, &options) < 0 ? -errno : 0;
}

int datapath_explain(struct datapath *dp, const void *frame, size_t size, uint64_t generation,
	const char *iface, struct pep_explain *ret)
{
	const struct datapath_iface *known = datapath_iface_by_name(dp, iface);
	int r;

	*dp->maps.explain = (struct pep_explain){
		.generation = generation, .iface = known ? known->slot : 0};
	r = run(dp, frame, size);
	if (!r)
		*ret = *dp->maps.explain;
	return r;
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
		if (run(dp, frame, sizeof(frame)))
			return 0;
		dp->clock.monotonic = now;
		dp->clock.jiffies = dp->maps.explain->jiffies;
	}
	if (jiffies > dp->clock.jiffies) /* later than the reading */
		return now;
	ago = (dp->clock.jiffies - jiffies) * tick_ns();
	return ago < dp->clock.monotonic ? dp->clock.monotonic - ago : 1;
}
