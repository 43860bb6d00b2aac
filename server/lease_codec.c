/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/lease_codec.h"

#include <errno.h>

#include "common/little_endian.h"
#include "server/lease_codec_internal.h"

uint64_t lease_expiry_move(
	uint64_t expiry, const struct lease_clock *from, const struct lease_clock *to)
{
	__int128 moved = expiry;

	if (!expiry)
		return 0;
	moved += (__int128)from->wall - from->boot - to->wall + to->boot;
	return moved < 1 ? 1 : moved > UINT64_MAX ? UINT64_MAX : (uint64_t)moved;
}

bool lease_name_valid(const char *name, size_t length, bool owner)
{
	for (size_t i = 0; i < length; i++) {
		char c = name[i], lower = (char)(c | 0x20);

		if ((lower < 'a' || lower > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' &&
			c != '-' && !(owner && c == ':'))
			return false;
	}
	return length >= 1 && length <= LEASE_OWNER_MAX;
}

void lease_list_deinit(struct lease_list *list)
{
	free(list->owners);
	free(list->ops);
	*list = (struct lease_list){0};
}

struct member lease_op_member(const struct lease_op *op, uint32_t index)
{
	size_t address = entry_address(op->kind);
	const uint8_t *from = op->members + index * entry_stride(op->kind);
	struct member member = {.family = address == 4 ? 4 : 6, .length = from[address]};

	memcpy(member.bytes, from, address);
	return member;
}

uint64_t lease_op_expiry(const struct lease_op *op, uint32_t index)
{
	size_t stride = entry_stride(op->kind);

	if (op->release)
		return 0;
	/* One for all of them stands before the first. */
	return get64(op->members + (op->each ? (index + 1) * stride : 0) - 8);
}

/* --- reading; twice: what is only counted and checked has no arrays yet */

struct reader {
	const uint8_t *at, *end;
};

static const uint8_t *take(struct reader *r, size_t size)
{
	const uint8_t *at = r->at;

	if (size > (size_t)(r->end - r->at))
		return NULL;
	r->at += size;
	return at;
}

static bool read_name(struct reader *r, bool owner, struct lease_list *list)
{
	const uint8_t *header = take(r, NAME_HEADER);
	const char *name = header ? (const char *)take(r, header[1]) : NULL;
	struct lease_name *to = owner ? list->owners : list->sets;
	size_t *count = owner ? &list->owner_count : &list->set_count;

	if (!name || !lease_name_valid(name, header[1], owner) ||
		*count >= (owner ? LEASE_OWNERS_MAX : LEASE_SETS))
		return false;
	if (to)
		to[*count] = (struct lease_name){.bytes = name, .length = header[1]};
	++*count;
	return true;
}

static bool members_valid(const uint8_t *member, size_t count, uint8_t kind)
{
	size_t address = entry_address(kind), stride = entry_stride(kind);

	for (; count; count--, member += stride)
		/* Most are addresses, of which nothing can be wrong. */
		if (member[address] != 8 * address &&
			(member[address] > 8 * address ||
				member_host_bits(member, address, member[address])))
			return false;
	return true;
}

static bool read_op_header(
	struct reader *r, uint8_t kind, const struct lease_list *list, struct lease_op *ret)
{
	const uint8_t *header = take(r, entry_header(kind));

	if (!header)
		return false;
	*ret = (struct lease_op){
		.count = get32(header + COUNT_AT),
		.owner = get32(header + 2),
		.set = header[1],
		.kind = kind,
		.release = (kind & ~ENTRY_V6) == ENTRY_RELEASE,
		.each = (kind & ~ENTRY_V6) == ENTRY_HOLD_EACH,
	};
	return ret->count && ret->owner < list->owner_count && ret->set < list->set_count;
}

static bool read_op(struct reader *r, uint8_t kind, struct lease_list *list)
{
	struct lease_op op;

	if (!read_op_header(r, kind, list, &op))
		return false;
	op.members = take(r, op.count * entry_stride(kind));
	if (!op.members)
		return false;
	if (list->ops)
		list->ops[list->op_count] = op;
	else if (!members_valid(op.members, op.count, kind))
		return false;
	list->op_count++;
	list->member_count += op.count;
	return true;
}

static bool read_entries(const uint8_t *data, size_t size, struct lease_list *list)
{
	struct reader r = {.at = data + HEADER_SIZE, .end = data + size};

	list->set_count = list->owner_count = list->op_count = list->member_count = 0;
	while (r.at < r.end) {
		uint8_t kind = *r.at;
		bool good = false;

		if (kind == ENTRY_SET || kind == ENTRY_OWNER)
			good = read_name(&r, kind == ENTRY_OWNER, list);
		else if (kind >= ENTRY_HOLD && kind <= (ENTRY_HOLD_EACH | ENTRY_V6))
			good = read_op(&r, kind, list);
		if (!good)
			return false;
	}
	return true;
}

int lease_list_read(const void *data, size_t size, struct lease_list *ret)
{
	_cleanup_leases_ struct lease_list list = {0};
	const uint8_t *bytes = data;

	if (size < HEADER_SIZE || get32(bytes) != VERSION || get64(bytes + 4) != size ||
		!read_entries(bytes, size, &list))
		return -EINVAL;
	list.owners = calloc(MAX(list.owner_count, 1u), sizeof(*list.owners));
	list.ops = calloc(MAX(list.op_count, 1u), sizeof(*list.ops));
	if (!list.owners || !list.ops)
		return -ENOMEM;
	read_entries(bytes, size, &list);
	list.clock = (struct lease_clock){.boot = get64(bytes + 12), .wall = get64(bytes + 20)};
	*ret = list;
	list.owners = NULL;
	list.ops = NULL;
	return 0;
}
