/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <syslog.h>

#include "server/notify.h"
#include "server/state_file.h"

static const int signal_numbers[] = {SIGTERM, SIGINT};

/* --- modules, from the bottom up */

static void on_datapath_log(void *data, int level, const char *line)
{
	(void)data;
	if (level <= LOG_ERR)
		log_error("%s", line);
	else if (level == LOG_WARNING)
		log_warn("%s", line);
	else
		log_debug("%s", line);
}

static int open_ruleset(struct daemon *d, struct error *err)
{
	const struct options *o = d->options;
	struct datapath_options options = {
		.pin_dir = o->pin_dir,
		.max_policies = o->max_policies,
		.max_buckets = o->max_buckets,
		.ring_size = o->ring_size,
		.memory_limit = o->memory_limit,
		.verbose = o->verbose,
		.log = on_datapath_log,
	};
	struct store_backend backend = daemon_backend(d);
	struct classifier_memory memory;
	enum datapath_start start;
	int r;

	d->state_dir = state_open(o->state_dir, err);
	if (d->state_dir < 0)
		return d->state_dir;
	r = datapath_open(&options, err, &d->datapath, &start);
	if (r)
		return r;
	memory = datapath_memory(d->datapath);
	if (classifier_new(o->max_policies, &memory, &d->classifier) < 0 ||
		store_new(o->max_policies, o->max_members, d->classifier, &backend, &d->store) < 0)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	r = daemon_restore(d, err);
	if (!r)
		r = datapath_activate(d->datapath, err);
	return r;
}

static void on_event(void *data, const struct pep_event *event)
{
	block_log_add(&((struct daemon *)data)->blocks, event);
}

static void on_block_line(void *data, const char *text)
{
	(void)data;
	log_info("%s", text);
}

static int open_events(struct daemon *d, struct error *err)
{
	if (hub_new(datapath_cpus(d->datapath), &d->hub) < 0)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	block_log_init(&d->blocks, &d->loop, on_block_line, d);
	d->blocks_open = true;
	if (event_ring_new(&d->loop, d->datapath, d->hub, on_event, d, &d->ring) < 0)
		return error_set(err, ERROR_PRECONDITION, "RING", "the ring buffer cannot be read: %s",
			strerror(errno));
	return 0;
}

static struct authz read_authz(const struct options *o)
{
	struct authz authz;
	const struct {
		const char *name;
		gid_t *gid;
	} groups[] = {
		{o->admin_group, &authz.admin}, {o->read_group, &authz.read}, {o->ban_group, &authz.ban}};

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (!authz_group(groups[i].name, groups[i].gid))
			log_debug("there is no group %s: nobody has its right", groups[i].name);
	return authz;
}

static void on_iface_change(void *data, const struct datapath_iface *iface)
{
	daemon_log_interface(iface);
	daemon_publish_interface(data, iface);
}

void daemon_refresh(struct daemon *d)
{
	d->refresh_waits = d->running;
	if (!d->running)
		datapath_refresh(d->datapath, on_iface_change, d);
}

static void on_link_change(void *data)
{
	daemon_refresh(data);
}

static int open_service(struct daemon *d, struct error *err)
{
	_cleanup_free_ char *pins = NULL;
	int r = asprintf(&pins, "%s/links", d->options->pin_dir);

	if (r < 0)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	r = monitor_init(&d->monitor, &d->loop, pins, on_link_change, d, err);
	if (r)
		return r;
	if (rpc_new(&d->rpc) < 0 || connections_init(&d->connections, &d->loop, d->rpc) < 0)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	d->connections_open = true;
	rpc_audit(d->rpc, daemon_refused, d);
	d->service = (struct service){
		.loop = &d->loop,
		.rpc = d->rpc,
		.store = d->store,
		.datapath = d->datapath,
		.classifier = d->classifier,
		.hub = d->hub,
		.ring = d->ring,
		.refresh = on_link_change,
		.interfaces = d,
		.state_dir = d->options->state_dir,
		.pin_dir = d->options->pin_dir,
		.state_write_error = d->write_error,
		.started = service_wall_now(),
	};
	if (service_init(&d->service) < 0)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	return 0;
}

/* --iface: a transaction like any other; what fails is said and does not stop the start. */
static void on_flag_attached(void *data, const struct store_result *result, struct error *err)
{
	(void)data;
	(void)result;
	if (err)
		log_warn("--iface: %s", error_message(err));
}

