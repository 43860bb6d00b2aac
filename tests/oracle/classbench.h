/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* ClassBench files as policies and packets (tests/data/classbench tells their form). */
#ifndef PEP_TESTS_CLASSBENCH_H
#define PEP_TESTS_CLASSBENCH_H

#include "oracle.h"

/* Packets, and for each the number of the rule that it was made from. Owned. */
struct classbench_trace {
	struct oracle_packet *packets;
	size_t *rules;
	size_t count;
};
void classbench_trace_deinit(struct classbench_trace *trace);

/*
 * Rule n becomes policy `r`n of priority n, since the first that matches wins there
 * and not the most specific one; odd ones allow, even ones block. /0 stays a literal
 * of IPv4. 0, -ENOMEM, or another negative errno with `err` naming file and line.
 */
int classbench_read_rules(const char *path, struct oracle_ruleset *ret, struct error *err);

/* The interface is `eth0`. Returns as above. */
int classbench_read_trace(const char *path, struct classbench_trace *ret, struct error *err);

/* The names of what stands in tests/data/classbench. */
#define CLASSBENCH_SETS 3u
extern const char *const classbench_sets[CLASSBENCH_SETS];

/* The set of that name; ret_trace may be NULL. Returns as above. */
int classbench_published(const char *name, struct oracle_ruleset *ret_rules,
	struct classbench_trace *ret_trace, struct error *err);

#endif
