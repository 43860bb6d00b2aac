/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The loaded program with the real classifier over its maps, fed through
 * BPF_PROG_TEST_RUN. Nothing is attached or pinned: all of it goes with the
 * process. Frames arrive on ifindex 1, the namespace's lo. Needs root and says so.
 *
 * Functions that return nothing end the test when something fails.
 */
#ifndef PEP_TESTS_FIXTURE_H
#define PEP_TESTS_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/common.h"
#include "engine.h"

#define FIXTURE_POLICIES 8u
#define FIXTURE_IFINDEX  1u
#define FIXTURE_LINES    1024u /* of scope_map */

struct packet_filter;
struct ring_buffer;

struct fixture {
	struct packet_filter *skeleton;
	struct ring_buffer *ring;
	struct pep_tables tables;
	struct engine engine;      /* over them */
	struct pep_config *config; /* of tables; this and what follows is mapped */
	struct pep_explain *explain;
	struct pep_iface_ref *ifaces; /* by ifindex */
	struct pep_limiter *limiters;
	struct pep_scope_line *places;
	struct pep_policy_stats *rows;
	uint32_t slots;
	uint32_t cpus;
	int program;
	int explainer;         /* packet_explain, after fixture_init_explained() */
	struct pep_event last; /* of those taken by fixture_events() */
	size_t events;
};

/*
 * packet_filter alone. ring_size 0 = PEP_RING_SIZE_DEFAULT, max_policies 0 = FIXTURE_POLICIES.
 * Generation 1, revision 7, default allow, no limit of events.
 */
void fixture_init(struct fixture *fixture, uint32_t ring_size, uint32_t max_policies);
/* With packet_explain, over which the verifier takes as long again. */
void fixture_init_explained(struct fixture *fixture, uint32_t ring_size, uint32_t max_policies);
void fixture_deinit(struct fixture *fixture);
/* Ends the program with what errno says. */
void fixture_fail(const char *what) __attribute__((noreturn));

/* Another engine over fixture->tables, in place of the fixture's own, which must not have been used. */
void fixture_lend(struct fixture *fixture, struct engine *engine);

/* For engine.grace, where frames run while commits are made. */
void fixture_grace(void *data);

/* The calling thread stays on its CPU, as does then all that it counts and numbers there. */
void fixture_pin(void);

/* The ruleset that is in force; changes are seen by the next frame and stay over commits. */
struct pep_ruleset *fixture_ruleset(struct fixture *fixture);

/* Adds the policy of the line, "NAME ACTION ...", as a commit. Returns its slot. */
uint32_t fixture_policy(struct fixture *fixture, const char *line);
/* The entry of a policy in force, to be changed by hand. */
struct pep_entry *fixture_entry(struct fixture *fixture, const char *name);
void fixture_clear(struct fixture *fixture);

/* Frames come from now on from the interface with the slot; 0 = from one that has none. */
void fixture_arrive(struct fixture *fixture, uint32_t slot);

/* Runs the frame `repeat` times; returns the last verdict, and the frame as it left if wanted. */
int fixture_run(
	struct fixture *fixture, const void *data, size_t size, uint32_t repeat, void *ret_out);
/* The same with only so many bytes in the first buffer; -EINVAL from kernels that cannot. */
int fixture_run_linear(struct fixture *fixture, const void *data, size_t size, uint32_t linear);
/* frame.h text. */
int fixture_run_text(struct fixture *fixture, const char *text);
/* Asks packet_explain, which leaves no other trace than fixture->explain. */
void fixture_explain(struct fixture *fixture, const void *data, size_t size, uint32_t iface);

/* Sums over CPUs. */
struct fixture_row {
	uint64_t packets, bytes, exceeded_packets, exceeded_bytes;
	uint64_t last_hit; /* jiffies */
};
struct pep_stats fixture_stats(struct fixture *fixture, uint32_t iface);
struct fixture_row fixture_row(struct fixture *fixture, uint32_t slot);
struct pep_event_state fixture_event_state(struct fixture *fixture);
uint64_t fixture_tally(struct fixture *fixture, enum pep_tally tally);

/* Takes what is in the ring; returns how many. */
size_t fixture_events(struct fixture *fixture);

#endif
