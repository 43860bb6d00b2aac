/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A hub, the kernel that feeds it and its clients: every message that a client gets is decoded and
 * checked against all that it got before.
 */
#ifndef PEP_TESTS_HUB_WORLD_H
#define PEP_TESTS_HUB_WORLD_H

#include "server/event_hub.h"

#define CPUS 4

struct client {
	struct hub *hub;
	struct hub_subscriber *s;
	size_t room;      /* bytes; SIZE_MAX = without end */
	int error;        /* what send() returns */
	unsigned int leave_after; /* unsubscribes itself in that message */
	struct client *cancels;   /* cancelled by the next message of this one */
	bool pumps;       /* in send() */
	bool resubscribes; /* in ended() */
	unsigned int messages, markers, losses, packets, changes, replayed, lost_changes;
	uint64_t last_seq;
	uint64_t lost, suppressed, ring_full; /* told since the first marker */
	uint64_t missing;                     /* told before it */
	struct hub_accounting marker;         /* the last one */
	unsigned int ended;
	enum error_kind kind;
	char last; /* kind of the last message: p c l m */
};

/* A number from 0 up to below that, of a fixed sequence. */
uint32_t chance(uint32_t below);

void subscribe(struct client *c, struct hub *hub, struct hub_options options);

/* --- the kernel */

struct kernel {
	struct pep_event_state cpus[CPUS];
	struct pep_event ring[256];
	size_t head, tail;
};

/* Of policies in its events; the first is that of none. */
extern const char *const hub_names[4];

/* A decision that has an event, or one too many: suppressed, or without room in the ring. */
void decide(struct kernel *k, uint32_t cpu, bool suppress);
/* Takes up to so many records out of the ring. */
void drain(struct kernel *k, struct hub *hub, size_t count);
/* The hub is told the state of each CPU. */
void settle(struct kernel *k, struct hub *hub);
uint64_t numbered(const struct kernel *k);
/* Decisions, each with an event that is drained at once. */
void send_events(struct kernel *k, struct hub *hub, unsigned int count);

/* --- the hub */

struct hub *new_hub(void);
/* A change of about `size` bytes. */
void publish(struct hub *hub, size_t size);
/* The filter is the subscription's to free; NULL = whatever. */
struct hub_filter filter_of(const char *policy, const char *iface);

#endif
