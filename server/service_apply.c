/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* ApplyChanges and ApplyStream: the transaction, in one message or in many. */
#include <errno.h>
#include <stdio.h>

#include "common/flow.h"
#include "common/frame.h"
#include "common/policy_proto.h"
#include "common/wirecheck.h"
#include "server/service.h"

/* What one stream may hold: sets have their members in it, policies each their change. */
#define STREAM_HELD_BASE       ((size_t)256 << 20)
#define STREAM_HELD_PER_POLICY 1024u
#define WARNINGS_BUDGET        (64u << 10) /* bytes of those of one transaction */
#define STREAMS_HELD_USER      2u          /* as much as so many full streams */

/* The answer has an effect for each change: it must fit an arena (4 bytes each) and a frame (1). */
#define CHANGES_MAX                                                                                \
	((STREAM_HELD_BASE + (size_t)STREAM_HELD_PER_POLICY * PEP_POLICIES_MAX) /                  \
		sizeof(struct change))
_Static_assert(CHANGES_MAX < ARENA_BUDGET_DEFAULT / 4 - (64u << 10) &&
		       CHANGES_MAX < FRAME_BODY_MAX - (128u << 10),
	"a transaction that fits the limit can be answered");

/* A transaction, from the beginning of its request to its answer. */
struct apply {
	struct service *service;
	struct call *call;
	struct store_tx tx;
	struct service_warnings warnings;
	struct arena arena; /* of them */

	/* ApplyStream */
	uv_timer_t *timer; /* of the deadline; NULL = none */
	char *comment;     /* owned; tx has it too */
	size_t messages;
	size_t held; /* charged to the user */
};

/* Of both requests. */
struct apply_options {
	Pepctl__V1__ApplyMode mode;
	bool has_expected, validate_only, force;
	uint64_t expected;
	int64_t confirm_timeout;
	const char *request_id, *comment;
	Pepctl__V1__Flow *const *protect;
	size_t protect_count;
};
#define OPTIONS_OF(request)                                                                        \
	((struct apply_options){                                                                   \
		.mode = (request)->mode,                                                           \
		.has_expected = (request)->expected_present_case,                                  \
		.validate_only = (request)->validate_only,                                         \
		.force = (request)->force,                                                         \
		.expected = (request)->expected_revision,                                          \
		.confirm_timeout = (request)->confirm_timeout_nano,                                \
		.request_id = (request)->request_id,                                               \
		.comment = (request)->comment,                                                     \
		.protect = (request)->protect,                                                     \
		.protect_count = (request)->n_protect,                                             \
	})

int service_read_mode(Pepctl__V1__ApplyMode mode, enum store_mode *ret, struct error *err)
{
	if (mode != PEPCTL__V1__APPLY_MODE__MODE_MERGE &&
		mode != PEPCTL__V1__APPLY_MODE__MODE_REPLACE_ALL)
		return error_violation(err, "mode", "%d is no ApplyMode", (int)mode);
	*ret = mode == PEPCTL__V1__APPLY_MODE__MODE_REPLACE_ALL ? STORE_REPLACE_ALL : STORE_MERGE;
	return 0;
}

static int read_protect(const struct apply_options *o, struct store_tx *ret, struct error *err)
{
	int r = 0;

	if (o->protect_count > STORE_PROTECT_MAX)
		return error_violation(err, "protect", "%zu flows; at most %u", o->protect_count,
			STORE_PROTECT_MAX);
	ret->protect = calloc(o->protect_count + 1, sizeof(*ret->protect));
	if (!ret->protect)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	ret->protect_count = o->protect_count;
	for (size_t i = 0; i < o->protect_count; i++) {
		char path[32];

		snprintf(path, sizeof(path), "protect[%zu]", i);
		if (flow_from_proto(o->protect[i], path, &ret->protect[i], err))
			r = -EINVAL;
	}
	return r;
}

/* What this version does not have must not be silently left out. */
static int read_options(const struct apply_options *o, struct store_tx *ret, struct error *err)
{
	if (o->confirm_timeout) {
		error_set(err, ERROR_UNIMPLEMENTED, "NO_CONFIRM",
			"a commit that waits for confirmation is not in this version");
		error_violation(err, "confirm_timeout_nano", "is not in this version");
		return -EOPNOTSUPP;
	}
	if (service_read_mode(o->mode, &ret->mode, err))
		return -EINVAL;
	if (wirecheck_has_control(o->comment))
		return error_violation(err, "comment", "has a control character");
	if (strlen(o->comment) > 255)
		return error_violation(
			err, "comment", "%zu bytes; at most 255", strlen(o->comment));
	ret->has_expected = o->has_expected;
	ret->expected = o->expected;
	ret->validate_only = o->validate_only;
	ret->force = o->force;
	ret->comment = o->comment;
	return read_protect(o, ret, err);
}

