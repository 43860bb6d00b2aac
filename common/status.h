/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * struct error ↔ google.rpc.Status, the form in which a failure crosses the
 * wire: code, message, and as details a google.rpc.ErrorInfo (reason, domain
 * "pepctl") and, with violations, a google.rpc.BadRequest.
 */
#ifndef PEP_COMMON_STATUS_H
#define PEP_COMMON_STATUS_H

#include "common/arena.h"
#include "common/envelope.h"
#include "common/error.h"

/* gRPC status code of a kind (google/rpc/code.proto); 0 for ERROR_NONE. */
int status_code(enum error_kind kind);

/* The packed message, in `arena`. 0 or -ENOMEM. */
int status_encode(const struct error *err, struct arena *arena, struct envelope_bytes *ret);

/*
 * Fills `ret` (empty before) from a packed Status; an unknown code becomes
 * ERROR_UNKNOWN. 0, -EBADMSG when the bytes are no Status, or -ENOMEM; `ret` stays empty then.
 */
int status_decode(const void *data, size_t size, struct error *ret);

#endif
