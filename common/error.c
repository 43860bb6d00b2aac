/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "common/error.h"

#include <errno.h>
#include <stdio.h>

static const struct {
	const char *reason;
	int errnum;
} kinds[ERROR_MAX] = {
	[ERROR_NONE] = { "OK", 0 },
	[ERROR_INVALID] = { "INVALID", EINVAL },
	[ERROR_NOT_FOUND] = { "NOT_FOUND", ENOENT },
	[ERROR_EXISTS] = { "EXISTS", EEXIST },
	[ERROR_CONFLICT] = { "CONFLICT", EAGAIN },
	[ERROR_LIMIT] = { "LIMIT", ENOSPC },
	[ERROR_PRECONDITION] = { "PRECONDITION", EBUSY },
	[ERROR_DENIED] = { "DENIED", EPERM },
	[ERROR_UNIMPLEMENTED] = { "UNIMPLEMENTED", EOPNOTSUPP },
	[ERROR_UNAVAILABLE] = { "UNAVAILABLE", EAGAIN },
	[ERROR_DEADLINE] = { "DEADLINE", ETIME },
	[ERROR_CANCELLED] = { "CANCELLED", ECANCELED },
	[ERROR_UNKNOWN] = { "UNKNOWN", EIO },
	[ERROR_INTERNAL] = { "INTERNAL", EIO },
};

void error_deinit(struct error *err)
{
	for (size_t i = 0; i < err->violation_count; i++) {
		free(err->violations[i].field);
		free(err->violations[i].description);
	}
	free(err->violations);
	free(err->message);
	*err = ERROR_INIT;
}

PRINTF_LIKE(1, 0)
static char *format(const char *fmt, va_list args)
{
	char *text;

	return vasprintf(&text, fmt, args) < 0 ? NULL : text;
}

int error_set(struct error *err, enum error_kind kind, const char *reason, const char *fmt, ...)
{
	va_list args;

	if (err) {
		va_start(args, fmt);
		free(err->message);
		err->message = format(fmt, args);
		va_end(args);
		err->kind = kind;
		snprintf(err->reason, sizeof(err->reason), "%s", reason ? reason : "");
	}
	return -kinds[kind].errnum;
}

static void violation_append(struct error *err, const char *field, char *description)
{
	struct error_violation *grown = NULL;

	err->violation_total++;
	if (err->violation_count < ERROR_VIOLATIONS_MAX)
		grown = reallocarray(err->violations, err->violation_count + 1, sizeof(*grown));
	if (!grown) {
		free(description);
		return;
	}
	err->violations = grown;
	grown[err->violation_count].field = strdup(field);
	grown[err->violation_count].description = description;
	err->violation_count++;
}

int error_violation(struct error *err, const char *field, const char *fmt, ...)
{
	char *description;
	va_list args;

	if (!err)
		return -EINVAL;
	va_start(args, fmt);
	description = format(fmt, args);
	va_end(args);
	if (err->kind == ERROR_NONE)
		error_set(err, ERROR_INVALID, NULL, "%s%s%s", field, *field ? ": " : "",
			  description ? description : "is wrong");
	violation_append(err, field, description);
	return -EINVAL;
}

void error_prefix(struct error *err, const char *fmt, ...)
{
	_cleanup_free_ char *prefix = NULL, *old = NULL;
	va_list args;

	if (!err)
		return;
	va_start(args, fmt);
	prefix = format(fmt, args);
	va_end(args);
	if (!prefix)
		return;
	old = strdup(error_message(err));
	free(err->message);
	if (asprintf(&err->message, "%s%s", prefix, old ? old : "") < 0)
		err->message = NULL;
}

const char *error_message(const struct error *err)
{
	return err->message ? err->message : error_reason(err);
}

const char *error_reason(const struct error *err)
{
	return err->reason[0] ? err->reason : kinds[err->kind].reason;
}

void error_move(struct error *to, struct error *from)
{
	error_deinit(to);
	*to = *from;
	*from = ERROR_INIT;
}
