/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Events in, subscribers out: packs each event once, filters it for each
 * subscriber, keeps a bounded queue for each, and counts so that for every
 * subscriber between any two markers
 *   delivered + filtered + lost + suppressed + ring_full == decisions.
 * No uv, no bpf maps: sinks are callbacks, time is an argument.
 */
#ifndef PEP_SERVER_EVENT_HUB_H
#define PEP_SERVER_EVENT_HUB_H

#include "bpf/common.h"
#include "common/error.h"
#include "common/policy.h"

struct hub;
struct hub_subscriber;

/* Where a subscriber's bytes go. room() says how many bytes may be sent now. */
struct hub_sink {
	size_t (*room)(void *data);
	int (*send)(void *data, const void *bytes, size_t size); /* one packed pepctl.v1.Event */
	void (*ended)(void *data, struct error *err); /* hub ends it: cancelled, count reached (err NULL), overflow */
	void *data;
};

struct hub_filter {
	char (*policies)[POLICY_NAME_MAX + 1]; /* owned; any of these; count 0 = any */
	size_t policy_count;
	char (*ifaces)[IFACE_NAME_SIZE]; /* owned */
	size_t iface_count;
	uint32_t actions; /* bit per enum pep_action, 0 = any */
	struct policy_address src, dst; /* any or a prefix */
	struct policy_ports dport;
	bool has_proto;
	uint8_t proto;
	bool no_packets, no_changes;
};

struct hub_options {
	struct hub_filter filter; /* moved in */
	bool cancel_on_overflow;
	size_t queue_bytes; /* 0 = 1 MiB */
	bool has_since;
	uint64_t since;  /* deliver what is still kept after this seq */
	uint64_t count;  /* end after so many packet events, 0 = never */
	uint64_t marker_interval; /* ns, 0 = first, on loss and at the end */
	char name[64];
	uint32_t uid, pid;
	char command[16];
};

struct hub_accounting {
	uint64_t decisions, delivered, filtered, lost, suppressed, ring_full;
};

/* One decoded packet event and what its CPU had counted by then. */
struct hub_packet {
	const struct pep_event *event;
	const char *iface;   /* name at the time, "" = unknown */
	int64_t wall_time;   /* ns since the epoch */
};

int hub_new(unsigned int cpus, struct hub **ret);
void hub_free(struct hub *hub);

void hub_packet(struct hub *hub, const struct hub_packet *packet);
/* The ring is drained and this CPU quiet: what it counted in all, so that losses at the end show. */
void hub_settle(struct hub *hub, unsigned int cpu, const struct pep_event_state *state);
/* Totals at the start of the daemon: what was numbered before is nobody's loss. */
void hub_baseline(struct hub *hub, unsigned int cpu, const struct pep_event_state *state);
/* A packed Event without seq and time, which the hub adds (ruleset and interface events). */
void hub_publish(struct hub *hub, const void *body, size_t size, int64_t wall_time);

int hub_subscribe(struct hub *hub, struct hub_options *options, const struct hub_sink *sink,
		  struct error *err, struct hub_subscriber **ret);
void hub_unsubscribe(struct hub_subscriber *s); /* without ended() */
void hub_pump(struct hub_subscriber *s);        /* room is back */
const char *hub_subscriber_id(const struct hub_subscriber *s);
int hub_cancel(struct hub *hub, const char *id, struct error *err);

#endif
