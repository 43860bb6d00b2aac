/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the writer and the reader of leases agree on. */
#ifndef PEP_SERVER_LEASE_CODEC_INTERNAL_H
#define PEP_SERVER_LEASE_CODEC_INTERNAL_H

#include "server/lease_codec.h"

#define VERSION     1u
#define HEADER_SIZE 28u

enum {
	ENTRY_SET = 1,
	ENTRY_OWNER = 2,
	ENTRY_HOLD = 4,
	ENTRY_RELEASE = 6,
	ENTRY_HOLD_EACH = 8,
};
#define ENTRY_V6    1u /* added to the last three */
#define NAME_HEADER 2u
#define COUNT_AT    6u
#define EXPIRY_AT   10u /* of a hold only */

static inline size_t entry_header(uint8_t kind)
{
	return (kind & ~ENTRY_V6) == ENTRY_HOLD ? EXPIRY_AT + 8 : EXPIRY_AT;
}

static inline size_t entry_address(uint8_t kind)
{
	return kind & ENTRY_V6 ? 16 : 4;
}

/* Bytes a member. */
static inline size_t entry_stride(uint8_t kind)
{
	return entry_address(kind) + 1 + ((kind & ~ENTRY_V6) == ENTRY_HOLD_EACH ? 8 : 0);
}

/* A set's is the ruleset's rule, without the colon. */
bool lease_name_valid(const char *name, size_t length, bool owner);

#endif
