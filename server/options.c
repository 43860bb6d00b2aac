/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/options.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>

#include "bpf/common.h"
#include "common/iface_pattern.h"
#include "common/text.h"
#include "server/metrics.h"


static int wrong(const char *flag, const char *value, const char *what)
{
	fprintf(stderr, "pepctld: --%s %s: %s\n", flag, value, what);
	return -1;
}

static int read_number(const char *flag, const char *value, uint32_t least, uint32_t most,
	uint32_t *ret)
{
	char what[80], *end;
	unsigned long long number = strtoull(value, &end, 10);

	if (isdigit((unsigned char)*value) && !*end && number >= least && number <= most) {
		*ret = (uint32_t)number;
		return 0;
	}
	snprintf(what, sizeof(what), "is no number from %u to %u", least, most);
	return wrong(flag, value, what);
}

/* --- one setter a flag */

typedef int (*setter)(struct options *o, const char *flag, const char *value);

static int set_socket(struct options *o, const char *flag, const char *value)
{
	(void)flag;
	o->socket = value;
	return 0;
}

static int set_state_dir(struct options *o, const char *flag, const char *value)
{
	(void)flag;
	o->state_dir = value;
	return 0;
}

static int set_pin_dir(struct options *o, const char *flag, const char *value)
{
	if (*value != '/')
		return wrong(flag, value, "must be an absolute path on a BPF file system");
	o->pin_dir = value;
	return 0;
}

static int set_admin_group(struct options *o, const char *flag, const char *value)
{
	(void)flag;
	o->admin_group = value;
	return 0;
}

static int set_ban_group(struct options *o, const char *flag, const char *value)
{
	(void)flag;
	o->ban_group = value;
	return 0;
}

static int set_read_group(struct options *o, const char *flag, const char *value)
{
	(void)flag;
	o->read_group = value;
	return 0;
}

static int set_iface(struct options *o, const char *flag, const char *value)
{
	size_t length = strcspn(value, ":");

	if (o->iface_count == OPTIONS_IFACES_MAX)
		return wrong(flag, value, "too many interfaces");
	if (length >= IFACE_NAME_SIZE)
		return wrong(flag, value, "is no interface name");
	memcpy(o->ifaces[o->iface_count].name, value, length);
	o->ifaces[o->iface_count].name[length] = 0;
	o->ifaces[o->iface_count].mode = ATTACH_AUTO;
	if (!iface_or_pattern_valid(o->ifaces[o->iface_count].name))
		return wrong(flag, value, "is no interface name and no pattern");
	if (value[length] && !attach_mode_parse(value + length + 1, &o->ifaces[o->iface_count].mode))
		return wrong(flag, value, "the mode is auto, native, generic or offload");
	o->iface_count++;
	return 0;
}

static int set_ring_size(struct options *o, const char *flag, const char *value)
{
	uint32_t size;

	if (read_number(flag, value, PEP_RING_SIZE_MIN, 1u << 30, &size) < 0)
		return -1;
	if (size & (size - 1) || size % (uint32_t)sysconf(_SC_PAGESIZE))
		return wrong(flag, value, "is no power of two of whole pages, as 65536");
	o->ring_size = size;
	return 0;
}

static int set_max_policies(struct options *o, const char *flag, const char *value)
{
	return read_number(flag, value, 1, PEP_POLICIES_MAX, &o->max_policies);
}

static int set_max_members(struct options *o, const char *flag, const char *value)
{
	return read_number(flag, value, 1, STORE_MEMBERS_MAX, &o->max_members);
}

static int set_max_buckets(struct options *o, const char *flag, const char *value)
{
	return read_number(flag, value, 1, PEP_SCOPE_BUCKETS_MAX, &o->max_buckets);
}

static int set_memory_limit(struct options *o, const char *flag, const char *value)
{
	if (!text_parse_bytes(value, &o->memory_limit) && o->memory_limit)
		return 0;
	return wrong(flag, value, "is no number of bytes, as 268435456 or 256Mi");
}

static int set_log_level(struct options *o, const char *flag, const char *value)
{
	return log_level_parse(value, &o->log_level) ? 0 :
						       wrong(flag, value, "is error, warn, info or debug");
}

static int set_metrics(struct options *o, const char *flag, const char *value)
{
	struct sockaddr_in6 address;

	if (!metrics_address(value, &address))
		return wrong(flag, value, "is no address with a port, as 127.0.0.1:9733 or [::1]:9733");
	o->metrics = value;
	return 0;
}

static bool is_true(const char *value)
{
	return !value || streq(value, "1") || streq(value, "yes") || streq(value, "true");
}

static int set_detach(struct options *o, const char *flag, const char *value)
{
	(void)flag;
	o->detach_on_exit = is_true(value);
	return 0;
}

