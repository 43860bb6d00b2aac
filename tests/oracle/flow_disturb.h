/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Packets that are out of the ordinary: fragments, damaged ones, discovery, what is not IP. */
#ifndef PEP_TESTS_FLOW_DISTURB_H
#define PEP_TESTS_FLOW_DISTURB_H

#include "oracle.h"
#include "rng.h"

/* What happens to any packet on its way: 15 of 16 go on unchanged. */
void flow_disturb(struct rng *rng, struct oracle_packet *packet);

/* A packet of IPv6 becomes neighbour discovery between the same addresses. */
void flow_become_discovery(struct rng *rng, struct oracle_packet *packet);

#endif
