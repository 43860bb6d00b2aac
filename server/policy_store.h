/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The truth: policies, sets, defaults, settings, attachments, and the transactions
 * that change them. Every rule of what may be changed is here; services only
 * translate. No uv, no bpf: durability and enforcement are called through
 * struct store_backend, which daemon.c fills and tests replace.
 *
 * Transactions that wait while a commit is on its way to the disk are committed
 * together: each is validated on what the one before left, each has its own
 * revision, all share one write and one flip.
 *
 * Applying, planning and writing what a batch asks for runs on a worker, over a
 * working state of its own; the loop goes on reading what is in force, which
 * only it changes, at the flip.
 */
#ifndef PEP_SERVER_POLICY_STORE_H
#define PEP_SERVER_POLICY_STORE_H

#include "common/change.h"
#include "server/classifier.h"
#include "server/journal.h"
#include "server/lease_table.h"
#include "server/member_set.h"
#include "server/request_memory.h"
#include "server/sock_diag.h"
#include "server/state_file.h"

#define STORE_DEFAULTS_MAX 64u    /* of interfaces */
#define STORE_ATTACHMENTS_MAX 63u /* as many as have counters: PEP_IFACES_MAX - 1 */
#define STORE_QUEUE_MAX 4096u     /* transactions that wait */
#define STORE_SETS_MAX CLASSIFIER_SETS_MAX
#define STORE_MEMBERS_MAX 4000000u /* of all sets, that --max-members may allow */
#define STORE_MEMBERS_DEFAULT 1000000u
#define STORE_MEMBERS_INLINE 1000u /* of a set that the state file itself has */
#define STORE_CHANGES_SHOWN 100u  /* lines of a commit event */
#define STORE_SESSIONS_MAX 1000u  /* connections that a change is asked about */
#define STORE_IFACES_MAX 1024u    /* interfaces of one pattern that it is asked about */
#define STORE_PROTECT_MAX 100u    /* flows that one transaction may list */
#define STORE_HISTORY_MAX 100u    /* commits that are remembered */
#define STORE_HISTORY_BYTES ((size_t)64 << 20) /* that these may take */
#define STORE_CONFIRM_MAX (7 * 86400ll * 1000000000ll) /* ns that a commit may wait */
#define STORE_BANNED "banned" /* the set that a ban without one means */
#define STORE_TTL_BAN (86400ll * 1000000000) /* of who may only ban, in a set without max-ttl */
#define STORE_BAN_IPV4 24u /* the widest prefixes that these may ban */
#define STORE_BAN_IPV6 48u
#define STORE_LEASE_NOTES 1000u
#define STORE_LEASE_STEPS 20000u /* that one page looks at */
#define STORE_HOLDERS_MAX 64u /* owners that hold one member */
#define STORE_AGAIN 1000000000ll /* ns after a failure of what the store does by itself */

struct store;

enum store_tx_kind {
	STORE_CHANGES = 0,
	STORE_ROLLBACK, /* to the content of revision `target` */
	STORE_CONFIRM,  /* revision `target`, 0 = whichever waits */
	STORE_LEASES,   /* no revision, unless a ban makes a set */
	STORE_EXPIRE,   /* the store's own: leases that have run out */
	STORE_END,      /* the same of policies, which is a commit */
};
enum store_mode { STORE_MERGE = 0, STORE_REPLACE_ALL = 1 };
enum store_effect { STORE_UNCHANGED = 0, STORE_CREATED = 1, STORE_CHANGED = 2, STORE_DELETED = 3 };

struct store_author {
	uint32_t uid;
	uint32_t pid;
	char command[16];
};

/*
 * A ruleset to read: the one in force, or for who looks at a dry run the one that it
 * would put in force. Fill in the store alone; valid until the next commit or the end
 * of the look.
 */
struct store_view {
	struct store *store;
	bool next; /* the dry run's */
	const struct store_policy **order; /* owned with next; see store_view_policies() */
};

enum store_lease_kind {
	STORE_HOLD,
	STORE_RELEASE,
	STORE_RELEASE_ALL, /* `members` is empty */
	STORE_RECONCILE,   /* HOLD, and a release of all else that the owner holds in the set */
};

/* What a transaction of STORE_LEASES does. */
struct store_lease {
	enum store_lease_kind kind;
	char set[POLICY_NAME_MAX + 1]; /* "" = all sets, of releases */
	struct member_list members;    /* owned; the same member twice is one */
	char owner[LEASE_OWNER_MAX + 1]; /* "" with any_owner */
	bool any_owner; /* of releases: whoever holds them */
	int64_t ttl;    /* ns, 0 = until released; 0 .. TTL_MAX */
	bool shorten;   /* HOLD: an expiry may become an earlier one */
	bool ban;       /* HOLD: some policy must keep out what is in the set; makes the set STORE_BANNED */
	bool bans_only; /* the caller has no other right: bannable sets, within their limits */
};

