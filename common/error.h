/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What went wrong, for a person and for a program: a kind that rpc maps to a
 * wire code, a stable reason word, one sentence, and for bad requests the
 * fields that are wrong, all of them.
 *
 * A function that can fail for a reason the user must read takes a
 * `struct error *err` as its last input, fills it, and returns a negative errno.
 */
#ifndef PEP_COMMON_ERROR_H
#define PEP_COMMON_ERROR_H

#include <stdarg.h>

#include "common/macros.h"

enum error_kind {
	ERROR_NONE = 0,
	ERROR_INVALID,       /* wrong in itself, whatever the state */
	ERROR_NOT_FOUND,
	ERROR_EXISTS,
	ERROR_CONFLICT,      /* another revision than expected, another change won */
	ERROR_LIMIT,         /* full, too many, too long; the message names the limit */
	ERROR_PRECONDITION,  /* the state or the kernel refuses it */
	ERROR_DENIED,        /* no right */
	ERROR_UNIMPLEMENTED, /* valid, but not in this version */
	ERROR_UNAVAILABLE,   /* not now; a retry may succeed */
	ERROR_DEADLINE,
	ERROR_CANCELLED,
	ERROR_UNKNOWN,       /* may or may not have happened */
	ERROR_INTERNAL,
	ERROR_MAX,
};

struct error_violation {
	char *field;       /* path in the request: "operations[3].policy.match.dport"; owned */
	char *description; /* owned */
};

#define ERROR_VIOLATIONS_MAX 100u /* later ones are only counted */

/* Owned memory; initialise with ERROR_INIT, release with error_deinit(). */
struct error {
	enum error_kind kind;
	char reason[40]; /* UPPER_SNAKE_CASE, stable; "" = named after the kind */
	char *message;   /* one sentence without a full stop; owned, NULL = none or no memory */
	struct error_violation *violations; /* owned */
	size_t violation_count;
	size_t violation_total; /* >= violation_count */
};

#define ERROR_INIT ((struct error){ 0 })
#define _cleanup_error_ _cleanup_(error_deinit)

void error_deinit(struct error *err);

/*
 * Sets kind, reason and message; violations stay. `err` may be NULL (nothing is
 * kept). Returns the negative errno of the kind so that a caller can write
 * `return error_set(...)`.
 */
int error_set(struct error *err, enum error_kind kind, const char *reason, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/*
 * Adds a wrong field and makes the error ERROR_INVALID when it has no kind yet;
 * the first violation becomes the message as "FIELD: DESCRIPTION". Returns -EINVAL.
 */
int error_violation(struct error *err, const char *field, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Prefixes the message, as in "line 3: ...". */
void error_prefix(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Never NULL, also when memory for the message was missing. */
const char *error_message(const struct error *err);

/* The reason word, or the kind's own ("INVALID", "NOT_FOUND", ...). */
const char *error_reason(const struct error *err);

static inline bool error_is_set(const struct error *err)
{
	return err->kind != ERROR_NONE;
}

/* Moves `from` into `to`, which must be empty; `from` is empty then. */
void error_move(struct error *to, struct error *from);

#endif
