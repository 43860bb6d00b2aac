/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The kernel's counters of TCP connections of this network namespace (/proc/net/snmp, RFC 4022).
 * Where all three are as they were, no connection was opened or accepted since, and as many are
 * established.
 */
#ifndef PEP_SERVER_TCP_TALLY_H
#define PEP_SERVER_TCP_TALLY_H

#include "common/macros.h"

struct tcp_tally {
	uint64_t active, passive; /* opens since the namespace is there; they only grow */
	uint64_t established;     /* now, or closed by the peer alone */
};

/* 0 or -errno; -EBADMSG = the file does not have them. */
int tcp_tally_read(struct tcp_tally *ret);
/* The same from the file's text. */
int tcp_tally_parse(const char *text, struct tcp_tally *ret);
bool tcp_tally_equal(const struct tcp_tally *a, const struct tcp_tally *b);

#endif
