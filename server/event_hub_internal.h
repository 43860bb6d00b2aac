/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the files of the hub share: event_hub.c counts and fans out, event_hub_subscriber.c
 * orders one subscriber's messages, event_hub_backlog.c keeps events, event_hub_replay.c gives
 * them again, event_hub_filter.c chooses. */
#ifndef PEP_SERVER_EVENT_HUB_INTERNAL_H
#define PEP_SERVER_EVENT_HUB_INTERNAL_H

#include "server/event_hub.h"
#include "server/event_pack.h"
#include "server/event_queue.h"

/* What is accounted for of a CPU: its own counters, never running backwards. */
struct hub_cpu {
	uint64_t numbered; /* decisions accounted for */
	uint64_t suppressed;
	uint64_t ring_full;
	uint64_t settled; /* numbered at the last hub_settle() */
};

/* A kept event: raw, for most are never asked for again. */
struct hub_entry {
	uint64_t seq;
	int64_t wall_time;
	uint8_t *message; /* owned; a change, packed; NULL = the packet event */
	size_t message_size;
	char iface[IFACE_NAME_SIZE];
	struct pep_event event;
};

struct hub_backlog {
	struct hub_entry *entries; /* owned, HUB_BACKLOG_EVENTS */
	size_t first, count;
	size_t message_bytes;
};

struct hub {
	struct hub_cpu *cpus; /* owned */
	unsigned int cpu_count;
	struct hub_totals totals;
	uint64_t seq;
	uint64_t next_id;
	struct hub_backlog backlog;
	struct hub_subscriber *first, *last; /* owned, newest first */
	unsigned int depth; /* calls under way: nobody is freed before the outermost one returns */
	bool has_dead;
};

struct hub_subscriber {
	struct hub *hub;
	struct hub_subscriber *next, *prev;
	struct hub_options options;
	struct hub_sink sink;
	char id[24];
	int64_t since_time;
	int64_t next_marker; /* monotonic; 0 = not known yet */
	struct event_queue queue;
	struct hub_totals base; /* at the subscription */
	struct hub_totals end;  /* when count was reached */
	uint64_t seen; /* totals.received up to which delivered + filtered + lost count */
	uint64_t delivered, filtered, lost, replayed;
	uint64_t untold_lost;
	uint64_t told_suppressed, told_ring_full; /* of totals */
	bool losing;   /* until half of the queue is free: one loss of many, not many of one */
	bool starting; /* hub_subscribe() has not returned */
	bool pumping;
	bool ending;   /* count reached; ended() when the queue is empty */
	bool dead;     /* only waits for its release */
};

int64_t hub_wall_time(void);

void hub_enter(struct hub *hub);
void hub_leave(struct hub *hub);

bool hub_filter_packet(const struct hub_filter *filter, const struct hub_packet *packet);

int hub_backlog_init(struct hub_backlog *backlog);
void hub_backlog_deinit(struct hub_backlog *backlog);
void hub_backlog_add_packet(
	struct hub_backlog *backlog, uint64_t seq, const struct hub_packet *packet);
/* Takes `message`. */
void hub_backlog_add_message(
	struct hub_backlog *backlog, uint64_t seq, uint8_t *message, size_t size);
/* `index` from 0, the oldest, to count - 1. */
const struct hub_entry *hub_backlog_at(const struct hub_backlog *backlog, size_t index);

void hub_subscriber_free(struct hub_subscriber *s);
/* Whether it still takes part. */
static inline bool hub_subscriber_is_live(const struct hub_subscriber *s)
{
	return !s->dead && !s->ending;
}
/* Loses what comes, until half of its queue has been sent. */
bool hub_subscriber_is_choked(struct hub_subscriber *s);
void hub_subscriber_offer_packet(struct hub_subscriber *s, const void *bytes, size_t size);
void hub_subscriber_offer_change(struct hub_subscriber *s, const void *bytes, size_t size);
/* Tells what was lost, if anything and if there is room; a marker follows a loss. */
bool hub_subscriber_tell_losses(struct hub_subscriber *s);
void hub_subscriber_mark(struct hub_subscriber *s);
void hub_subscriber_start(struct hub_subscriber *s);
void hub_subscriber_replay(struct hub_subscriber *s);
bool hub_subscriber_is_complete(const struct hub_subscriber *s);
/* Sends or queues, whatever the limit. False when there is no memory. */
bool hub_subscriber_emit(struct hub_subscriber *s, const void *bytes, size_t size);
/* Ends it now, with what is still queued. `err` NULL = all is well. */
void hub_subscriber_finish(struct hub_subscriber *s, struct error *err);

#endif
