/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the packet program has to decide, found by reading every policy in
 * turn: semantics as a list, without a table, an index or a line of the
 * classifier. Slow enough to be seen to be right, fast enough for millions of
 * decisions: policies are put in deciding order once, the first match ends it.
 *
 * Numbers are in host order, addresses in network order.
 */
#ifndef PEP_TESTS_ORACLE_H
#define PEP_TESTS_ORACLE_H

#include "common/policy.h"

#define ORACLE_NONE     SIZE_MAX
#define ORACLE_SETS_MAX 64u

/* An address is in the set when any member covers it; members may overlap. */
struct oracle_set {
	char name[POLICY_NAME_MAX + 1];
	struct policy_address *members; /* all of kind POLICY_PREFIX; owned */
	size_t count;
};

/* The default action of one interface in place of the general one. */
struct oracle_default {
	char iface[IFACE_NAME_SIZE];
	bool block;
};

/* What a packet is judged by. The arrays are owned, each policy with what it owns. */
struct oracle_ruleset {
	struct policy *policies; /* in the order of their positions */
	size_t count;
	struct oracle_set *sets;
	size_t set_count; /* at most ORACLE_SETS_MAX */
	bool default_block;
	struct oracle_default *defaults;
	size_t default_count;
	bool fragments_drop;
	bool malformed_drop;
};
void oracle_ruleset_deinit(struct oracle_ruleset *ruleset);

enum oracle_fault {
	ORACLE_SOUND,
	ORACLE_MALFORMED, /* what was read before the fault stands in the packet */
	ORACLE_HEADERS,   /* too many tags or extension headers */
};

/* A packet as the parser has to see it. */
struct oracle_packet {
	uint8_t family; /* 4, 6, or 0: no IP header could be read */
	uint8_t proto;  /* the last one reached */
	uint8_t src[16];
	uint8_t dst[16]; /* IPv4 addresses stand in the first four bytes */
	bool has_ports;
	bool has_icmp;
	bool has_tcp; /* the flags were there */
	bool has_vlan;
	uint16_t sport;
	uint16_t dport;
	uint16_t vlan; /* of the outermost tag */
	uint8_t icmp_type;
	uint8_t icmp_code;
	uint8_t tcp_flags;
	bool fragment;  /* not the first one */
	bool discovery; /* neighbour discovery that is exempt from the default action */
	enum oracle_fault fault;
	uint16_t flow_percent; /* 0 .. 9999: the flow is in the share of a policy when below it */
	char iface[IFACE_NAME_SIZE];
};

enum oracle_reason {
	ORACLE_BY_POLICY,
	ORACLE_BY_DEFAULT,   /* no policy matched; discovery passes then */
	ORACLE_BY_NON_IP,    /* passes */
	ORACLE_BY_MALFORMED, /* setting malformed = drop, or no address known and it passes */
	ORACLE_BY_FRAGMENTS, /* setting fragments = drop */
	ORACLE_BY_HEADERS,   /* always dropped */
};

struct oracle_ruling {
	enum oracle_reason reason;
	bool pass;     /* false when a policy decides: it says by itself what happens */
	size_t policy; /* index of the one that decides, or ORACLE_NONE */
	size_t shadow; /* index of the best shadow policy that outranks what decides, or ORACLE_NONE
			*/
};

struct oracle;

/*
 * Borrows the ruleset, which must outlive it unchanged. Returns 0, -ENOMEM, or
 * -EINVAL when a policy names a set that the ruleset has not.
 */
int oracle_new(const struct oracle_ruleset *ruleset, struct oracle **ret);
void oracle_free(struct oracle *oracle);
DEFINE_CLEANUP(struct oracle, oracle_free)

struct oracle_ruling oracle_decide(const struct oracle *oracle, const struct oracle_packet *packet);

/* Whether a policy at that index comes before another one in the deciding order. */
bool oracle_outranks(const struct oracle_ruleset *ruleset, size_t index, size_t other);

/* NULL when there is no such set. */
const struct oracle_set *oracle_set_find(const struct oracle_ruleset *ruleset, const char *name);

bool oracle_ruling_equal(struct oracle_ruling a, struct oracle_ruling b);

static inline bool oracle_any_port(const struct policy_ports *ports)
{
	return ports->first == 0 && ports->last == 65535;
}

/* Whether the first `length` bits of both are the same. */
bool oracle_covers(const uint8_t *prefix, size_t length, const uint8_t *address);

#endif