static void attach_flags(struct daemon *d)
{
	for (size_t i = 0; i < d->options->iface_count; i++) {
		struct store_tx tx = {.path = "iface", .comment = "--iface",
			.author = {.pid = (uint32_t)getpid(), .command = "pepctld"}};
		struct change change;

		change_init(&change, CHANGE_ATTACH);
		memcpy(change.iface, d->options->ifaces[i].name, IFACE_NAME_SIZE);
		change.mode = d->options->ifaces[i].mode;
		if (change_list_push(&tx.changes, &change) == 0)
			store_submit(d->store, &tx, on_flag_attached, d);
	}
}

/* --- stopping */

static void close_handles(struct daemon *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(d->signals); i++)
		if (!uv_is_closing((uv_handle_t *)&d->signals[i]))
			uv_close((uv_handle_t *)&d->signals[i], NULL);
	alarm_close(&d->alarm);
	listener_close(&d->listener);
	metrics_close(&d->metrics);
	monitor_close(&d->monitor);
	if (d->connections_open)
		connections_close(&d->connections);
	service_deinit(&d->service);
	if (d->ring)
		event_ring_close(d->ring);
	if (d->blocks_open)
		block_log_close(&d->blocks);
	d->ring = NULL;
	d->connections_open = d->blocks_open = false;
}

/* Commits under way end first: their answers are still sent. */
static void on_signal(uv_signal_t *handle, int number)
{
	struct daemon *d = handle->data;

	(void)number;
	if (d->stopping)
		return;
	d->stopping = true;
	log_info("stopping");
	notify("STOPPING=1");
	uv_stop(&d->loop);
}

static void run_out(struct daemon *d)
{
	while (d->store && store_busy(d->store) && uv_run(&d->loop, UV_RUN_ONCE))
		;
	close_handles(d);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&d->loop) < 0)
		log_error("handles were left open");
}

/* So that the state file tells all to who reads it, and the next start has little to do. */
static void leave_state(struct daemon *d)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (daemon_write_down(d, &err) < 0)
		log_warn("the state file is not brought up to date, the journal goes on: %s", error_message(&err));
}

static void teardown(struct daemon *d)
{
	if (d->loop_open)
		run_out(d);
	connections_deinit(&d->connections);
	if (d->stopping)
		leave_state(d);
	store_free(d->store);
	session_list_deinit(&d->sessions);
	journal_close(d->journal);
	rpc_free(d->rpc);
	hub_free(d->hub);
	if (d->datapath && d->options->detach_on_exit && d->stopping)
		datapath_remove(d->datapath);
	datapath_free(d->datapath);
	classifier_free(d->classifier);
	closep(&d->state_dir);
}

/* --- running */

static void on_alarm(void *data)
{
	store_alarm(((struct daemon *)data)->store);
}

/* Without it every restart is as good as a reboot. */
static void read_boot_id(struct daemon *d)
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? 0 : read(fd, d->boot_id, sizeof(d->boot_id) - 1);

	d->boot_id[size > 0 ? strcspn(d->boot_id, "\n") : 0] = 0;
}

static int open_loop(struct daemon *d, struct error *err)
{
	int r;

	if (uv_loop_init(&d->loop) < 0)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	d->loop_open = true;
	read_boot_id(d);
	r = alarm_init(&d->alarm, &d->loop, on_alarm, d, err);
	if (r)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(d->signals); i++) {
		uv_signal_init(&d->loop, &d->signals[i]);
		d->signals[i].data = d;
		uv_signal_start(&d->signals[i], on_signal, signal_numbers[i]);
	}
	return 0;
}

static int start(struct daemon *d, struct error *err)
{
	struct datapath_info info;
	struct authz authz;
	int r = open_loop(d, err);

	if (!r)
		r = open_ruleset(d, err);
	if (!r)
		r = open_events(d, err);
	if (!r)
		r = open_service(d, err);
	if (r)
		return r;
	attach_flags(d);
	while (store_busy(d->store)) /* who is told READY finds what the flags want */
		uv_run(&d->loop, UV_RUN_ONCE);
	authz = read_authz(d->options);
	r = metrics_init(&d->metrics, &d->loop, &d->service, d->options->metrics, err);
	if (r)
		return r;
	r = listener_init(&d->listener, &d->loop, &d->connections, &authz, d->options->socket,
		listener_inherited(), err);
	if (r)
		return r;
	datapath_info(d->datapath, &info);
	log_info("pepctld %s: revision %llu, %zu policies, program %u, %s", PEP_VERSION,
		(unsigned long long)store_revision(d->store), store_policy_count(d->store),
		info.program_id, info.adopted);
	notify("READY=1");
	return 0;
}

int daemon_run(struct daemon *d, const struct options *options, struct error *err)
{
	int r;

	*d = (struct daemon){.options = options, .state_dir = -1, .alarm.fd = -1};
	r = start(d, err);
	if (!r && !d->stopping)
		uv_run(&d->loop, UV_RUN_DEFAULT);
	teardown(d);
	return r;
}
