/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "common/envelope.h"

#include <errno.h>

#include "common/wire.h"

int envelope_request_decode(const void *data, size_t size, struct envelope_request *ret)
{
	struct wire_reader r = wire_reader(data, size);
	struct envelope_request request = {0};
	struct envelope_bytes *const fields[] = {
		NULL, &request.service, &request.method, &request.payload};
	struct wire_field f;

	while (r.at < r.end) {
		if (!wire_read_field(&r, &f))
			return -EBADMSG;
		if (f.number < ARRAY_SIZE(fields)) {
			if (f.type != WIRE_BYTES)
				return -EBADMSG;
			*fields[f.number] = (struct envelope_bytes){f.data, f.size};
		} else if (f.number == 4) {
			if (f.type != WIRE_VARINT)
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
	struct wire_reader r = wire_reader(data, size);
	struct envelope_response response = {0};
	struct envelope_bytes *const fields[] = {NULL, &response.status, &response.payload};
	struct wire_field f;

	while (r.at < r.end) {
		if (!wire_read_field(&r, &f))
			return -EBADMSG;
		if (f.number >= ARRAY_SIZE(fields))
			continue;
		if (f.type != WIRE_BYTES)
			return -EBADMSG;
		*fields[f.number] = (struct envelope_bytes){f.data, f.size};
	}
	*ret = response;
	return 0;
}

static size_t field_size(const struct envelope_bytes *bytes)
{
	return bytes->size ? 1 + wire_varint_size(bytes->size) + bytes->size : 0;
}

static uint8_t *write_field(uint8_t *out, uint32_t number, const struct envelope_bytes *bytes)
{
	return bytes->size ? wire_write_bytes(out, number, bytes->data, bytes->size) : out;
}

size_t envelope_request_size(const struct envelope_request *request)
{
	return field_size(&request->service) + field_size(&request->method) +
	       field_size(&request->payload) +
	       (request->has_timeout ? 1 + wire_varint_size((uint64_t)request->timeout) : 0);
}

uint8_t *envelope_request_encode(const struct envelope_request *request, uint8_t *out)
{
	out = write_field(out, 1, &request->service);
	out = write_field(out, 2, &request->method);
	out = write_field(out, 3, &request->payload);
	if (!request->has_timeout)
		return out;
	*out++ = 4 << 3 | WIRE_VARINT;
	return wire_write_varint(out, (uint64_t)request->timeout);
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

uint8_t *envelope_payload_begin(uint8_t *out, size_t size)
{
	*out++ = 2 << 3 | WIRE_BYTES;
	return wire_write_varint(out, size);
}
