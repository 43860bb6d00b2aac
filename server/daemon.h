/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Owns the loop and every module; set-up and teardown order. */
#ifndef PEP_SERVER_DAEMON_H
#define PEP_SERVER_DAEMON_H

#include "server/alarm.h"
#include "server/block_log.h"
#include "server/listener.h"
#include "server/metrics.h"
#include "server/monitor.h"
#include "server/options.h"
#include "server/service.h"
#include "server/session_list.h"

struct daemon {
	const struct options *options;
	uv_loop_t loop;
	uv_signal_t signals[2];
	bool loop_open, stopping;

	struct alarm alarm; /* the store's */
	char boot_id[40];
	int state_dir; /* descriptor that holds the lock, -1 */
	struct journal *journal;
	uint64_t journal_long; /* bytes behind which it is written anew */
	struct datapath *datapath;
	struct classifier *classifier;
	struct store *store;
	struct hub *hub;
	struct event_ring *ring;
	struct block_log blocks;
	struct rpc *rpc;
	struct connections connections;
	struct service service;
	struct monitor monitor;
	struct listener listener;
	struct metrics metrics;
	bool blocks_open, connections_open;
	bool pinned_whole;  /* at the start: the kernel alone tells the whole ruleset */
	bool running;       /* run_work is under way */
	bool refresh_waits; /* for its end */
	char write_error[256]; /* why the state folder's last write failed; "" = it did not */
	bool persist_unsure; /* a sync has failed, and no file was made durable since */

	struct session_list sessions; /* of the worker that prepares */

	uv_work_t run_work, persist_work, settle_work;
	void (*run)(void *arg);
	void *run_arg;
	struct state persist_state;
	const struct journal_record *persist_records; /* the store's */
	size_t persist_count;
	struct error persist_error;
	struct {
		int64_t second;
		unsigned int count;
	} refusals; /* told in the log */
};

/* Runs until SIGTERM or SIGINT. 0, or a negative errno with `err` when the start failed. */
int daemon_run(struct daemon *d, const struct options *options, struct error *err);

/* Interfaces that came or went. Waits while a worker prepares a commit. */
void daemon_refresh(struct daemon *d);

/* --- daemon_restore.c: what the kernel holds, then what the state file says, into force */

int daemon_restore(struct daemon *d, struct error *err);
/* What is in force, as the state file with the history behind it. Blocks; not while a commit is under way. */
int daemon_write_down(struct daemon *d, struct error *err);
/* How that ended, for GetServerInfo. */
void daemon_note_write(struct daemon *d, const struct error *err);

/* --- daemon_backend.c: what a commit of the store does */

struct store_backend daemon_backend(struct daemon *d);
/* The state file, then the journal, anew. Blocks. */
int daemon_rewrite(struct daemon *d, struct state *state, const struct journal_record *records,
	size_t count, struct error *err);
/* --- daemon_news.c: the log of changes, and their events */
void daemon_news(struct store_backend *ret);
/* A change that was refused; for rpc_audit(). */
void daemon_refused(void *daemon, const struct rpc_peer *peer, const struct method *method,
	const struct error *err);

/* --- daemon_protect.c: what the lock-out check asks */
void daemon_protect(struct store_backend *ret);

void daemon_publish_interface(struct daemon *d, const struct datapath_iface *iface);
/* One line: attached and how, or a warning that it is not. */
void daemon_log_interface(const struct datapath_iface *iface);

#endif
