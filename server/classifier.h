/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Truth → the tables of the packet program's search (bpf/common.h).
 * Deterministic, incremental, pure C: no libbpf, no system call. Every capacity
 * error and every "this engine cannot" is raised here.
 *
 * It works in the tables themselves, which datapath has mapped. A change is
 * prepared as a plan: new entries are born with the next generation and stand
 * in the tables unseen, old ones are marked to die with it. Then the generation
 * is stored (datapath_flip) and the plan committed, or it is aborted. After a
 * grace period settle() takes out what died.
 */
#ifndef PEP_SERVER_CLASSIFIER_H
#define PEP_SERVER_CLASSIFIER_H

#include "bpf/common.h"
#include "common/policy.h"

struct classifier;

#define CLASSIFIER_SETS_MAX PEP_SETS_MAX
#define CLASSIFIER_NO_SET 255u

/*
 * Slots of counters that `max_policies` need: twice, so that a ruleset can be
 * replaced by one of other names in one step, while what it replaces still
 * counts and decides. Entries likewise, and one that stands for none.
 */
static inline uint32_t classifier_room(uint32_t max_policies)
{
	return 2 * max_policies;
}
static inline uint32_t classifier_entries(uint32_t max_policies)
{
	return 2 * max_policies + 1;
}
/*
 * Buckets that keys lead to: at most three quarters of their places are taken. With 6 keys
 * for each, 15 % of the buckets need another one behind them, and none needs as many as
 * PEP_BUCKET_CHAIN (Poisson: 2e-14).
 */
static inline uint32_t classifier_buckets_first(uint32_t max_policies)
{
	uint32_t buckets = 1;

	while (3ull * buckets * PEP_BUCKET_KEYS < 4ull * classifier_entries(max_policies))
		buckets *= 2;
	return buckets;
}
static inline uint32_t classifier_buckets(uint32_t max_policies)
{
	return classifier_buckets_first(max_policies) * 5 / 4 + 8;
}

/* What the tables stand in; callbacks may be called wherever the plan is. */
struct classifier_memory {
	struct pep_tables *tables; /* mapped; outlives the classifier */
	/* Slot of an interface's counters and bits, 0 = all are in use. */
	uint32_t (*iface_slot)(void *data, const char *iface);
	/* Makes elements [first, first + count) of set_map, zeroed, and maps them. 0 or -errno; -EDQUOT = more
	 * memory than may be used. */
	int (*chunks_make)(void *data, uint32_t first, uint32_t count);
	void (*chunks_drop)(void *data, uint32_t first, uint32_t count);
	/* Waits until no packet is judged that began before. */
	void (*grace)(void *data);
	void *data;
};

/* Room for `max_policies` (1 .. PEP_POLICIES_MAX). The tables are those of a start or an adoption. */
int classifier_new(uint32_t max_policies, const struct classifier_memory *memory,
	struct classifier **ret);
void classifier_free(struct classifier *c);
DEFINE_CLEANUP(struct classifier, classifier_free)

/* What one step of a change does to a policy name. */
struct classifier_edit {
	const struct policy *before; /* NULL = the name is new; borrowed until the plan ends */
	const struct policy *after;  /* NULL = the name goes */
	const char *path;            /* place in the request, for violations; borrowed */
	const char *line;            /* of `after`, for policy_map; borrowed until prepare */
	uint32_t position;           /* of `after` in the ruleset */
	uint8_t src_set, dst_set;    /* ids of the sets that `after` names, else CLASSIFIER_NO_SET */
};

/* A member that comes into a set or leaves it; a real difference, at most once a plan. */
struct classifier_member {
	uint8_t set; /* id, < CLASSIFIER_SETS_MAX */
	bool add;
	uint8_t family;    /* 4 or 6 */
	uint8_t length;    /* of the prefix */
	uint8_t bytes[16]; /* network order, host bits zero */
};

struct classifier_change {
	const struct classifier_edit *edits;
	size_t edit_count;
	const struct classifier_member *members;
	size_t member_count;
};

/* An entry that the plan makes. */
struct classifier_born {
	uint32_t entry;
	const char *name; /* both borrowed from the edit */
	const char *line;
};

struct classifier_plan {
	uint64_t generation; /* that the plan makes current */
	struct classifier_born *born; /* owned */
	size_t born_count;
	uint32_t *dead; /* owned: entries that go when the plan has settled */
	size_t dead_count;
	uint32_t *fresh_slots; /* owned: counters and limiter to zero before the flip */
	size_t fresh_slot_count;
	uint32_t *fresh_limiters; /* owned: kept counters, but the rate changed: limiter to zero */
	size_t fresh_limiter_count;
	uint32_t *ended_limits; /* owned: pep_rule.limit_id whose buckets go when the plan has
				   settled */
	size_t ended_limit_count;
	struct pep_members members[2]; /* for pep_ruleset */
};

/*
 * Prepares what the change makes of the tables. Refuses what this engine cannot
 * (ERROR_UNIMPLEMENTED) and full tables (ERROR_LIMIT naming the limit). On
 * failure nothing changed. One plan at a time.
 */
int classifier_plan(struct classifier *c, uint64_t generation,
	const struct classifier_change *change, struct error *err, struct classifier_plan **ret);
/* The flip happened. Frees the plan; what it ended stays in the tables until settle. */
void classifier_commit(struct classifier *c, struct classifier_plan *plan);
/* Nothing happened: the tables are as before. Frees the plan. */
void classifier_abort(struct classifier *c, struct classifier_plan *plan);
/* After a grace period that began after the flip. */
void classifier_settle(struct classifier *c);

/* Slot of counters and limiter of a policy name; PEP_SLOT_NONE when unknown. */
uint32_t classifier_slot(const struct classifier *c, const char *name);
size_t classifier_count(const struct classifier *c);

/* Interface names that redirects point to, by index in redirect_map; "" = free. */
const char *classifier_redirect(const struct classifier *c, uint32_t index);

/*
 * Adoption, before the first plan: begin tells that the tables hold a ruleset,
 * adopt tells the name of each entry in policy_map, end forgets what nobody
 * claimed. `redirect` is the interface that a redirect to one points to;
 * CLASSIFIER_UNKNOWN when it is gone. adopt returns 0, 1 when the entry is not alive in `generation`, or
 * -EINVAL when the table contradicts itself.
 */
#define CLASSIFIER_UNKNOWN "unknown"
int classifier_adopt(struct classifier *c, uint64_t generation, uint32_t entry, const char *name,
	const char *redirect);
int classifier_adopt_end(struct classifier *c);
/* Place in the ruleset of an adopted entry. */
uint32_t classifier_position(const struct classifier *c, uint32_t entry);

/* What one packet can cost. */
struct classifier_info {
	uint32_t tuples;
	uint32_t longest_run; /* entries */
	uint32_t most_steps;  /* look-ups and entries, of the worst packet that tables permit */
	uint32_t entries;     /* in use */
};
void classifier_info(struct classifier *c, struct classifier_info *ret);

#endif
