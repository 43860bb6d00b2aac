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
	MAP_CONFIG,
	MAP_IFACE,
	MAP_IFACE_INDEX,
	MAP_POLICY_STATS,
	MAP_LIMITER,
	MAP_STATS,
	MAP_EVENT_STATE,
	MAP_RING,
	MAP_REDIRECT,
	MAP_COUNT,
};
extern const char *const map_names[MAP_COUNT];

/* The maps of one load and the windows into those that are mapped. */
struct map_set {
	int fds[MAP_COUNT]; /* -1 = none */
	struct pep_config *config;
	struct pep_iface *ifaces;
	struct pep_iface_ref *index;
	struct pep_policy_stats *rows;
	struct pep_limiter *limiters;
	uint32_t slots;
};

/* One attachment, present or wanted. */
struct attachment {
	struct datapath_iface public;
	int link; /* -1 = none */
	bool taken_off; /* by somebody else: only who attaches it again ends that */
};

/* What settle() and abort() need of the plan. */
struct undo {
	struct pep_policy_key key;
	struct pep_policy former;
	bool existed;
	bool dies;
};

struct datapath {
	struct datapath_options options;
	char *pin_dir; /* owned; options.pin_dir points to it */
	int lock;
	unsigned int cpus;
	int program;
	struct map_set maps;
	enum datapath_start start;
	bool unreadable;
	char adopted[160];
	struct ring_buffer *ring;

	struct attachment **attachments; /* sorted by name */
	size_t attachment_count;

	struct datapath_default *defaults; /* of the ruleset in force, then of the prepared one */
	size_t default_count;
	struct datapath_default *next_defaults;
	size_t next_default_count;

	struct undo *undo; /* of the prepared or unsettled commit */
	size_t undo_count;
	uint32_t *fresh_limiters;
	size_t fresh_limiter_count;
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
void map_set_deinit(struct map_set *set, unsigned int cpus);
int map_set_window(struct map_set *set, unsigned int cpus, struct error *err);
void map_set_start(struct map_set *set);
/* Of adopted maps: forgets a commit that was prepared and never came into force. */
void map_set_settle(struct map_set *set);
/* Everything that lives longer than a load, from maps of the same ABI but other sizes. */
int map_set_copy(struct map_set *to, const struct map_set *from, unsigned int cpus,
	struct error *err);
struct pep_rule *version_alive(struct pep_policy *policy, uint64_t generation);

/* --- datapath_load.c */
int load_program(struct datapath *dp, struct map_set *pinned, struct error *err);
/* Whether the pinned maps have the types and sizes that the options ask for. */
bool load_fits(const struct datapath *dp, const struct map_set *pinned, char ret_why[static 96]);
struct packet_filter *load_open(const struct datapath *dp);

/* --- datapath_pins.c */
int pins_prepare(struct datapath *dp, struct error *err);
void pins_find(const struct datapath *dp, struct map_set *ret);
int pins_replace(struct datapath *dp, struct error *err);
void pins_remove(struct datapath *dp);
int pins_link_path(const struct datapath *dp, const char *iface, char ret[static 512]);
/* Calls cb for each pinned link with its interface's name. */
void pins_each_link(struct datapath *dp, void (*cb)(struct datapath *dp, const char *iface, int fd));

/* --- datapath_iface.c */
void ifaces_adopt(struct datapath *dp);
int ifaces_move(struct datapath *dp, struct error *err);
void ifaces_detach_all(struct datapath *dp);
void ifaces_free(struct datapath *dp);

/* --- datapath_slot.c */
/* default_block of a ruleset half for the interfaces that have a slot. */
void ifaces_apply_defaults(const struct datapath *dp, const struct datapath_default *defaults,
	size_t count, struct pep_ruleset *ruleset);
uint32_t slot_of_iface(struct datapath *dp, const char *name); /* 0 = all are in use */
/* What the program looks up by ifindex. -ENOSPC, or 0. */
int slot_index_add(struct datapath *dp, uint32_t ifindex, uint32_t slot);
void slot_index_remove(struct datapath *dp, uint32_t ifindex);

/* --- datapath_commit.c */
void redirects_fill(struct datapath *dp);
void commit_adopt(struct datapath *dp);
void commit_free(struct datapath *dp);

#endif
