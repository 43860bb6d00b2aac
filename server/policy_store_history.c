/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Commits as records of the journal, and the last of them in memory: who made which revision, and
 * what it takes to undo it. A record's payload is a packed Commit behind its size, then the packed
 * Delta, so that nobody has to read a large change to list it.
 */
#include <errno.h>
#include <stdio.h>

#include "common/arena.h"
#include "common/little_endian.h"
#include "server/policy_store_internal.h"

#define META_BUDGET ((size_t)64 << 20) /* a request's effects are a byte a change */

struct parts {
	const uint8_t *meta, *delta;
	size_t meta_size, delta_size;
};

static int split(const void *payload, size_t size, struct parts *ret)
{
	const uint8_t *bytes = payload;
	uint32_t meta;

	if (size < sizeof(meta))
		return -EINVAL;
	meta = get32(bytes);
	if (meta > size - sizeof(meta))
		return -EINVAL;
	*ret = (struct parts){bytes + sizeof(meta), bytes + sizeof(meta) + meta, meta,
		size - sizeof(meta) - meta};
	return 0;
}

void store_record_free(struct store_record *r)
{
	if (r)
		free(r->payload);
	free(r);
}

/* --- a transaction's */

/* What waits to be confirmed behind it: itself, or as before when policies just end. */
static struct store_confirm waits_behind(const struct store *s, const struct tx *tx,
	const struct store_clock *clock)
{
	if (tx->kind == STORE_END)
		return s->next_confirm;
	return (struct store_confirm){tx->confirm_timeout ? tx->revision : 0,
		clock->boottime + tx->confirm_timeout};
}

static int pack(const Pepctl__Journal__Commit *m, const uint8_t *delta, size_t delta_size,
	struct store_record *ret)
{
	uint32_t meta = (uint32_t)pepctl__journal__commit__get_packed_size(m);

	ret->size = sizeof(meta) + meta + delta_size;
	ret->payload = malloc(ret->size);
	if (!ret->payload)
		return -ENOMEM;
	put32(ret->payload, meta);
	pepctl__journal__commit__pack(m, ret->payload + sizeof(meta));
	memcpy(ret->payload + sizeof(meta) + meta, delta, delta_size);
	return 0;
}

static int fill_commit(struct store *s, struct tx *tx, const uint8_t *delta, size_t size)
{
	Pepctl__Journal__Deadline confirm;
	Pepctl__Journal__Request request;
	Pepctl__Journal__Commit m;
	struct store_clock clock;
	char command[sizeof(tx->author.command)];
	int r;

	pepctl__journal__commit__init(&m);
	memcpy(command, tx->author.command, sizeof(command));
	s->backend.clock(s->backend.data, &clock);
	s->next_confirm = waits_behind(s, tx, &clock);
	deadline_pack(&clock, s->next_confirm.boottime, &confirm);
	m.revision = tx->revision;
	m.time = clock.time;
	m.uid = tx->author.uid;
	m.pid = tx->author.pid;
	m.command = command;
	m.comment = tx->comment;
	m.changes = tx->lines;
	m.n_changes = tx->line_count;
	m.changes_total = tx->line_total;
	m.confirm = s->next_confirm.revision ? &confirm : NULL;
	m.confirm_revision = s->next_confirm.revision == tx->revision ? 0 : s->next_confirm.revision;
	m.request = request_pack(tx, clock.time, &request);
	r = *tx->request_id && !m.request ? -ENOMEM : pack(&m, delta, size, tx->record);
	free(request.effects.data);
	return r;
}

int commit_record(struct store *s, struct tx *tx, const struct store_config *former)
{
	_cleanup_free_ uint8_t *delta = NULL;
	size_t size = 0;

	tx->record = calloc(1, sizeof(*tx->record));
	if (!tx->record || delta_make(s, former, &delta, &size) < 0)
		return -ENOMEM;
	tx->record->kind = RECORD_COMMIT;
	tx->record->revision = tx->revision;
	tx->record->sequence = ++s->sequence;
	return fill_commit(s, tx, delta, size);
}

/* Also a payload: it has at most 11 bytes. */
static size_t pack_confirmed(uint64_t revision, uint8_t ret[static RECORD_CONFIRMED_SIZE])
{
	Pepctl__Journal__Confirmed m;

	pepctl__journal__confirmed__init(&m);
	m.revision = revision;
	return pepctl__journal__confirmed__pack(&m, ret);
}

