/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "common/status.h"

#include <errno.h>

#include "common/wirecheck.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"

#define TYPE_URL "type.googleapis.com/google.rpc."
#define DOMAIN   "pepctl"

/* google/rpc/code.proto */
static const int codes[ERROR_MAX] = {
	[ERROR_NONE] = 0,
	[ERROR_INVALID] = 3,
	[ERROR_NOT_FOUND] = 5,
	[ERROR_EXISTS] = 6,
	[ERROR_CONFLICT] = 10,
	[ERROR_LIMIT] = 8,
	[ERROR_PRECONDITION] = 9,
	[ERROR_DENIED] = 7,
	[ERROR_UNIMPLEMENTED] = 12,
	[ERROR_UNAVAILABLE] = 14,
	[ERROR_DEADLINE] = 4,
	[ERROR_CANCELLED] = 1,
	[ERROR_UNKNOWN] = 2,
	[ERROR_INTERNAL] = 13,
};

int status_code(enum error_kind kind)
{
	return codes[kind];
}

static enum error_kind kind_of(int code)
{
	for (int kind = ERROR_NONE + 1; kind < ERROR_MAX; kind++)
		if (codes[kind] == code)
			return (enum error_kind)kind;
	return ERROR_UNKNOWN;
}

/* --- out */

/* Messages quote what came, cut at some byte: what is no UTF-8 becomes a question mark. */
static char *clean(struct arena *arena, const char *text)
{
	char *copy = arena_strdup(arena, text ? text : "");

	for (char *at = copy; at && *at;) {
		size_t size = 1, left = strnlen(at, 4);

		while (size <= left && !wirecheck_utf8((const uint8_t *)at, size))
			size++;
		if (size > left) {
			*at = '?';
			size = 1;
		}
		at += size;
	}
	return copy;
}

static int pack_any(struct arena *arena, const char *type, const ProtobufCMessage *message,
	Google__Protobuf__Any **ret)
{
	Google__Protobuf__Any *any = arena_alloc(arena, sizeof(*any));
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *data = arena_alloc(arena, size);

	if (!any || !data)
		return -ENOMEM;
	google__protobuf__any__init(any);
	any->type_url = arena_printf(arena, TYPE_URL "%s", type);
	any->value.data = data;
	any->value.len = protobuf_c_message_pack(message, data);
	*ret = any;
	return any->type_url ? 0 : -ENOMEM;
}

static int pack_info(const struct error *err, struct arena *arena, Google__Protobuf__Any **ret)
{
	Google__Rpc__ErrorInfo info;
	char domain[] = DOMAIN;

	google__rpc__error_info__init(&info);
	info.reason = arena_strdup(arena, error_reason(err));
	info.domain = domain;
	return info.reason ? pack_any(arena, "ErrorInfo", &info.base, ret) : -ENOMEM;
}

static int pack_violations(const struct error *err, struct arena *arena,
	Google__Protobuf__Any **ret)
{
	Google__Rpc__BadRequest request;
	Google__Rpc__BadRequest__FieldViolation *items =
		arena_array(arena, err->violation_count, sizeof(*items));

	google__rpc__bad_request__init(&request);
	request.field_violations =
		arena_array(arena, err->violation_count, sizeof(*request.field_violations));
	if (!items || !request.field_violations)
		return -ENOMEM;
	for (size_t i = 0; i < err->violation_count; i++) {
		google__rpc__bad_request__field_violation__init(&items[i]);
		items[i].field = clean(arena, err->violations[i].field);
		items[i].description = clean(arena, err->violations[i].description);
		if (!items[i].field || !items[i].description)
			return -ENOMEM;
		request.field_violations[i] = &items[i];
	}
	request.n_field_violations = err->violation_count;
	return pack_any(arena, "BadRequest", &request.base, ret);
}

int status_encode(const struct error *err, struct arena *arena, struct envelope_bytes *ret)
{
	Google__Rpc__Status status;
	Google__Protobuf__Any *details[2];
	uint8_t *data;

	google__rpc__status__init(&status);
	status.code = status_code(err->kind);
	status.message = clean(arena, error_message(err));
	status.details = details;
	if (!status.message || pack_info(err, arena, &details[status.n_details++]) < 0)
		return -ENOMEM;
	if (err->violation_count && pack_violations(err, arena, &details[status.n_details++]) < 0)
		return -ENOMEM;
	data = arena_alloc(arena, google__rpc__status__get_packed_size(&status));
	if (!data)
		return -ENOMEM;
	*ret = (struct envelope_bytes){data, google__rpc__status__pack(&status, data)};
	return 0;
}

/* --- in */

static void read_info(const ProtobufCBinaryData *value, ProtobufCAllocator *allocator,
	enum error_kind kind, const char *message, struct error *err)
{
	Google__Rpc__ErrorInfo *info =
		google__rpc__error_info__unpack(allocator, value->len, value->data);

	if (info)
		error_set(err, kind, info->reason, "%s", message);
}

static void read_violations(const ProtobufCBinaryData *value, ProtobufCAllocator *allocator,
	struct error *err)
{
	Google__Rpc__BadRequest *request =
		google__rpc__bad_request__unpack(allocator, value->len, value->data);

	for (size_t i = 0; request && i < request->n_field_violations; i++)
		error_violation(err, request->field_violations[i]->field, "%s",
			request->field_violations[i]->description);
}

static void read_status(const Google__Rpc__Status *status, ProtobufCAllocator *allocator,
	struct error *err)
{
	enum error_kind kind = kind_of(status->code);

	error_set(err, kind, NULL, "%s", status->message);
	for (size_t i = 0; i < status->n_details; i++) {
		const Google__Protobuf__Any *any = status->details[i];

		if (streq(any->type_url, TYPE_URL "ErrorInfo"))
			read_info(&any->value, allocator, kind, status->message, err);
		else if (streq(any->type_url, TYPE_URL "BadRequest"))
			read_violations(&any->value, allocator, err);
	}
}

int status_decode(const void *data, size_t size, struct error *ret)
{
	Google__Rpc__Status *status;
	struct arena arena;
	int r = 0;

	arena_init(&arena, ARENA_BUDGET_DEFAULT);
	status = google__rpc__status__unpack(&arena.allocator, size, data);
	if (status)
		read_status(status, &arena.allocator, ret);
	else
		r = arena.exhausted ? -ENOMEM : -EBADMSG;
	arena_deinit(&arena);
	return r;
}
