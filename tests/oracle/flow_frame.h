/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The bytes of a packet: a frame in which the parser has to find just that packet. */
#ifndef PEP_TESTS_FLOW_FRAME_H
#define PEP_TESTS_FLOW_FRAME_H

#include "oracle.h"
#include "rng.h"

#define FLOW_FRAME_MAX 512u

/*
 * Fills `frame`, which has room for FLOW_FRAME_MAX, and returns its size, at least
 * 14. What the packet leaves open (inner tags, options, extension headers, payload,
 * where a damaged one is cut) is chosen. The interface and the flow's share are not in
 * the bytes.
 */
size_t flow_frame(const struct oracle_packet *packet, struct rng *rng, uint8_t *frame);

#endif
