/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>

#include "common/little_endian.h"
#include "server/lease_codec_internal.h"

struct writer_owner {
	struct table_node node;
	size_t at; /* of the name's length in the bytes */
	uint32_t index;
};

static int fail(struct lease_writer *w, int error)
{
	if (!w->error)
		w->error = error;
	return w->error;
}

/* NULL: there is no memory. */
static uint8_t *extend(struct lease_writer *w, size_t size)
{
	uint8_t *end;

	if (size > w->room - w->size) {
		size_t room = MAX(w->room + w->room / 2, w->size + size + 256);

		end = realloc(w->data, room);
		if (!end) {
			fail(w, -ENOMEM);
			return NULL;
		}
		w->data = end;
		w->room = room;
	}
	end = w->data + w->size;
	w->size += size;
	return end;
}

void lease_writer_init(struct lease_writer *writer, const struct lease_clock *clock)
{
	uint8_t *header;

	*writer = (struct lease_writer){0};
	header = extend(writer, HEADER_SIZE);
	if (!header)
		return;
	put32(header, VERSION);
	put64(header + 12, clock->boot);
	put64(header + 20, clock->wall);
}

void lease_writer_deinit(struct lease_writer *writer)
{
	for (size_t i = 0; i < writer->owners.size; i++)
		while (writer->owners.buckets[i]) {
			struct table_node *node = writer->owners.buckets[i];

			writer->owners.buckets[i] = node->next;
			free(CONTAINER_OF(node, struct writer_owner, node));
		}
	table_deinit(&writer->owners);
	free(writer->data);
	*writer = (struct lease_writer){0};
}

/* --- names */

static bool name_is(const struct lease_writer *w, size_t at, const char *name)
{
	size_t length = w->data[at];

	return strncmp(name, (const char *)w->data + at + 1, length) == 0 && !name[length];
}

/* Returns where its length stands, or 0. */
static size_t write_name(struct lease_writer *w, const char *name, bool owner)
{
	size_t length = strnlen(name, LEASE_OWNER_MAX + 1);
	uint8_t *entry;

	if (!lease_name_valid(name, length, owner)) {
		fail(w, -EINVAL);
		return 0;
	}
	entry = extend(w, NAME_HEADER + length);
	if (!entry)
		return 0;
	w->run.at = 0;
	entry[0] = owner ? ENTRY_OWNER : ENTRY_SET;
	entry[1] = (uint8_t)length;
	memcpy(entry + NAME_HEADER, name, length);
	return w->size - length - 1;
}

static int find_set(struct lease_writer *w, const char *name, uint8_t *ret)
{
	size_t i = 0;

	while (i < w->set_count && !name_is(w, w->sets[i], name))
		i++;
	if (i == LEASE_SETS)
		return fail(w, -ENOSPC);
	if (i == w->set_count) {
		w->sets[i] = write_name(w, name, false);
		if (!w->sets[i])
			return w->error;
		w->set_count++;
	}
	*ret = (uint8_t)i;
	return 0;
}

static int add_owner(struct lease_writer *w, const char *name, uint64_t hash)
{
	struct writer_owner *owner;

	if (w->owners.count >= LEASE_OWNERS_MAX)
		return fail(w, -ENOSPC);
	if (table_reserve(&w->owners, w->owners.count + 1) < 0)
		return fail(w, -ENOMEM);
	owner = malloc(sizeof(*owner));
	if (!owner)
		return fail(w, -ENOMEM);
	owner->at = write_name(w, name, true);
	if (!owner->at) {
		free(owner);
		return w->error;
	}
	owner->index = (uint32_t)w->owners.count;
	table_add(&w->owners, &owner->node, hash);
	w->owner_at = owner->at;
	w->owner = owner->index;
	return 0;
}

