/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A question about a packet, from the words of a person. */
#ifndef PEP_CLIENT_EXPLAIN_H
#define PEP_CLIENT_EXPLAIN_H

#include "common/arena.h"
#include "common/error.h"
#include "pepctl.pb-c.h"

/*
 * Reads `KEY VALUE...`: proto, src, dst, sport, dport, vlan, icmp-type, tcp-flags as in policy
 * lines but with one value each, length, iface, and hex, the bytes of a frame in place of the
 * other fields. Fills the request, which borrows from `arena` and the words. What is wrong
 * in itself is refused: -EINVAL with a sentence for people.
 */
int explain_read(const char *const words[], size_t count, struct arena *arena,
	Pepctl__V1__ExplainPacketRequest *ret, struct error *err);

const char *explain_key(size_t index); /* all keywords, NULL behind the last */

#endif