/* A member that was refused or left as it was: its place in its family's list. */
struct store_lease_note {
	uint8_t family;
	size_t at;
	const char *reason; /* static; NULL: its expiry is later than was asked for and stays */
};

struct store_lease_result {
	uint64_t added, refreshed, unchanged, released, missing;
	struct store_lease_note *notes; /* up to STORE_LEASE_NOTES of each sort */
	size_t note_count;
	uint64_t rejected, kept; /* how many there are */
};

struct store_tx {
	struct change_list changes; /* moved into store_submit() */
	const char *path; /* of the only change in the request; NULL = operations[i] */
	enum store_mode mode;
	bool has_expected;
	uint64_t expected;
	bool validate_only;
	/*
	 * Of a dry run, NULL = none: called on the worker, with `data` of store_submit(), while the
	 * kernel has all of it prepared for the next generation, which never comes.
	 */
	void (*look)(void *data, struct store_view *view);
	/*
	 * The lock-out check: what cuts off a connection to the setting protect-ports, or one of
	 * these flows, is refused. malloc'ed, moved into store_submit(); at most STORE_PROTECT_MAX.
	 */
	struct flow *protect;
	size_t protect_count;
	bool force;    /* it is not checked */
	int64_t deadline; /* CLOCK_MONOTONIC ns, 0 = none; past it nothing is committed */
	enum store_tx_kind kind;
	uint64_t target;         /* of ROLLBACK and CONFIRM */
	bool only_waiting;       /* ROLLBACK: only while the revision behind the target waits to be confirmed */
	const char *request_id;  /* copied; at most REQUEST_ID_MAX bytes; NULL or "" = none */
	uint64_t request_hash;   /* of what is asked for, the same when it is asked again */
	struct store_lease *lease; /* of LEASES; malloc'ed, moved into store_submit() */
	int64_t confirm_timeout; /* ns, 0 .. STORE_CONFIRM_MAX; > 0: undone then, unless confirmed */
	struct store_author author;
	const char *comment; /* copied; may be NULL */
};

/* What became of policies, whoever named them: replace-all deletes those that nobody does. */
struct store_counts {
	uint64_t created, changed, deleted;
};

/* Valid during the callback. */
struct store_result {
	bool repeated; /* the request was answered before: so, and nothing was changed now */
	uint64_t revision;           /* unchanged when no change had an effect */
	const enum store_effect *effects; /* one a change */
	size_t effect_count;
	char *const *lines; /* "+ policy ...", "- policy ...": up to STORE_CHANGES_SHOWN */
	size_t line_count;
	size_t line_total;
	struct store_counts policies;
	bool protect_cut; /* not all connections or interfaces were asked about */
	uint64_t unguarded; /* bits of the ids of sets for bans that no policy keeps out any more */
	int64_t confirm_left; /* ns until it is undone; 0 = it is not */
	const struct store_lease_result *leases; /* of LEASES */
};

/* Called exactly once, possibly before store_submit() returns; `err` is NULL on success. */
typedef void (*store_done)(void *data, const struct store_result *result, struct error *err);

struct store_default {
	char iface[IFACE_NAME_SIZE];
	bool block;
};
struct store_attachment {
	char iface[IFACE_NAME_SIZE]; /* or a pattern */
	enum attach_mode mode;
};

/* All that is not a policy. */
struct store_config {
	uint64_t settings[SETTING_MAX];
	bool block; /* the default action of all interfaces without one of their own */
	struct store_default defaults[STORE_DEFAULTS_MAX]; /* sorted by interface */
	size_t default_count;
	struct store_attachment attachments[STORE_ATTACHMENTS_MAX]; /* sorted */
	size_t attachment_count;
};

/* A set without its members. Its id is the place where the classifier has it. */
struct store_set {
	char name[POLICY_NAME_MAX + 1]; /* "" = the id is free */
	bool bannable;
	bool filed; /* the members stand in a part of the state folder */
	uint64_t max_ttl; /* ns, 0 = the default */
	uint64_t created_revision;
	uint64_t changed_revision;
	uint64_t members_revision; /* that changed the members last */
};

/* A policy in the truth; immutable, shared by reference (the loop's and the worker's). */
struct store_policy {
	struct policy policy;
	char *line; /* its statement of the policy file, without the word policy; owned */
	uint8_t *packed; /* the packed pepctl.v1.Policy, asked for far more often than changed; owned */
	size_t packed_size;
	uint64_t position; /* in the ruleset's order, increasing, with gaps */
	uint64_t created_revision;
	uint64_t changed_revision;
	int64_t ends; /* CLOCK_BOOTTIME ns, ttl behind its last change; 0 = it stays */
	uint32_t slot; /* of counters and limiter; PEP_SLOT_NONE before it is planned */
	size_t references; /* atomic */
};

