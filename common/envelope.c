/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "common/envelope.h"

#include <errno.h>

/* Protobuf wire types (protobuf.dev, "Encoding"); groups, 3 and 4, are refused. */
enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct reader {
	const uint8_t *at;
	const uint8_t *end;
};

/* NULL is the usual empty message, but no pointer to add to. */
static struct reader reader_over(const void *data, size_t size)
{
	const uint8_t *at = size ? data : (const void *)"";

	return (struct reader){at, at + size};
}

struct field {
	uint32_t number;
	uint32_t wire;
	uint64_t value;              /* WIRE_VARINT */
	struct envelope_bytes bytes; /* the others */
};

static bool read_varint(struct reader *r, uint64_t *ret)
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

static bool read_bytes(struct reader *r, uint64_t size, struct envelope_bytes *ret)
{
	if (size > (uint64_t)(r->end - r->at))
		return false;
	*ret = (struct envelope_bytes){r->at, (size_t)size};
	r->at += size;
	return true;
}

static bool read_field(struct reader *r, struct field *ret)
{
	uint64_t tag, size;

	if (!read_varint(r, &tag) || tag >> 3 == 0 || tag > UINT32_MAX)
		return false;
	ret->number = (uint32_t)(tag >> 3);
	ret->wire = tag & 7;
	switch (ret->wire) {
	case WIRE_VARINT:
		return read_varint(r, &ret->value);
	case WIRE_BYTES:
		return read_varint(r, &size) && read_bytes(r, size, &ret->bytes);
	case WIRE_FIXED64:
		return read_bytes(r, 8, &ret->bytes);
	case WIRE_FIXED32:
		return read_bytes(r, 4, &ret->bytes);
	default:
		return false;
	}
}

int envelope_request_decode(const void *data, size_t size, struct envelope_request *ret)
{
	struct reader r = reader_over(data, size);
	struct envelope_request request = {0};
	struct envelope_bytes *const fields[] = {
		NULL, &request.service, &request.method, &request.payload};
	struct field f;

	while (r.at < r.end) {
		if (!read_field(&r, &f))
			return -EBADMSG;
		if (f.number < ARRAY_SIZE(fields)) {
			if (f.wire != WIRE_BYTES)
				return -EBADMSG;
			*fields[f.number] = f.bytes;
		} else if (f.number == 4) {
			if (f.wire != WIRE_VARINT)
				return -EBADMSG;
			request.has_timeout = true;
			request.timeout = (int64_t)f.value;
		}
	}
	*ret = request;
	return 0;
}

int envelope_response_decode(const void *data, size_t size, struct envelope_response *ret)
{
	struct reader r = reader_over(data, size);
	struct envelope_response response = {0};
	struct envelope_bytes *const fields[] = {NULL, &response.status, &response.payload};
	struct field f;

	while (r.at < r.end) {
		if (!read_field(&r, &f))
			return -EBADMSG;
		if (f.number >= ARRAY_SIZE(fields))
			continue;
		if (f.wire != WIRE_BYTES)
			return -EBADMSG;
		*fields[f.number] = f.bytes;
	}
	*ret = response;
	return 0;
}

static size_t varint_size(uint64_t value)
{
	size_t size = 1;

	for (; value >= 0x80; value >>= 7)
		size++;
	return size;
}

static uint8_t *write_varint(uint8_t *out, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*out++ = (uint8_t)(value | 0x80);
	*out++ = (uint8_t)value;
	return out;
}

static size_t field_size(const struct envelope_bytes *bytes)
{
	return bytes->size ? 1 + varint_size(bytes->size) + bytes->size : 0;
}

static uint8_t *write_field(uint8_t *out, uint32_t number, const struct envelope_bytes *bytes)
{
	if (!bytes->size)
		return out;
	*out++ = (uint8_t)(number << 3 | WIRE_BYTES);
	out = write_varint(out, bytes->size);
	memcpy(out, bytes->data, bytes->size);
	return out + bytes->size;
}

size_t envelope_request_size(const struct envelope_request *request)
{
	return field_size(&request->service) + field_size(&request->method) +
	       field_size(&request->payload) +
	       (request->has_timeout ? 1 + varint_size((uint64_t)request->timeout) : 0);
}

uint8_t *envelope_request_encode(const struct envelope_request *request, uint8_t *out)
{
	out = write_field(out, 1, &request->service);
	out = write_field(out, 2, &request->method);
	out = write_field(out, 3, &request->payload);
	if (!request->has_timeout)
		return out;
	*out++ = 4 << 3 | WIRE_VARINT;
	return write_varint(out, (uint64_t)request->timeout);
}

size_t envelope_response_size(const struct envelope_response *response)
{
	return field_size(&response->status) + field_size(&response->payload);
}

uint8_t *envelope_response_encode(const struct envelope_response *response, uint8_t *out)
{
	out = write_field(out, 1, &response->status);
	return write_field(out, 2, &response->payload);
}
