/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "common/member_proto.h"

#include <errno.h>
#include <stdio.h>

#include "common/text.h"

/* One of the four byte strings: what an item is made of. */
struct form {
	const char *field;
	size_t address; /* bytes */
	bool has_length;
};
static const struct form ipv4 = {"ipv4", 4, false}, ipv4_prefixes = {"ipv4_prefixes", 4, true},
			 ipv6 = {"ipv6", 16, false}, ipv6_prefixes = {"ipv6_prefixes", 16, true};

static int wrong_prefix(const struct form *form, const char *path, size_t index,
	const struct member *m, struct error *err)
{
	struct member meant = *m;
	char field[160], given[MEMBER_TEXT_SIZE], right[MEMBER_TEXT_SIZE];

	snprintf(field, sizeof(field), "%s.%s[%zu]", path, form->field, index);
	if (m->length > 8 * form->address)
		return error_violation(err, field, "the prefix length %u is more than %zu",
			m->length, 8 * form->address);
	member_clear_host_bits(meant.bytes, form->address, meant.length);
	member_format(m, given);
	member_format(&meant, right);
	return error_violation(
		err, field, "\"%s\" has bits set behind its prefix length; write %s", given, right);
}

static int read_bytes(const struct form *form, const ProtobufCBinaryData *data, const char *path,
	struct member_list *list, struct error *err)
{
	size_t size = form->address + form->has_length;
	struct member m = {.family = form->address == 4 ? 4 : 6};
	char field[160];
	int r = 0;

	snprintf(field, sizeof(field), "%s.%s", path, form->field);
	if (data->len % size)
		return error_violation(err, field,
			"%zu bytes are no whole number of items of %zu bytes", data->len, size);
	for (size_t i = 0; i < data->len / size; i++) {
		const uint8_t *item = data->data + i * size;

		memcpy(m.bytes, item, form->address);
		m.length = form->has_length ? item[form->address] : (uint8_t)(8 * form->address);
		if (m.length > 8 * form->address ||
			member_host_bits(m.bytes, form->address, m.length))
			r = wrong_prefix(form, path, i, &m, err);
		else if (member_list_push(list, &m) < 0)
			return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	}
	return r;
}

/* A few bytes of a range make hundreds of members: ends when they are too many. */
static int read_text(const Pepctl__V1__Members *message, const char *path, struct member_list *list,
	struct member_places *places, struct error *err)
{
	char field[160], what[160];
	int r = 0;

	for (size_t i = 0; i < message->n_text; i++) {
		if (member_list_add_text(list, message->text[i], strlen(message->text[i]), what)) {
			snprintf(field, sizeof(field), "%s.text[%zu]", path, i);
			r = error_violation(err, field, "%s", what);
		}
		if (member_list_count(list) > MEMBERS_MESSAGE_MAX)
			return error_set(err, ERROR_LIMIT, "TOO_MANY_MEMBERS",
				"%s: more than %u addresses and prefixes, ranges taken apart, "
				"which "
				"is the limit of one message; send them in parts",
				path, MEMBERS_MESSAGE_MAX);
		if (places && places->text) {
			places->text[i].v4 = list->v4_count;
			places->text[i].v6 = list->v6_count;
		}
	}
	return r;
}

static int read_members(const Pepctl__V1__Members *message, const char *path,
	struct member_list *list, struct member_places *places, struct error *err)
{
	int r = 0;

	r |= read_bytes(&ipv4, &message->ipv4, path, list, err);
	r |= read_bytes(&ipv4_prefixes, &message->ipv4_prefixes, path, list, err);
	r |= read_bytes(&ipv6, &message->ipv6, path, list, err);
	r |= read_bytes(&ipv6_prefixes, &message->ipv6_prefixes, path, list, err);
	if (places) {
		places->v4 = list->v4_count;
		places->v6 = list->v6_count;
	}
	r |= read_text(message, path, list, places, err);
	return r ? -EINVAL : 0;
}

int members_from_proto(const Pepctl__V1__Members *message, const char *path,
	struct member_list *list, struct error *err)
{
	return message ? read_members(message, path, list, NULL, err) : 0;
}

int members_from_proto_placed(const Pepctl__V1__Members *message, const char *path,
	struct member_list *list, struct member_places *ret, struct error *err)
{
	*ret = (struct member_places){0};
	if (!message)
		return 0;
	ret->text_count = message->n_text;
	ret->text = calloc(message->n_text + 1, sizeof(*ret->text));
	if (!ret->text)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	return read_members(message, path, list, ret, err);
}

void member_places_deinit(struct member_places *places)
{
	free(places->text);
	*places = (struct member_places){0};
}

