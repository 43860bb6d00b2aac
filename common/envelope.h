/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The ttrpc envelope, read and written by hand: it is on the path of every
 * call, and its few fields need no allocation. What is read points into the
 * frame and lives as long as it.
 */
#ifndef PEP_COMMON_ENVELOPE_H
#define PEP_COMMON_ENVELOPE_H

#include "common/macros.h"

/* Bytes inside of a frame; not terminated. */
struct envelope_bytes {
	const uint8_t *data;
	size_t size;
};

/* ttrpc.Request; of a field that comes twice the last one counts. Metadata is skipped. */
struct envelope_request {
	struct envelope_bytes service;
	struct envelope_bytes method;
	struct envelope_bytes payload;
	bool has_timeout;
	int64_t timeout; /* ns; <= 0 with has_timeout means expired */
};

/* ttrpc.Response. */
struct envelope_response {
	struct envelope_bytes status; /* a google.rpc.Status, empty = success */
	struct envelope_bytes payload;
};

/* 0, or -EBADMSG when the bytes are no such message; `ret` is untouched then. */
int envelope_request_decode(const void *data, size_t size, struct envelope_request *ret);
int envelope_response_decode(const void *data, size_t size, struct envelope_response *ret);

/* Bytes that encode() writes. A field without bytes and a missing timeout are left out. */
size_t envelope_request_size(const struct envelope_request *request);
size_t envelope_response_size(const struct envelope_response *response);

/* Returns the end of what it wrote at `out`, which has room for the size. */
uint8_t *envelope_request_encode(const struct envelope_request *request, uint8_t *out);
uint8_t *envelope_response_encode(const struct envelope_response *response, uint8_t *out);
/* Only what stands before a payload of `size` > 0 bytes, which the caller writes behind it. */
uint8_t *envelope_payload_begin(uint8_t *out, size_t size);

#endif
