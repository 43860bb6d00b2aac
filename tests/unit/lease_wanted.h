/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Operations on leases by their number, so that nothing has to be kept, and lists of them. */
#ifndef PEP_TESTS_LEASE_WANTED_H
#define PEP_TESTS_LEASE_WANTED_H

#include "lease_walk.h"

extern const struct lease_clock wanted_clock;

struct wanted {
	char set[64], owner[64];
	struct member member;
	uint64_t expiry;
	bool release, each;
};

struct wanted wanted(unsigned int i);
int wanted_write(struct lease_writer *writer, const struct wanted *w);
/* The first `count`. */
int wanted_write_list(unsigned int count, uint8_t **ret_data, size_t *ret_size);

#endif
