/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/datapath_internal.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <syslog.h>

#include <bpf/libbpf.h>

void datapath_log(const struct datapath *dp, int level, const char *fmt, ...)
{
	char line[512];
	va_list args;

	if (!dp->options.log)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	dp->options.log(dp->options.log_data, level, line);
}

/* --- capabilities (capabilities(7)); CAP_SYS_ADMIN stands for those of BPF */

static bool has(const struct __user_cap_data_struct *sets, unsigned int capability)
{
	return sets[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability);
}

static int check_capabilities(struct error *err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {0};
	char missing[64] = "";
	bool all;

	if (syscall(SYS_capget, &header, sets) < 0)
		return 0; /* the kernel will tell */
	all = has(sets, CAP_SYS_ADMIN);
	snprintf(missing, sizeof(missing), "%s%s%s", has(sets, CAP_NET_ADMIN) ? "" : " CAP_NET_ADMIN",
		all || has(sets, CAP_BPF) ? "" : " CAP_BPF",
		all || has(sets, CAP_PERFMON) ? "" : " CAP_PERFMON");
	if (!missing[0])
		return 0;
	return error_set(err, ERROR_DENIED, "CAPABILITIES",
		"the capabilities%s are missing; run pepctld as root or grant them (in its unit: "
		"AmbientCapabilities=)",
		missing);
}

/* --- opening */

static bool any_pin(const struct map_set *pinned)
{
	for (size_t i = 0; i < MAP_COUNT; i++)
		if (pinned->fds[i] >= 0)
			return true;
	return false;
}

static int start_fresh(struct datapath *dp, struct error *err)
{
	int r = load_program(dp, NULL, err);

	if (!r)
		r = map_set_window(&dp->maps, err);
	if (r)
		return r;
	map_set_start(&dp->maps);
	dp->start = DATAPATH_FRESH;
	snprintf(dp->adopted, sizeof(dp->adopted), "fresh: nothing was enforced before");
	return 0;
}

static int start_adopted(struct datapath *dp, struct map_set *pinned, struct error *err)
{
	int r = load_program(dp, pinned, err);

	if (!r)
		r = map_set_window(&dp->maps, err);
	dp->start = DATAPATH_ADOPTED;
	snprintf(dp->adopted, sizeof(dp->adopted), "adopted: the pinned maps go on");
	return r;
}

static bool same_abi(const struct map_set *pinned)
{
	struct pep_config *config =
		mmap(NULL, sizeof(*config), PROT_READ, MAP_SHARED, pinned->fds[MAP_CONFIG], 0);
	bool same = config != MAP_FAILED && config->abi == PEP_ABI;

	if (config != MAP_FAILED)
		munmap(config, sizeof(*config));
	return same;
}

/* Whether the old maps can be read: same ABI, and none is missing. */
static bool readable(struct map_set *pinned)
{
	for (size_t i = 0; i < MAP_COUNT; i++)
		if (pinned->fds[i] < 0)
			return false;
	return same_abi(pinned) && !map_set_window(pinned, NULL);
}

static int start_rebuilt(struct datapath *dp, struct map_set *pinned, const char *why,
	struct error *err)
{
	int r = start_fresh(dp, err);
	bool carried;

	if (r)
		return r;
	dp->start = DATAPATH_REBUILT;
	dp->unreadable = !readable(pinned);
	carried = !dp->unreadable || carry_possible(pinned);
	snprintf(dp->adopted, sizeof(dp->adopted), "rebuilt: %s; %s", why,
		!carried         ? "counters begin anew"
		: dp->unreadable ? "counters and limiters were carried over"
				 : "policies, counters and limiters were carried over");
	if (!carried)
		return 0;
	r = dp->unreadable ? carry_counters(&dp->maps, pinned, dp->cpus, err)
			   : carry_ruleset(&dp->maps, pinned, dp->cpus, err);
	dp->former = *pinned;
	map_set_init(pinned);
	return r;
}

static int start(struct datapath *dp, struct error *err)
{
	char why[96] = "the layout of the maps has changed";
	struct map_set pinned;
	int r;

	map_set_init(&pinned);
	pins_find(dp, &pinned);
	if (!any_pin(&pinned))
		r = start_fresh(dp, err);
	else if (load_fits(dp, &pinned, why) && same_abi(&pinned))
		r = start_adopted(dp, &pinned, err);
	else
		r = start_rebuilt(dp, &pinned, why, err);
	map_set_deinit(&pinned);
	if (r)
		return r;
	r = datapath_memory_open(dp, err);
	if (r)
		return r;
	ifaces_adopt(dp);
	commit_adopt(dp);
	return 0;
}

int datapath_open(const struct datapath_options *options, struct error *err, struct datapath **ret,
	enum datapath_start *ret_start)
{
	struct datapath *dp = calloc(1, sizeof(*dp));
	int r;

	if (!dp)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	dp->options = *options;
	dp->options.pin_dir = dp->pin_dir = strdup(options->pin_dir);
	dp->lock = dp->program = dp->explainer = -1;
	dp->cpus = (unsigned int)libbpf_num_possible_cpus();
	map_set_init(&dp->maps);
	map_set_init(&dp->former);
	r = dp->pin_dir ? check_capabilities(err) : error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	if (!r)
		r = pins_prepare(dp, err);
	if (!r)
		r = start(dp, err);
	if (r) {
		datapath_free(dp);
		return r;
	}
	*ret_start = dp->start;
	*ret = dp;
	return 0;
}

bool datapath_unreadable(const struct datapath *dp)
{
	return dp->unreadable;
}

bool datapath_rebuilt(const struct datapath *dp)
{
	return dp->start == DATAPATH_REBUILT;
}

/*
 * The maps in force remain those that are pinned, so what was moved goes back to them. Their program
 * has no name to be found by without CAP_SYS_ADMIN: it is loaded over them once more.
 */
static void move_back(struct datapath *dp)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct datapath former = {.options = dp->options, .cpus = dp->cpus, .program = -1, .explainer = -1};

	map_set_init(&former.maps);
	if (!ifaces_moved(dp) || dp->unreadable || dp->former.fds[MAP_CONFIG] < 0) /* < 0: fresh */
		return;
	if (load_program(&former, &dp->former, &err))
		datapath_log(dp, LOG_ERR, "the former program does not come back: %s",
			error_message(&err));
	else
		ifaces_move_back(dp, former.program);
	map_set_deinit(&former.maps);
	closep(&former.program);
	closep(&former.explainer);
}

/* All that can fail without a packet seeing it comes first. */
static int take_over(struct datapath *dp, struct error *err)
{
	int r = pins_stage(dp, err);

	if (!r)
		r = ifaces_move(dp, err);
	if (!r)
		r = pins_replace(dp, err);
	if (r) {
		move_back(dp);
		pins_unstage(dp);
	}
	return r;
}

int datapath_activate(struct datapath *dp, struct error *err)
{
	int r = dp->start == DATAPATH_ADOPTED ? ifaces_move(dp, err) : take_over(dp, err);

	map_set_deinit(&dp->former);
	datapath_memory_limit(dp);
	return r;
}

void datapath_free(struct datapath *dp)
{
	if (!dp)
		return;
	ring_buffer__free(dp->ring);
	ifaces_free(dp);
	commit_free(dp);
	map_set_deinit(&dp->maps);
	map_set_deinit(&dp->former);
	closep(&dp->program);
	closep(&dp->explainer);
	closep(&dp->lock);
	free(dp->pin_dir);
	free(dp);
}

void datapath_remove(struct datapath *dp)
{
	ifaces_detach_all(dp);
	pins_remove(dp);
}