int confirm_record(struct store *s, struct tx *tx)
{
	tx->record = calloc(1, sizeof(*tx->record));
	if (!tx->record)
		return -ENOMEM;
	tx->record->kind = RECORD_CONFIRMED;
	tx->record->revision = s->next_confirm.revision;
	tx->record->sequence = ++s->sequence;
	tx->record->payload = malloc(RECORD_CONFIRMED_SIZE);
	if (!tx->record->payload)
		return -ENOMEM;
	tx->record->size = pack_confirmed(tx->record->revision, tx->record->payload);
	s->next_confirm = (struct store_confirm){0};
	return 0;
}

/* --- the last ones */

static void drop_oldest(struct history *h)
{
	struct store_record *oldest = h->items[h->first];

	h->items[h->first] = NULL;
	h->first = (h->first + 1) % STORE_HISTORY_MAX;
	h->count--;
	h->bytes -= oldest->size;
	store_record_free(oldest);
}

void history_clear(struct history *h)
{
	while (h->count)
		drop_oldest(h);
}

struct store_record *history_at(const struct history *h, size_t i)
{
	return i < h->count ? h->items[(h->first + i) % STORE_HISTORY_MAX] : NULL;
}

static struct store_record *newest(const struct history *h)
{
	return h->count ? history_at(h, h->count - 1) : NULL;
}

/* Takes it over. The newest stays, however large: it may have to be undone. */
void history_push(struct history *h, struct store_record *record)
{
	if (newest(h) && newest(h)->revision + 1 != record->revision)
		history_clear(h);
	if (h->count == STORE_HISTORY_MAX)
		drop_oldest(h);
	h->items[(h->first + h->count++) % STORE_HISTORY_MAX] = record;
	h->bytes += record->size;
	while (h->count > 1 && h->bytes > STORE_HISTORY_BYTES)
		drop_oldest(h);
}

void history_confirmed(struct history *h, uint64_t revision, uint64_t sequence)
{
	struct store_record *last = newest(h);

	if (!last)
		return;
	last->confirmed = sequence;
	last->confirms = revision;
}

uint64_t store_oldest(const struct store *s)
{
	return s->history.count ? history_at(&s->history, 0)->revision - 1 : s->revision;
}

const uint8_t *store_commit_at(const struct store *s, size_t index, size_t *ret_size)
{
	const struct store_record *record =
		index < s->history.count ? history_at(&s->history, s->history.count - 1 - index) : NULL;
	struct parts parts;

	if (!record || split(record->payload, record->size, &parts))
		return NULL;
	*ret_size = parts.meta_size;
	return parts.meta;
}

int history_undo(struct store *s, uint64_t target, struct error *err)
{
	int r = 0;

	for (size_t i = s->history.count; i-- > 0 && !r;) {
		const struct store_record *record = history_at(&s->history, i);
		struct parts parts;

		if (!record || record->revision <= target)
			break;
		r = split(record->payload, record->size, &parts);
		if (!r)
			r = delta_apply(s, parts.delta, parts.delta_size, true, err);
	}
	return r;
}

int history_records(struct store *s, struct journal_record **ret, size_t *ret_count)
{
	struct journal_record *records = calloc(2 * s->history.count + 2, sizeof(*records));
	size_t count = 0;
	int r;

	if (!records)
		return -ENOMEM;
	for (size_t i = 0; i < s->history.count; i++) {
		struct store_record *from = history_at(&s->history, i);

		records[count++] =
			(struct journal_record){RECORD_COMMIT, from->sequence, from->payload, from->size};
		if (from->confirmed)
			records[count++] = (struct journal_record){RECORD_CONFIRMED, from->confirmed,
				from->confirmed_payload, pack_confirmed(from->confirms, from->confirmed_payload)};
	}
	r = requests_record(s, &records[count]);
	if (r < 0) {
		free(records);
		return r;
	}
	*ret = records;
	*ret_count = count + !r;
	return 0;
}

/* --- read again at the start */

static int damaged(struct error *err, const char *what)
{
	return error_set(err, ERROR_PRECONDITION, "JOURNAL", "a record of the journal is no %s", what);
}

