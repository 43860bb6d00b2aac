/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One operation of a transaction: what a statement of a policy file, a command
 * and an Operation of the protocol all turn into. A ruleset is nothing but the
 * list of changes that makes it from nothing.
 */
#ifndef PEP_COMMON_CHANGE_H
#define PEP_COMMON_CHANGE_H

#include "common/member.h"
#include "common/policy.h"

enum change_kind {
	CHANGE_CREATE_POLICY, /* must not exist */
	CHANGE_PUT_POLICY,    /* create, or replace and keep the counters */
	CHANGE_DELETE_POLICY,
	CHANGE_FLUSH_POLICIES,
	CHANGE_DEFAULT, /* of iface, or of all without one of their own */
	CHANGE_UNSET_DEFAULT,
	CHANGE_SETTING,
	CHANGE_ATTACH,
	CHANGE_DETACH,
	CHANGE_CREATE_SET, /* must not exist */
	CHANGE_PUT_SET,    /* create, or replace members and options */
	CHANGE_DELETE_SET,
	CHANGE_ADD_MEMBERS,
	CHANGE_REMOVE_MEMBERS,
	CHANGE_REPLACE_MEMBERS, /* all of them; options stay */
};

enum attach_mode { ATTACH_AUTO = 0, ATTACH_NATIVE = 1, ATTACH_GENERIC = 2, ATTACH_OFFLOAD = 3 };

/* Settings by name; setting_info() has ranges and defaults. */
enum setting {
	SETTING_FRAGMENTS,  /* 0 match, 1 drop */
	SETTING_MALFORMED,  /* 0 pass, 1 drop */
	SETTING_EVENT_RATE, /* events per second and CPU, 0 .. 10^7, default 10000 */
	SETTING_CAPTURE,    /* bytes of the frame in an event, 0 .. 96, default 0 */
	SETTING_PROTECT_PORTS, /* local TCP ports whose connections no change may cut off, default 22 */
	SETTING_REJECT_RATE, /* answers of reject per second and interface, 0 .. 10^7, default 1000 */
	SETTING_MAX,
};

/* The statement of a policy file that it was; line 0 = none. */
struct change_origin {
	unsigned int line; /* from 1 */
	size_t offset;     /* of its first byte */
};

struct change {
	enum change_kind kind;
	struct change_origin origin;
	struct policy policy;            /* CREATE, PUT */
	char name[POLICY_NAME_MAX + 1];  /* DELETE: policy; of the six of sets: set */
	char iface[IFACE_NAME_SIZE];     /* DEFAULT, ATTACH, DETACH (or a pattern); "" = global */
	bool block;                      /* DEFAULT */
	enum setting setting;            /* SETTING */
	uint64_t value;                  /* SETTING */
	enum attach_mode mode;           /* ATTACH */
	bool allow_missing;              /* deletions, DETACH, REMOVE; ADD and REPLACE create the set */
	struct member_list members;      /* of sets, all but DELETE; owned */
	char *file;                      /* CREATE_SET, PUT_SET: more members, not yet read; owned, NULL = none */
	bool bannable;                   /* CREATE_SET, PUT_SET: others may hold leases in it */
	uint64_t max_ttl;                /* the same: ns that a lease may last; 0 = the default */
};

void change_init(struct change *change, enum change_kind kind);
void change_deinit(struct change *change);
bool change_names_set(enum change_kind kind); /* one of the six */
bool change_makes_set(enum change_kind kind); /* CREATE_SET, PUT_SET */
int change_copy(const struct change *change, struct change *ret); /* 0 or -ENOMEM */

/* A growing list; owns its changes. */
struct change_list {
	struct change *items;
	size_t count;
	size_t room;
};
#define _cleanup_changes_ _cleanup_(change_list_deinit)
void change_list_deinit(struct change_list *list);
/* Takes the content of `change` (left empty) on success. 0 or -ENOMEM. */
int change_list_push(struct change_list *list, struct change *change);

struct setting_info {
	const char *name;   /* "event-rate" */
	uint64_t minimum, maximum, value; /* value: the default */
	const char *words[2]; /* names of 0 and 1, or NULL for a number */
	const char *help;
	bool ports;           /* the value is a list of ports, see setting_ports() */
};
const struct setting_info *setting_info(enum setting setting);
bool setting_known(const char *name);

/* Text ("drop", "5000") of a setting to its value; the message quotes the text and the range. */
int setting_parse(const char *name, const char *value, const char *path, enum setting *ret_setting,
		  uint64_t *ret_value, struct error *err);
/*
 * The ports of such a value, 16 bits each from the lowest up, ascending and each once; 0 is none.
 * Returns how many there are.
 */
#define SETTING_PORTS_MAX 4u
size_t setting_ports(uint64_t value, uint16_t ret[static SETTING_PORTS_MAX]);
/* `ret` gets the value's text. */
void setting_format(enum setting setting, uint64_t value, char ret[static 24]);

const char *attach_mode_name(enum attach_mode mode); /* "auto", "native", ... */
bool attach_mode_parse(const char *text, enum attach_mode *ret);

#endif
