/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The maps of a running pepctld, found from its pins alone, so that the bench's copy
 * of the packet program judges by the ruleset in force.
 */
#ifndef PEP_BENCH_PINNED_H
#define PEP_BENCH_PINNED_H

struct bpf_object;

/*
 * Before the object is loaded: each of its maps that a pinned map, a pinned program,
 * or a program in a pinned program array has under the same name is taken from there.
 * 0, or -1 with errno; ENOENT when nothing was found.
 */
int pinned_reuse(struct bpf_object *object, const char *folder);

#endif
