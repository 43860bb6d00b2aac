/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The only file of the daemon that knows libbpf and the skeleton: load or adopt,
 * attach, flip, pins, counters, limiter memory. Nothing here knows policies
 * beyond their map elements, and nothing calls up.
 */
#ifndef PEP_SERVER_DATAPATH_H
#define PEP_SERVER_DATAPATH_H

#include "common/change.h"
#include "server/classifier.h"

struct datapath;

struct datapath_options {
	const char *pin_dir;   /* on a bpffs; maps/, links/ and the program live below */
	uint32_t max_policies; /* 1 .. PEP_POLICIES_MAX */
	uint32_t max_buckets;  /* of rate limits with a scope, 1 .. PEP_SCOPE_BUCKETS_MAX */
	uint32_t ring_size;    /* bytes, a power of two and of whole pages */
	uint64_t memory_limit; /* bytes of the maps together, 0 = none */
	bool verbose;          /* the verifier's log in full on stderr */
	void (*log)(void *data, int level, const char *line); /* may be NULL; level as syslog */
	void *log_data;
};

enum datapath_start {
	DATAPATH_FRESH,   /* no pins: nothing was enforced */
	DATAPATH_ADOPTED, /* same layout: the running program and maps are ours now */
	DATAPATH_REBUILT, /* other sizes or ABI: new maps and program, contents carried over, links moved */
};

/*
 * Loads the program over the pinned maps, or over new ones with the old content.
 * What the links run is not touched before datapath_activate(): between the two
 * the ruleset can be committed.
 * Refuses, each with its own message: missing capabilities, a pin folder that is
 * not on a bpffs (says how to mount), a kernel without what the program needs,
 * a verifier refusal (its last lines), a folder that another daemon holds (flock),
 * pinned policies that do not fit into `max_policies`, maps that take more than
 * `memory_limit` before any set has members.
 */
int datapath_open(const struct datapath_options *options, struct error *err,
		  struct datapath **ret, enum datapath_start *ret_start);
/* True when the tables are new ones beside pinned ones of other sizes, whose policies are not in them. */
bool datapath_rebuilt(const struct datapath *dp);
/* True when pins were found whose policies this build cannot read. */
bool datapath_unreadable(const struct datapath *dp);
/* Moves every link to the loaded program and pins its maps. */
int datapath_activate(struct datapath *dp, struct error *err);
/* The filter stays: pins remain. */
void datapath_free(struct datapath *dp);
/* --detach-on-exit: links, pins and programs go. */
void datapath_remove(struct datapath *dp);

/* --- policies */

/*
 * Walks policy_map; cb returns 0 to go on, 1 to have the element removed, or an
 * error. `redirect` is the interface that the policy points to, "" when there is
 * none. Used once, to adopt; after a rebuild policy_map is empty.
 */
int datapath_walk(struct datapath *dp,
		  int (*cb)(void *data, uint32_t entry, const struct pep_policy *value,
			    const char *redirect),
		  void *data);
/* After a rebuild: counters and limiters of policies that are there again. */
void datapath_carry(struct datapath *dp, const struct classifier *c);
/* Slot of an interface that policies name, which is theirs from now on; 0 = all are in use. */
uint32_t datapath_iface_slot(struct datapath *dp, const char *name);
/* What the classifier works in; valid until datapath_free(). */
struct classifier_memory datapath_memory(struct datapath *dp);
uint64_t datapath_generation(const struct datapath *dp); /* in force, >= 1 */
uint64_t datapath_revision(const struct datapath *dp);   /* of the ruleset in force, 0 = none yet */

/* Everything of a commit that is not a policy. */
struct datapath_default {
	char iface[IFACE_NAME_SIZE]; /* "" = all others */
	bool block;
};
struct datapath_ruleset {
	uint64_t revision;
	uint64_t settings[SETTING_MAX];
	const struct datapath_default *defaults; /* [0] is the global one; borrowed during the call */
	size_t default_count;
};

/*
 * The steps of a commit. prepare writes what the current generation does not
 * see, and on failure has undone it; exactly one of flip and abort follows.
 * flip is one store: all CPUs and interfaces judge by the new ruleset after it.
 * `plan` may be NULL when no policy changes, and is not used after prepare.
 *
 * After flip, packets that began before it may still read what died. grace()
 * waits them out, in any thread; settle() then deletes it. prepare must not be
 * called before settle.
 */
int datapath_prepare(struct datapath *dp, const struct classifier *c,
		     const struct classifier_plan *plan, const struct datapath_ruleset *ruleset,
		     struct error *err);
void datapath_flip(struct datapath *dp);
void datapath_abort(struct datapath *dp);
void datapath_grace(void);
void datapath_settle(struct datapath *dp);

/* Whether sets in force have members; which, only the state file tells. */
bool datapath_has_members(const struct datapath *dp);
/* What the kernel holds beside policies, for adoption without a state file. */
void datapath_read_ruleset(const struct datapath *dp, uint64_t ret_settings[static SETTING_MAX],
			   bool *ret_default_block);
/*
 * Name (NULL = no more) and default of the next interface, attached or formerly so, whose
 * default in force differs from the global one. `at` is 0 at first and is moved on.
 */
const char *datapath_read_default(const struct datapath *dp, uint32_t *at, bool *ret_block);

/* --- interfaces */

enum datapath_iface_state { DATAPATH_ATTACHED, DATAPATH_ABSENT, DATAPATH_FAILED };

