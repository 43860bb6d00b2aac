/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Leases on the disk: what a transaction changed as a record of the journal, all of them as a part of
 * the state folder. Both are the boot's id, because expiries are of that boot, then a list of leases.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "server/lease_codec.h"
#include "server/policy_store_internal.h"

#define BOOT_ID_SIZE sizeof(((struct store_clock *)0)->boot_id)
#define PIECE        4096u
#define AHEAD        8u

static struct lease_clock begin(const struct store *s, struct store_clock *clock, struct lease_writer *writer)
{
	struct lease_clock both;

	s->backend.clock(s->backend.data, clock);
	both = (struct lease_clock){(uint64_t)clock->boottime, (uint64_t)clock->time};
	if (writer)
		lease_writer_init(writer, &both);
	return both;
}

static int finish(struct lease_writer *writer, const struct store_clock *clock, uint8_t **ret, size_t *ret_size)
{
	_cleanup_free_ uint8_t *list = NULL;
	size_t size = 0;
	int r = lease_writer_finish(writer, &list, &size);

	lease_writer_deinit(writer);
	if (r)
		return r;
	*ret = malloc(BOOT_ID_SIZE + size);
	if (!*ret)
		return -ENOMEM;
	memcpy(*ret, clock->boot_id, BOOT_ID_SIZE);
	memcpy(*ret + BOOT_ID_SIZE, list, size);
	*ret_size = BOOT_ID_SIZE + size;
	return 0;
}

/* As it is now, whatever the transaction did to it on the way. */
static int write_lease(const struct store *s, struct lease_writer *writer, const struct lease *l)
{
	const char *set = s->work[l->set].next.name;
	const char *owner = lease_table_owner_name(&s->leases, l->owner);
	uint32_t id = lease_table_find(&s->leases, l->set, &l->member, l->owner);

	if (id == LEASE_NONE)
		return lease_writer_release(writer, set, owner, &l->member);
	return lease_writer_hold(writer, set, owner, &l->member, lease_table_at(&s->leases, id).expiry);
}

int lease_record(struct store *s, struct tx *tx, size_t from)
{
	struct lease_writer writer;
	struct store_clock clock;
	int r = 0;

	if (from == s->lease_undo_count)
		return 0;
	begin(s, &clock, &writer);
	tx->lease_record = calloc(1, sizeof(*tx->lease_record));
	for (size_t i = from; i < s->lease_undo_count && !r; i++)
		r = write_lease(s, &writer, &s->lease_undo[i].lease);
	if (!tx->lease_record || r) {
		lease_writer_deinit(&writer);
		return -ENOMEM;
	}
	tx->lease_record->kind = RECORD_LEASES;
	tx->lease_record->sequence = ++s->sequence;
	return finish(&writer, &clock, &tx->lease_record->payload, &tx->lease_record->size);
}

int leases_render(struct store *s, struct state_part *part, size_t *ret_count)
{
	struct lease_writer writer;
	struct store_clock clock;
	uint8_t *bytes = NULL;
	int r = 0;

	*ret_count = s->leases.count;
	if (!s->leases.count)
		return 0;
	snprintf(part->name, sizeof(part->name), "sets/@leases.%" PRIu64, s->leases_sequence);
	if (s->leases_filed == s->leases_sequence)
		return 1;
	begin(s, &clock, &writer);
	for (uint8_t id = 0; id < STORE_SETS_MAX && r >= 0; id++)
		for (uint64_t cursor = 0; lease_table_count(&s->leases, id) && r >= 0;)
			if ((r = lease_writer_hold_all(&writer, &s->leases, id, s->sets[id].name, &cursor, PIECE)) == 0)
				break;
	if (r < 0) {
		lease_writer_deinit(&writer);
		return r;
	}
	r = finish(&writer, &clock, &bytes, &part->size);
	part->text = (char *)bytes;
	return r ? r : 1;
}

/* --- read again */

struct reading {
	struct store *s;
	struct lease_list list;
	struct lease_clock now;
	bool moved; /* the expiries are of another boot */
};

static uint64_t expiry_of(const struct reading *d, const struct lease_op *op, uint32_t i)
{
	uint64_t expiry = lease_op_expiry(op, i);

	return d->moved ? lease_expiry_move(expiry, &d->list.clock, &d->now) : expiry;
}

