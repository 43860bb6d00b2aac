/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The truth: policies, defaults, settings, attachments, and the transactions
 * that change them. Every rule of what may be changed is here; services only
 * translate. No uv, no bpf: durability and enforcement are called through
 * struct store_backend, which daemon.c fills and tests replace.
 */
#ifndef PEP_SERVER_POLICY_STORE_H
#define PEP_SERVER_POLICY_STORE_H

#include "common/change.h"

struct store;

enum store_mode { STORE_MERGE = 0, STORE_REPLACE_ALL = 1 };
enum store_effect { STORE_UNCHANGED = 0, STORE_CREATED = 1, STORE_CHANGED = 2, STORE_DELETED = 3 };

struct store_author {
	uint32_t uid;
	uint32_t pid;
	char command[16];
};

struct store_tx {
	const struct change *changes; /* borrowed during store_submit(), copied by it */
	size_t count;
	const char *path_format; /* where change i stands in the request, "operations[%zu]" */
	enum store_mode mode;
	bool has_expected;
	uint64_t expected;
	bool validate_only;
	int64_t deadline; /* CLOCK_MONOTONIC ns, 0 = none; past it nothing is committed */
	struct store_author author;
	const char *comment; /* may be NULL */
};

struct store_result {
	uint64_t revision;           /* unchanged when no change had an effect */
	const enum store_effect *effects; /* one a change; valid during the callback */
	size_t effect_count;
	const char *const *warnings;
	size_t warning_count;
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

/* A policy in the truth; immutable, shared by reference. */
struct store_policy {
	struct policy policy;
	uint64_t created_revision;
	uint64_t changed_revision;
	size_t references;
};

/* One commit, for subscribers and the audit log; valid during the call. */
struct store_commit {
	uint64_t revision;
	struct store_author author;
	const char *comment;
	char *const *changes; /* "+ policy ...", "- policy ..." */
	size_t change_count;
	size_t change_total;
};

void store_submit(struct store *s, const struct store_tx *tx, store_done done, void *data);

/* Reading: what the last commit left. In deciding order, index 0 decides first. */
uint64_t store_revision(const struct store *s);
size_t store_policy_count(const struct store *s);
const struct store_policy *store_policy_at(const struct store *s, size_t index);
const struct store_policy *store_policy_find(const struct store *s, const char *name, size_t *ret_position);
uint64_t store_setting(const struct store *s, enum setting setting);
bool store_default_block(const struct store *s);
size_t store_default_count(const struct store *s); /* of interfaces */
const struct store_default *store_default_at(const struct store *s, size_t index);
size_t store_attachment_count(const struct store *s);
const struct store_attachment *store_attachment_at(const struct store *s, size_t index);

struct store_policy *store_policy_ref(const struct store_policy *p);
void store_policy_unref(struct store_policy *p);

#endif