struct datapath_iface {
	char name[IFACE_NAME_SIZE];
	char pattern[IFACE_NAME_SIZE]; /* that wants it; "" = wanted by its own name */
	uint32_t ifindex; /* 0 when absent */
	uint32_t slot;    /* of its counters, 1 .. PEP_IFACES_MAX - 1 */
	enum attach_mode requested;
	enum attach_mode mode; /* native or generic, when attached */
	enum datapath_iface_state state;
	char reason[256]; /* why generic, why it failed, or who has detached it; "" */
	char warning[160]; /* VLAN tags are stripped before the program sees them; "" */
	char driver[32];
	uint32_t program_id;
	int64_t attached_since; /* wall clock, ns */
};

/*
 * With `keep`, an interface that is absent or refuses is remembered (0 is returned,
 * see its state) and tried again by datapath_refresh(). One that is attached already
 * is looked up in the kernel, and put back when somebody else has detached it.
 * Refused: offload (says why), an interface that another XDP program holds (its
 * id and name), too many interfaces, a mode the driver does not have, another
 * mode than the one that it is attached in.
 *
 * A pattern ("veth*") is only noted: datapath_refresh() attaches what it matches, now and
 * when more appears; what refuses is listed with its reason. lo is never meant.
 */
int datapath_attach(struct datapath *dp, const char *name, enum attach_mode mode, bool keep,
		    struct error *err);
/* An interface that a pattern matches stays attached; with a pattern goes what only it wants. */
int datapath_detach(struct datapath *dp, const char *name, struct error *err);
size_t datapath_iface_count(const struct datapath *dp);
const struct datapath_iface *datapath_iface(const struct datapath *dp, size_t index); /* sorted by name */
const struct datapath_iface *datapath_iface_by_name(const struct datapath *dp, const char *name);
/* Whether the kernel has the program on it now, not as far as was known. */
bool datapath_in_place(const struct datapath *dp, const char *name);
/* Whether an attachment of that name or pattern is for the interface. */
struct if_nameindex;
bool datapath_means(const char *name, const struct if_nameindex *iface);
/* Name of an interface now or formerly attached, for events; "" = unknown. */
const char *datapath_iface_name(struct datapath *dp, uint32_t ifindex);

/*
 * After news of interfaces or pins: attaches what appeared, notes what went or was detached
 * by somebody else (who is not overruled), fills redirect targets. cb is called for each interface whose state changed.
 */
void datapath_refresh(struct datapath *dp,
		      void (*cb)(void *data, const struct datapath_iface *iface), void *data);

/* --- figures: summed over CPUs, in pep_tally order */

int datapath_stats(struct datapath *dp, uint32_t slot, struct pep_stats *ret);
int datapath_stats_all(struct datapath *dp, struct pep_stats ret[static PEP_IFACES_MAX]);
struct datapath_figures {
	uint64_t packets; /* decisions of the policy, exceeded ones included */
	uint64_t bytes;
	uint64_t exceeded_packets; /* rate-limit: dropped above the rate */
	uint64_t exceeded_bytes;
	uint64_t displaced; /* its buckets that began anew for want of places */
	uint64_t last_hit; /* CLOCK_MONOTONIC, ns; 0 = never */
};
void datapath_policy_stats(struct datapath *dp, uint32_t slot, struct datapath_figures *ret);
unsigned int datapath_cpus(const struct datapath *dp);
/* `ret` has datapath_cpus() elements. */
int datapath_event_state(struct datapath *dp, struct pep_event_state *ret);

/* --- events */

int datapath_ring_fd(struct datapath *dp); /* pollable */
/* Consumes up to `limit` records; returns how many, or a negative errno. */
int datapath_ring_consume(struct datapath *dp, size_t limit,
			  void (*cb)(void *data, const struct pep_event *event), void *data);

/* --- the program's own answer */

/*
 * What the search in force (generation 0), or that of a prepared commit
 * (datapath_generation() + 1), makes of a frame of 14 to 3,520 bytes that arrives
 * on the interface ("", or one that is not known: on none that has a name).
 * No counter, limiter or event knows of it. In any thread. 0 or -errno.
 */
int datapath_explain(struct datapath *dp, const void *frame, size_t size, uint64_t generation,
		     const char *iface, struct pep_explain *ret);

/* What stands behind such an answer, asked for before the next flip or abort. */
struct datapath_explained {
	char policy[PEP_NAME_SIZE]; /* that decides; "" = none */
	char shadow[PEP_NAME_SIZE];
	uint16_t flow_percent; /* hundredths; policies with a greater percent have the flow */
	/* The bucket of a rate-limit policy now. */
	bool limited;
	bool passes;        /* the packet would */
	uint64_t available; /* bytes, or packets */
	uint64_t burst;
};
void datapath_explained(struct datapath *dp, const struct pep_explain *explain,
			struct datapath_explained *ret);
/* Whether it has a slot: is or was attached, or policies name it. */
bool datapath_iface_known(const struct datapath *dp, const char *name);

struct datapath_info {
	uint32_t program_id;
	uint32_t max_policies;
	uint32_t max_buckets;
	uint32_t ring_size;
	uint32_t verified_instructions;
	uint64_t memory, memory_limit; /* bytes of the maps in use, and the most; 0 = no limit */
	char adopted[160]; /* one sentence on how the start found the kernel */
};
void datapath_info(const struct datapath *dp, struct datapath_info *ret);

#endif