/* 0 = it has ended; so has what lies in a set that is gone. */
static int redo_member(struct reading *d, uint8_t set, uint32_t owner, const struct lease_op *op, uint32_t i)
{
	struct member m = lease_op_member(op, i);
	uint64_t expiry = expiry_of(d, op, i);
	struct store *s = d->s;
	bool was;
	int r;

	if (op->release || (expiry && expiry <= d->now.boot)) {
		was = lease_table_remove(&s->leases, set, &m, owner);
		return was && !lease_table_held(&s->leases, set, &m) ? leases_flip(s, set, &m, false) : 0;
	}
	was = lease_table_held(&s->leases, set, &m);
	r = lease_table_put(&s->leases, set, &m, owner, expiry);
	return r < 0 ? r : was ? 0 : leases_flip(s, set, &m, true);
}

/* One growth instead of many: a part of the state folder has all leases in few operations. */
static int make_room(struct store *s, uint8_t set, uint32_t owner, const struct lease_op *op)
{
	bool v4 = lease_op_member(op, 0).family == 4;
	size_t counts[2] = {v4 ? op->count : 0, v4 ? 0 : op->count};
	int r = lease_table_reserve(&s->leases, set, owner, counts[0], counts[1]);

	return r ? r : member_set_reserve(&s->work[set].held_added, counts[0], counts[1]);
}

/* What redo_member() is going to need: it waits for memory more than it works. */
static void prefetch(const struct store *s, uint8_t set, const struct lease_op *op, uint32_t i)
{
	struct member m;

	if (i + 2 * AHEAD < op->count) {
		m = lease_op_member(op, i + 2 * AHEAD);
		lease_table_prefetch_bucket(&s->leases, set, &m);
		member_set_prefetch(&s->work[set].held_added, &m);
	}
	if (i + AHEAD < op->count) {
		m = lease_op_member(op, i + AHEAD);
		lease_table_prefetch_first(&s->leases, set, &m);
	}
}

static int redo_op(struct reading *d, const struct lease_op *op)
{
	const struct lease_name *owner = &d->list.owners[op->owner], *name = &d->list.sets[op->set];
	char text[POLICY_NAME_MAX + 1];
	uint32_t number;
	uint8_t set;
	int r;

	snprintf(text, sizeof(text), "%.*s", (int)name->length, name->bytes);
	set = sets_find(d->s, text);
	if (set == NO_SET)
		return 0;
	r = lease_table_ref_owner(&d->s->leases, owner->bytes, owner->length, &number);
	if (r)
		return r;
	if (!op->release)
		r = make_room(d->s, set, number, op);
	for (uint32_t i = 0; i < op->count && !r; i++) {
		prefetch(d->s, set, op, i);
		r = redo_member(d, set, number, op, i);
	}
	lease_table_unref_owner(&d->s->leases, number);
	return r;
}

int leases_forget(struct store *s, uint8_t id)
{
	uint32_t at;
	int r = 0;

	while (!r && (at = lease_table_last(&s->leases, id)) != LEASE_NONE) {
		struct lease l = lease_table_at(&s->leases, at);

		lease_table_remove_at(&s->leases, at);
		if (!lease_table_held(&s->leases, id, &l.member))
			r = leases_flip(s, id, &l.member, false);
	}
	return r;
}

int leases_read(struct store *s, const void *data, size_t size, struct error *err)
{
	struct reading d = {.s = s};
	struct store_clock clock;
	int r = -EINVAL;

	d.now = begin(s, &clock, NULL);
	if (size >= BOOT_ID_SIZE)
		r = lease_list_read((const uint8_t *)data + BOOT_ID_SIZE, size - BOOT_ID_SIZE, &d.list);
	if (r == -EINVAL)
		return error_set(err, ERROR_PRECONDITION, "STATE_DAMAGED", "it is no list of leases");
	d.moved = memcmp(data, clock.boot_id, BOOT_ID_SIZE) != 0;
	for (size_t i = 0; i < d.list.op_count && !r; i++)
		r = redo_op(&d, &d.list.ops[i]);
	lease_list_deinit(&d.list);
	return r ? error_set(err, ERROR_LIMIT, "MEMORY", "out of memory") : 0;
}
