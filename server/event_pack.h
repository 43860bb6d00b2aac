/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * pepctl.v1.Event written by hand: a million times a second, the generated
 * code's detour over a struct of pointers costs more than all else that the hub
 * does with an event. The bytes are the same as the generated code's.
 */
#ifndef PEP_SERVER_EVENT_PACK_H
#define PEP_SERVER_EVENT_PACK_H

#include "server/event_hub.h"

#define EVENT_PACK_MAX 640u        /* bytes of any packet event */
#define EVENT_PACK_CONTROL_MAX                                                                     \
	160u /* bytes of a loss or a marker with an id of up to 31 characters */
#define EVENT_PACK_HEAD_MAX 22u    /* bytes of seq and time */

/* Each returns the size of what it wrote at `out`. */
size_t event_pack(
	uint64_t seq, const struct hub_packet *packet, uint8_t out[static EVENT_PACK_MAX]);
size_t event_pack_lost(int64_t time, uint64_t count, uint64_t suppressed, uint64_t ring_full,
	uint8_t out[static EVENT_PACK_CONTROL_MAX]);
size_t event_pack_marker(int64_t time, const struct hub_accounting *accounting,
	const char *subscription, uint8_t out[static EVENT_PACK_CONTROL_MAX]);
/* seq and time, which go before the body of a change. */
size_t event_pack_head(uint64_t seq, int64_t time, uint8_t out[static EVENT_PACK_HEAD_MAX]);

/* "eth-short", ...; "" for PEP_PARSE_OK. */
const char *event_parse_error_name(enum pep_parse_error error);

#endif