/* One commit, for subscribers and the audit log; valid during the call. */
struct store_commit {
	uint64_t revision;
	const struct store_author *author;
	const char *comment; /* "" = none */
	char *const *changes; /* "+ policy ...", "- policy ..." */
	size_t change_count;
	size_t change_total;
};

/* What a commit enforces. */
struct store_ruleset {
	uint64_t revision;
	const struct store_config *config;
	const struct classifier_plan *plan; /* NULL = neither policies nor members change */
};

/* What becomes of a packet. */
struct store_verdict {
	enum policy_action_kind action;
	bool passes;     /* to the host: it is allowed, or within its rate */
	bool by_default; /* no policy matches */
	char policy[POLICY_NAME_MAX + 1]; /* that decides, "" = none */
};

struct store_clock {
	int64_t boottime; /* CLOCK_BOOTTIME, ns */
	int64_t time;     /* since the epoch, ns */
	char boot_id[40]; /* of the boot */
};

struct store_iface {
	char name[IFACE_NAME_SIZE];
	bool filtered; /* what it receives is judged now */
};

struct store_backend {
	/* Runs work(arg) off the loop, then calls store_prepared() on it, possibly before it returns. */
	void (*run)(void *data, void (*work)(void *arg), void *arg);
	/* Off the loop: makes ready what flip() puts in force; on failure nothing has changed. */
	int (*prepare)(void *data, const struct store_ruleset *ruleset, struct error *err);
	void (*flip)(void *data);
	void (*abort)(void *data);
	/*
	 * Appends the records to the journal, durably, then calls store_persisted(), not before it
	 * returns. The records stay until then.
	 */
	void (*persist)(void *data, const struct journal_record *records, size_t count);
	/*
	 * Writes the state (moved), then a journal of these records alone, and calls store_persisted().
	 * After ERROR_UNKNOWN that is done until it succeeds; changes wait for it, or are refused.
	 */
	void (*rewrite)(void *data, struct state *state, const struct journal_record *records, size_t count);
	bool (*is_long)(void *data); /* the journal, so that it should be written anew */
	/* Opens the journal and hands over its records. */
	int (*replay)(void *data, journal_read_fn *read, void *arg, struct error *err);
	/* A part that a state file names, as state_read_part(). */
	int (*load)(void *data, const char *name, char **ret, size_t *ret_size, struct error *err);
	/* After flip(): when no packet judges by the old ruleset, calls store_settled(). */
	void (*settle)(void *data);
	void (*settle_now)(void *data); /* the same at once, at the start */
	int (*attach)(void *data, const char *iface, enum attach_mode mode, bool keep, struct error *err);
	void (*detach)(void *data, const char *iface);
	void (*committed)(void *data, const struct store_commit *commit);
	/* Leases that changed; those that ended in their time, in lines as of a commit. */
	void (*leased)(void *data, const struct store_author *author, const struct store_lease *lease,
		const struct store_lease_result *result);
	void (*expired)(void *data, char *const *lines, size_t count, size_t total);
	int64_t (*now)(void *data); /* CLOCK_MONOTONIC, ns; called on the worker */
	void (*clock)(void *data, struct store_clock *ret); /* from any thread */
	void (*alarm)(void *data, int64_t boottime); /* calls store_alarm() then; the last one counts */
	/*
	 * The lock-out check, all on the worker: connections to the ports, and their ways from the
	 * interfaces, as session_list_read().
	 */
	int (*sessions)(void *data, const uint16_t *ports, size_t count, const char *const *ifaces,
		size_t iface_count, struct sock_diag *ret);
	/* The interfaces there are of the name or pattern. Returns how many, at most `room`. */
	size_t (*ifaces)(void *data, const char *name, struct store_iface *ret, size_t room);
	/* By the ruleset in force, or with `next` by what is prepared. 0 or -errno. */
	int (*judge)(void *data, const struct flow *flow, const char *iface, bool next,
		struct store_verdict *ret);
	void *data;
};

int store_new(uint32_t max_policies, uint32_t max_members, struct classifier *classifier,
	const struct store_backend *backend, struct store **ret);
/* What still waits is answered with ERROR_UNAVAILABLE. Not while a worker runs. */
void store_free(struct store *s);
DEFINE_CLEANUP(struct store, store_free)

/*
 * The start. adopt() takes the policies that the kernel holds, one by one, then
 * restore() makes the state file's text and the journal behind it the ruleset in force.
 * NULL = there is no such file: with `pinned`, what was adopted is the truth and the journal is
 * not looked at. `generation` is the kernel's.
 */
