/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * libpepctl: what an agent needs to manage a pepctld.
 *
 * Policies are lines of the policy file without the word `policy`, in and out:
 * "web allow proto tcp dport 80" (pepctl-policy(5)). Strings are UTF-8 and
 * NUL-terminated. Calls block until the answer or the client's timeout; after
 * PEPCTL_TIMEOUT or PEPCTL_UNKNOWN nobody knows whether a change happened.
 *
 * A client and what it gave out belong to one thread at a time; different
 * clients are independent. Events have a connection of their own, so that a
 * slow reader of events delays no call.
 *
 * Functions return 0 or a positive enum pepctl_code, and fill `error` (may be
 * NULL) only when they fail. Out parameters are untouched then.
 */
#ifndef PEPCTL_H
#define PEPCTL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PEPCTL_API __attribute__((visibility("default")))

enum pepctl_code {
	PEPCTL_OK = 0,
	PEPCTL_INVALID = 1,      /* wrong in itself; see error.field */
	PEPCTL_NOT_FOUND = 2,
	PEPCTL_EXISTS = 3,
	PEPCTL_CONFLICT = 4,     /* another revision than expected */
	PEPCTL_LIMIT = 5,        /* full; the message names the limit */
	PEPCTL_PRECONDITION = 6, /* the state or the kernel refuses it */
	PEPCTL_DENIED = 7,       /* no right */
	PEPCTL_UNIMPLEMENTED = 8,
	PEPCTL_UNAVAILABLE = 9,  /* no daemon, or not now */
	PEPCTL_TIMEOUT = 10,
	PEPCTL_CANCELLED = 11,
	PEPCTL_UNKNOWN = 12,     /* may or may not have happened */
	PEPCTL_INTERNAL = 13
};

/* Filled by the failing call; needs no release. */
struct pepctl_error {
	enum pepctl_code code;
	char reason[40];   /* stable word for programs: "POLICY_EXISTS" */
	char message[512]; /* one sentence for people */
	char field[128];   /* of PEPCTL_INVALID: the first wrong field; "" = none */
};

/* --- a connection */

typedef struct pepctl_client pepctl_client;

/* socket NULL: $PEPCTL_SOCKET, else /run/pepctl/pepctl.sock. Release with pepctl_client_free(). */
PEPCTL_API int pepctl_client_new(
	const char *socket, struct pepctl_error *error, pepctl_client **ret);
PEPCTL_API void pepctl_client_free(pepctl_client *client); /* NULL is fine */

/* Milliseconds for each later call, sent along as its deadline; 0 = none, 30000 at first. */
PEPCTL_API void pepctl_client_set_timeout(pepctl_client *client, int milliseconds);

/*
 * 1: each later change is made even where it cuts off a connection to the setting protect-ports;
 * 0, as at first: that is PEPCTL_PRECONDITION with the reason LOCKOUT.
 */
PEPCTL_API void pepctl_client_set_force(pepctl_client *client, int force);

/*
 * Milliseconds within which each later change has to be kept by pepctl_revision_confirm(): else the
 * daemon undoes it, to exactly what was before, whatever becomes of this client or of the daemon
 * meanwhile. 0, as at first: changes stay. While one waits, the daemon refuses others, but not
 * pepctl_revision_rollback() to the revision before it, which undoes it at once.
 */
PEPCTL_API void pepctl_client_set_confirm(pepctl_client *client, int milliseconds);

struct pepctl_server {
	char version[32];
	char kernel[64];
	uint64_t revision;          /* asked for */
	uint64_t enforced_revision; /* in the kernel */
	uint64_t policies, max_policies;
};
PEPCTL_API int pepctl_server_get(
	pepctl_client *client, struct pepctl_server *ret, struct pepctl_error *error);

/* --- policies; *ret_revision (may be NULL) is the ruleset's revision afterwards */

