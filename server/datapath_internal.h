/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What datapath*.c share. Nobody else includes this. */
#ifndef PEP_SERVER_DATAPATH_INTERNAL_H
#define PEP_SERVER_DATAPATH_INTERNAL_H

#include "server/datapath.h"

struct packet_filter;
struct ring_buffer;

/* The maps by the names of bpf/maps.h, which are the names of their pins. */
enum datapath_map {
	MAP_POLICY,
	MAP_ENTRY,
	MAP_MORE,
	MAP_RULE,
	MAP_BUCKET,
	MAP_TUPLE,
	MAP_INDEX,
	MAP_CLASS,
	MAP_COMBO,
	MAP_SET,
	MAP_CONFIG,
	MAP_IFACE,
	MAP_IFACE_INDEX,
	MAP_POLICY_STATS,
	MAP_LIMITER,
	MAP_SCOPE,
	MAP_STATS,
	MAP_EVENT_STATE,
	MAP_RING,
	MAP_REDIRECT,
	MAP_SPREAD,
	MAP_EXPLAIN,
	MAP_COUNT,
};
extern const char *const map_names[MAP_COUNT];
extern const char *const map_sections[MAP_COUNT]; /* in the object, NULL = its name */

/* The maps of one load and the windows into those that are mapped. */
struct map_set {
	int fds[MAP_COUNT]; /* -1 = none */
	struct pep_tables tables;
	struct pep_config *config; /* that of tables */
	struct pep_iface *ifaces;
	struct pep_iface_ref *index;
	struct pep_policy_stats *rows;
	struct pep_limiter *limiters;
	struct pep_scope_line *scopes; /* config->scope_lines */
	struct pep_explain *explain;
	uint32_t slots;
	uint32_t
		row_size; /* of *rows, and of *limiters: another build's can be larger or smaller */
	uint32_t limiter_size;
};

/* One attachment, present or wanted. */
struct attachment {
	struct datapath_iface public;
	int link; /* -1 = none */
	bool moved;     /* by this start, to its program */
	bool taken_off; /* by somebody else: only who attaches it again ends that */
};

/* Interfaces that are attached when they appear. */
struct pattern {
	char name[IFACE_NAME_SIZE];
	enum attach_mode mode;
};

struct datapath {
	struct datapath_options options;
	char *pin_dir; /* owned; options.pin_dir points to it */
	int lock;
	unsigned int cpus;
	int program;
	int explainer; /* packet_explain */
	struct {
		uint64_t monotonic, jiffies; /* at the same time */
	} clock;
	struct map_set maps;
	struct map_set former; /* after a rebuild: what is pinned, until activate */
	enum datapath_start start;
	uint64_t fixed_memory; /* bytes of the maps without the chunks of sets */
	_Atomic uint32_t chunks; /* of sets: by the worker, told by the loop; after the start */
	bool limited; /* by options.memory_limit, after the start */
	bool unreadable; /* another build's pins: no policies can be read */
	char adopted[160];
	struct ring_buffer *ring;

	struct attachment **attachments; /* sorted by name */
	size_t attachment_count;
	struct pattern patterns[PEP_IFACES_MAX];
	size_t pattern_count;

	struct datapath_default *defaults; /* of the ruleset in force, then of the prepared one */
	size_t default_count;
	struct datapath_default *next_defaults;
	size_t next_default_count;

	uint32_t *born; /* entries of policy_map: of the prepared commit */
	size_t born_count;
	uint32_t *dead; /* of the prepared or unsettled commit */
	size_t dead_count;
	uint32_t *fresh_limiters;
	size_t fresh_limiter_count;
	uint64_t *ended_limits;     /* a bit for each limit_id; NULL = none ends */
	bool named[PEP_IFACES_MAX]; /* slots whose bit stands in policies: not for another interface */
	char targets[PEP_REDIRECTS_MAX][IFACE_NAME_SIZE]; /* of redirect_map */
	bool prepared;
	bool unsettled;

	/* ring consumer of the current datapath_ring_consume() */
	void (*on_event)(void *data, const struct pep_event *event);
	void *on_event_data;
	size_t on_event_left;
};

