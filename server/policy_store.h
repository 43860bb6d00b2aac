/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The truth: policies, defaults, settings, attachments, and the transactions
 * that change them. Every rule of what may be changed is here; services only
 * translate. No uv, no bpf: durability and enforcement are called through
 * struct store_backend, which daemon.c fills and tests replace.
 *
 * Transactions that wait while a commit is on its way to the disk are committed
 * together: each is validated on what the one before left, each has its own
 * revision, all share one write and one flip.
 */
#ifndef PEP_SERVER_POLICY_STORE_H
#define PEP_SERVER_POLICY_STORE_H

#include "common/change.h"
#include "server/classifier.h"

#define STORE_DEFAULTS_MAX 64u    /* of interfaces */
#define STORE_ATTACHMENTS_MAX 63u /* as many as have counters: PEP_IFACES_MAX - 1 */
#define STORE_QUEUE_MAX 4096u     /* transactions that wait */
#define STORE_CHANGES_SHOWN 100u  /* lines of a commit event */

struct store;

enum store_mode { STORE_MERGE = 0, STORE_REPLACE_ALL = 1 };
enum store_effect { STORE_UNCHANGED = 0, STORE_CREATED = 1, STORE_CHANGED = 2, STORE_DELETED = 3 };

struct store_author {
	uint32_t uid;
	uint32_t pid;
	char command[16];
};

struct store_tx {
	struct change_list changes; /* moved into store_submit() */
	const char *path; /* of the only change in the request; NULL = operations[i] */
	enum store_mode mode;
	bool has_expected;
	uint64_t expected;
	bool validate_only;
	int64_t deadline; /* CLOCK_MONOTONIC ns, 0 = none; past it nothing is committed */
	struct store_author author;
	const char *comment; /* copied; may be NULL */
};

/* What became of policies, whoever named them: replace-all deletes those that nobody does. */
struct store_counts {
	uint64_t created, changed, deleted;
};

/* Valid during the callback. */
struct store_result {
	uint64_t revision;           /* unchanged when no change had an effect */
	const enum store_effect *effects; /* one a change */
	size_t effect_count;
	char *const *lines; /* "+ policy ...", "- policy ...": up to STORE_CHANGES_SHOWN */
	size_t line_count;
	size_t line_total;
	struct store_counts policies;
};

/* Called exactly once, possibly before store_submit() returns; `err` is NULL on success. */
typedef void (*store_done)(void *data, const struct store_result *result, struct error *err);

struct store_default {
	char iface[IFACE_NAME_SIZE];
	bool block;
};
struct store_attachment {
	char iface[IFACE_NAME_SIZE];
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

/* A policy in the truth; immutable, shared by reference. */
struct store_policy {
	struct policy policy;
	char *line; /* its statement of the policy file, without the word policy; owned */
	uint8_t *packed; /* the packed pepctl.v1.Policy, asked for far more often than changed; owned */
	size_t packed_size;
	uint64_t position; /* in the ruleset's order, increasing, with gaps */
	uint64_t created_revision;
	uint64_t changed_revision;
	size_t references;
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
	const struct classifier_plan *plan; /* NULL = no policy changes */
};

struct store_backend {
	/* Makes ready what flip() puts in force; on failure nothing has changed. */
	int (*prepare)(void *data, const struct store_ruleset *ruleset, struct error *err);
	void (*flip)(void *data);
	void (*abort)(void *data);
	/* Makes `text` (moved) durable, then calls store_persisted(), not before it returns. */
	void (*persist)(void *data, char *text, size_t size);
	/* After flip(): when no packet judges by the old ruleset, calls store_settled(). */
	void (*settle)(void *data);
	void (*settle_now)(void *data); /* the same at once, at the start */
	int (*attach)(void *data, const char *iface, enum attach_mode mode, bool keep, struct error *err);
	void (*detach)(void *data, const char *iface);
	void (*committed)(void *data, const struct store_commit *commit);
	int64_t (*now)(void *data); /* CLOCK_MONOTONIC, ns */
	void *data;
};

int store_new(uint32_t max_policies, struct classifier *classifier,
	const struct store_backend *backend, struct store **ret);
/* What still waits is answered with ERROR_UNAVAILABLE. */
void store_free(struct store *s);
DEFINE_CLEANUP(struct store, store_free)

/*
 * The start. adopt() takes the policies that the kernel holds, one by one, then
 * restore() makes the state file's text (NULL = there is none: what was adopted
 * is the truth) the ruleset in force. `generation` is the kernel's.
 */
int store_adopt(struct store *s, const struct policy *policy);
int store_restore(struct store *s, const char *text, size_t size, uint64_t generation,
	const struct store_config *adopted, uint64_t revision, struct error *err);

void store_submit(struct store *s, struct store_tx *tx, store_done done, void *data);
/* From the backend. `err` NULL = durable; it is emptied. */
void store_persisted(struct store *s, struct error *err);
void store_settled(struct store *s);
/* True while a commit is under way. */
bool store_busy(const struct store *s);

/* Reading: what the last commit left. In deciding order, index 0 decides first. */
uint64_t store_revision(const struct store *s);
size_t store_policy_count(const struct store *s);
const struct store_policy *store_policy_at(struct store *s, size_t index);
const struct store_policy *store_policy_find(const struct store *s, const char *name);
/* Place in the ruleset's own order, from 1. */
size_t store_policy_position(struct store *s, const struct store_policy *policy);
const struct store_config *store_config(const struct store *s);
uint32_t store_max_policies(const struct store *s);

struct store_policy *store_policy_ref(const struct store_policy *p);
void store_policy_unref(struct store_policy *p);

void store_config_init(struct store_config *config);

#endif
