/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What services share. Each service_*.c unpacks, makes one call into the
 * domain, and packs; it has no rules of its own.
 */
#ifndef PEP_SERVER_SERVICE_H
#define PEP_SERVER_SERVICE_H

#include <uv.h>

#include "pepctl.pb-c.h"
#include "server/call.h"
#include "server/datapath.h"
#include "server/event_hub.h"
#include "server/event_ring.h"
#include "server/policy_store.h"
#include "server/quota.h"

struct service_snapshots;
struct service_watch;

struct service {
	uv_loop_t *loop;
	struct rpc *rpc;
	struct store *store;
	struct datapath *datapath;
	struct classifier *classifier;
	struct hub *hub;
	struct event_ring *ring;
	const char *state_dir, *pin_dir; /* borrowed */
	const char *state_write_error; /* why what was to be written last is not on it; "" = it is; borrowed */

	/* daemon.c: interfaces beside a commit, with the log and the event. */
	void (*refresh)(void *interfaces); /* looks what somebody else has changed */
	void *interfaces;
	int64_t started;                 /* wall clock, ns */

	struct service_snapshots *snapshots; /* of service_list.c; owned */
	struct service_watch *watches;       /* of service_stats.c; owned by themselves */
	struct quota apply_quota;            /* of streams of changes under way */
	size_t apply_max;                    /* bytes that one of them may hold */
	struct {
		uint64_t generation; /* that it is of; 0 = none yet */
		struct classifier_info info;
	} tables;
	struct {
		int64_t time; /* CLOCK_MONOTONIC, 0 = none yet */
		uint64_t packets, blocked;
		double packet_rate, block_rate;
	} sample;
	struct {
		int64_t time; /* CLOCK_MONOTONIC, 0 = none yet */
		uint8_t *bytes; /* packed pepctl.v1.Stats; owned */
		size_t size;
	} shared; /* what WatchStats streams get */
};

/* Registers every handler. */
int service_init(struct service *s);
void service_deinit(struct service *s);

void service_policy_init(struct service *s);
void service_apply_init(struct service *s);
void service_apply_stream_init(struct service *s);
void service_history_init(struct service *s);
int service_list_init(struct service *s);
void service_list_deinit(struct service *s);
void service_set_init(struct service *s);
void service_lease_init(struct service *s);
void service_lease_list_init(struct service *s);
void service_iface_init(struct service *s);
void service_stats_init(struct service *s);
void service_stats_deinit(struct service *s);
Pepctl__V1__Stats *service_stats(struct service *s, struct arena *arena); /* now; NULL = out of memory */
void service_events_init(struct service *s);
void service_explain_init(struct service *s);
void service_server_init(struct service *s);

/* --- helpers */

uint64_t service_members(const struct service *s); /* of all sets, leases too */

/* An initialised message in the call's arena, NULL = exhausted. */
void *service_message(struct call *call, const ProtobufCMessageDescriptor *descriptor);
#define SERVICE_MESSAGE(call, name) service_message(call, &pepctl__v1__##name##__descriptor)

/* call_fail() with the arena's exhaustion. */
void service_fail_memory(struct call *call);
int64_t service_wall_now(void);      /* ns */
int64_t service_monotonic_now(void); /* ns */

/* The `count` numbers of a page token, digits with a dot between them and nothing else. */
int service_read_token(const char *token, size_t count, uint64_t ret[], struct error *err);

/* --- service_warnings.c: of interfaces that do not exist now; 0, or -1 = memory */
struct service_warnings {
	char **list; /* in the arena */
	size_t count;
	char fine[IFACE_NAME_SIZE]; /* found last that is redirected to without loss */
	bool has_vlan;   /* the request puts a policy of a VLAN */
	bool sends_back; /* the request attaches, or puts a policy that rejects or reflects */
};
int service_warn_policy(struct arena *arena, const Pepctl__V1__Policy *m, struct service_warnings *w);
int service_warn_attach(struct arena *arena, const Pepctl__V1__Attachment *m, struct service_warnings *w);
int service_warn_stays(struct arena *arena, const char *iface, const char *pattern,
	struct service_warnings *w);
int service_warn_default(struct arena *arena, const Pepctl__V1__InterfaceDefault *m,
	struct service_warnings *w);
/*
 * Attached veths, of all or of the name or pattern, through which the ruleset in force answers in vain. Walks
 * the policies where there are veths in native mode.
 */
int service_warn_veths(
	struct arena *arena, struct service *s, const char *name, struct service_warnings *w);
/*
 * What came of it: connections that were not asked about, sets that nothing keeps out any more, with
 * has_vlan interfaces that strip the tags, and with sends_back service_warn_veths().
 */
int service_warn_result(struct arena *arena, struct service *s, const struct store_result *result,
	struct service_warnings *w);

/* --- service_apply.c: parts of a request that is or would be a transaction */
int service_read_mode(Pepctl__V1__ApplyMode mode, enum store_mode *ret, struct error *err);
/* Appends to `list`. All of them are read, so that every wrong field is told at once. */
int service_read_operations(Pepctl__V1__Operation *const *operations, size_t count,
	struct change_list *list, struct error *err);

/* The request's id, checked, and what it asks for; `request` may be one message of several. */
int service_read_request_id(const char *id, const ProtobufCMessage *request, struct store_tx *tx,
	struct error *err);
/* Fills a transaction with the caller's deadline and author. */
void service_tx_init(struct call *call, struct store_tx *tx);

/* Its counters and place; the policy itself is left out, see service_policy_bytes(). */
void service_policy_figures(struct service *s, const struct store_policy *policy, uint32_t slot,
	Pepctl__V1__PolicyStatus *ret);
/*
 * PolicyStatus as bytes in the call's arena: the stored policy, then the figures.
 * A message's fields may come in any order, so neither is packed twice.
 */
int service_policy_bytes(struct service *s, struct call *call, const struct store_policy *policy,
	ProtobufCBinaryData *ret);
/* A policy with its counters; NULL = memory. */
Pepctl__V1__PolicyStatus *service_policy_status(struct service *s, struct call *call,
	const struct store_policy *policy);

/* The defaults of interfaces; NULL = memory. */
Pepctl__V1__InterfaceDefault **service_defaults(struct service *s, struct call *call,
	size_t *ret_count);

#endif
