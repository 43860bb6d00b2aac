/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The store's commits on the loop: the kernel through datapath, the disk and
 * the grace period through workers, the news through the hub and the log.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "common/iface_pattern.h"
#include "server/daemon.h"
#include "server/state_file.h"

/* --- the worker that makes a batch */

static void on_run(uv_work_t *work)
{
	struct daemon *d = CONTAINER_OF(work, struct daemon, run_work);

	d->run(d->run_arg);
}

/* News of interfaces waited: preparing reads what they change. */
static void on_ran(uv_work_t *work, int status)
{
	struct daemon *d = CONTAINER_OF(work, struct daemon, run_work);

	(void)status;
	d->running = false;
	if (d->refresh_waits)
		daemon_refresh(d);
	store_prepared(d->store);
}

static void run(void *data, void (*work)(void *arg), void *arg)
{
	struct daemon *d = data;

	d->run = work;
	d->run_arg = arg;
	d->running = true;
	uv_queue_work(&d->loop, &d->run_work, on_run, on_ran);
}

/* --- enforcement */

static int prepare(void *data, const struct store_ruleset *ruleset, struct error *err)
{
	struct datapath_default defaults[STORE_DEFAULTS_MAX + 1] = {{.block = ruleset->config->block}};
	struct daemon *d = data;
	struct datapath_ruleset kernel = {
		.revision = ruleset->revision,
		.defaults = defaults,
		.default_count = 1 + ruleset->config->default_count,
	};

	memcpy(kernel.settings, ruleset->config->settings, sizeof(kernel.settings));
	for (size_t i = 0; i < ruleset->config->default_count; i++) {
		defaults[i + 1].block = ruleset->config->defaults[i].block;
		memcpy(defaults[i + 1].iface, ruleset->config->defaults[i].iface, IFACE_NAME_SIZE);
	}
	return datapath_prepare(d->datapath, d->classifier, ruleset->plan, &kernel, err);
}

static void flip(void *data)
{
	datapath_flip(((struct daemon *)data)->datapath);
}

static void abort_prepared(void *data)
{
	datapath_abort(((struct daemon *)data)->datapath);
}

/* --- the disk */

#define JOURNAL_LONG ((uint64_t)32 << 20) /* bytes; what a start has to read beside the state */

static void on_persist(uv_work_t *work)
{
	struct daemon *d = CONTAINER_OF(work, struct daemon, persist_work);

	journal_append(d->journal, d->persist_records, d->persist_count, &d->persist_error);
}

int daemon_rewrite(struct daemon *d, struct state *state, const struct journal_record *records,
	size_t count, struct error *err)
{
	int r = state_write(d->state_dir, state, err);

	if (!r && d->persist_unsure)
		r = state_verify(d->state_dir, state, err);
	if (!r)
		r = journal_rewrite(d->journal, records, count, err);
	/* One that is long by itself, or that cannot be shortened, is not tried with every commit. */
	d->journal_long = journal_size(d->journal) + JOURNAL_LONG;
	return r;
}

static void on_rewrite(uv_work_t *work)
{
	struct daemon *d = CONTAINER_OF(work, struct daemon, persist_work);

	daemon_rewrite(d, &d->persist_state, d->persist_records, d->persist_count, &d->persist_error);
}

void daemon_note_write(struct daemon *d, const struct error *err)
{
	snprintf(d->write_error, sizeof(d->write_error), "%s", error_is_set(err) ? error_message(err) : "");
}

static void on_persisted(uv_work_t *work, int status)
{
	struct daemon *d = CONTAINER_OF(work, struct daemon, persist_work);

	(void)status;
	state_deinit(&d->persist_state);
	daemon_note_write(d, &d->persist_error);
	if (error_is_set(&d->persist_error))
		log_error("%s", error_message(&d->persist_error));
	else if (d->persist_unsure)
		log_info("the state folder has what is in force again");
	d->persist_unsure = d->persist_error.kind == ERROR_UNKNOWN ||
			    (d->persist_unsure && error_is_set(&d->persist_error));
	log_gather(); /* a line for each of a batch, before their answers go out */
	store_persisted(d->store, error_is_set(&d->persist_error) ? &d->persist_error : NULL);
	log_release();
}

static int load(void *data, const char *name, char **ret, size_t *ret_size, struct error *err)
{
	return state_read_part(((struct daemon *)data)->state_dir, name, ret, ret_size, err);
}

static void write_down(struct daemon *d, const struct journal_record *records, size_t count,
	uv_work_cb work)
{
	d->persist_records = records;
	d->persist_count = count;
	d->persist_error = ERROR_INIT;
	uv_queue_work(&d->loop, &d->persist_work, work, on_persisted);
}

static void persist(void *data, const struct journal_record *records, size_t count)
{
	write_down(data, records, count, on_persist);
}

static void rewrite(void *data, struct state *state, const struct journal_record *records, size_t count)
{
	struct daemon *d = data;

	d->persist_state = *state;
	*state = (struct state){0};
	write_down(d, records, count, on_rewrite);
}

