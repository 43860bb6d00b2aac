/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What generate.bpf.c and generate.c share. */
#ifndef PEP_BENCH_GENERATE_H
#define PEP_BENCH_GENERATE_H

#include "packets.h"

#define GENERATE_FLOWS BENCH_FLOWS

struct generate_state {
	__u32 next;    /* flow */
	__u32 ifindex; /* to send from */
};

#endif
