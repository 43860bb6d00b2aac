/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What can be read back of a datapath and its classifier; equal bytes when all of it is equal. */
#ifndef PEP_TESTS_SNAPSHOT_H
#define PEP_TESTS_SNAPSHOT_H

#include "sandbox.h"
#include "server/datapath.h"

#define SNAPSHOT_PINS SANDBOX_BPFFS "/pepctl"

struct snapshot {
	uint64_t policies, decisions, counters, redirects, generation, revision;
	size_t chunks, ifaces;
	struct classifier_info info;
};
/* Of the policies "web", "dns", "away", "set" and the redirect target 0. */
struct snapshot snapshot_take(struct datapath *dp, struct classifier *classifier);

#endif
