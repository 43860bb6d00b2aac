/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A policy as everybody but the packet program sees it: the full model of
 * semantics, independent of text, of protobuf and of what an engine supports.
 * Addresses are in network byte order, all numbers in host order.
 */
#ifndef PEP_COMMON_POLICY_H
#define PEP_COMMON_POLICY_H

#include "common/error.h"

#define POLICY_NAME_MAX 63u     /* characters of [A-Za-z0-9._-] */
#define POLICY_COMMENT_MAX 255u /* bytes of UTF-8 without control characters */
#define POLICY_IFACES_MAX 16u
#define POLICY_TARGETS_MAX 16u
#define POLICY_PRIORITY_DEFAULT 1000u
#define POLICY_PERCENT_ALL 10000u /* hundredths of a percent */
#define TTL_MAX (10ull * 365 * 86400 * 1000000000) /* ns, of a policy or a lease */
#define POLICY_RATE_MAX 1000000000000ull
#define IFACE_NAME_SIZE 16u /* IFNAMSIZ */

enum policy_action_kind { /* as bpf/common.h and the proto, asserted equal where they meet */
	POLICY_ALLOW = 0,
	POLICY_BLOCK = 1,
	POLICY_RATE_LIMIT = 2,
	POLICY_REJECT = 3,
	POLICY_REFLECT = 4,
	POLICY_REDIRECT = 5,
	POLICY_ACTION_MAX,
};

enum policy_rate_unit { POLICY_BITS = 0, POLICY_BYTES = 1, POLICY_PACKETS = 2 };
enum policy_scope { POLICY_SCOPE_POLICY = 0, POLICY_SCOPE_SRC = 1, POLICY_SCOPE_DST = 2, POLICY_SCOPE_FLOW = 3 };

/* src or dst of a match. */
enum policy_address_kind { POLICY_ANY = 0, POLICY_PREFIX = 1, POLICY_SET = 2 };

struct policy_address {
	enum policy_address_kind kind;
	uint8_t family; /* 4 or 6, with PREFIX */
	uint8_t length; /* bits of the prefix, 0 .. 32 or 128 */
	uint8_t bytes[16]; /* network order; host bits and unused bytes are zero */
	char set[POLICY_NAME_MAX + 1]; /* with SET, without the @ */
};

/* any = 0-65535, which policy_init() leaves. */
struct policy_ports {
	uint16_t first;
	uint16_t last;
};

struct policy_match {
	struct policy_address src;
	struct policy_address dst;
	struct policy_ports sport;
	struct policy_ports dport;
	bool has_proto;
	uint8_t proto; /* IANA protocol number */
	bool has_vlan;
	uint16_t vlan; /* 0 .. 4094 */
	bool has_icmp_type;
	uint8_t icmp_type;
	bool has_icmp_code;
	uint8_t icmp_code;
	bool has_tcp_flags;
	uint8_t tcp_flags_value; /* RFC 9293 bit order: fin 1 ... cwr 128; value & ~mask == 0 */
	uint8_t tcp_flags_mask;
	uint16_t percent; /* 1 .. POLICY_PERCENT_ALL; that = every flow */
	char (*ifaces)[IFACE_NAME_SIZE]; /* owned, sorted, unique; NULL = any */
	size_t iface_count;
};

struct policy_target {
	char iface[IFACE_NAME_SIZE];
	uint32_t weight; /* 1 .. 255 */
};

struct policy_action {
	enum policy_action_kind kind;
	/* POLICY_RATE_LIMIT */
	uint64_t rate; /* 1 .. POLICY_RATE_MAX, in rate_unit per second */
	enum policy_rate_unit rate_unit;
	uint64_t burst; /* bytes or packets; 0 = the default */
	enum policy_scope scope;
	uint8_t scope_length; /* prefix bits of scope src; 0 = the whole address */
	/* POLICY_REDIRECT */
	struct policy_target *targets; /* owned, in the order given */
	size_t target_count;           /* 1 .. POLICY_TARGETS_MAX */
	bool has_mac;
	uint8_t mac[6];
	bool fib;
};

struct policy {
	char name[POLICY_NAME_MAX + 1];
	struct policy_action action;
	struct policy_match match;
	uint32_t priority;
	uint32_t log; /* event for every log-th decision; 0 = the action's own habit */
	bool nolog;
	bool shadow;
	uint64_t ttl; /* ns, at most TTL_MAX; 0 = for ever */
	char *comment; /* owned; NULL = none */
};

#define _cleanup_policy_ _cleanup_(policy_deinit)

/* An allow of everything without a name. */
void policy_init(struct policy *policy);
void policy_deinit(struct policy *policy);

/* 0 or -ENOMEM; `ret` need not be initialised. */
int policy_copy(const struct policy *policy, struct policy *ret);

/* Equal in everything, comment and name included. */
bool policy_equal(const struct policy *a, const struct policy *b);

/* Same match and priority: the two could never both decide. */
bool policy_same_match(const struct policy *a, const struct policy *b);

/* Same rate, unit, burst and scope: the limiter's state may be kept. */
bool policy_same_limit(const struct policy *a, const struct policy *b);

bool policy_name_valid(const char *name);
bool iface_name_valid(const char *name); /* 1-15 bytes, none of / : , * " \ # and space, not "." or ".." */

/*
 * All contradictions that make a policy meaningless, each as a violation of
 * `path`.FIELD (path may be ""): ports with a protocol that has none, families
 * that differ, icmp-type without ICMP, tcp-flags without TCP, log and nolog,
 * rate out of range, targets missing ... Returns 0 or -EINVAL.
 */
int policy_validate(const struct policy *policy, const char *path, struct error *err);

/*
 * The deciding order as two words that compare like it; the smaller one decides.
 * high: priority 32 bits, dport 16 (ports in the range - 1), src 8, dst 8 (bits that
 * the prefix leaves open; 254 a set, 255 any). low: sport 16, proto 1 (any), position 32.
 */
struct policy_rank {
	uint64_t high;
	uint64_t low;
};
struct policy_rank policy_rank(const struct policy *policy, uint32_t position);
int policy_rank_compare(struct policy_rank a, struct policy_rank b); /* <0, 0, >0 */

bool proto_has_ports(uint8_t proto); /* TCP, UDP, UDP-Lite, SCTP, DCCP */

#endif