/* Makes it the last one. */
static int find_owner(struct lease_writer *w, const char *name)
{
	struct table_node *node;
	uint64_t hash;

	if (w->owner_at && name_is(w, w->owner_at, name))
		return 0;
	hash = table_hash(name, strnlen(name, LEASE_OWNER_MAX + 1));
	for (node = table_first(&w->owners, hash); node; node = table_next(node)) {
		const struct writer_owner *owner = CONTAINER_OF(node, struct writer_owner, node);

		if (!name_is(w, owner->at, name))
			continue;
		w->owner_at = owner->at;
		w->owner = owner->index;
		return 0;
	}
	return add_owner(w, name, hash);
}

/* --- operations */

static bool same_run(const struct lease_run *a, const struct lease_run *b)
{
	return a->kind == b->kind && a->set == b->set && a->owner == b->owner &&
	       a->expiry == b->expiry;
}

static int begin_run(struct lease_writer *w, struct lease_run run)
{
	uint8_t *header = extend(w, entry_header(run.kind));

	if (!header)
		return w->error;
	header[0] = run.kind;
	header[1] = run.set;
	put32(header + 2, run.owner);
	put32(header + COUNT_AT, 0);
	if (entry_header(run.kind) > EXPIRY_AT)
		put64(header + EXPIRY_AT, run.expiry);
	run.at = (size_t)(header - w->data) + COUNT_AT;
	w->run = run;
	return 0;
}

static int write_member(struct lease_writer *w, const struct member *member, uint64_t expiry)
{
	size_t address = entry_address(w->run.kind), stride = entry_stride(w->run.kind);
	uint8_t *to = extend(w, stride);
	uint32_t count;

	if (!to)
		return w->error;
	memcpy(to, member->bytes, address);
	to[address] = member->length;
	if (stride > address + 1)
		put64(to + address + 1, expiry);
	memcpy(&count, w->data + w->run.at, sizeof(count));
	put32(w->data + w->run.at, le32toh(count) + 1);
	return 0;
}

static int write_op(struct lease_writer *w, uint8_t kind, const char *set, const char *owner,
	const struct member *member, uint64_t expiry)
{
	struct lease_run run = {.expiry = kind == ENTRY_HOLD ? expiry : 0};

	run.kind = (uint8_t)(kind | (member->family == 6 ? ENTRY_V6 : 0));
	if (w->error || find_set(w, set, &run.set) < 0 || find_owner(w, owner) < 0)
		return w->error;
	run.owner = w->owner;
	if ((!w->run.at || !same_run(&w->run, &run)) && begin_run(w, run) < 0)
		return w->error;
	return write_member(w, member, expiry);
}

int lease_writer_hold(struct lease_writer *writer, const char *set, const char *owner,
	const struct member *member, uint64_t expiry)
{
	return write_op(writer, ENTRY_HOLD, set, owner, member, expiry);
}

int lease_writer_hold_each(struct lease_writer *writer, const char *set, const char *owner,
	const struct member *member, uint64_t expiry)
{
	return write_op(writer, ENTRY_HOLD_EACH, set, owner, member, expiry);
}

int lease_writer_release(struct lease_writer *writer, const char *set, const char *owner,
	const struct member *member)
{
	return write_op(writer, ENTRY_RELEASE, set, owner, member, 0);
}

int lease_writer_hold_all(struct lease_writer *writer, const struct lease_table *table, uint8_t id,
	const char *set, uint64_t *cursor, size_t limit)
{
	uint32_t at;

	for (; limit; limit--) {
		struct lease lease;

		if (!lease_table_next(table, id, cursor, &at))
			return writer->error;
		lease = lease_table_at(table, at);
		if (lease_writer_hold_each(writer, set, lease_table_owner_name(table, lease.owner),
			    &lease.member, lease.expiry) < 0)
			return writer->error;
	}
	return writer->error ? writer->error : 1;
}

int lease_writer_finish(struct lease_writer *writer, uint8_t **ret_data, size_t *ret_size)
{
	if (writer->error)
		return writer->error;
	put64(writer->data + 4, writer->size);
	*ret_size = writer->size;
	*ret_data = TAKE_PTR(writer->data);
	writer->size = writer->room = 0;
	writer->error = -EINVAL; /* it has been used */
	return 0;
}