int service_read_operations(Pepctl__V1__Operation *const *operations, size_t count,
	struct change_list *list, struct error *err)
{
	size_t first = list->count;
	int failed = 0;

	for (size_t i = 0; i < count; i++) {
		struct change change;
		char path[40];

		snprintf(path, sizeof(path), "operations[%zu]", first + i);
		if (change_from_proto(operations[i], path, &change, err)) {
			failed = -EINVAL;
			continue;
		}
		if (change_list_push(list, &change) < 0) {
			change_deinit(&change);
			return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
		}
	}
	return failed;
}

/* What was done as asked, and yet may not be what was meant. */
static int read_warnings(
	struct apply *a, Pepctl__V1__Operation *const *operations, size_t count, struct error *err)
{
	int r = 0;

	for (size_t i = 0; !r && i < count; i++) {
		const Pepctl__V1__Operation *m = operations[i];

		if (m->operation_case == PEPCTL__V1__OPERATION__OPERATION_CREATE_POLICY)
			r = service_warn_policy(&a->arena, m->create_policy, &a->warnings);
		else if (m->operation_case == PEPCTL__V1__OPERATION__OPERATION_PUT_POLICY)
			r = service_warn_policy(&a->arena, m->put_policy, &a->warnings);
		else if (m->operation_case == PEPCTL__V1__OPERATION__OPERATION_DEFAULT_ACTION)
			r = service_warn_default(&a->arena, m->default_action, &a->warnings);
		else if (m->operation_case == PEPCTL__V1__OPERATION__OPERATION_ATTACH)
			r = service_warn_attach(&a->arena, m->attach, &a->warnings);
	}
	return r ? error_set(err, ERROR_LIMIT, "MEMORY", "out of memory") : 0;
}

/* --- from the request to the answer */

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle);
}

static void timer_end(struct apply *a)
{
	if (a->timer)
		uv_close((uv_handle_t *)TAKE_PTR(a->timer), on_timer_closed);
}

static struct apply *apply_new(struct service *s, struct call *call)
{
	struct apply *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->service = s;
	a->call = call;
	arena_init(&a->arena, WARNINGS_BUDGET);
	service_tx_init(call, &a->tx);
	return a;
}

static void apply_free(struct apply *a)
{
	timer_end(a);
	quota_release(&a->service->apply_quota, a->tx.author.uid, a->held);
	change_list_deinit(&a->tx.changes);
	free(a->tx.protect);
	arena_deinit(&a->arena);
	free(a->comment);
	free(a);
}

static Pepctl__V1__ApplyChangesResponse *answer_of(
	const struct apply *a, const struct store_result *result)
{
	Pepctl__V1__ApplyChangesResponse *answer = SERVICE_MESSAGE(a->call, apply_changes_response);

	if (!answer)
		return NULL;
	answer->effects =
		arena_array(call_arena(a->call), result->effect_count, sizeof(*answer->effects));
	if (!answer->effects)
		return NULL;
	for (size_t i = 0; i < result->effect_count; i++)
		answer->effects[i] = (Pepctl__V1__OperationEffect)result->effects[i];
	answer->n_effects = result->effect_count;
	answer->revision = result->revision;
	answer->changes = (char **)(uintptr_t)result->lines;
	answer->n_changes = result->line_count;
	answer->changes_total = result->line_total;
	answer->warnings = a->warnings.list;
	answer->n_warnings = a->warnings.count;
	answer->policies_created = result->policies.created;
	answer->policies_changed = result->policies.changed;
	answer->policies_deleted = result->policies.deleted;
	return answer;
}

/* The request has been taken over: the whole arena of the call is there for the answer. */
static void on_applied(void *data, const struct store_result *result, struct error *err)
{
	Pepctl__V1__ApplyChangesResponse *answer;
	struct apply *a = data;
	struct call *call = a->call;

	if (err) {
		apply_free(a);
		call_fail(call, err);
		return;
	}
	arena_reset(call_arena(call));
	if (result->protect_cut)
		service_warn_cut(&a->arena, &a->warnings);
	answer = answer_of(a, result);
	if (answer)
		call_reply(call, &answer->base);
	else
		service_fail_memory(call);
	apply_free(a);
}