PEPCTL_API int pepctl_policy_add(pepctl_client *client, const char *line, uint64_t *ret_revision,
	struct pepctl_error *error);
/* Creates or replaces it; counters and place stay. */
PEPCTL_API int pepctl_policy_set(pepctl_client *client, const char *line, uint64_t *ret_revision,
	struct pepctl_error *error);
PEPCTL_API int pepctl_policy_delete(pepctl_client *client, const char *name,
	uint64_t *ret_revision, struct pepctl_error *error);

struct pepctl_policy {
	const char *name;
	const char *line; /* canonical: reads back into the identical policy */
	uint64_t packets, bytes;                   /* decided */
	uint64_t exceeded_packets, exceeded_bytes; /* rate-limit: dropped above the rate */
	int64_t last_hit; /* ns since the epoch, 0 = never */
};
/* Calls `each` in deciding order; strings are valid during it. A return other than 0 ends the list. */
PEPCTL_API int pepctl_policy_list(pepctl_client *client,
	int (*each)(void *data, const struct pepctl_policy *policy), void *data,
	struct pepctl_error *error);
/* The same for one; PEPCTL_NOT_FOUND when there is none. */
PEPCTL_API int pepctl_policy_get(pepctl_client *client, const char *name,
	int (*each)(void *data, const struct pepctl_policy *policy), void *data,
	struct pepctl_error *error);

/*
 * A transaction: the statements of a policy file, `size` bytes at `text`, all or
 * nothing, of any length. With `replace`, what they do not name is gone; else they are added.
 * Files that sets name are read, relative to the working directory.
 */
PEPCTL_API int pepctl_ruleset_apply(pepctl_client *client, const char *text, size_t size,
	int replace, uint64_t *ret_revision, struct pepctl_error *error);

/*
 * The ruleset, all of one revision, as a policy file that makes the identical one when it is
 * applied with `replace`. *ret_text is free()d by the caller and ends with a NUL behind its
 * *ret_size bytes. ret_size and ret_revision may be NULL. PEPCTL_CONFLICT: it changed again and
 * again while it was read.
 */
PEPCTL_API int pepctl_ruleset_export(pepctl_client *client, char **ret_text, size_t *ret_size,
	uint64_t *ret_revision, struct pepctl_error *error);

/*
 * --- revisions: each change makes one, the next number; the last 100 are remembered
 */

struct pepctl_revision {
	uint64_t revision;
	int64_t time;               /* ns since the epoch */
	uint32_t uid, pid;          /* who made it; the process may have gone */
	const char *command;        /* its name, "" = not known */
	const char *comment;        /* "" = none */
	const char *const *changes; /* change_count lines as "+ policy ...", "- policy ..." */
	size_t change_count;        /* at most 100 */
	uint64_t changes_total;     /* how many there were */
	int64_t confirm_left;       /* ns until it is undone unless it is confirmed; 0 = it stays */
};
/* The newest first. Strings are valid during the call. A return other than 0 ends the list. */
PEPCTL_API int pepctl_revision_list(pepctl_client *client,
	int (*each)(void *data, const struct pepctl_revision *revision), void *data,
	struct pepctl_error *error);

/*
 * Gives the ruleset the content that it had at a revision, in one transaction that makes a new one,
 * *ret_revision (may be NULL). Leases are no part of it, counters stay with the policies that stay.
 * Fails for a revision that is not remembered any more. While a change waits to be confirmed, only
 * the revision before it can be gone back to: that undoes it.
 */
PEPCTL_API int pepctl_revision_rollback(pepctl_client *client, uint64_t revision,
	uint64_t *ret_revision, struct pepctl_error *error);

/*
 * Keeps the change that waits, see pepctl_client_set_confirm(): of `revision`, or with 0 whichever
 * it is. *ret_revision (may be NULL) tells which. Fails when that one does not wait, as after its
 * time: then it has been undone.
 */
