/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Members that owners hold: requests of any size, and a listing. */
#ifndef PEP_CLIENT_LEASE_H
#define PEP_CLIENT_LEASE_H

#include "client/call.h"
#include "common/member.h"

struct lease_request {
	const char *set;   /* "" = all, of releases */
	const char *owner; /* "" = "uid:N" of the caller */
	bool any_owner;    /* of releases */
	int64_t ttl;       /* ns, 0 = until released */
	bool shorten, ban, force;
};

/* Each call adds to it. */
struct lease_answer {
	uint64_t added, refreshed, unchanged, released, missing;
	uint64_t rejected, kept;
	uint64_t revision;
};

struct lease_told {
	/* A member that was refused, or with `reason` NULL whose later expiry stays; the first 1000
	 * of each message. May be NULL. */
	void (*note)(void *data, const struct member *member, const char *reason);
	void (*warning)(void *data, const char *text); /* may be NULL */
	void *data;
};

/*
 * Members in pieces, each a step of its own: when a later one fails, those before are done, and the
 * same again is harmless. `arena` is used.
 */
int lease_hold(struct client *client, const struct lease_request *request,
	const struct member_list *members, const struct lease_told *told, struct arena *arena,
	struct lease_answer *ret, struct error *err);
/* `members` NULL = all that is held. */
int lease_release(struct client *client, const struct lease_request *request,
	const struct member_list *members, struct arena *arena, struct lease_answer *ret,
	struct error *err);
/* In one step; ERROR_LIMIT when it is more than a frame. */
int lease_reconcile(struct client *client, const struct lease_request *request,
	const struct member_list *members, const struct lease_told *told, struct arena *arena,
	struct lease_answer *ret, struct error *err);

struct lease_line {
	const char *set, *member, *owner; /* valid during the call */
	int64_t left;                     /* ns, 0 = until released */
};
/* `set` and `owner` "" = all. A return other than 0 ends it, without an error. */
int lease_each(struct client *client, const char *set, const char *owner, struct arena *arena,
	int (*each)(void *data, const struct lease_line *line), void *data, struct error *err);

#endif
