/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "common/wire.h"

struct wire_reader wire_reader(const void *data, size_t size)
{
	/* NULL is the usual empty message, but no pointer to add to. */
	const uint8_t *at = size ? data : (const void *)"";

	return (struct wire_reader){at, at + size};
}

bool wire_read_varint(struct wire_reader *r, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64 && r->at < r->end; shift += 7) {
		uint8_t byte = *r->at++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		*ret = value;
		return shift < 63 || byte <= 1; /* the tenth byte has one bit */
	}
	return false;
}

static bool read_bytes(struct wire_reader *r, uint64_t size, struct wire_field *ret)
{
	if (size > (uint64_t)(r->end - r->at))
		return false;
	ret->data = r->at;
	ret->size = (size_t)size;
	r->at += size;
	return true;
}

bool wire_read_field(struct wire_reader *r, struct wire_field *ret)
{
	uint64_t tag, size;

	if (!wire_read_varint(r, &tag) || tag >> 3 == 0 || tag > UINT32_MAX)
		return false;
	ret->number = (uint32_t)(tag >> 3);
	ret->type = (enum wire_type)(tag & 7);
	switch (ret->type) {
	case WIRE_VARINT:
		return wire_read_varint(r, &ret->value);
	case WIRE_BYTES:
		return wire_read_varint(r, &size) && read_bytes(r, size, ret);
	case WIRE_FIXED64:
		return read_bytes(r, 8, ret);
	case WIRE_FIXED32:
		return read_bytes(r, 4, ret);
	default:
		return false;
	}
}

size_t wire_varint_size(uint64_t value)
{
	size_t size = 1;

	for (; value >= 0x80; value >>= 7)
		size++;
	return size;
}

uint8_t *wire_write_varint(uint8_t *out, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*out++ = (uint8_t)(value | 0x80);
	*out++ = (uint8_t)value;
	return out;
}

uint8_t *wire_write_bytes(uint8_t *out, uint32_t number, const void *data, size_t size)
{
	out = wire_write_varint(out, (uint64_t)number << 3 | WIRE_BYTES);
	out = wire_write_varint(out, size);
	if (size)
		memcpy(out, data, size);
	return out + size;
}

uint8_t *wire_write_number(uint8_t *out, uint32_t number, uint64_t value)
{
	if (!value)
		return out;
	out = wire_write_varint(out, (uint64_t)number << 3 | WIRE_VARINT);
	return wire_write_varint(out, value);
}
