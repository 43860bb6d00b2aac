/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/journal_format.h"

#include <endian.h>
#include <errno.h>

#define MAGIC   "PEPJRNL\n"
#define VERSION 1u

uint32_t journal_crc32c(uint32_t crc, const void *data, size_t size)
{
	static const uint32_t table[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
		0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
	const uint8_t *bytes = data;

	crc = ~crc;
	for (size_t i = 0; i < size; i++) {
		crc ^= bytes[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

static void put32(uint8_t *to, uint32_t value)
{
	value = htole32(value);
	memcpy(to, &value, sizeof(value));
}

static void put64(uint8_t *to, uint64_t value)
{
	value = htole64(value);
	memcpy(to, &value, sizeof(value));
}

static uint32_t get32(const uint8_t *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return le32toh(value);
}

static uint64_t get64(const uint8_t *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	return le64toh(value);
}

void journal_format_file(uint8_t out[JOURNAL_FILE_HEADER], uint64_t id)
{
	memcpy(out, MAGIC, sizeof(MAGIC) - 1); /* NOLINT(bugprone-not-null-terminated-result) */
	put32(out + 8, VERSION);
	put64(out + 12, id);
	put32(out + 20, journal_crc32c(0, out, 20));
}

const char *journal_parse_file(const uint8_t *data, size_t size, uint64_t *ret_id)
{
	if (size < JOURNAL_FILE_HEADER || memcmp(data, MAGIC, 8) != 0)
		return "it does not begin as a journal does";
	if (get32(data + 20) != journal_crc32c(0, data, 20))
		return "the checksum of its first bytes is wrong";
	if (get32(data + 8) != VERSION)
		return "another version of pepctld wrote it";
	*ret_id = get64(data + 12);
	return NULL;
}

static uint32_t record_crc(const uint8_t *header, uint64_t id, const void *payload, size_t size)
{
	uint8_t seed[8];
	uint32_t crc;

	put64(seed, id);
	crc = journal_crc32c(0, seed, sizeof(seed));
	crc = journal_crc32c(crc, header, 16);
	return journal_crc32c(crc, payload, size);
}

void journal_format_record(uint8_t out[JOURNAL_RECORD_HEADER], uint64_t id,
	const struct journal_record *record, unsigned int flags)
{
	put32(out, (uint32_t)record->size);
	out[4] = record->kind;
	out[5] = (uint8_t)flags;
	out[6] = out[7] = 0;
	put64(out + 8, record->sequence);
	put32(out + 16, record_crc(out, id, record->payload, record->size));
}

struct parsed {
	struct journal_record record;
	unsigned int flags;
};

/* Whether a good record begins there, later than `after`. The cheap tests come first. */
static bool parse_record(
	const uint8_t *data, size_t size, uint64_t id, uint64_t after, struct parsed *ret)
{
	if (size < JOURNAL_RECORD_HEADER || data[5] > (JOURNAL_FIRST | JOURNAL_LAST) || data[6] || data[7])
		return false;
	*ret = (struct parsed){
		.record = {data[4], get64(data + 8), data + JOURNAL_RECORD_HEADER, get32(data)},
		.flags = data[5],
	};
	return ret->record.sequence > after && ret->record.size <= JOURNAL_PAYLOAD_MAX &&
		ret->record.size <= size - JOURNAL_RECORD_HEADER &&
		get32(data + 16) == record_crc(data, id, ret->record.payload, ret->record.size);
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
 * A group is only ever begun when all before it is on the disk. So one that begins behind
 * wrong bytes shows that they were right once; other records may be of the group cut short.
 */
static bool group_follows(
	const uint8_t *data, size_t size, size_t at, uint64_t id, uint64_t after)
{
	struct parsed next;

	for (; at < size; at++)
		if (parse_record(data + at, size - at, id, after, &next) && next.flags & JOURNAL_FIRST)
			return true;
	return false;
}

int journal_scan(const uint8_t *data, size_t size, struct journal_scan *ret)
{
	size_t at = JOURNAL_FILE_HEADER, count = 0;
	uint64_t id = 0, after = 0;
	bool inside = false;
	struct parsed next;

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
	if (group_follows(data, size, at, id, after))
		ret->damage = "a record in it is wrong and others follow";
	return 0;
}