PEPCTL_API int pepctl_revision_confirm(pepctl_client *client, uint64_t revision,
	uint64_t *ret_revision, struct pepctl_error *error);

/*
 * --- sets of addresses, which policies name as @name. A member is an address, a
 * prefix, or a range "a-b"; each call is one transaction.
 */

PEPCTL_API int pepctl_set_create(pepctl_client *client, const char *name, uint64_t *ret_revision,
	struct pepctl_error *error);
PEPCTL_API int pepctl_set_delete(pepctl_client *client, const char *name, uint64_t *ret_revision,
	struct pepctl_error *error);
/* What is a member already, or is none, changes nothing and is no error. */
PEPCTL_API int pepctl_set_add(pepctl_client *client, const char *name, const char *const members[],
	size_t count, uint64_t *ret_revision, struct pepctl_error *error);
PEPCTL_API int pepctl_set_remove(pepctl_client *client, const char *name,
	const char *const members[], size_t count, uint64_t *ret_revision, struct pepctl_error *error);
/* Exactly these from now on. */
PEPCTL_API int pepctl_set_replace(pepctl_client *client, const char *name,
	const char *const members[], size_t count, uint64_t *ret_revision, struct pepctl_error *error);

struct pepctl_set {
	const char *name;
	uint64_t ipv4_members, ipv6_members; /* addresses and prefixes */
	uint64_t leases;                     /* that owners hold, beside the members */
};
/* By name. A return other than 0 ends the list. */
PEPCTL_API int pepctl_set_list(pepctl_client *client,
	int (*each)(void *data, const struct pepctl_set *set), void *data,
	struct pepctl_error *error);
/* Sorted, IPv4 first, of one state of the set. */
PEPCTL_API int pepctl_set_members(pepctl_client *client, const char *name,
	int (*each)(void *data, const char *member), void *data, struct pepctl_error *error);

/*
 * --- leases: members that owners hold, each until a time or until they let go. For policies they
 * are in the set as its own members are; changes of the ruleset, rollback and export leave them
 * alone. One that several hold stays until all have let go. They outlive the daemon and the host's
 * next start, and end in time also when the daemon is down meanwhile. A member is an address, a
 * prefix, or a range "a-b".
 */

struct pepctl_lease_options {
	const char *set;   /* that exists; see `ban` */
	const char *owner; /* who holds: 1 .. 63 of [A-Za-z0-9._:-]; NULL or "": "uid:N" of this
			      process */
	int64_t ttl;       /* ns from now, at most 10 years; 0 = until released */
	int shorten; /* 1: an expiry may become an earlier one; 0: then it stays, and `each` says so
		      */
	/*
	 * 1, of pepctl_lease_hold(): fails with the reason NOT_BLOCKED when no policy keeps out
	 * what the set has. When `set` is "banned" and there is none, it is made, and a policy
	 * "banned" that blocks it.
	 */
	int ban;
};

/* What became of them; how many. */
struct pepctl_lease_counts {
	uint64_t added;     /* held by the owner only now */
	uint64_t refreshed; /* the expiry moved */
	uint64_t unchanged; /* the expiry is that, or a later one which stays */
	uint64_t released;  /* let go of */
	uint64_t missing;   /* of pepctl_lease_release(): was not held */
	uint64_t rejected;  /* could not be held, as `each` was told */
	uint64_t kept;      /* of `unchanged`: a later expiry, which stays */
};

/* About one member. */
struct pepctl_lease_note {
	const char *member; /* "192.0.2.1", "2001:db8::/32" */
	const char *reason; /* why it was refused; "" = its later expiry stays */
};

/*
 * Holds the members; those that cannot be held do not keep the others from it. Calls `each` (may be
 * NULL) for those that were refused or whose expiry stays, at most 1000 of each for about a
 * megabyte of members; strings are valid during the call, a return other than 0 ends that. *ret may
 * be NULL. Any number of members may be given. They are sent in parts: each is held as a whole or
 * not, and after a failure those before are. The same again is harmless. Who has only the right to
 * ban holds with `owner` NULL, with a ttl, and in bannable sets within their limits.
 */
