/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "lease_wanted.h"

#include <stdio.h>

const struct lease_clock wanted_clock = {.boot = 5000, .wall = 1700000000000000000};

/* Runs of a few that differ in the address only, or in the expiry too. */
struct wanted wanted(unsigned int i)
{
	unsigned int run = i / 5 * 7919;
	struct wanted w = {
		.member = {.family = run % 3 ? 4 : 6,
			.length = run % 3 ? 32 : 128,
			.bytes = {(uint8_t)(i >> 8), (uint8_t)i}},
		.expiry = run % 4 ? run * 1000000007ull : 0,
		.release = run % 6 == 5,
		.each = run % 6 == 4 || run % 6 == 1,
	};

	if (run % 8 == 7)
		w.member.length = 16;
	if (w.release)
		w.expiry = 0;
	if (w.each)
		w.expiry += i % 3;
	snprintf(w.set, sizeof(w.set), "set.%u", run % 64);
	snprintf(w.owner, sizeof(w.owner), "uid:%u", run % 400);
	return w;
}

int wanted_write(struct lease_writer *writer, const struct wanted *w)
{
	if (w->release)
		return lease_writer_release(writer, w->set, w->owner, &w->member);
	return (w->each ? lease_writer_hold_each : lease_writer_hold)(
		writer, w->set, w->owner, &w->member, w->expiry);
}

int wanted_write_list(unsigned int count, uint8_t **ret_data, size_t *ret_size)
{
	struct lease_writer writer;
	int r;

	lease_writer_init(&writer, &wanted_clock);
	for (unsigned int i = 0; i < count; i++) {
		struct wanted w = wanted(i);

		wanted_write(&writer, &w);
	}
	r = lease_writer_finish(&writer, ret_data, ret_size);
	lease_writer_deinit(&writer);
	return r;
}
