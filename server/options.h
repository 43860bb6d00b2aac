/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* pepctld's flags; every long one is also an environment variable, PEPCTL_STATE_DIR. */
#ifndef PEP_SERVER_OPTIONS_H
#define PEP_SERVER_OPTIONS_H

#include "common/change.h"
#include "server/log.h"

#define OPTIONS_IFACES_MAX 63u

struct options {
	const char *socket, *state_dir, *pin_dir;
	const char *metrics; /* address and port; NULL = none */
	const char *admin_group, *ban_group, *read_group;
	struct {
		char name[IFACE_NAME_SIZE];
		enum attach_mode mode;
	} ifaces[OPTIONS_IFACES_MAX];
	size_t iface_count;
	uint32_t ring_size, max_policies, max_members, max_buckets;
	uint64_t memory_limit; /* bytes, 0 = none */
	enum log_level log_level;
	bool detach_on_exit, verbose;
};

/* What main() does next. */
enum options_next { OPTIONS_RUN, OPTIONS_DONE, OPTIONS_WRONG };

/* Prints help, the version, or what is wrong. Strings point into argv and the environment. */
enum options_next options_read(int argc, char *argv[], struct options *ret);

#endif