PEPCTL_API int pepctl_lease_hold(pepctl_client *client, const struct pepctl_lease_options *options,
	const char *const members[], size_t count,
	int (*each)(void *data, const struct pepctl_lease_note *note), void *data,
	struct pepctl_lease_counts *ret, struct pepctl_error *error);

/*
 * These are all that the owner holds in the set: what is missing is released, what is new is held,
 * in one step; 0 members release all. The expiry of those that stay moves as with
 * pepctl_lease_hold(). `shorten` and `ban` must be 0. PEPCTL_LIMIT: more than 4 MiB, which is about
 * 800000 of IPv4.
 */
PEPCTL_API int pepctl_lease_reconcile(pepctl_client *client,
	const struct pepctl_lease_options *options, const char *const members[], size_t count,
	int (*each)(void *data, const struct pepctl_lease_note *note), void *data,
	struct pepctl_lease_counts *ret, struct pepctl_error *error);

#define PEPCTL_LEASE_ANY_OWNER "*"
/*
 * Lets go of the members in a set, `set` NULL = in all sets; `members` NULL = of all that is held
 * there. `owner` as above, or PEPCTL_LEASE_ANY_OWNER: ends the holds of everybody, which needs the
 * right to change the ruleset. What is not held is counted, and no error. *ret may be NULL.
 */
PEPCTL_API int pepctl_lease_release(pepctl_client *client, const char *set, const char *owner,
	const char *const members[], size_t count, struct pepctl_lease_counts *ret,
	struct pepctl_error *error);

struct pepctl_lease {
	const char *set, *member, *owner;
	int64_t left; /* ns, 0 = until released */
};
/*
 * What is held in a set, by an owner; NULL = in all sets, by all owners. In no order. What changes
 * while it is listed may be told or not, or twice. Strings are valid during the call. A return
 * other than 0 ends the list. PEPCTL_CONFLICT: the daemon was started anew meanwhile.
 */
PEPCTL_API int pepctl_lease_list(pepctl_client *client, const char *set, const char *owner,
	int (*each)(void *data, const struct pepctl_lease *lease), void *data,
	struct pepctl_error *error);

/* --- interfaces */

enum pepctl_mode { PEPCTL_MODE_AUTO = 0, PEPCTL_MODE_NATIVE = 1, PEPCTL_MODE_GENERIC = 2 };

/*
 * *ret_mode (may be NULL) is the mode got. `iface` may be a pattern ("veth*"), which attaches
 * whatever has such a name, now and later; *ret_mode is `mode` then.
 */
PEPCTL_API int pepctl_iface_attach(pepctl_client *client, const char *iface,
	enum pepctl_mode mode, enum pepctl_mode *ret_mode, struct pepctl_error *error);
PEPCTL_API int pepctl_iface_detach(
	pepctl_client *client, const char *iface, struct pepctl_error *error);

/* --- figures: of all interfaces, since the filter was first loaded */

struct pepctl_stats {
	uint64_t packets_total, packets_allowed, packets_blocked;
	uint64_t packets_reflected, packets_redirected;
	uint64_t bytes_total, bytes_allowed, bytes_blocked; /* frame lengths */
	uint64_t policy_lookups, parse_errors;
	uint64_t revision;
	double block_rate; /* per second, since somebody last asked */
};
PEPCTL_API int pepctl_stats_get(
	pepctl_client *client, struct pepctl_stats *ret, struct pepctl_error *error);

/* --- why a packet meets its verdict; asking leaves no trace in counters, limiters or events */

