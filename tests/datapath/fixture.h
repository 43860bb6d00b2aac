/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The loaded program with small maps, fed through BPF_PROG_TEST_RUN. Nothing
 * is attached or pinned: all of it goes with the process. Frames arrive on
 * ifindex 1, the namespace's lo. Needs root and says so.
 *
 * Functions that return nothing end the test when something fails.
 */
#ifndef PEP_TESTS_FIXTURE_H
#define PEP_TESTS_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/common.h"

#define FIXTURE_SLOTS   16u
#define FIXTURE_IFINDEX 1u

struct packet_filter;
struct ring_buffer;

struct fixture {
	struct packet_filter *skeleton;
	struct ring_buffer *ring;
	struct pep_config *config; /* mapped */
	struct pep_limiter *limiters;
	struct pep_policy_stats *rows;
	uint32_t cpus;
	int program;
	struct pep_event last; /* of those taken by fixture_events() */
	size_t events;
};

/* ring_size 0 = PEP_RING_SIZE_DEFAULT. Generation 1, default allow, no limit of events. */
void fixture_init(struct fixture *fixture, uint32_t ring_size);
void fixture_deinit(struct fixture *fixture);

/* The calling thread stays on its CPU, as does then all that it counts and numbers there. */
void fixture_pin(void);

/* The ruleset that is in force; changes are seen by the next frame. */
struct pep_ruleset *fixture_ruleset(struct fixture *fixture);

/* Alive from generation 1 on; sets the rung's bit. */
void fixture_add(struct fixture *fixture, const struct pep_policy_key *key, struct pep_rule rule);
void fixture_put(
	struct fixture *fixture, const struct pep_policy_key *key, const struct pep_policy *policy);
void fixture_clear(struct fixture *fixture);

/* A rule with that name, slot and action, log_every 1. */
struct pep_rule fixture_rule(const char *name, uint32_t slot, enum pep_action action);

/* Key of a rung; source and destination as text or NULL, ports in host order. */
struct pep_policy_key fixture_key(enum pep_rung rung, const char *src, const char *dst,
	unsigned int sport, unsigned int dport, unsigned int proto);

/* Runs the frame `repeat` times; returns the last verdict, and the frame as it left if wanted. */
int fixture_run(
	struct fixture *fixture, const void *data, size_t size, uint32_t repeat, void *ret_out);
/* The same with only so many bytes in the first buffer; -EINVAL from kernels that cannot. */
int fixture_run_linear(struct fixture *fixture, const void *data, size_t size, uint32_t linear);
/* frame.h text. */
int fixture_run_text(struct fixture *fixture, const char *text);

/* Sums over CPUs. */
struct pep_stats fixture_stats(struct fixture *fixture, uint32_t iface);
struct pep_policy_stats fixture_row(struct fixture *fixture, uint32_t slot);
struct pep_event_state fixture_event_state(struct fixture *fixture);
uint64_t fixture_tally(struct fixture *fixture, enum pep_tally tally);

/* Takes what is in the ring; returns how many. */
size_t fixture_events(struct fixture *fixture);

#endif