static void apply_changes(void *data, struct call *call)
{
	const Pepctl__V1__ApplyChangesRequest *request = call_request(call);
	const struct apply_options options = OPTIONS_OF(request);
	struct error err = ERROR_INIT;
	struct apply *a = apply_new(data, call);

	if (!a) {
		service_fail_memory(call);
		return;
	}
	if (read_options(&options, &a->tx, &err) ||
		service_read_operations(request->operations, request->n_operations, &a->tx.changes, &err) ||
		read_warnings(a, request->operations, request->n_operations, &err)) {
		apply_free(a);
		call_fail(call, &err);
		return;
	}
	store_submit(a->service->store, &a->tx, on_applied, a);
}

/* --- ApplyStream */

static void on_deadline(uv_timer_t *timer)
{
	struct apply *a = timer->data;
	struct call *call = a->call;
	struct error err = ERROR_INIT;

	apply_free(a);
	error_set(&err, ERROR_DEADLINE, NULL,
		"the deadline passed before the end of the stream; nothing was changed");
	call_fail(call, &err);
}

static int timer_start(struct apply *a, int64_t deadline)
{
	int64_t left = deadline - service_monotonic_now();

	if (!deadline)
		return 0;
	a->timer = malloc(sizeof(*a->timer));
	if (!a->timer)
		return -ENOMEM;
	uv_timer_init(a->service->loop, a->timer);
	a->timer->data = a;
	return uv_timer_start(a->timer, on_deadline, (uint64_t)MAX(left, 0) / 1000000 + 1, 0);
}

static int on_open(void *data, struct call *call, void **ret_stream, struct error *err)
{
	struct apply *a = apply_new(data, call);

	if (a && timer_start(a, call_deadline(call)) < 0) {
		apply_free(a);
		a = NULL;
	}
	*ret_stream = a;
	return a ? 0 : error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
}

static int keep_options(struct apply *a, const struct apply_options *o, struct error *err)
{
	int r;

	if (a->messages++) {
		if (!o->mode && !o->has_expected && !o->validate_only && !o->force &&
			!o->confirm_timeout && !*o->request_id && !*o->comment &&
			!o->protect_count)
			return 0;
		return error_violation(err, "",
			"message %zu has more than operations; the options of a "
			"transaction are those of the stream's first message",
			a->messages);
	}
	r = read_options(o, &a->tx, err);
	if (r)
		return r;
	a->tx.comment = a->comment = strdup(o->comment);
	return a->comment ? 0 : error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
}

/* Before it is held: the bytes on the wire stand for what the changes own besides themselves. */
static int charge(struct apply *a, size_t bytes, struct error *err)
{
	struct service *s = a->service;
	int r;

	if (bytes > s->apply_max - a->held)
		return error_set(err, ERROR_LIMIT, "TRANSACTION_TOO_LARGE",
			"the transaction needs more than %zu MiB, which is the limit with a "
			"--max-policies of "
			"%u; make it smaller, or raise that",
			s->apply_max >> 20, store_max_policies(s->store));
	r = quota_charge(&s->apply_quota, a->tx.author.uid, bytes, err);
	if (!r)
		a->held += bytes;
	return r;
}

static int on_message(void *stream, const void *message, size_t size, struct error *err)
{
	const Pepctl__V1__ApplyStreamRequest *request = message;
	const struct apply_options options = OPTIONS_OF(request);
	struct apply *a = stream;
	int r = keep_options(a, &options, err);

	if (!r)
		r = charge(a, size + request->n_operations * sizeof(struct change), err);
	if (!r)
		r = service_read_operations(
			request->operations, request->n_operations, &a->tx.changes, err);
	if (!r)
		r = read_warnings(a, request->operations, request->n_operations, err);
	if (!r)
		call_count_from(a->call, a->tx.changes.count);
	return r;
}

/* From here on the store minds the deadline. */
static void on_stream_closed(void *stream)
{
	struct apply *a = stream;

	timer_end(a);
	store_submit(a->service->store, &a->tx, on_applied, a);
}

static void on_cancelled(void *stream)
{
	apply_free(stream);
}

void service_apply_init(struct service *s)
{
	static const struct rpc_receiver receiver = {
		on_open, on_message, on_stream_closed, on_cancelled};

	s->apply_max =
		STREAM_HELD_BASE + (size_t)STREAM_HELD_PER_POLICY * store_max_policies(s->store);
	s->apply_quota.limit = STREAMS_HELD_USER * s->apply_max;
	rpc_handle(s->rpc, METHOD_APPLY_CHANGES, apply_changes, s);
	rpc_receive(s->rpc, METHOD_APPLY_STREAM, &receiver, s);
}