int store_adopt(struct store *s, const struct policy *policy, uint64_t position);
int store_restore(struct store *s, const char *text, size_t size, uint64_t generation,
	const struct store_config *adopted, uint64_t revision, bool pinned, struct error *err);

/*
 * Whether the files have not got what is in force, because the start has changed it or it was only
 * pinned: nothing is committed before they are written, which the caller tells, or the store does.
 */
bool store_unwritten(const struct store *s);
void store_written(struct store *s);

/* The state that makes what is in force; only while no commit is under way. */
int store_render(struct store *s, struct state *ret);
/* The history's records, for a journal behind it; malloc'ed, payloads are the store's. 0 or -ENOMEM. */
int store_history(struct store *s, struct journal_record **ret, size_t *ret_count);

void store_submit(struct store *s, struct store_tx *tx, store_done done, void *data);
/* From the backend: the worker is done. */
void store_prepared(struct store *s);
/* From the backend. `err` NULL = durable; it is emptied. */
void store_persisted(struct store *s, struct error *err);
void store_settled(struct store *s);
void store_alarm(struct store *s); /* the time that was asked for has come */
/* True while a commit is under way. */
bool store_busy(const struct store *s);

/* Reading: what the last commit left. In deciding order, index 0 decides first. */
uint64_t store_revision(const struct store *s);
size_t store_policy_count(const struct store *s);
const struct store_policy *store_policy_at(struct store *s, size_t index);
const struct store_policy *store_policy_find(const struct store *s, const char *name);
int64_t store_policy_left(const struct store *s, const struct store_policy *policy); /* ns, 0 = it stays */
/* Place in the ruleset's own order, from 1. */
size_t store_policy_position(struct store *s, const struct store_policy *policy);
const struct store_config *store_config(const struct store *s);
uint32_t store_max_policies(const struct store *s);

/* The commit that waits to be confirmed, 0 = none, and the ns that it has left. */
int64_t store_confirm_left(struct store *s, uint64_t *ret_revision);
uint64_t store_oldest(const struct store *s); /* revision that a rollback can reach */
/* Remembered commits, the newest is 0: the packed pepctl.journal.Commit; NULL = there are no more. */
const uint8_t *store_commit_at(const struct store *s, size_t index, size_t *ret_size);

/* Sets by id, 0 .. STORE_SETS_MAX - 1; NULL = the id is free. Both are valid until the next commit. */
const struct store_set *store_set_at(const struct store *s, uint8_t id);
const struct member_set *store_set_members(const struct store *s, uint8_t id);
const struct store_set *store_set_find(const struct store *s, const char *name, uint8_t *ret_id);
size_t store_set_count(const struct store *s);
size_t store_member_count(const struct store *s); /* of all sets */
uint32_t store_max_members(const struct store *s);

/*
 * Leases of a set: copies at most `room` from *cursor on, 0 = the first, and moves that to where the
 * next call goes on, UINT64_MAX = there are no more. As lease_table_next() for changes in between.
 * With an owner only what that one holds; at most STORE_LEASE_STEPS are looked at, so that a page
 * may have less than its room. Returns how many.
 */
struct store_held {
	struct member member;
	char owner[LEASE_OWNER_MAX + 1];
	int64_t left; /* ns, 0 = until released */
};
size_t store_leases(struct store *s, uint8_t id, const char *owner, uint64_t *cursor,
	struct store_held *ret, size_t room);
size_t store_lease_count(struct store *s, uint8_t id);

/* --- a view: in force from the loop, of a dry run from its look */

void store_view_deinit(struct store_view *view);
uint64_t store_view_revision(const struct store_view *view);
const struct store_policy *store_view_find(const struct store_view *view, const char *name);
/* All policies in deciding order. 0 or -ENOMEM. */
int store_view_policies(struct store_view *view, const struct store_policy *const **ret,
	size_t *ret_count);
/* Whether a member of the set covers the address of 4 or 16 bytes. */
bool store_view_covers(const struct store_view *view, const char *set, uint8_t family,
	const uint8_t *address);
/* Whether what no policy matches is blocked on the interface, "" = on one without a default. */
bool store_view_default(const struct store_view *view, const char *iface);

struct store_policy *store_policy_ref(const struct store_policy *p);
void store_policy_unref(struct store_policy *p);

void store_config_init(struct store_config *config);
/* The default of an interface, "" = the global one. -ENOSPC: as many have one as may. */
int store_config_default(struct store_config *config, const char *iface, bool block);
/* A pattern by which the interface is wanted, beside its own name; NULL = none. */
const struct store_attachment *store_config_pattern(
	const struct store_config *config, const char *iface);

#endif