struct pepctl_explanation {
	const char *verdict; /* "allow", "block", "rate-limit", "reject", "reflect", "redirect" */
	const char *reason;  /* "policy", "default", "malformed", "fragment", "headers"; "none": not IP */
	const char *policy;  /* that decides; "" = none */
	const char *shadow;  /* shadow policy that would have decided; "" = none */
	int limited;         /* the verdict is rate-limit: */
	int passes;          /* whether the packet is within the rate now */
	uint64_t available, burst; /* bytes or packets of the bucket */
	uint64_t considered; /* policies that were asked, the decider included */
	uint64_t revision;   /* of the ruleset */
};
struct pepctl_considered {
	const char *policy;
	int matched;
	const char *why; /* "dport 22 is not in 80-443" */
};
/*
 * `packet` is what stands behind `pepctl explain`: "proto tcp src 203.0.113.9 dst 192.0.2.10
 * dport 22 iface eth0". Calls `verdict`, then `each` (may be NULL) for the policies up to the one
 * that decides, in deciding order, at most 1001; a return other than 0 ends them. Strings are
 * valid during the call.
 */
PEPCTL_API int pepctl_packet_explain(pepctl_client *client, const char *packet,
	void (*verdict)(void *data, const struct pepctl_explanation *explanation),
	int (*each)(void *data, const struct pepctl_considered *considered), void *data,
	struct pepctl_error *error);

/* --- events */

typedef struct pepctl_events pepctl_events;

enum pepctl_event_type {
	PEPCTL_EVENT_PACKET = 1,
	PEPCTL_EVENT_LOST = 2,   /* what this reader did not get, where it happened */
	PEPCTL_EVENT_MARKER = 3, /* delivered + filtered + lost + suppressed + ring_full == decisions */
	PEPCTL_EVENT_CHANGE = 4, /* a commit */
	PEPCTL_EVENT_INTERFACE = 5,
	PEPCTL_EVENT_OTHER = 6,  /* of a later version */
	PEPCTL_EVENT_EXPIRY = 7  /* leases ended in their time */
};

/* Strings are valid until the next pepctl_events_next() or pepctl_events_free(). */
struct pepctl_event {
	enum pepctl_event_type type;
	uint64_t seq; /* of the daemon's events; 0 for losses and markers */
	int64_t time; /* ns since the epoch */
	/* PACKET; iface of INTERFACE too */
	const char *iface, *src, *dst, *policy, *action, *reason; /* never NULL, "" = none */
	uint16_t sport, dport; /* host order, 0 = none */
	uint8_t proto;         /* IANA protocol number */
	uint32_t length;       /* bytes of the frame */
	uint64_t revision;     /* that decided; of CHANGE: that was made */
	/* LOST and MARKER */
	uint64_t decisions, delivered, filtered, lost, suppressed, ring_full;
};

/* NULL, "" and 0 mean any. */
struct pepctl_event_filter {
	const char *policy, *iface;
	const char *src, *dst; /* address or prefix */
	uint64_t since;        /* begin with what is kept after this seq; 0 = now */
	uint64_t count;        /* end after so many packet events; 0 = never */
};

/* Connects and subscribes. filter NULL = everything. Release with pepctl_events_free(). */
PEPCTL_API int pepctl_events_new(const char *socket, const struct pepctl_event_filter *filter,
	struct pepctl_error *error, pepctl_events **ret);
PEPCTL_API void pepctl_events_free(pepctl_events *events); /* cancels; NULL is fine */

/* To poll for reading. Readable: call pepctl_events_next() until it says 0. */
PEPCTL_API int pepctl_events_fd(const pepctl_events *events);

/*
 * Takes the next event without blocking. Returns 1 and the event, 0 = none now,
 * -1 = the stream has ended: `error` tells why, its code PEPCTL_OK = cleanly.
 */
PEPCTL_API int pepctl_events_next(
	pepctl_events *events, struct pepctl_event *ret, struct pepctl_error *error);

#ifdef __cplusplus
}
#endif

#endif
