/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Protobuf's wire format, field by field (protobuf.dev, "Encoding"). Nothing is allocated. */
#ifndef PEP_COMMON_WIRE_H
#define PEP_COMMON_WIRE_H

#include "common/macros.h"

/* Groups, 3 and 4, are refused. */
enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

#define WIRE_NUMBER_MAX ((size_t)11)

struct wire_reader {
	const uint8_t *at;
	const uint8_t *end;
};

struct wire_field {
	uint32_t number; /* >= 1 */
	enum wire_type type;
	uint64_t value;      /* WIRE_VARINT */
	const uint8_t *data; /* the others; points into what is read */
	size_t size;
};

/* `data` may be NULL when `size` is 0. */
struct wire_reader wire_reader(const void *data, size_t size);
bool wire_read_varint(struct wire_reader *r, uint64_t *ret);
/* The next field; false when the bytes are no field. The end is r->at == r->end. */
bool wire_read_field(struct wire_reader *r, struct wire_field *ret);

size_t wire_varint_size(uint64_t value);
/* Return the end of what they wrote. */
uint8_t *wire_write_varint(uint8_t *out, uint64_t value);
/* Tag and value, at most WIRE_NUMBER_MAX bytes for a field below 16; nothing for 0, proto3's default. */
uint8_t *wire_write_number(uint8_t *out, uint32_t number, uint64_t value);
/* Tag, length, bytes. */
uint8_t *wire_write_bytes(uint8_t *out, uint32_t number, const void *data, size_t size);

#endif
