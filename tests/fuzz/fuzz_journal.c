/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Any bytes as a journal: what is read of it stands in it, in order, and is read again from the
 * good part alone; damage is told exactly where a search at every offset finds a group.
 *
 * The last byte is not of the journal: bit 0 = the file's header is made right, bit 1 = those of
 * the records are, as a checksum is not found by mutation; bit 2 = a length beyond the end is too.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/little_endian.h"
#include "server/journal_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_RIGHT = 1, RECORDS_RIGHT = 2, LENGTHS_RIGHT = 4 };

static void must(int condition)
{
	if (!condition)
		abort();
}

/* --- checksums made right */

/* Returns how long the record is; 0 = it goes beyond the end. */
static size_t make_record_right(uint8_t *data, size_t size, uint64_t id, unsigned int how)
{
	struct journal_record record = {.kind = data[4], .sequence = get64(data + 8)};

	record.payload = data + JOURNAL_RECORD_HEADER;
	record.size = get32(data);
	if (record.size > size - JOURNAL_RECORD_HEADER) {
		if (!(how & LENGTHS_RIGHT))
			return 0;
		record.size %= size - JOURNAL_RECORD_HEADER + 1;
	}
	journal_format_record(data, id, &record, data[5] & (JOURNAL_FIRST | JOURNAL_LAST));
	return JOURNAL_RECORD_HEADER + record.size;
}

static void make_right(uint8_t *data, size_t size, unsigned int how)
{
	size_t at = JOURNAL_FILE_HEADER, length = 1;

	if (size < JOURNAL_FILE_HEADER)
		return;
	if (how & FILE_RIGHT)
		journal_format_file(data, get64(data + 12));
	while (how & RECORDS_RIGHT && length && size - at >= JOURNAL_RECORD_HEADER) {
		length = make_record_right(data + at, size - at, get64(data + 12), how);
		at += length;
	}
}

/* --- what must hold */

/* Whether there is a record; the slow and plain way. */
static bool is_record(const uint8_t *data, size_t size, uint64_t id, uint64_t after)
{
	uint8_t wanted[JOURNAL_RECORD_HEADER];
	struct journal_record record;

	if (size < JOURNAL_RECORD_HEADER || get32(data) > size - JOURNAL_RECORD_HEADER ||
		data[5] > (JOURNAL_FIRST | JOURNAL_LAST) || get64(data + 8) <= after)
		return false;
	record = (struct journal_record){
		data[4], get64(data + 8), data + JOURNAL_RECORD_HEADER, get32(data)};
	journal_format_record(wanted, id, &record, data[5]);
	return memcmp(wanted, data, sizeof(wanted)) == 0;
}

/* The records that stand one after the other, also those of a group without an end. */
static size_t walk(const uint8_t *data, size_t size, uint64_t id, uint64_t *ret_after)
{
	size_t at = JOURNAL_FILE_HEADER;
	bool inside = false;

	*ret_after = 0;
	while (is_record(data + at, size - at, id, *ret_after) &&
		inside == !(data[at + 5] & JOURNAL_FIRST)) {
		inside = !(data[at + 5] & JOURNAL_LAST);
		*ret_after = get64(data + at + 8);
		at += JOURNAL_RECORD_HEADER + get32(data + at);
	}
	return at;
}

static bool is_damaged(const uint8_t *data, size_t size)
{
	uint64_t id = get64(data + 12), after;
	size_t at = walk(data, size, id, &after);

	for (; at < size; at++)
		if (is_record(data + at, size - at, id, after) && data[at + 5] & JOURNAL_FIRST)
			return true;
	return false;
}

static void check_records(const struct journal_scan *scan, const uint8_t *data, size_t size)
{
	size_t at = JOURNAL_FILE_HEADER, group = at;
	uint64_t last = 0;

	for (size_t i = 0; i < scan->count; i++) {
		const struct journal_record *r = &scan->records[i];

		must(is_record(data + at, size - at, get64(data + 12), last));
		group = data[at + 5] & JOURNAL_FIRST ? at : group;
		must(r->payload == data + at + JOURNAL_RECORD_HEADER &&
			r->size == get32(data + at));
		must(r->kind == data[at + 4] && r->sequence == get64(data + at + 8));
		last = r->sequence;
		at += JOURNAL_RECORD_HEADER + r->size;
	}
	must(at == scan->good && group == scan->tail);
}

static bool is_same(const struct journal_record *a, const struct journal_record *b)
{
	return a->kind == b->kind && a->sequence == b->sequence && a->payload == b->payload &&
	       a->size == b->size;
}

/* Of fewer bytes the same is read, as far as they go. */
static void check_cut(const struct journal_scan *scan, const uint8_t *data, size_t size)
{
	struct journal_scan cut;

	must(journal_scan(data, size, &cut) == 0);
	must(cut.count <= scan->count && cut.good <= scan->good && cut.tail <= scan->tail);
	for (size_t i = 0; i < cut.count; i++)
		must(is_same(&cut.records[i], &scan->records[i]));
	if (size >= scan->good)
		must(cut.count == scan->count && cut.good == scan->good && cut.tail == scan->tail);
	if (size == scan->good)
		must(!cut.damage);
	journal_scan_deinit(&cut);
}

static void check(const uint8_t *data, size_t size, unsigned int cut)
{
	struct journal_scan scan;
	uint64_t id;

	must(journal_scan(data, size, &scan) == 0);
	must(scan.tail <= scan.good && scan.good <= size);
	if (journal_parse_file(data, size, &id)) {
		must(scan.damage && !scan.count && !scan.good);
	} else {
		check_records(&scan, data, size);
		must((scan.damage != NULL) == is_damaged(data, size));
		check_cut(&scan, data, scan.good);
		if (size > JOURNAL_FILE_HEADER)
			check_cut(&scan, data, size - cut % (size - JOURNAL_FILE_HEADER));
	}
	journal_scan_deinit(&scan);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	unsigned int how = size ? bytes[--size] : 0;
	/* Of its own size, so that a byte too far is seen. */
	uint8_t *data = malloc(size + !size);

	must(data != NULL);
	memcpy(data, bytes, size);
	check(data, size, how);
	make_right(data, size, how);
	check(data, size, how);
	free(data);
	return 0;
}