static int keep(struct store *s, const struct journal_record *from, uint64_t revision)
{
	struct store_record *record = calloc(1, sizeof(*record));

	if (record)
		record->payload = malloc(from->size + 1);
	if (!record || !record->payload) {
		store_record_free(record);
		return -ENOMEM;
	}
	record->kind = RECORD_COMMIT;
	record->sequence = from->sequence;
	record->revision = revision;
	record->size = from->size;
	memcpy(record->payload, from->payload, from->size);
	history_push(&s->history, record);
	return 0;
}

/* What is left of it now, in another boot too. */
static void read_deadline(struct store *s, uint64_t revision, const Pepctl__Journal__Deadline *m)
{
	struct store_clock clock;

	s->next_confirm = (struct store_confirm){0};
	if (!m)
		return;
	s->backend.clock(s->backend.data, &clock);
	s->next_confirm.revision = revision;
	s->next_confirm.boottime = deadline_read(&clock, m->boottime, m->time, m->boot_id);
}

/* Whether it follows the state file, or is in it already. */
static int redo(struct store *s, const struct journal_record *record, uint64_t revision,
	const struct parts *parts, struct error *err)
{
	int r;

	if (record->sequence <= s->restored_sequence)
		return 0;
	if (revision != s->next_revision + 1)
		return error_set(err, ERROR_PRECONDITION, "STATE_OLD",
			"the journal goes on with revision %llu, but the state file has revision %llu; put the "
			"state file that belongs to it back, or remove the journal to begin with that revision",
			(unsigned long long)revision, (unsigned long long)s->next_revision);
	sets_begin(s);
	r = delta_apply(s, parts->delta, parts->delta_size, false, err);
	undo_forget(s);
	s->next_revision = revision;
	return r;
}

/*
 * Its sync failed, so it was undone, and the state file written without it: then came the crash that
 * left it here. It must not be kept, and no other with its revision may follow it.
 */
static bool was_undone(struct store *s, const struct journal_record *record, uint64_t revision)
{
	bool undone = record->sequence <= s->restored_sequence && revision > s->next_revision;

	s->unsure |= undone;
	return undone;
}

static int take_commit(struct store *s, const struct journal_record *record,
	const Pepctl__Journal__Commit *m, const struct parts *parts, struct error *err)
{
	int r = redo(s, record, m->revision, parts, err);

	if (r)
		return r;
	if ((m->request && request_read(s, m->request) < 0) || keep(s, record, m->revision) < 0)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	read_deadline(s, m->confirm_revision ? m->confirm_revision : m->revision, m->confirm);
	return 0;
}

static int read_commit(struct store *s, const struct journal_record *record, struct error *err)
{
	Pepctl__Journal__Commit *m = NULL;
	struct arena arena;
	struct parts parts;
	int r = split(record->payload, record->size, &parts);

	arena_init(&arena, META_BUDGET);
	if (!r)
		m = pepctl__journal__commit__unpack(&arena.allocator, parts.meta_size, parts.meta);
	if (!m)
		r = damaged(err, "commit");
	else if (!was_undone(s, record, m->revision))
		r = take_commit(s, record, m, &parts, err);
	arena_deinit(&arena);
	return r;
}

static int read_confirmed(struct store *s, const struct journal_record *record, struct error *err)
{
	Pepctl__Journal__Confirmed *m =
		pepctl__journal__confirmed__unpack(NULL, record->size, record->payload);

	if (!m)
		return damaged(err, "confirmation");
	history_confirmed(&s->history, m->revision, record->sequence);
	if (s->next_confirm.revision == m->revision)
		s->next_confirm = (struct store_confirm){0};
	pepctl__journal__confirmed__free_unpacked(m, NULL);
	return 0;
}

int store_replay(void *data, const struct journal_record *record, struct error *err)
{
	struct store *s = data;

	s->sequence = MAX(s->sequence, record->sequence);
	switch (record->kind) {
	case RECORD_COMMIT:
		return read_commit(s, record, err);
	case RECORD_CONFIRMED:
		return read_confirmed(s, record, err);
	case RECORD_REQUESTS:
		return requests_read(s, record, err);
	case RECORD_LEASES:
		s->leases_sequence = record->sequence;
		return record->sequence > s->restored_sequence ?
			       leases_read(s, record->payload, record->size, err) : 0;
	default:
		return error_set(err, ERROR_PRECONDITION, "JOURNAL",
			"a record of the journal has the unknown kind %u; it is of a newer version", record->kind);
	}
}
