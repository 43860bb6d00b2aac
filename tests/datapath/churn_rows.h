/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What churn.bpf.c counts: verdicts of each flow, apart for each thread that sends. */
#ifndef PEP_TESTS_CHURN_ROWS_H
#define PEP_TESTS_CHURN_ROWS_H

#include <linux/types.h>

#define CHURN_SENDERS  2
#define CHURN_FLOWS    4
#define CHURN_ROWS     (CHURN_SENDERS * CHURN_FLOWS)
#define CHURN_VERDICTS 8
#define CHURN_MAC      0x06 /* a MAC address: this, 0, 0, 0, sender, flow */

struct churn_row {
	__u64 verdict[CHURN_VERDICTS]; /* packets, by enum xdp_action */
};

#endif
