/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a store has to be, as arrays and loops: semantics.md read aloud. Nothing here is the store's;
 * only texts are read by what reads them everywhere. Names, members and interfaces are small
 * numbers, so that everything there can be is an array.
 */
#ifndef PEP_TESTS_STORE_MODEL_H
#define PEP_TESTS_STORE_MODEL_H

#include "server/policy_store.h"

#define MODEL_POLICIES 9u  /* the last one is "banned" */
#define MODEL_SETS     4u  /* the first one is "banned" */
#define MODEL_BANNED   0u
#define MODEL_MEMBERS  19u
#define MODEL_IFACES   3u
#define MODEL_MISSING  MODEL_IFACES /* an interface that cannot be attached */
#define MODEL_OWNERS   3u
#define MODEL_KEPT     100u /* revisions behind the present one */
#define MODEL_PAST     128u
#define MODEL_IDS      8u
#define MODEL_UIDS     2u
#define MODEL_CHANGES  6u
#define MODEL_SECOND   1000000000ll

extern const char *const model_policy_names[MODEL_POLICIES];
extern const char *const model_set_names[MODEL_SETS];
extern const char *const model_iface_names[MODEL_IFACES + 1];
extern const char *const model_owner_names[MODEL_OWNERS];
extern const char *const model_members[MODEL_MEMBERS]; /* in the order of files */

/* The prefix or address of a text. */
struct model_prefix {
	uint8_t family, length, bytes[16];
};
struct model_prefix model_prefix_of(const char *text);

/* All of it is compared as bytes: 32 bits everywhere, no gaps. */
struct model_rule {
	uint32_t action; /* enum policy_action_kind, but no redirect */
	uint32_t address[2], which[2]; /* src, dst: enum policy_address_kind; member or set */
	uint32_t first[2], last[2];    /* sport, dport */
	uint32_t proto;  /* 0 = any */
	uint32_t ifaces; /* bits; 0 = any */
	uint32_t vlan;   /* id + 1; 0 = any */
	uint32_t priority;
	uint32_t shadow;
	uint32_t comment;
	uint32_t ttl; /* s, 0 = it stays */
};

struct model_policy {
	uint32_t name, created; /* the revision that did */
	uint64_t place;         /* in the order */
	struct model_rule rule;
	uint64_t version; /* another one with each change of it */
	int64_t ends;     /* boot time, with a ttl */
	int64_t disk_boot, disk_boots,
		disk_wall; /* the same as it was written down: in which boot, by the wall */
};

struct model_set {
	uint32_t there, bannable, max_ttl; /* s, 0 = the default */
	uint32_t own[MODEL_MEMBERS];
};

/* What has a revision. */
struct model_ruleset {
	struct model_policy policies[MODEL_POLICIES]; /* by place; behind the last: zero */
	uint64_t count;
	struct model_set sets[MODEL_SETS];
	uint32_t block;
	uint32_t defaults[MODEL_IFACES]; /* 0 none, 1 allow, 2 block */
	uint32_t attached[MODEL_IFACES + 1]; /* mode + 1 */
	uint64_t settings[SETTING_MAX];
};

struct model_lease {
	bool there;
	bool ended;     /* in its time, which leaves no trace on the disk: by a wall set back it may come again */
	bool moved;     /* held since an earlier boot: each start may tell its expiry by the wall anew */
	int64_t expiry; /* boot time; 0 = until released */
	int64_t low, high; /* what the wall was ahead of the boot time, since it is held or the boot */
};

struct model_reply {
	enum error_kind kind;
	const char *reason;
	uint64_t revision;
	bool repeated;
	enum store_effect effects[MODEL_CHANGES];
	struct store_counts policies;
	struct store_lease_result leases;
};

struct model_request {
	bool there;
	uint64_t hash;
	int64_t time;
	struct model_reply reply;
};

struct model {
	struct model_ruleset now, *past; /* by revision, modulo MODEL_PAST; copies of a model share it */
	uint64_t revision, oldest, last_place;
	struct model_lease leases[MODEL_SETS][MODEL_OWNERS][MODEL_MEMBERS];
	uint64_t waiting; /* the revision that waits to be confirmed; 0 = none */
	int64_t confirm_boot, confirm_wall;
	int64_t confirm_again; /* boot time before which an undo that failed is not tried again */
	bool confirm_moved;
	struct model_request requests[MODEL_UIDS][MODEL_IDS];
	int64_t boottime, time, boots;
};
void model_init(struct model *m, struct model_ruleset past[static MODEL_PAST]);

