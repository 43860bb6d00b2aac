/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "common/wirecheck.h"

#include <errno.h>
#include <stdio.h>

#include "common/wire.h"

/* Where the walk is: one level for each message, linked to the one around it. */
struct level {
	const struct level *outer;
	const ProtobufCMessageDescriptor *descriptor;
	const ProtobufCFieldDescriptor *field; /* that is being read, NULL = the message itself */
	size_t index;                          /* of a repeated field */
	unsigned int depth;
	bool refuse_unknown;
	size_t first; /* index of the first of a repeated field */
	struct error *err;
};

bool wirecheck_utf8(const uint8_t *s, size_t size)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t at = 0;

	while (at < size) {
		uint8_t first = s[at++];
		size_t length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 :
				first >> 3 == 30 ? 4 : 0;
		uint32_t code = length == 1 ? first : first & (0x7fu >> length);

		if (!first || !length || length - 1 > size - at)
			return false;
		for (size_t i = 1; i < length; i++, at++) {
			if (s[at] >> 6 != 2)
				return false;
			code = code << 6 | (s[at] & 0x3f);
		}
		if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
			return false;
	}
	return true;
}

bool wirecheck_has_control(const char *text)
{
	for (const uint8_t *at = (const uint8_t *)text; *at; at++)
		if (*at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] < 0xa0))
			return true;
	return false;
}

/* --- the path, written only when something is wrong */

static size_t write_path(const struct level *level, char *out, size_t size)
{
	size_t at = level->outer ? write_path(level->outer, out, size) : 0;
	int length;

	if (!level->field || at >= size)
		return at;
	length = snprintf(out + at, size - at, "%s%s", at ? "." : "", level->field->name);
	at += length > 0 ? (size_t)length : 0;
	if (level->field->label != PROTOBUF_C_LABEL_REPEATED || at >= size)
		return at;
	length = snprintf(out + at, size - at, "[%zu]", level->index);
	return at + (length > 0 ? (size_t)length : 0);
}

static int wrong(const struct level *level, const char *what)
{
	char path[256] = "";

	write_path(level, path, sizeof(path));
	return error_violation(level->err, path, "%s", what);
}

static int wrong_unknown(const struct level *level, uint32_t number)
{
	char path[300] = "";
	size_t at = write_path(level, path, 256);

	snprintf(path + at, sizeof(path) - at, "%s%u", at ? "." : "", number);
	return error_violation(level->err, path,
		"field %u is not known to this version; the change is refused so that nothing of it is "
		"lost",
		number);
}

/* --- the walk */

static enum wire_type wire_of(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return WIRE_BYTES;
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return WIRE_FIXED64;
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return WIRE_FIXED32;
	default:
		return WIRE_VARINT;
	}
}

static int check_message(const struct level *level, const void *data, size_t size);

static int check_field(const struct level *level, const struct wire_field *f)
{
	const ProtobufCFieldDescriptor *field = level->field;
	enum wire_type wanted = wire_of(field->type);

	/* Repeated numbers may come packed, as bytes. */
	if (f->type != wanted &&
		!(field->label == PROTOBUF_C_LABEL_REPEATED && f->type == WIRE_BYTES))
		return wrong(level, "is of another type");
	if (field->type == PROTOBUF_C_TYPE_STRING && !wirecheck_utf8(f->data, f->size))
		return wrong(level, memchr(f->data, 0, f->size) ? "has a NUL character" :
								  "is not valid UTF-8");
	if (field->type != PROTOBUF_C_TYPE_MESSAGE)
		return 0;
	return check_message(&(struct level){.outer = level,
				     .descriptor = field->descriptor,
				     .depth = level->depth + 1,
				     .refuse_unknown = level->refuse_unknown,
				     .err = level->err},
		f->data, f->size);
}

static int check_message(const struct level *outer, const void *data, size_t size)
{
	struct level level = *outer;
	struct wire_reader r = wire_reader(data, size);
	const ProtobufCFieldDescriptor *last = NULL;
	struct wire_field f;
	int result;

	if (level.depth > WIRECHECK_DEPTH_MAX)
		return wrong(outer, "is nested too deep");
	while (r.at < r.end) {
		level.field = NULL;
		if (!wire_read_field(&r, &f))
			return wrong(&level, "the bytes are no such message");
		level.field = protobuf_c_message_descriptor_get_field(level.descriptor, f.number);
		if (!level.field && level.refuse_unknown)
			return wrong_unknown(&level, f.number);
		if (!level.field)
			continue;
		level.index = level.field == last ? level.index + 1 : level.first;
		last = level.field;
		result = check_field(&level, &f);
		if (result)
			return result;
	}
	return 0;
}

int wirecheck(const ProtobufCMessageDescriptor *descriptor, const void *data, size_t size,
	bool refuse_unknown, size_t first, struct error *err)
{
	struct level level = {.descriptor = descriptor,
		.refuse_unknown = refuse_unknown,
		.first = first,
		.err = err};

	return check_message(&level, data, size);
}
