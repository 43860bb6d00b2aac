/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The bytes of a journal, little-endian. The file begins with
 *   magic[8], u32 version, u64 id, u32 CRC-32C of these
 * and goes on with records, each
 *   u32 length, u8 kind, u8 flags, u16 zero, u64 sequence, u32 CRC-32C, payload.
 * A record's CRC covers the file's id, the fields before it and the payload, so that
 * bytes which an older file left on the disk never pass.
 */
#ifndef PEP_SERVER_JOURNAL_FORMAT_H
#define PEP_SERVER_JOURNAL_FORMAT_H

#include "server/journal.h"

#define JOURNAL_FILE_HEADER   24u
#define JOURNAL_RECORD_HEADER 20u

/* What is appended together is one group: read whole or not at all. */
#define JOURNAL_FIRST 1u
#define JOURNAL_LAST  2u

void journal_format_file(uint8_t out[JOURNAL_FILE_HEADER], uint64_t id);
/* NULL, or what is wrong with it. */
const char *journal_parse_file(const uint8_t *data, size_t size, uint64_t *ret_id);

void journal_format_record(uint8_t out[JOURNAL_RECORD_HEADER], uint64_t id,
	const struct journal_record *record, unsigned int flags);

/* What a file holds. */
struct journal_scan {
	struct journal_record *records; /* owned; payloads point into the file's bytes */
	size_t count;
	size_t tail; /* where the last whole group begins */
	size_t good; /* bytes, up to the end of the last whole group */
	const char *damage; /* NULL = none: what is behind `good` is a write that was cut short */
};

static inline void journal_scan_deinit(struct journal_scan *scan)
{
	free(scan->records);
}

/* 0 or -ENOMEM. */
int journal_scan(const uint8_t *data, size_t size, struct journal_scan *ret);

#endif