void datapath_log(const struct datapath *dp, int level, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* --- datapath_maps.c */
void map_set_init(struct map_set *set);
void map_set_deinit(struct map_set *set);
/* Values of a map, and how far apart they are when it is mapped or per CPU; 0 = it cannot be asked.
 */
uint32_t map_entries(int fd, uint32_t *ret_value_size);
int map_set_window(struct map_set *set, struct error *err);
/* Only into what PEP_CARRY promises; whatever is there already stays. */
int map_set_window_carried(struct map_set *set);
/* Tells the program the sizes of its maps. */
void map_set_sizes(struct map_set *set);
void map_set_start(struct map_set *set);
void map_set_members_none(struct map_set *set);

/* --- datapath_carry.c */
bool carry_possible(struct map_set *pinned);
/* All but the policies that lives longer than a load, from maps of the same ABI but other sizes. */
int carry_ruleset(
	struct map_set *to, const struct map_set *from, unsigned int cpus, struct error *err);
/* Counters that belong to no policy, and the slots of interfaces: also from another build's maps.
 */
int carry_counters(
	struct map_set *to, const struct map_set *from, unsigned int cpus, struct error *err);

/* --- datapath_load.c */
int load_program(struct datapath *dp, struct map_set *pinned, struct error *err);
/* Whether the pinned maps have the types and sizes that the options ask for. */
bool load_fits(const struct datapath *dp, const struct map_set *pinned, char ret_why[static 96]);
struct packet_filter *load_open(const struct datapath *dp);

/* --- datapath_scope.c */
/* A bit for each limit_id: bytes of all of them, and setting one. */
size_t scope_ids_size(const struct datapath *dp);
void scope_ids_add(const struct datapath *dp, uint64_t *ids, uint32_t id);
/* Empties the places of the limits that are among the ids, or of those that are not. */
void scope_sweep(struct datapath *dp, const uint64_t *ids, bool listed);

/* --- datapath_pins.c */
int pins_prepare(struct datapath *dp, struct error *err);
void pins_find(const struct datapath *dp, struct map_set *ret);
/* Pins the maps beside those in force. */
int pins_stage(struct datapath *dp, struct error *err);
/* What is staged in place of those in force; on failure these stay. */
int pins_replace(struct datapath *dp, struct error *err);
/* What is left of either when it fails. */
void pins_unstage(struct datapath *dp);
void pins_remove(struct datapath *dp);
int pins_link_path(const struct datapath *dp, const char *iface, char ret[static 512]);
/* Calls cb for each pinned link with its interface's name. */
void pins_each_link(struct datapath *dp, void (*cb)(struct datapath *dp, const char *iface, int fd));

/* --- datapath_iface.c */
struct attachment *iface_list(struct datapath *dp, const char *name); /* a new one, or NULL */
int iface_try(struct datapath *dp, struct attachment *a, struct error *err);
bool iface_in_place(const struct attachment *a); /* the kernel is asked */
void iface_gone(struct datapath *dp, struct attachment *a, enum datapath_iface_state state);
void iface_drop(struct datapath *dp, struct attachment *a);   /* from the list */
void iface_detach(struct datapath *dp, struct attachment *a); /* and from the interface */
void ifaces_adopt(struct datapath *dp);
int ifaces_move(struct datapath *dp, struct error *err);
bool ifaces_moved(const struct datapath *dp); /* any */
/* What was moved, to that program. */
void ifaces_move_back(struct datapath *dp, int program);
void ifaces_detach_all(struct datapath *dp);
void ifaces_free(struct datapath *dp);

/* --- datapath_pattern.c */
/* The longest that matches, NULL = none. */
const struct pattern *pattern_of(const struct datapath *dp, const char *iface);
void pattern_take(struct attachment *a, const struct pattern *pattern);
/* Only noted: patterns_refresh() attaches. */
int pattern_attach(struct datapath *dp, const char *name, enum attach_mode mode, struct error *err);
int pattern_detach(struct datapath *dp, const char *name, struct error *err);
void patterns_refresh(struct datapath *dp,
	void (*cb)(void *data, const struct datapath_iface *iface), void *data);

/* --- datapath_slot.c */
/* default_block of a ruleset half for the interfaces that have a slot. */
void ifaces_apply_defaults(const struct datapath *dp, const struct datapath_default *defaults,
	size_t count, struct pep_ruleset *ruleset);
/* A slot has got its name: for the half in force and, amid a commit, the one that the flip puts there. */
void ifaces_default_again(const struct datapath *dp);
uint32_t slot_of_iface(struct datapath *dp, const char *name); /* 0 = all are in use */
uint32_t slot_known(const struct datapath *dp, const char *name); /* 0 = none */
/* What the program looks up by ifindex. -ENOSPC, or 0. */
int slot_index_add(struct datapath *dp, uint32_t ifindex, uint32_t slot);
void slot_index_remove(struct datapath *dp, uint32_t ifindex);

/* --- datapath_memory.c */
/* Counts what the maps take without any set; an error when that is more than may be. */
int datapath_memory_open(struct datapath *dp, struct error *err);
/*
 * Counts the chunks there are, which the former daemon's have made way for, and bounds them from now
 * on. Not before the ruleset is restored: it was accepted, its tables are
 * made beside those that are pinned, and without it the host would be open, or without bans.
 */
void datapath_memory_limit(struct datapath *dp);
uint64_t datapath_memory_used(const struct datapath *dp); /* bytes; any thread */

/* --- datapath_explain.c */
uint64_t tick_ns(void); /* of a jiffy */
/* CLOCK_MONOTONIC ns of a time in jiffies, 0 of 0. */
uint64_t jiffies_to_monotonic(struct datapath *dp, uint64_t jiffies);

/* --- datapath_commit.c */
void redirects_fill(struct datapath *dp);
void commit_adopt(struct datapath *dp);
void commit_free(struct datapath *dp);

#endif
