/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Events in, subscribers out: packs each event once, filters it for each
 * subscriber, keeps a bounded queue for each, and counts so that for every
 * subscriber in every marker, since its subscription began,
 *   delivered + filtered + lost + suppressed + ring_full == decisions.
 *
 * Decisions are numbered by the packet program, CPU by CPU, and every record
 * says what its CPU had suppressed and lost by then. So the difference of two
 * records of a CPU tells everything that happened between them; what it leaves
 * unexplained counts as ring_full.
 *
 * A subscriber's messages are, in this order: with `since` a loss of what is no
 * longer kept and the kept events; the first marker; then events, each preceded
 * by a loss and a marker when anything was lost before it; the last marker when
 * `count` is reached. "Delivered" is: put into that order. What is replayed for
 * `since` and changes (hub_publish) are no decisions and in no marker, though a
 * change that found the queue full is part of the loss told in line.
 *
 * No uv, no bpf maps: sinks are callbacks, time is an argument (the wall time of
 * losses and markers alone is read from the clock).
 *
 * Callbacks may call hub_subscribe(), hub_unsubscribe() (their own subscriber
 * too), hub_cancel(), hub_pump() and what only reads; not hub_free(), and not
 * what brings new events in.
 */
#ifndef PEP_SERVER_EVENT_HUB_H
#define PEP_SERVER_EVENT_HUB_H

#include "bpf/common.h"
#include "common/error.h"
#include "common/policy.h"

#define HUB_QUEUE_DEFAULT (1u << 20) /* bytes */
#define HUB_BACKLOG_EVENTS 1024u     /* kept for `since` */
#define HUB_BACKLOG_BODIES (128u << 10) /* bytes of kept changes */

struct hub;
struct hub_subscriber;

/* Where a subscriber's bytes go. */
struct hub_sink {
	/* How many bytes may be sent now. A sink with nothing in flight must have room
	 * for one message of any size, or it would wait for ever. */
	size_t (*room)(void *data);
	/* One packed pepctl.v1.Event, complete. -EAGAIN: no room after all, it stays queued;
	 * another negative errno ends the subscription as ERROR_UNAVAILABLE. */
	int (*send)(void *data, const void *bytes, size_t size);
	/* The hub ends it: cancelled, overflow, or count reached and all sent (err NULL). The
	 * callee may move `err`. The subscriber must not be used after it. */
	void (*ended)(void *data, struct error *err);
	void *data;
};

/* Within a field any, between fields all. */
struct hub_filter {
	char (*policies)[POLICY_NAME_MAX + 1]; /* owned; any of these; count 0 = any */
	size_t policy_count;
	char (*ifaces)[IFACE_NAME_SIZE]; /* owned */
	size_t iface_count;
	uint32_t actions; /* bit per enum pep_action, 0 = any */
	struct policy_address src, dst; /* any or a prefix */
	struct policy_ports dport; /* last 0 = any */
	bool has_proto;
	uint8_t proto;
	bool no_packets, no_changes;
};

struct hub_options {
	struct hub_filter filter; /* moved in when hub_subscribe() succeeds */
	bool cancel_on_overflow;
	size_t queue_bytes; /* 0 = HUB_QUEUE_DEFAULT */
	bool has_since;
	uint64_t since;  /* deliver what is still kept after this seq */
	uint64_t count;  /* end after so many packet events, replayed ones too, 0 = never */
	uint64_t marker_interval; /* ns, 0 = first, on loss and at the end */
	char name[64];
	uint32_t uid, pid;
	char command[16];
};

/* Since the subscription began. */
struct hub_accounting {
	uint64_t decisions, delivered, filtered, lost, suppressed, ring_full;
};

/* Since the daemon's start. */
struct hub_totals {
	uint64_t numbered, received, suppressed, ring_full;
	uint64_t subscriptions; /* now */
};

/* One decoded packet event and what its CPU had counted by then. */
struct hub_packet {
	const struct pep_event *event;
	const char *iface;   /* name at the time, "" = unknown */
	int64_t wall_time;   /* ns since the epoch */
};

struct hub_subscription_info { /* strings are the hub's, valid within the callback */
	const char *id;
	const char *name;
	uint32_t uid, pid;
	const char *command;
	int64_t since_time; /* ns since the epoch */
	struct hub_accounting accounting;
	uint64_t queued_bytes, queue_limit;
	uint64_t lag; /* messages queued */
};

/* 0 or -ENOMEM. `cpus`: possible ones; records of a CPU beyond are delivered, but count alone. */
int hub_new(unsigned int cpus, struct hub **ret);
void hub_free(struct hub *hub); /* drops the subscribers without ended() */
DEFINE_CLEANUP(struct hub, hub_free)

void hub_filter_deinit(struct hub_filter *filter);

void hub_packet(struct hub *hub, const struct hub_packet *packet);
/*
 * What this CPU counted in all, when the ring is drained, so that losses at the
 * end show: suppressed and ring_full count and are told at once. Records that
 * the state numbers but that did not come count as ring_full only when a second
 * call finds `numbered` unchanged: at the first they may be on their way.
 */
void hub_settle(struct hub *hub, unsigned int cpu, const struct pep_event_state *state);
/* Totals at the start of the daemon: what was numbered before is nobody's loss. */
void hub_baseline(struct hub *hub, unsigned int cpu, const struct pep_event_state *state);
/* A packed Event without seq and time, which the hub adds (ruleset and interface events). */
void hub_publish(struct hub *hub, const void *body, size_t size, int64_t wall_time);

/*
 * May call send() before it returns, when `*ret` is set already; never ended():
 * that waits for the next hub_pump() or hub_tick(). Call hub_tick() after it.
 */
int hub_subscribe(struct hub *hub, struct hub_options *options, const struct hub_sink *sink,
		  struct error *err, struct hub_subscriber **ret);
void hub_unsubscribe(struct hub_subscriber *s); /* without ended() */
void hub_pump(struct hub_subscriber *s);        /* room is back */
const char *hub_subscriber_id(const struct hub_subscriber *s);
int hub_cancel(struct hub *hub, const char *id, struct error *err);

/* Sends the markers that are due and returns when to call again, INT64_MAX = need not. */
int64_t hub_tick(struct hub *hub, int64_t now_monotonic_ns);

/* Oldest first. */
void hub_each(struct hub *hub, void (*cb)(const struct hub_subscription_info *info, void *data),
	      void *data);
struct hub_totals hub_totals(const struct hub *hub);
struct hub_accounting hub_accounting(const struct hub_subscriber *s);

#endif