struct model_change {
	enum change_kind kind;
	uint32_t name; /* of a policy or set */
	struct model_rule rule;
	uint32_t iface; /* MODEL_IFACES + 1 = none */
	bool block, allow_missing, bannable;
	enum setting setting;
	uint64_t value;
	enum attach_mode mode;
	uint32_t max_ttl;
	bool named[MODEL_MEMBERS];
};

struct model_op {
	enum store_tx_kind kind;
	enum store_mode mode;
	bool has_expected, validate_only;
	uint64_t expected, target, hash;
	uint32_t id, uid; /* id 0 = none, else index + 1 */
	int64_t confirm_timeout;
	struct model_change changes[MODEL_CHANGES];
	size_t count;
	/* STORE_LEASES */
	enum store_lease_kind lease;
	uint32_t set; /* MODEL_SETS = all */
	uint32_t owner; /* MODEL_OWNERS = any */
	bool named[MODEL_MEMBERS], shorten, ban, bans_only;
	int64_t ttl;
};

/* What stands in the way from outside. */
struct model_world {
	bool kernel_refuses;
	bool all_attach; /* also MODEL_MISSING */
};

/* --- store_model.c: what is answered, and what it leaves */
void model_apply(struct model *m, const struct model_op *op, const struct model_world *w,
	struct model_reply *ret);

/* --- store_model_rules.c: of rulesets; false = refused, as the reply says */
bool model_changes(struct model *m, const struct model_op *op, struct model_reply *ret);
bool model_refuse(struct model_reply *reply, enum error_kind kind, const char *reason);
struct model_policy *model_find(const struct model_ruleset *r, uint32_t name);
void model_count(const struct model_ruleset *before, const struct model_ruleset *after,
	struct store_counts *ret);

void model_drop_set(struct model *m, uint32_t set);

/* --- store_model_ends.c */
bool model_rollback(struct model *m, uint64_t target);
void model_begin_time(const struct model *m, struct model_policy *p); /* of one that is put */
void model_put_down(const struct model *m, struct model_policy *p);
void model_rewritten(struct model *m);    /* all of them are written down anew */
void model_read_ends(struct model *m);    /* at a start */
bool model_end_policies(struct model *m); /* those whose time is over */

/* --- store_model_leases.c */
bool model_leases(struct model *m, const struct model_op *op, struct model_reply *ret);
size_t model_held(const struct model *m, uint32_t set); /* how many leases */
bool model_has(const struct model *m, uint32_t set, uint32_t member); /* whoever has it */
void model_wall_moved(struct model *m);
/*
 * A start, in the same boot or another one. What is left by the wall is as sure as that was steady:
 * `low` and `high` become the earliest and the latest expiry, until the caller has seen which it is.
 */
void model_started(struct model *m, bool rebooted);

/* --- store_model_text.c */
void model_write(const struct model_ruleset *r, char *ret, size_t size);
void model_write_rule(uint32_t name, const struct model_rule *rule, char *ret, size_t size);
struct store_tx model_tx(const struct model_op *op, char id[static 16]);

/* --- store_model_judge.c */
struct model_packet {
	struct model_prefix src, dst; /* of whole length */
	uint16_t sport, dport;
	uint8_t proto;
	uint32_t vlan;  /* id + 1, 0 = none */
	uint32_t iface; /* MODEL_IFACES = another one */
	bool fragment, malformed;
};
struct model_verdict {
	uint32_t policy, shadow; /* MODEL_POLICIES = none */
	bool by_setting, passes; /* passes: where no policy decides */
};
struct model_verdict model_judge(const struct model *m, const struct model_packet *p);

/* --- store_model_random.c */
struct model_op model_random(const struct model *m);
struct model_packet model_random_packet(void);

/* --- store_model_compare.c: a store beside it */
struct world;
struct answer;
/* What differs, on stdout. */
bool model_compare(const struct model *m, struct world *w);
bool model_compare_answer(const struct model_reply *wanted, const struct answer *a);
void model_print(const struct model_op *op, const struct model_reply *wanted, const struct answer *a);
/* What the store lists. False = something that there cannot be. */
bool model_list_leases(struct world *w, struct model_lease ret[MODEL_SETS][MODEL_OWNERS][MODEL_MEMBERS]);

#endif