static const struct {
	const char *flag, *value; /* value NULL = a switch */
	setter set;
	const char *help;
} flags[] = {
	{"socket", "PATH", set_socket, "socket to listen on (/run/pepctl/pepctl.sock)"},
	{"state-dir", "DIR", set_state_dir, "where the ruleset is kept (/var/lib/pepctl)"},
	{"pin-dir", "DIR", set_pin_dir, "pins on a BPF file system (/sys/fs/bpf/pepctl)"},
	{"admin-group", "GROUP", set_admin_group, "may do everything, as root (pepctl)"},
	{"ban-group", "GROUP", set_ban_group, "may read, and ban for a time (pepctl-ban)"},
	{"read-group", "GROUP", set_read_group, "may read (pepctl-read)"},
	{"iface", "DEV[:MODE]", set_iface, "attach at the start; may be given several times"},
	{"ring-size", "BYTES", set_ring_size, "of the event ring, a power of two (1048576)"},
	{"max-policies", "N", set_max_policies, "limit of policies (10000)"},
	{"max-members", "N", set_max_members, "limit of the members of all sets (1000000)"},
	{"max-buckets", "N", set_max_buckets, "places for rate limits per src, dst or flow (262144)"},
	{"memory-limit", "BYTES", set_memory_limit, "most that the kernel's tables may take, as 256Mi (no limit)"},
	{"log-level", "LEVEL", set_log_level, "error, warn, info or debug (info)"},
	{"detach-on-exit", NULL, set_detach, "take the filter off when stopping"},
	{"metrics", "ADDRESS", set_metrics, "figures over HTTP, at 127.0.0.1:9733 (nowhere)"},
};

static void print_help(void)
{
	printf("Usage: pepctld [FLAG]...\n"
	       "Enforces the host's packet policies and answers pepctl.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		char flag[40];

		snprintf(flag, sizeof(flag), "--%s%s%s", flags[i].flag, flags[i].value ? " " : "",
			flags[i].value ? flags[i].value : "");
		printf("  %-26s %s\n", flag, flags[i].help);
	}
	printf("  -v                         the verifier's log, and debug lines\n"
	       "  --version, --help\n\n"
	       "Each long flag is also an environment variable, as PEPCTL_STATE_DIR; a flag wins.\n"
	       "Groups are names or numbers. SIGTERM stops pepctld, the filter goes on.\n"
	       "Exit status: 0 stopped, 1 failed, 2 wrong usage.\n");
}

static int read_environment(struct options *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		char name[40];
		const char *value;
		int length = snprintf(name, sizeof(name), "PEPCTL_%s", flags[i].flag);

		for (int at = 7; at < length; at++)
			name[at] = (char)(name[at] == '-' ? '_' : toupper((unsigned char)name[at]));
		value = getenv(name);
		if (value && *value && flags[i].set(o, flags[i].flag, value) < 0)
			return -1;
	}
	return 0;
}

static enum options_next read_arguments(int argc, char *argv[], struct options *o)
{
	struct option known[ARRAY_SIZE(flags) + 3] = {0};
	static char name[] = "pepctld"; /* what getopt's messages begin with */
	bool ifaces = false;
	int c;

	argv[0] = name;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		known[i] = (struct option){flags[i].flag,
			flags[i].value ? required_argument : no_argument, NULL, 256 + (int)i};
	known[ARRAY_SIZE(flags)] = (struct option){"version", no_argument, NULL, 'V'};
	known[ARRAY_SIZE(flags) + 1] = (struct option){"help", no_argument, NULL, 'h'};
	while ((c = getopt_long(argc, argv, "vhV", known, NULL)) != -1) {
		if (c == 'h') {
			print_help();
			return OPTIONS_DONE;
		}
		if (c == 'V') {
			printf("pepctld %s\n", PEP_VERSION);
			return OPTIONS_DONE;
		}
		if (c == 'v') {
			o->verbose = true;
			continue;
		}
		if (c < 256)
			return OPTIONS_WRONG;
		if (flags[c - 256].set == set_iface && !ifaces) {
			ifaces = true; /* the flags win over the environment's */
			o->iface_count = 0;
		}
		if (flags[c - 256].set(o, flags[c - 256].flag, optarg) < 0)
			return OPTIONS_WRONG;
	}
	if (optind == argc)
		return OPTIONS_RUN;
	fprintf(stderr, "pepctld: \"%s\" is one word too many; see pepctld --help\n", argv[optind]);
	return OPTIONS_WRONG;
}

enum options_next options_read(int argc, char *argv[], struct options *ret)
{
	struct options o = {
		.socket = "/run/pepctl/pepctl.sock",
		.state_dir = "/var/lib/pepctl",
		.pin_dir = "/sys/fs/bpf/pepctl",
		.admin_group = "pepctl",
		.ban_group = "pepctl-ban",
		.read_group = "pepctl-read",
		.ring_size = PEP_RING_SIZE_DEFAULT,
		.max_policies = PEP_POLICIES_DEFAULT,
		.max_members = STORE_MEMBERS_DEFAULT,
		.max_buckets = PEP_SCOPE_BUCKETS_DEFAULT,
		.log_level = LOG_LEVEL_INFO,
	};
	enum options_next next;

	if (read_environment(&o) < 0)
		return OPTIONS_WRONG;
	next = read_arguments(argc, argv, &o);
	if (o.verbose)
		o.log_level = LOG_LEVEL_DEBUG;
	if (next == OPTIONS_RUN)
		*ret = o;
	return next;
}
