/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/journal_format.h"

#include <errno.h>

#include "common/little_endian.h"
#include "server/crc32c.h"

#define MAGIC   "PEPJRNL\n"
#define VERSION 1u

#define SUMS_STEP 256u /* bytes */

void journal_format_file(uint8_t out[JOURNAL_FILE_HEADER], uint64_t id)
{
	memcpy(out, MAGIC, sizeof(MAGIC) - 1); /* NOLINT(bugprone-not-null-terminated-result) */
	put32(out + 8, VERSION);
	put64(out + 12, id);
	put32(out + 20, crc32c(0, out, 20));
}

const char *journal_parse_file(const uint8_t *data, size_t size, uint64_t *ret_id)
{
	if (size < JOURNAL_FILE_HEADER || memcmp(data, MAGIC, 8) != 0)
		return "it does not begin as a journal does";
	if (get32(data + 20) != crc32c(0, data, 20))
		return "the checksum of its first bytes is wrong";
	if (get32(data + 8) != VERSION)
		return "another version of pepctld wrote it";
	*ret_id = get64(data + 12);
	return NULL;
}

/* Of the file's id and the fields before it; the payload's comes after. */
static uint32_t header_crc(const uint8_t *header, uint64_t id)
{
	uint8_t seed[8];

	put64(seed, id);
	return crc32c(crc32c(0, seed, sizeof(seed)), header, 16);
}

void journal_format_record(uint8_t out[JOURNAL_RECORD_HEADER], uint64_t id,
	const struct journal_record *record, unsigned int flags)
{
	put32(out, (uint32_t)record->size);
	out[4] = record->kind;
	out[5] = (uint8_t)flags;
	out[6] = out[7] = 0;
	put64(out + 8, record->sequence);
	put32(out + 16, crc32c(header_crc(out, id), record->payload, record->size));
}

struct parsed {
	struct journal_record record;
	unsigned int flags;
};

/* Whether a record later than `after` can begin there, but for its checksum. */
static bool parse_header(const uint8_t *data, size_t size, uint64_t after, struct parsed *ret)
{
	if (size < JOURNAL_RECORD_HEADER || data[5] > (JOURNAL_FIRST | JOURNAL_LAST) || data[6] || data[7])
		return false;
	*ret = (struct parsed){
		.record = {data[4], get64(data + 8), data + JOURNAL_RECORD_HEADER, get32(data)},
		.flags = data[5],
	};
	return ret->record.sequence > after && ret->record.size <= JOURNAL_PAYLOAD_MAX &&
	       ret->record.size <= size - JOURNAL_RECORD_HEADER;
}

static bool parse_record(
	const uint8_t *data, size_t size, uint64_t id, uint64_t after, struct parsed *ret)
{
	return parse_header(data, size, after, ret) &&
	       get32(data + 16) ==
		       crc32c(header_crc(data, id), ret->record.payload, ret->record.size);
}

static int keep(struct journal_scan *scan, size_t count, const struct journal_record *record)
{
	if ((count & (count - 1)) == 0) { /* full at each power of two */
		struct journal_record *grown =
			reallocarray(scan->records, count ? 2 * count : 1, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		scan->records = grown;
	}
	scan->records[count] = *record;
	return 0;
}

/*
 * The checksums of bytes from their beginning to every SUMS_STEP-th. Those of any part come
 * from two of these, however long it is: many records that overlap are not walked one by one.
 */
struct sums {
	const uint8_t *data;
	uint32_t *at;
};

static void sums_deinit(struct sums *sums)
{
	free(sums->at);
}

static int sums_make(struct sums *sums, const uint8_t *data, size_t size)
{
	size_t count = size / SUMS_STEP + 1;

	sums->at = calloc(count, sizeof(*sums->at));
	if (!sums->at)
		return -ENOMEM;
	sums->data = data;
	for (size_t i = 1; i < count; i++)
		sums->at[i] = crc32c(sums->at[i - 1], data + (i - 1) * SUMS_STEP, SUMS_STEP);
	return 0;
}

/* From the beginning to `end`. */
static uint32_t sum_to(const struct sums *sums, const uint8_t *end)
{
	size_t size = (size_t)(end - sums->data);

	return crc32c(sums->at[size / SUMS_STEP], end - size % SUMS_STEP, size % SUMS_STEP);
}

static bool sum_is_right(const struct sums *sums, const uint8_t *header, uint64_t id, size_t size)
{
	const uint8_t *payload = header + JOURNAL_RECORD_HEADER;
	uint32_t before = header_crc(header, id) ^ sum_to(sums, payload);

	return get32(header + 16) == (crc32c_shift(before, size) ^ sum_to(sums, payload + size));
}

/*
 * A group is only ever begun when all before it is on the disk. So one that begins behind
 * wrong bytes shows that they were right once; other records may be of the group cut short.
 * 1, 0 or -ENOMEM.
 */
static int group_follows(const uint8_t *data, size_t size, uint64_t id, uint64_t after)
{
	_cleanup_(sums_deinit) struct sums sums = {0};
	struct parsed next;
	int r = 0;

	for (size_t at = 0; at < size && !r; at++) {
		if (!parse_header(data + at, size - at, after, &next) ||
			!(next.flags & JOURNAL_FIRST))
			continue;
		if (!sums.at)
			r = sums_make(&sums, data, size);
		if (!r)
			r = sum_is_right(&sums, data + at, id, next.record.size);
	}
	return r;
}

int journal_scan(const uint8_t *data, size_t size, struct journal_scan *ret)
{
	size_t at = JOURNAL_FILE_HEADER, count = 0;
	uint64_t id = 0, after = 0;
	bool inside = false;
	struct parsed next;
	int r;

	*ret = (struct journal_scan){.damage = journal_parse_file(data, size, &id)};
	if (ret->damage)
		return 0;
	ret->tail = ret->good = at;
	while (parse_record(data + at, size - at, id, after, &next) &&
		inside == !(next.flags & JOURNAL_FIRST)) {
		if (keep(ret, count, &next.record))
			return -ENOMEM;
		count++;
		at += JOURNAL_RECORD_HEADER + next.record.size;
		after = next.record.sequence;
		inside = !(next.flags & JOURNAL_LAST);
		if (!inside) {
			ret->count = count;
			ret->tail = ret->good;
			ret->good = at;
		}
	}
	r = group_follows(data + at, size - at, id, after);
	if (r > 0)
		ret->damage = "a record in it is wrong and others follow";
	return MIN(r, 0);
}
