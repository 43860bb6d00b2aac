/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Tables of set members (bpf/members.h). Only classifier*.c include this.
 *
 * A member's place holds the number of a combo, whose two words are the sets
 * that it is in: one word for each parity of the generation. A plan moves
 * members to combos whose words differ, so that storing the generation moves
 * all of them at once; settling makes the words equal. Adding a million members
 * to a set is a million places that share one combo.
 */
#ifndef PEP_SERVER_CLASSIFIER_MEMBERS_H
#define PEP_SERVER_CLASSIFIER_MEMBERS_H

#include "common/table.h"
#include "server/classifier.h"

struct combo {
	struct table_node node; /* by word[0] and word[1] as they are told below */
	uint64_t now, next;     /* sets before and after the plan */
	uint32_t users;         /* places that hold its number */
	uint16_t alias;         /* while settling: the combo that takes its members, 0 = none */
};

/* A place that the plan changed. */
struct member_place {
	uint32_t line;
	uint8_t at;
	bool six;
	uint16_t former; /* combo, 0 = the place was free */
};

/* The members of one address family. */
struct member_table {
	struct pep_members now;  /* in force */
	struct pep_members next; /* with the plan; equal outside of one */
	uint32_t count;          /* places taken, in `next` */
	uint32_t removed;        /* since the filter was exact */
	struct member_lengths {
		uint32_t count; /* bits given out */
		uint32_t users[129]; /* memberships of each prefix length */
		int8_t bit[129];     /* -1 = none */
	} lengths, former; /* with the plan, and without it */
};

struct members {
	struct pep_tables *t;
	struct classifier_memory memory;
	struct member_table table[2]; /* IPv4, IPv6 */
	struct combo *combos;         /* PEP_COMBOS_MAX, [0] stands for none */
	struct table by_words;
	uint16_t *free_combos, *limbo_combos; /* numbers */
	uint32_t free_count, limbo_count;
	struct member_place *places; /* of the plan */
	size_t place_count, place_room;
	uint8_t chunk_used[PEP_CHUNKS_MAX];
	uint32_t parity; /* of the generation before the plan */
	bool planned;    /* there is a plan, or one that has not settled */
	bool foreign;    /* the tables in force are another daemon's */
	struct pep_members adopted[2]; /* these */
};

int members_init(struct members *m, const struct classifier_memory *memory);
void members_deinit(struct members *m);
/* The tables that are pinned cannot be read: they serve until the first commit. */
void members_adopt(struct members *m);

int members_plan(struct members *m, uint64_t generation, const struct classifier_member *members,
	size_t count, struct error *err);
/* For the ruleset of the plan's generation. */
void members_describe(const struct members *m, struct pep_members ret[static 2]);
void members_abort(struct members *m);
/* After the flip and a grace period. */
void members_settle(struct members *m);

/* --- classifier_chunks.c: where tables stand in set_map */
int chunks_take(struct members *m, struct pep_table *table, uint32_t lines, uint32_t per_line,
	struct error *err);
void chunks_give(struct members *m, const struct pep_table *table, uint32_t per_line);
struct pep_line *chunk_line(const struct members *m, const struct pep_table *table, uint32_t line);
__u64 *chunk_word(const struct members *m, const struct pep_table *table, uint32_t word);

/* --- classifier_combos.c */
int combos_init(struct members *m);
/* The combo with these words; made if needed. 0 = all numbers are in use. */
uint16_t combo_take(struct members *m, uint64_t now, uint64_t next);
void combos_settle(struct members *m);
/* Numbers that pinned tables may hold go to nobody until foreign tables are out of force. */
void combos_adopt(struct members *m);
void combos_reap(struct members *m, bool settled);

/* --- classifier_lines.c: places */
struct member_key {
	bool six;
	uint8_t length;
	__be32 address[4];
	uint64_t hash;
};
struct member_key member_key(const struct members *m, const struct classifier_member *member);
/* A hint that the member is looked for soon. */
void place_prefetch(const struct members *m, const struct pep_table *lines, const struct member_key *key);
bool place_find(const struct members *m, const struct pep_table *lines, const struct member_key *key,
	struct member_place *ret);
/* A free place, with the key in it; false = all its lines are full. */
bool place_make(struct members *m, const struct pep_table *lines, const struct member_key *key,
	struct member_place *ret);
uint16_t place_combo(const struct members *m, const struct pep_table *lines,
	const struct member_place *place);
void place_set(struct members *m, const struct pep_table *lines, const struct member_place *place,
	uint16_t combo);
/* Calls cb for each member in the table; stops with what cb returns unless 0. */
int places_each(struct members *m, const struct pep_table *lines, bool six,
	int (*cb)(struct members *m, const struct member_key *key, uint16_t combo, void *data),
	void *data);

/* --- classifier_filter.c */
/* A bit for each length that members have with the plan. */
int lengths_take(struct member_table *table, struct error *err);
/* What the bits stand for, for the packet program. */
void lengths_list(struct member_table *table);
/* The member's length can cover addresses like it; the member may be there. */
void lengths_mark(struct members *m, struct member_table *table, const struct member_key *key);
void filter_mark(struct members *m, struct member_table *table, const struct member_key *key);
void filter_prefetch(const struct members *m, const struct member_table *table, const struct member_key *key);

#endif