/* The first text up to which there are more members of the family than `at`. */
static size_t text_of(const struct member_places *places, uint8_t family, size_t at)
{
	size_t low = 0, high = places->text_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if ((family == 4 ? places->text[middle].v4 : places->text[middle].v6) > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

uint32_t member_places_index(const struct member_places *places, uint8_t family, size_t at)
{
	size_t before = family == 4 ? 0 : places->v4;

	if (at < (family == 4 ? places->v4 : places->v6))
		return (uint32_t)(before + at);
	return (uint32_t)(places->v4 + places->v6 + text_of(places, family, at));
}

static int read_name(const char *name, const char *path, const char *field, struct change *ret,
	struct error *err)
{
	char where[160];

	snprintf(where, sizeof(where), "%s.%s", path, field);
	if (!policy_name_valid(name))
		return error_violation(err, where, "\"%.80s\" is not 1 to %u of [A-Za-z0-9._-]",
			name, POLICY_NAME_MAX);
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	return 0;
}

static int read_set(
	const Pepctl__V1__Set *message, const char *path, struct change *ret, struct error *err)
{
	char where[160];
	int r = read_name(message->name, path, "name", ret, err);

	snprintf(where, sizeof(where), "%s.max_ttl_nano", path);
	if (message->max_ttl_nano < 0)
		r = error_violation(err, where, "is negative");
	ret->bannable = message->bannable;
	ret->max_ttl = (uint64_t)message->max_ttl_nano;
	snprintf(where, sizeof(where), "%s.members", path);
	return members_from_proto(message->members, where, &ret->members, err) ? -EINVAL : r;
}

static int read_set_members(const Pepctl__V1__SetMembers *message, const char *path,
	struct change *ret, struct error *err)
{
	char where[160];
	int r = read_name(message->set, path, "set", ret, err);

	snprintf(where, sizeof(where), "%s.members", path);
	return members_from_proto(message->members, where, &ret->members, err) ? -EINVAL : r;
}

static int read_deletion(const char *name, const char *path, struct change *ret, struct error *err)
{
	if (!policy_name_valid(name))
		return error_violation(
			err, path, "is no set name: 1 to %u of [A-Za-z0-9._-]", POLICY_NAME_MAX);
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	return 0;
}

static const struct {
	enum change_kind kind;
	const char *field;
} operations[] = {
	[PEPCTL__V1__OPERATION__OPERATION_CREATE_SET] = {CHANGE_CREATE_SET, "create_set"},
	[PEPCTL__V1__OPERATION__OPERATION_PUT_SET] = {CHANGE_PUT_SET, "put_set"},
	[PEPCTL__V1__OPERATION__OPERATION_DELETE_SET] = {CHANGE_DELETE_SET, "delete_set"},
	[PEPCTL__V1__OPERATION__OPERATION_ADD_MEMBERS] = {CHANGE_ADD_MEMBERS, "add_members"},
	[PEPCTL__V1__OPERATION__OPERATION_REMOVE_MEMBERS] = {CHANGE_REMOVE_MEMBERS,
		"remove_members"},
	[PEPCTL__V1__OPERATION__OPERATION_REPLACE_MEMBERS] = {CHANGE_REPLACE_MEMBERS,
		"replace_members"},
};

int set_operation_from_proto(const Pepctl__V1__Operation *message, const char *path,
	struct change *ret, struct error *err)
{
	size_t which = (size_t)message->operation_case;
	char where[128];

	if (which >= ARRAY_SIZE(operations) || !operations[which].field)
		return error_violation(err, path, "the operation is empty, or of a later version");
	ret->kind = operations[which].kind;
	snprintf(where, sizeof(where), "%s.%s", path, operations[which].field);
	if (change_makes_set(ret->kind)) /* the fields of a oneof share their place */
		return read_set(message->put_set, where, ret, err);
	if (ret->kind == CHANGE_DELETE_SET)
		return read_deletion(message->delete_set, where, ret, err);
	return read_set_members(message->add_members, where, ret, err);
}

/* --- out */

/* Of the items at `items`, `width` bytes apart, those with or without a length of their own. */
static int write_bytes(const struct form *form, const uint8_t *items, size_t count,
	struct arena *arena, ProtobufCBinaryData *ret)
{
	size_t width = form->address + 1, size = form->address + form->has_length, wanted = 0;

	for (size_t i = 0; i < count; i++)
		wanted +=
			(items[i * width + form->address] != 8 * form->address) == form->has_length;
	ret->data = arena_alloc(arena, wanted * size);
	if (!ret->data)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if ((items[i * width + form->address] != 8 * form->address) != form->has_length)
			continue;
		memcpy(ret->data + ret->len, items + i * width, size);
		ret->len += size;
	}
	return 0;
}

Pepctl__V1__Members *members_to_proto(const struct member_list *list, struct arena *arena)
{
	Pepctl__V1__Members *m = arena_alloc(arena, sizeof(*m));
	const uint8_t *v4 = (const uint8_t *)list->v4, *v6 = (const uint8_t *)list->v6;

	if (!m)
		return NULL;
	pepctl__v1__members__init(m);
	if (write_bytes(&ipv4, v4, list->v4_count, arena, &m->ipv4) < 0 ||
		write_bytes(&ipv4_prefixes, v4, list->v4_count, arena, &m->ipv4_prefixes) < 0 ||
		write_bytes(&ipv6, v6, list->v6_count, arena, &m->ipv6) < 0 ||
		write_bytes(&ipv6_prefixes, v6, list->v6_count, arena, &m->ipv6_prefixes) < 0)
		return NULL;
	return m;
}

Pepctl__V1__Set *set_to_proto(const struct change *change, struct arena *arena)
{
	Pepctl__V1__Set *m = arena_alloc(arena, sizeof(*m));

	if (!m)
		return NULL;
	pepctl__v1__set__init(m);
	m->name = arena_strdup(arena, change->name);
	m->members = members_to_proto(&change->members, arena);
	m->bannable = change->bannable;
	m->max_ttl_nano = (int64_t)change->max_ttl;
	return m->name && m->members ? m : NULL;
}

Pepctl__V1__SetMembers *set_members_to_proto(const struct change *change, struct arena *arena)
{
	Pepctl__V1__SetMembers *m = arena_alloc(arena, sizeof(*m));

	if (!m)
		return NULL;
	pepctl__v1__set_members__init(m);
	m->set = arena_strdup(arena, change->name);
	m->members = members_to_proto(&change->members, arena);
	return m->set && m->members ? m : NULL;
}
