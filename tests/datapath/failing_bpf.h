/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * bpf(2) that fails once, or lets the verifier refuse a program. The linker's --wrap does not reach
 * what libbpf calls in its own library; a syscall(2) of the executable, which goes before libc's, does.
 */
#ifndef PEP_TESTS_FAILING_BPF_H
#define PEP_TESTS_FAILING_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>

struct failing_bpf {
	enum bpf_cmd command;
	const char *name;    /* of BPF_PROG_LOAD or BPF_MAP_CREATE: this one, each time that it is tried */
	unsigned int nth;    /* of the others: this one alone, from 1 */
	int error;           /* 0 = the program reads what nobody wrote: the verifier's own refusal */
};

/* From now on; NULL = no more. */
void failing_bpf_set(const struct failing_bpf *which);
/* Whether it has failed since it was set. */
bool failing_bpf_done(void);

#endif