static bool is_long(void *data)
{
	const struct daemon *d = data;

	return journal_refuses(d->journal) || journal_size(d->journal) > d->journal_long;
}

static int replay(void *data, journal_read_fn *read, void *arg, struct error *err)
{
	struct daemon *d = data;
	int r;

	d->journal_long = JOURNAL_LONG;
	r = journal_open(d->state_dir, read, arg, &d->journal, err);
	if (!r && journal_damaged(d->journal) && d->pinned_whole) /* what stands before the damage is older */
		r = error_set(err, ERROR_PRECONDITION, "STATE_DAMAGED", "%s", journal_notice(d->journal));
	return r;
}

/* --- the grace period */

/* Nothing else works with the tables until the store is told. */
static void on_settle(uv_work_t *work)
{
	struct daemon *d = CONTAINER_OF(work, struct daemon, settle_work);

	datapath_grace();
	classifier_settle(d->classifier);
	datapath_settle(d->datapath);
}

static void on_settled(uv_work_t *work, int status)
{
	struct daemon *d = CONTAINER_OF(work, struct daemon, settle_work);

	(void)status;
	store_settled(d->store);
}

static void settle(void *data)
{
	struct daemon *d = data;

	uv_queue_work(&d->loop, &d->settle_work, on_settle, on_settled);
}

static void settle_now(void *data)
{
	struct daemon *d = data;

	datapath_grace();
	classifier_settle(d->classifier);
	datapath_settle(d->datapath);
}

/* --- attachments */

void daemon_log_interface(const struct datapath_iface *iface)
{
	bool attached = iface->state == DATAPATH_ATTACHED;
	char line[IFACE_NAME_SIZE + sizeof(iface->reason) + 32];

	snprintf(line, sizeof(line), "%s: %s%s%s", iface->name,
		attached ? attach_mode_name(iface->mode) : "not attached", iface->reason[0] ? ": " : "",
		iface->reason);
	if (attached)
		log_info("%s", line);
	else
		log_warn("%s", line);
}

static int attach(void *data, const char *iface, enum attach_mode mode, bool keep, struct error *err)
{
	struct daemon *d = data;
	bool was = datapath_in_place(d->datapath, iface);
	int r = datapath_attach(d->datapath, iface, mode, keep, err);
	const struct datapath_iface *now = r ? NULL : datapath_iface_by_name(d->datapath, iface);

	if (now && !was) {
		daemon_log_interface(now);
		if (now->warning[0])
			log_warn("%s", now->warning);
		daemon_publish_interface(d, now);
	}
	if (!r && iface_pattern_valid(iface))
		daemon_refresh(d);
	return r;
}

static void say_detached(struct daemon *d, const char *iface)
{
	struct datapath_iface gone = {.state = DATAPATH_ABSENT};

	log_info("%s: detached", iface);
	snprintf(gone.name, sizeof(gone.name), "%s", iface);
	gone.slot = UINT32_MAX; /* no longer wanted */
	daemon_publish_interface(d, &gone);
}

/* With a pattern any number of interfaces goes; with an interface none when a pattern wants it. */
static void detach(void *data, const char *iface)
{
	struct daemon *d = data;
	size_t count = datapath_iface_count(d->datapath);
	_cleanup_free_ char(*names)[IFACE_NAME_SIZE] = calloc(count + 1, sizeof(*names));

	for (size_t i = 0; names && i < count; i++)
		memcpy(names[i], datapath_iface(d->datapath, i)->name, sizeof(names[i]));
	datapath_detach(d->datapath, iface, NULL);
	for (size_t i = 0; names && i < count; i++)
		if (!datapath_iface_by_name(d->datapath, names[i]))
			say_detached(d, names[i]);
}

static int64_t now(void *data)
{
	(void)data;
	return service_monotonic_now();
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void read_clock(void *data, struct store_clock *ret)
{
	ret->boottime = clock_ns(CLOCK_BOOTTIME);
	ret->time = clock_ns(CLOCK_REALTIME);
	memcpy(ret->boot_id, ((struct daemon *)data)->boot_id, sizeof(ret->boot_id));
}

static void set_alarm(void *data, int64_t boottime)
{
	alarm_set(&((struct daemon *)data)->alarm, boottime);
}

struct store_backend daemon_backend(struct daemon *d)
{
	struct store_backend backend = {
		.run = run,
		.prepare = prepare,
		.flip = flip,
		.abort = abort_prepared,
		.persist = persist,
		.rewrite = rewrite,
		.is_long = is_long,
		.replay = replay,
		.load = load,
		.settle = settle,
		.settle_now = settle_now,
		.attach = attach,
		.detach = detach,
		.now = now,
		.clock = read_clock,
		.alarm = set_alarm,
		.data = d,
	};

	daemon_protect(&backend);
	daemon_news(&backend);
	return backend;
}
